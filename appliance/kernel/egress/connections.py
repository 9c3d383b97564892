"""One connection: bytes out, bytes in, each with a time limit and a way to be woken."""

import contextlib
import socket
import ssl
import time
from typing import Final

from appliance.kernel.egress.cancelling import Cancel, stopper
from appliance.kernel.egress.errors import AnswerBroken
from appliance.kernel.egress.values import Pace, Peer, Stage
from appliance.kernel.egress.wire import LARGEST_HEAD, Head, answer_head

_AT_ONCE: Final = 65_536
_MOST_INTERIM: Final = 8


class Unanswered(AnswerBroken):
    """{host} closed the connection without an answer. Try again; if it stays, ask the operator."""

    code = "egress_unanswered"

    def __init__(self, *, host: str, is_unsent: bool) -> None:
        super().__init__(host=host)
        self.is_unsent = is_unsent


class Connection:
    """A connected socket and what was read from it too early. Used by one call at a time."""

    def __init__(self, sock: socket.socket, peer: Peer) -> None:
        self._sock, self.peer = sock, peer
        self.buffer = bytearray()
        self.is_reused = False
        self.opened_at = self.idle_since = time.monotonic()

    def watched_by(self, cancel: Cancel) -> None:
        """From now on `cancel` wakes who waits at this connection."""
        cancel.watch(stopper(self._sock))

    def send(self, *parts: bytes, pace: Pace, cancel: Cancel) -> bool:
        """Send all; return whether that went well. Raises AnswerTimedOut, CallCancelled, Unanswered if not a byte left.

        A peer that has had enough may have answered already, so a failure in the middle is not the end.
        """
        pace.begin(Stage.WRITE)
        is_unsent = True
        for part in parts:
            view = memoryview(part)
            while view:
                try:
                    self._sock.settimeout(pace.left())
                    view = view[self._sock.send(view[: 4 * _AT_ONCE]) :]
                except TimeoutError:
                    cancel.check()
                    raise pace.late() from None
                except OSError:
                    cancel.check()
                    if is_unsent:
                        raise Unanswered(host=self.peer.host, is_unsent=True) from None
                    return False
                is_unsent = False
        cancel.check()
        return True

    def receive(self, *, pace: Pace, cancel: Cancel) -> bytes:
        """Return what comes next, b"" at the end. Raises AnswerBroken, AnswerTimedOut, CallCancelled."""
        try:
            self._sock.settimeout(pace.left())
            piece = self._sock.recv(_AT_ONCE)
        except TimeoutError:
            cancel.check()
            raise pace.late() from None
        except OSError as error:
            cancel.check()
            raise AnswerBroken(host=self.peer.host, reason=_fault(error)) from None
        cancel.check()
        return piece

    def read_head(self, *, pace: Pace, cancel: Cancel) -> Head:
        """Return the next head that is not interim. Raises AnswerBroken, AnswerTimedOut, CallCancelled, Unanswered."""
        pace.begin(Stage.FIRST_BYTE)
        for _ in range(_MOST_INTERIM):
            head = answer_head(self.read_until_blank(pace=pace, cancel=cancel), host=self.peer.host)
            if not head.is_interim:
                return head
        raise AnswerBroken(host=self.peer.host, reason="it only says that it is coming")

    def read_until_blank(self, *, pace: Pace, cancel: Cancel) -> bytes:
        """Return the bytes before the next empty line. Raises as `read_head` does."""
        searched = 0
        while (end := self.buffer.find(b"\r\n\r\n", searched, LARGEST_HEAD)) < 0:
            if len(self.buffer) >= LARGEST_HEAD:
                raise AnswerBroken(host=self.peer.host, reason="its headers are too large")
            searched = max(0, len(self.buffer) - 3)
            try:
                piece = self.receive(pace=pace, cancel=cancel)
            except AnswerBroken:
                if self.buffer:
                    raise
                piece = b""
            if not piece and not self.buffer:
                raise Unanswered(host=self.peer.host, is_unsent=False) from None
            if not piece:
                raise AnswerBroken(host=self.peer.host, reason="it ended before its end")
            self.buffer += piece
        head = bytes(self.buffer[:end])
        del self.buffer[: end + 4]
        return head

    def is_quiet(self) -> bool:
        """Return whether the peer neither closed the connection nor said something unasked."""
        if self.buffer or (isinstance(self._sock, ssl.SSLSocket) and self._sock.pending()):
            return False
        try:
            self._sock.settimeout(0)
            # The plain socket's, past TLS: what an idle peer sends is its farewell, or nothing we asked for.
            socket.socket.recv(self._sock, 1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def secured(self) -> ssl.SSLSocket:
        """Return the socket, for what is no exchange of messages. Only a connection with TLS has one."""
        assert isinstance(self._sock, ssl.SSLSocket)  # noqa: S101 - https was asked for
        return self._sock

    def plain(self) -> socket.socket:
        """Return the socket, for a protocol that secures itself. Only a connection without TLS has one."""
        assert not isinstance(self._sock, ssl.SSLSocket)  # noqa: S101 - sftp was asked for
        return self._sock

    def close(self) -> None:
        """Let go of the socket, without a farewell that could block."""
        with contextlib.suppress(OSError):
            self._sock.close()


def _fault(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or type(error).__name__).replace("_", " ").lower()
    return (error.strerror or type(error).__name__).lower()
