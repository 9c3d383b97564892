"""gunicorn's thread worker, made patient: a thread is given to a request that is here, not to one that may come.

The worker as it comes gives a thread to every connection; sixteen connections that send nothing, or a byte now and
then, stop the site (Slowloris, CAPEC-469). Here the poller itself reads the head of a request, and a small body
(forms, JSON), without a thread; whoever takes longer than HEAD_SECONDS is hung up on. A larger body is read by a
thread, which gives it up with 408 when it comes slower than BODY_BYTES_A_SECOND.
"""

import re
import selectors
import socket
import struct
import time
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any

from gunicorn.config import Config
from gunicorn.http import errors
from gunicorn.http.unreader import SocketUnreader
from gunicorn.util import write_error
from gunicorn.workers.gthread import TConn, ThreadWorker
from werkzeug.exceptions import RequestTimeout

from appliance.kernel.bodies import SMALL_BODY

HEAD_SECONDS = 10.0
BODY_GRACE_SECONDS = 20.0
BODY_BYTES_A_SECOND = 16_384
SEND_SECONDS = 60
LINGER_SECONDS = 2.0
_DRAIN_SECONDS = 0.05
_HEAD_LIMIT = 65_536
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r\n", re.IGNORECASE)

_OURS = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName, errors.ConfigurationProblem)
_STATUS = {
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
}


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """A thread worker whose threads wait for no client's head."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._closing: deque[TConn] = deque()

    @classmethod
    def check_config(cls, cfg: Config, log: Any) -> None:
        """Refuse what this worker does not speak: TLS and HTTP/2 belong to the proxy in front."""
        super().check_config(cfg, log)
        if cfg.is_ssl:
            raise RuntimeError("TLS is the proxy's part: take certfile and keyfile out of the gunicorn settings.")

    def accept(self, listener: socket.socket) -> None:
        """Take a new connection to the poller."""
        try:
            client, address = listener.accept()
        except OSError:
            return  # gone again, or nobody there
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))
        self.nr_conns += 1
        self._await_request(TConn(self.cfg, client, address, listener.getsockname()))

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """Take the next request of a kept connection to the poller."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._await_request(conn)

    def handle(self, conn: TConn) -> Any:
        """Handle a request that is here. Runs in a thread."""
        conn.init()
        if not isinstance(conn.parser.unreader, _BoundedReader):
            conn.parser.unreader = _BoundedReader(conn.sock)
        conn.parser.unreader.begin(bytes(conn.__dict__.pop("arrived", b"")))
        return super().handle(conn)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:  # noqa: ARG002 - gunicorn's form
        """Answer what is no request, or what failed. Neither log nor answer repeats what came: a key may stand in it."""
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        if isinstance(exc, errors.ParseException) and not isinstance(exc, _OURS):
            status = _STATUS.get(type(exc), HTTPStatus.BAD_REQUEST)
            self.log.warning("what came is no request: %s", type(exc).__name__)
        else:
            self.log.error("a request failed", exc_info=exc)
        with suppress(Exception):  # nobody is there any more
            write_error(client, status.value, status.phrase, "")

    def finish_request(self, conn: TConn, done: "Future[Any]") -> None:
        """Keep or close the connection; what came ahead of the next request waits in the poller for the rest of it."""
        is_kept = not done.cancelled() and done.exception() is None and done.result()
        if not is_kept:
            self._hang_up(conn)
        elif ahead := conn.parser.unreader.take_buffered():
            self._await_request(conn, ahead)
        else:
            super().finish_request(conn, done)

    def murder_pending(self) -> None:
        """Hang up on whoever took too long to send a request, or to close after us."""
        super().murder_pending()
        while self._closing and self._closing[0].timeout <= time.monotonic():
            self._close(self._closing[0], self._closing)

    def _keepalive_after(self, conn: TConn, keepalive: bool) -> bool:
        # A body that nobody read is not waited for: the answer was given, the connection closes.
        return keepalive and bool(conn.parser.finish_body(deadline=time.monotonic() + _DRAIN_SECONDS))

    def _hang_up(self, conn: TConn) -> None:
        """Say that no more comes, and let the poller wait for the other side's end (RFC 9112 9.6)."""
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.nr_conns -= 1
            conn.close()
            return
        conn.timeout = time.monotonic() + LINGER_SECONDS
        self._closing.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._discard, conn))

    def _discard(self, conn: TConn, client: socket.socket) -> None:
        data = _receive(client)
        if data is None:
            return
        conn.arrived_bytes = conn.__dict__.get("arrived_bytes", 0) + len(data)
        if not data or conn.arrived_bytes > _HEAD_LIMIT:
            self._close(conn, self._closing)

    def _close(self, conn: TConn, waiting: "deque[TConn]") -> None:
        waiting.remove(conn)
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def _await_request(self, conn: TConn, ahead: bytes = b"") -> None:
        conn.arrived, conn.data_ready = bytearray(ahead), True
        if _is_here(conn.arrived):
            self.enqueue_req(conn)
            return
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + HEAD_SECONDS
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._read, conn))

    def _read(self, conn: TConn, client: socket.socket) -> None:
        data = _receive(client)
        if data is None:
            return
        if not data:
            self._close(conn, self.pending_conns)
            return
        conn.arrived += data
        if _is_here(conn.arrived):
            self.poller.unregister(client)
            self.pending_conns.remove(conn)
            self.enqueue_req(conn)


class _BoundedReader(SocketUnreader):  # type: ignore[misc]
    """Reads the rest of a body, as long as it comes fast enough. Raises RequestTimeout."""

    def begin(self, arrived: bytes) -> None:
        """Begin with what is here."""
        self.unread(arrived)
        self._waited, self._received = 0.0, 0

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return what comes next."""
        given = self.sock.gettimeout()
        left = BODY_GRACE_SECONDS + self._received / BODY_BYTES_A_SECOND - self._waited
        began = time.monotonic()
        try:
            self.sock.settimeout(max(0.001, min(left, given or left)))
            data = bytes(super().chunk(size_hint))
        except TimeoutError as error:
            if given is not None:
                raise  # the worker's own bound, on a body that nobody wanted
            raise RequestTimeout from error
        finally:
            self.sock.settimeout(given)
            self._waited += time.monotonic() - began
        self._received += len(data)
        return data


def _receive(client: socket.socket) -> bytes | None:
    """Return what came, b"" at the end, None for nothing yet."""
    try:
        return client.recv(_HEAD_LIMIT)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _is_here(arrived: bytearray) -> bool:
    """Say whether a thread can take it from here: head and small body are complete, or it is a case for the parser."""
    end = arrived.find(_END)
    if end < 0:
        return len(arrived) >= _HEAD_LIMIT
    length = _LENGTH.search(arrived, 0, end + len(_END))
    body = int(length[1]) if length else 0
    return body > SMALL_BODY or len(arrived) >= end + len(_END) + body
