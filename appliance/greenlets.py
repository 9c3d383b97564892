"""gunicorn's worker of greenlets with a line of its own to each client: whoever sends nothing, or reads nothing, does not stay.

gunicorn starts, watches and ends the process and listens; heads are read by llhttp (httptools, RFC 9112), which takes a
fifth of the time of gunicorn's parser, strictly: what two parsers could read in two ways ends the connection. A whole
answer goes out in one piece, a stream as chunks.
"""

import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from email.utils import formatdate
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import httptools
from gunicorn.workers.ggevent import GeventWorker

from appliance.kernel.log import logger

log = logger("gateway")
HEAD_SECONDS: Final = 10.0
STILL_SECONDS: Final = 60.0
"""For so long a client may send nothing of a body that it announced, or take nothing of an answer."""
MOST_HEAD_BYTES: Final = 65_536
MOST_LINE_BYTES: Final = 8_190
MOST_HEADERS: Final = 100
_MOST_NAME_BYTES: Final = 256
_PIECE: Final = 65_536
_MOST_LEFT: Final = 262_144
_LINGER_SECONDS: Final = 2.0
_LOOK_EVERY: Final = 1.0
"""So soon who rests is let go when this process is told to end."""
_GO_ON: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_REASONS: Final = {400: "Bad Request", 414: "URI Too Long", 431: "Request Header Fields Too Large"}
_BARE: Final = ("204", "304")
_OWN_NAMES: Final = {"HTTP_CONTENT_TYPE": "CONTENT_TYPE", "HTTP_CONTENT_LENGTH": "CONTENT_LENGTH"}


class PatientGreenlets(GeventWorker):  # type: ignore[misc]
    """Serves each connection in a greenlet."""

    def handle(self, listener: Any, client: socket.socket, addr: Any) -> None:
        """Serve a connection."""
        del listener
        with client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                Line(client, addr[0] if isinstance(addr, tuple) else "", self).serve()
            except OSError:
                pass  # it hung up, or does not read
            except Exception:
                log.exception("answer_cut")  # the client sees that it has no end


class Refused(ConnectionError):
    """What came is no request that is answered, or is read on."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Request:
    """A request whose head is here; what came of the body is in `pieces`."""

    def __init__(self) -> None:
        self.method, self.url, self.version = "", b"", "1.1"
        self.headers: dict[str, str] = {}
        self.count = 0
        self.pieces: deque[bytes] = deque()
        self.has_head = self.is_whole = self.is_kept = False

    @property
    def expects(self) -> bool:
        """Whether the client waits to be told to send its body."""
        return self.headers.get("HTTP_EXPECT", "").lower() == "100-continue"

    def environ(self, line: "Line") -> dict[str, Any]:
        """Return it as PEP 3333 has it, as far as the door for programs reads it."""
        path, _, query = self.url.partition(b"?")
        if not path.startswith(b"/"):
            path = _path_of(path)
        return self.headers | {
            "REQUEST_METHOD": self.method, "PATH_INFO": unquote_to_bytes(path).decode("latin-1"), "SCRIPT_NAME": "",
            "QUERY_STRING": query.decode("latin-1"), "SERVER_PROTOCOL": f"HTTP/{self.version}", "REMOTE_ADDR": line.address,
            "SERVER_NAME": "", "SERVER_PORT": "", "wsgi.url_scheme": "http", "wsgi.input": Body(line, self),
            "gunicorn.socket": line.client,
        }  # fmt: skip


class Body:
    """A request's body, read from the client as it is asked for."""

    def __init__(self, line: "Line", request: Request) -> None:
        self._line, self._request = line, request

    def read(self, most: int = _PIECE) -> bytes:
        """Return some of it, nothing at its end. Raises TimeoutError, ConnectionError."""
        pieces = self._request.pieces
        while not pieces and not self._request.is_whole:
            self._line.read_on(self._request)
        if not pieces:
            return b""
        piece = pieces.popleft()
        if len(piece) > most:
            pieces.appendleft(piece[most:])
        return piece[:most]


