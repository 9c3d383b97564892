"""A provider on loopback: it answers as it was told, remembers what it was asked, and notices who hangs up."""

import contextlib
import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Asked:
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    """An answer: whole, or in pieces with pauses. `is_cut` breaks the connection off at the end."""

    body: bytes = b""
    pieces: Iterable[bytes] | None = None
    status: int = 200
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0
    wait: float = 0.0
    is_cut: bool = False


def streamed(*pieces: bytes, **more: Any) -> Reply:
    return Reply(pieces=pieces, kind="text/event-stream", **more)


def said(body: object, **more: Any) -> Reply:
    return Reply(json.dumps(body).encode(), **more)


@dataclass
class Upstream:
    """`replies` are given in turn, the last one for ever; what is asked at a path of `asides` is beside that."""

    port: int
    asides: dict[str, Reply] = field(default_factory=dict)
    asked_aside: list[Asked] = field(default_factory=list)
    chooses: Callable[[Asked], Reply] | None = None
    """Chooses the reply by what is asked, instead of the turn."""
    replies: deque[Reply] = field(default_factory=deque)
    asked: list[Asked] = field(default_factory=list)
    hung_up: threading.Event = field(default_factory=threading.Event)
    hung_up_at: float = 0.0
    when_asked: Callable[[], None] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def says(self, *replies: Reply) -> None:
        self.replies.clear()
        self.replies.extend(replies)
        self.asked.clear()
        self.hung_up.clear()
        self.when_asked = self.chooses = None

    def next(self) -> Reply:
        return self.replies.popleft() if len(self.replies) > 1 else self.replies[0]

    def lost(self) -> None:
        self.hung_up_at = time.monotonic()
        self.hung_up.set()


@contextlib.contextmanager
def upstream() -> Iterator[Upstream]:
    """Listen."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 0

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            asked = Asked(self.path, {name.lower(): one for name, one in self.headers.items()}, body)
            reply = found.asides.get(self.path) or self._reply(asked)
            if self.path in found.asides:
                found.asked_aside.append(asked)
            try:
                self._give(reply)
            except (BrokenPipeError, ConnectionResetError):
                found.lost()
                self.close_connection = True

        def _reply(self, asked: Asked) -> Reply:
            found.asked.append(asked)
            if found.when_asked:
                found.when_asked()
            return found.chooses(asked) if found.chooses else found.next()

        def _give(self, reply: Reply) -> None:
            self._rest(reply.wait)
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.kind)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.pieces is None:
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)
                return
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in reply.pieces:
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                self._rest(reply.pause)
            if reply.is_cut:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
            else:
                self.wfile.write(b"0\r\n\r\n")

        def _rest(self, seconds: float) -> None:
            until = time.monotonic() + seconds
            self.connection.setblocking(False)
            try:
                while time.monotonic() < until:
                    with contextlib.suppress(BlockingIOError):
                        if self.connection.recv(1, socket.MSG_PEEK) == b"":
                            raise BrokenPipeError
                    time.sleep(0.01)
            finally:
                self.connection.setblocking(True)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found = Upstream(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
