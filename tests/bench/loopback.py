"""A provider on loopback that is not the bottleneck: raw sockets and epoll, one process, about 20 µs an answer.

`python -m tests.bench.loopback PORT`. A model's name says what it answers: `mock-EVENTS-PAUSE` streams so many events,
so many milliseconds apart; without `"stream":true` the answer is one completion of about a kilobyte.
"""

import heapq
import json
import re
import select
import socket
import sys
import time
from dataclasses import dataclass, field

_MODEL = re.compile(rb'"model"\s*:\s*"(?:[^"]*/)?mock-(\d+)-(\d+)"')
_STREAM = re.compile(rb'"stream"\s*:\s*true')
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n%b\r\n"


def completion() -> bytes:
    """Return a whole answer."""
    message = {"role": "assistant", "content": "It is raining in Harrow. " * 24, "refusal": None}
    body = json.dumps({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1750000000, "model": "mock",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 200, "completion_tokens": 150, "total_tokens": 350},
    }).encode()  # fmt: skip
    return _HEAD % (b"application/json", b"Content-Length: %d\r\n" % len(body)) + body


def event(choice: dict[str, object], **more: object) -> bytes:
    """Return an event of a stream as a chunk."""
    chunk = {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1750000000, "model": "mock",
        "choices": [{"index": 0, "logprobs": None, **choice}] if choice else [], **more,
    }  # fmt: skip
    return framed(b"data: " + json.dumps(chunk).encode() + b"\n\n")


def framed(content: bytes) -> bytes:
    """Return a chunk of HTTP."""
    return b"%x\r\n%b\r\n" % (len(content), content)


WHOLE = completion()
BEGIN = _HEAD % (b"text/event-stream", b"Transfer-Encoding: chunked\r\n")
PIECE = event({"delta": {"content": " raining"}, "finish_reason": None})
USAGE = {"prompt_tokens": 200, "completion_tokens": 150, "total_tokens": 350}
END = event({"delta": {}, "finish_reason": "stop"}) + event({}, usage=USAGE) + framed(b"data: [DONE]\n\n") + b"0\r\n\r\n"


@dataclass
class Line:
    """A client, and what it is still to be given."""

    sock: socket.socket
    came: bytearray = field(default_factory=bytearray)
    left: int = 0
    pause: float = 0.0


class Provider:
    """Answers."""

    def __init__(self, port: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        self._listener.setblocking(False)
        self._poller = select.epoll()
        self._poller.register(self._listener, select.EPOLLIN)
        self._lines: dict[int, Line] = {}
        self._due: list[tuple[float, int, Line]] = []
        self._count = 0

    def serve(self) -> None:
        """Answer for ever."""
        while True:
            wait = max(0.0, self._due[0][0] - time.monotonic()) if self._due else -1
            for number, _ in self._poller.poll(wait):
                if number == self._listener.fileno():
                    self._accept()
                else:
                    self._read(self._lines[number])
            while self._due and self._due[0][0] <= time.monotonic():
                self._go_on(heapq.heappop(self._due)[2])

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._lines[sock.fileno()] = Line(sock)
            self._poller.register(sock, select.EPOLLIN)

    def _read(self, line: Line) -> None:
        try:
            came = line.sock.recv(262_144)
        except OSError:
            came = b""
        if not came:
            self._lines.pop(line.sock.fileno())
            line.left = 0
            line.sock.close()
            return
        line.came += came
        if (body := taken(line.came)) is not None:
            self._answer(line, body)

    def _answer(self, line: Line, body: bytes) -> None:
        if not _STREAM.search(body):
            self._send(line, WHOLE)
            return
        found = _MODEL.search(body)
        events, pause = (int(found[1]), int(found[2]) / 1000) if found else (50, 0.0)
        if not pause:
            self._send(line, BEGIN + PIECE * events + END)
            return
        line.left, line.pause = events, pause
        self._send(line, BEGIN)
        self._go_on(line)

    def _go_on(self, line: Line) -> None:
        if line.left <= 0:
            return
        line.left -= 1
        self._send(line, PIECE if line.left else PIECE + END)
        if line.left:
            self._count += 1
            heapq.heappush(self._due, (time.monotonic() + line.pause, self._count, line))

    def _send(self, line: Line, content: bytes) -> None:
        try:
            line.sock.sendall(content)
        except OSError:
            line.left = 0


def taken(came: bytearray) -> bytes | None:
    """Return the body of a request that is here whole, and take the request away."""
    end = came.find(b"\r\n\r\n")
    if end < 0:
        return None
    head, start = bytes(came[: end + 2]), end + 4
    if found := _LENGTH.search(head):
        stop = start + int(found[1])
    elif _CHUNKED.search(head):
        last = came.find(b"\r\n0\r\n\r\n", end)
        stop = last + 7 if last >= 0 else len(came) + 1
    else:
        stop = start
    if len(came) < stop:
        return None
    body = bytes(came[start:stop])
    del came[:stop]
    return body


if __name__ == "__main__":
    Provider(int(sys.argv[1])).serve()
