"""A one-way stream of bytes to an allowed host over TLS, for protocols that know no answer (syslog, RFC 5425).

What such a peer has read is nowhere said, and what lies in a socket's buffer when a link is cut is lost. So the end of the
stream is made a receipt, of four parts. The peer is still there after a round trip, and did not say farewell before we did:
one that does not know our certificate, or that is being stopped, ends TLS in due form without reading anything. Then both
sides end TLS (close_notify, RFC 8446 6.1), which no cut link can forge. Then the peer closes by FIN: a system that closes a
socket with bytes unread resets it. And every byte of ours was acknowledged. Behind a proxy the last two are the proxy's word.
"""

import fcntl
import socket
import ssl
import struct
import termios
import time
from dataclasses import dataclass
from typing import Final

from appliance.kernel.egress.allowlist import AllowList
from appliance.kernel.egress.cancelling import Cancel
from appliance.kernel.egress.dialing import Dialer
from appliance.kernel.egress.errors import AnswerBroken, OutgoingMalformed
from appliance.kernel.egress.targets import Target, target_of
from appliance.kernel.egress.values import Pace, Stage, Timeouts

_AT_ONCE: Final = 65_536
_SCHEME: Final = "tls://"
_SHORTEST_TRIP: Final = 0.05
_INT: Final = struct.Struct("i")


def stream_target(url: str) -> Target:
    """Return what tls://HOST:PORT names. It is allowed where https at that port is. Raises UrlDenied, OutgoingMalformed."""
    if not url.startswith(_SCHEME) or "/" in url.removeprefix(_SCHEME):
        raise OutgoingMalformed(reason="a stream goes to tls://HOST:PORT")
    return target_of("https://" + url.removeprefix(_SCHEME))


class Streams:
    """Sends streams, each over a connection of its own."""

    def __init__(self, allow: AllowList, dialer: Dialer) -> None:
        self._allow, self._dialer = allow, dialer

    def send(self, url: str, content: bytes, timeouts: Timeouts) -> None:
        """Return once the peer has read all of it. Raises EgressDenied and its kin, EgressFailed and its kin."""
        target = stream_target(url)
        permission = self._allow.permission(target)
        pace, cancel = Pace(target.host, timeouts), Cancel()
        began = time.monotonic()
        connection = self._dialer.dial(target, permission, pace=pace, cancel=cancel)
        try:  # that a connection took as long as this is several round trips
            _Sending(connection.secured(), target.host, pace).send(content, trip=time.monotonic() - began)
        finally:
            connection.close()


@dataclass(frozen=True)
class _Sending:
    sock: ssl.SSLSocket
    host: str
    pace: Pace

    def send(self, content: bytes, *, trip: float) -> None:
        """Send all, and wait for what makes up a receipt."""
        try:
            self._write(content)
            self._stays(max(_SHORTEST_TRIP, trip))
            self._end()
        except TimeoutError:
            raise self.pace.late() from None
        except OSError as error:
            reason = getattr(error, "reason", None) or error.strerror or type(error).__name__
            raise self._unconfirmed(str(reason).lower()) from None

    def _write(self, content: bytes) -> None:
        self.pace.begin(Stage.WRITE)
        view = memoryview(content)
        while view:
            self.sock.settimeout(self.pace.left())
            view = view[self.sock.send(view[:_AT_ONCE]) :]

    def _stays(self, seconds: float) -> None:
        self.pace.begin(Stage.FIRST_BYTE)
        self.sock.settimeout(min(seconds, self.pace.left()))
        try:
            said = self.sock.recv(1)
        except TimeoutError:
            return
        raise self._unconfirmed("it speaks" if said else "it ended the connection first")

    def _end(self) -> None:
        self.sock.settimeout(self.pace.left())
        plain = self.sock.unwrap()
        plain.settimeout(self.pace.left())
        plain.shutdown(socket.SHUT_WR)
        if plain.recv(1):
            raise self._unconfirmed("it speaks after the end of TLS")
        unacknowledged = fcntl.ioctl(plain, termios.TIOCOUTQ, bytes(_INT.size))
        if _INT.unpack(unacknowledged)[0]:
            raise self._unconfirmed("it closed before all had arrived")

    def _unconfirmed(self, reason: str) -> AnswerBroken:
        return AnswerBroken(host=self.host, reason=f"what was sent is not confirmed: {reason}")