class Line:
    """A client's connection; to httptools, what it tells of the bytes that came."""

    def __init__(self, client: socket.socket, address: str, worker: Any) -> None:
        self.client, self.address, self._worker = client, address, worker
        self._parser = httptools.HttpRequestParser(self)
        self._coming = Request()
        self._head_bytes, self._refused = 0, 0
        self._is_last = False
        self._ready: deque[Request] = deque()

    def serve(self) -> None:
        """Answer requests, until the client has no more, or this process ends."""
        try:
            seconds = HEAD_SECONDS
            while (request := self._next(seconds)) is not None:
                self.client.settimeout(STILL_SECONDS)
                is_kept = request.is_kept and not self._is_last and self._worker.alive
                Reply(self, request, is_kept=is_kept).give(self._worker.wsgi)
                if not is_kept or self._is_last or not self._is_read(request):
                    return
                seconds = self._worker.cfg.keepalive
        except Refused as refused:
            reason = _REASONS[refused.status]
            said = f"HTTP/1.1 {refused.status} {reason}\r\nConnection: close\r\nContent-Length: {len(reason)}\r\n\r\n{reason}"
            self.client.sendall(said.encode())

    def read_on(self, request: Request) -> None:
        """Wait for more of a request's body. Raises TimeoutError, ConnectionError, Refused."""
        if request.expects and not request.pieces:
            request.headers.pop("HTTP_EXPECT")
            self.client.sendall(_GO_ON)
        came = self.client.recv(_PIECE)
        if not came:
            raise ConnectionAbortedError("the client hung up within its request")
        self._feed(came)

    def _next(self, seconds: float) -> Request | None:
        until = time.monotonic() + seconds
        while not self._ready:
            left = until - time.monotonic()
            if left <= 0 or self._is_last or not (self._worker.alive or self._head_bytes):
                return None
            self.client.settimeout(min(left, _LOOK_EVERY))
            try:
                came = self.client.recv(_PIECE)
            except TimeoutError:
                continue
            if not came:
                return None
            if not self._head_bytes:
                until = min(until, time.monotonic() + HEAD_SECONDS)
            self._feed(came)
        return self._ready.popleft()

    def _is_read(self, request: Request) -> bool:
        """Say whether the next request begins where this one ends: what was not read of its body is read now, if it is little."""
        left, until = _MOST_LEFT, time.monotonic() + _LINGER_SECONDS
        request.headers.pop("HTTP_EXPECT", None)
        self.client.settimeout(_LINGER_SECONDS)
        while not request.is_whole and left > 0 and time.monotonic() < until:
            request.pieces.clear()
            self.read_on(request)
            left -= sum(map(len, request.pieces))
        return request.is_whole

    def _feed(self, came: bytes) -> None:
        self._head_bytes += len(came)
        try:
            self._parser.feed_data(came)
        except httptools.HttpParserUpgrade:
            self._is_last = True  # nothing else is spoken here
        except httptools.HttpParserError:
            self._is_last = True
            raise Refused(self._refused or 400) from None
        if self._head_bytes > MOST_HEAD_BYTES + _PIECE:
            raise Refused(431)

    # What httptools tells.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._coming = Request()

    def on_url(self, url: bytes) -> None:
        """Some of its target came."""
        self._coming.url += url
        self._require(len(self._coming.url) <= MOST_LINE_BYTES, 414)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header came. Names with an underscore are left out, as another's would be read for them; and trailers: who passed
        the request on looked at its head alone (RFC 9110 6.5.1).
        """
        coming = self._coming
        coming.count += 1
        self._require(coming.count <= MOST_HEADERS and len(name) + len(value) <= MOST_LINE_BYTES, 431)
        key, told = "" if coming.has_head else _key(name), value.decode("latin-1")
        if key:
            coming.headers[key] = f"{coming.headers[key]},{told}" if key in coming.headers else told

    def on_headers_complete(self) -> None:
        """Its head is whole: it can be answered."""
        coming = self._coming
        coming.has_head = True
        coming.method, coming.version = self._parser.get_method().decode(), self._parser.get_http_version()
        coming.is_kept = coming.version == "1.1" and self._parser.should_keep_alive()
        self._ready.append(coming)
        self._head_bytes = 0

    def on_body(self, piece: bytes) -> None:
        """Some of its body came."""
        self._coming.pieces.append(piece)
        self._head_bytes = 0

    def on_message_complete(self) -> None:
        """It is whole."""
        self._coming.is_whole = True
        self._head_bytes = 0

    def _require(self, is_good: bool, status: int) -> None:
        if not is_good:
            self._refused = status
            raise Refused(status)


class Reply:
    """The answer to a request, on its way."""

    def __init__(self, line: Line, request: Request, *, is_kept: bool) -> None:
        self._line, self._request, self._is_kept = line, request, is_kept
        self._head = b""
        self._is_sized = self._is_bare = False

    def give(self, app: Callable[..., Iterable[bytes]]) -> None:
        """Ask the application, and send what it says."""
        pieces = app(self._request.environ(self._line), self._start)
        try:
            if self._is_sized or self._is_bare:
                self._line.client.sendall(self._head + (b"" if self._is_bare else b"".join(pieces)))
            else:
                self._stream(iter(pieces))
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()

    def _start(self, status: str, headers: list[tuple[str, str]]) -> None:
        lines = [f"HTTP/1.1 {status}", f"Date: {_date(int(time.time()))}"]
        lines += [f"{name}: {value}" for name, value in headers]
        self._is_sized = any(name == "Content-Length" for name, _ in headers)
        # What came behind such a head would be read as the beginning of the next answer (RFC 9112 6.3).
        self._is_bare = self._request.method == "HEAD" or status.startswith(_BARE)
        if not self._is_sized and not self._is_bare and self._request.version == "1.1":
            lines.append("Transfer-Encoding: chunked")
        if not self._is_kept:
            lines.append("Connection: close")
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a header of ours has two lines")
        self._head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _stream(self, pieces: Iterator[bytes]) -> None:
        send, is_chunked = self._line.client.sendall, self._request.version == "1.1"
        send(self._head)
        for piece in pieces:
            if piece:
                send(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
        if is_chunked:
            send(b"0\r\n\r\n")


def _path_of(target: bytes) -> bytes:
    """Return the path of a target that names its host, too (RFC 9112 3.2.2)."""
    try:
        return httptools.parse_url(target).path or b"/"
    except httptools.HttpParserInvalidURLError:
        return b"/"


@lru_cache(maxsize=512)
def _key(name: bytes) -> str:
    """Return the name under which a header stands in an environ, nothing for one that stands in none."""
    if b"_" in name or len(name) > _MOST_NAME_BYTES:
        return ""
    key = "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
    return _OWN_NAMES.get(key, key)


@lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
