"""A call: the request out, the answer in as it comes. Nothing is decoded, followed or kept."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Final, Self

from appliance.kernel.egress.allowlist import AllowList
from appliance.kernel.egress.bodies import body_of
from appliance.kernel.egress.cancelling import Cancel
from appliance.kernel.egress.connections import Connection, Unanswered
from appliance.kernel.egress.dialing import Dialer
from appliance.kernel.egress.errors import AnswerTooLarge, CallCancelled
from appliance.kernel.egress.pool import Place, Pool
from appliance.kernel.egress.targets import Target, target_of
from appliance.kernel.egress.values import Outgoing, Pace, Stage
from appliance.kernel.egress.wire import Head, request_head

_ONE_PIECE: Final = 65_536
_HARMLESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Incoming:
    """An answer whose body is still coming. Iterate it once, in one thread; `close()` may come from any.

    Closed early, the connection is cut at once, so the other side stops working for nobody. Iterating raises
    AnswerBroken, AnswerTimedOut, AnswerTooLarge, CallCancelled.
    """

    def __init__(self, head: Head, connection: Connection, call: "_Call", pool: Pool) -> None:
        self.status, self.headers, self.peer = head.status, head.headers, connection.peer
        self.is_reused = connection.is_reused
        self._head, self._connection, self._call, self._pool = head, connection, call, pool
        self._body = body_of(head, method=call.outgoing.method, host=call.target.host)
        self._size = 0
        self._lock = threading.Lock()
        self._is_over = self._is_waiting = False
        if self._body.has_ended():
            self._finish()

    def header(self, name: str) -> str | None:
        """Return the first header of this name, or None."""
        name = name.lower()
        return next((value for key, value in self.headers if key.lower() == name), None)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the body's bytes as they come."""
        connection, call, body = self._connection, self._call, self._body
        try:
            while not body.has_ended():
                piece = body.take(connection.buffer)
                if piece:
                    self._count(piece)
                    if body.has_ended():
                        self._finish()
                    yield piece
                elif not body.has_ended():
                    call.pace.begin(Stage.BETWEEN)
                    if came := self._wait():
                        connection.buffer += came
                    else:
                        body.end()
            self._finish()
        finally:
            self._drop()

    def read(self) -> bytes:
        """Return the body, or what is left of it. Raises as iterating does."""
        return b"".join(self)

    def close(self) -> None:
        """Cancel what is still coming; nothing happens if all has come."""
        if not self._is_over:
            self._call.cancel.now()
            self._drop(unless_waiting=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _count(self, piece: bytes) -> None:
        limit = self._call.outgoing.answer_limit
        self._size += len(piece)
        if limit is not None and self._size > limit:
            raise AnswerTooLarge(host=self._call.target.host, most=limit)

    def _wait(self) -> bytes:
        """Return what comes next. Whoever waits here owns the socket: nobody else may close it, only wake us.

        A number that is closed under a reader is given to the next socket, and the reader reads on from a stranger.
        """
        with self._lock:
            if self._is_over:
                raise CallCancelled
            self._is_waiting = True
        try:
            return self._connection.receive(pace=self._call.pace, cancel=self._call.cancel)
        finally:
            self._is_waiting = False

    def _finish(self) -> None:
        """The answer is whole: keep the connection if it can serve again."""
        if not self._settle():
            return
        has_end = (
            self._head.is_chunked
            or self._head.length is not None
            or not self._head.has_body(self._call.outgoing.method)
        )
        is_clean = self._head.is_kept and not self._connection.buffer and not self._call.is_half_sent
        if has_end and is_clean and not self._call.cancel.is_asked:
            self._pool.give_back(self._call.place, self._connection)
        else:
            self._connection.close()

    def _drop(self, *, unless_waiting: bool = False) -> None:
        if self._settle(unless_waiting=unless_waiting):
            self._connection.close()

    def _settle(self, *, unless_waiting: bool = False) -> bool:
        """Return whether the connection was still this answer's; from then on it is the caller's."""
        with self._lock:
            if self._is_over or (unless_waiting and self._is_waiting):
                return False
            self._is_over = True
        self._call.cancel.watch(None)
        self._pool.leave()
        return True


@dataclass
class _Call:
    """What one call holds while it lasts."""

    outgoing: Outgoing
    target: Target
    head: bytes
    pace: Pace
    cancel: Cancel
    is_half_sent: bool = False

    def let_go(self) -> None:
        """Forget what was sent: a long answer holds neither the question nor the key in memory."""
        self.outgoing, self.head = replace(self.outgoing, headers=(), body=b""), b""

    @property
    def place(self) -> Place:
        return self.target.scheme, self.target.host, self.target.port

    @property
    def is_repeatable(self) -> bool:
        """Whether doing it twice is as good as once, by its method or because it says so."""
        names = {name.lower() for name, _ in self.outgoing.headers}
        return self.outgoing.is_repeatable or self.outgoing.method in _HARMLESS or "idempotency-key" in names


class Calls:
    """Makes calls, over connections that are used again."""

    def __init__(self, allow: AllowList, dialer: Dialer, pool: Pool) -> None:
        self._allow, self._dialer, self._pool = allow, dialer, pool

    def open(self, outgoing: Outgoing, *, cancel: Cancel | None = None) -> Incoming:
        """Send a request and return its answer once the head is there. Raises as `Egress.open` does."""
        target = target_of(outgoing.url)
        permission = self._allow.permission(target)
        head = request_head(outgoing, target)
        call = _Call(outgoing, target, head, Pace(target.host, outgoing.timeouts), cancel or Cancel())
        call.cancel.check()
        self._pool.enter()
        try:
            if connection := self._pool.take(call.place):
                try:
                    return self._exchange(connection, call)
                except Unanswered as error:
                    # The peer closed it while we wrote. What may not happen twice is not sent twice, unless no byte left.
                    if not (call.is_repeatable or error.is_unsent):
                        raise
            call.pace.begin(Stage.CONNECT)
            connection = self._dialer.dial(target, permission, pace=call.pace, cancel=call.cancel)
            return self._exchange(connection, call)
        except BaseException:
            self._pool.leave()
            raise

    def _exchange(self, connection: Connection, call: _Call) -> Incoming:
        body = call.outgoing.body
        parts = (call.head + body,) if len(body) <= _ONE_PIECE else (call.head, body)
        try:
            connection.watched_by(call.cancel)
            call.is_half_sent = not connection.send(*parts, pace=call.pace, cancel=call.cancel)
            head = connection.read_head(pace=call.pace, cancel=call.cancel)
            call.let_go()
            _check_length(head, call.outgoing, host=call.target.host)
        except BaseException:
            call.cancel.watch(None)
            connection.close()
            raise
        return Incoming(head, connection, call, self._pool)


def _check_length(head: Head, outgoing: Outgoing, *, host: str) -> None:
    limit = outgoing.answer_limit
    if limit is not None and head.has_body(outgoing.method) and (head.length or 0) > limit:
        raise AnswerTooLarge(host=host, most=limit)
