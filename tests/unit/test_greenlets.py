"""The programs' own line: what it takes for a request, what ends it, and what goes back."""

import contextlib
import socket
import threading
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from appliance import greenlets

KEPT = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


class Served:
    """A client before a line, and what the application was asked."""

    def __init__(self) -> None:
        self.client, self.ours = socket.socketpair()
        self.client.settimeout(5)
        self.asked: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        worker = SimpleNamespace(alive=True, cfg=SimpleNamespace(keepalive=5), wsgi=self.app)
        self.worker = worker
        self.thread = threading.Thread(target=self.serves)
        self.thread.start()

    def serves(self) -> None:
        with self.ours:
            with contextlib.suppress(OSError):
                greenlets.Line(self.ours, "10.0.0.1", worker=self.worker).serve()

    def app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.asked.append(environ)
        pieces = list[bytes]()
        while piece := environ["wsgi.input"].read(100):
            pieces.append(piece)
        self.bodies.append(b"".join(pieces))
        if environ["PATH_INFO"] == "/nothing":
            start_response("204 No Content", [])
            return iter([b""])
        if environ["PATH_INFO"] == "/stream":
            start_response("200 OK", [("Content-Type", "text/event-stream")])
            return iter([b"one", b"", b"two"])
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    def says(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.client.sendall(piece)

    def hears(self) -> bytes:
        """Return all that comes until the line ends."""
        came = b""
        while piece := self.client.recv(65_536):
            came += piece
        return came

    def hears_answers(self, count: int) -> bytes:
        came = b""
        while came.count(b"\r\n\r\nok") < count:
            came += self.client.recv(65_536)
        return came


@pytest.fixture
def served() -> Iterator[Served]:
    """A line that is served."""
    one = Served()
    yield one
    one.client.close()
    one.thread.join(10)
    assert not one.thread.is_alive()


def test_requests_follow_each_other_whole_and_in_pieces(served: Served) -> None:
    body = b"x" * 70_000
    served.says(b"POST /v1/a%20b?q=1 HTTP/1.1\r\nHost: x\r\nX-Api-Key: k1\r\nContent-", b"Length: 70000\r\n\r\n", body[:10], body[10:])
    served.hears_answers(1)
    served.says(b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n" + KEPT)
    came = served.hears_answers(2)

    assert [one["PATH_INFO"] for one in served.asked] == ["/v1/a b", "/c", "/livez"]
    assert served.asked[0]["QUERY_STRING"] == "q=1"
    assert served.asked[0]["HTTP_X_API_KEY"] == "k1"
    assert served.asked[0]["CONTENT_LENGTH"] == "70000"
    assert served.asked[0]["REMOTE_ADDR"] == "10.0.0.1"
    assert served.bodies == [body, b"abcde", b""]
    assert came.startswith(b"HTTP/1.1 200 OK\r\nDate: ")


def test_a_stream_goes_out_in_chunks_and_to_an_old_client_until_the_end(served: Served) -> None:
    served.says(b"GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, _, body = served.hears().partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert b"Connection: close" in head
    assert body == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"

    old = Served()
    old.says(b"GET /stream HTTP/1.0\r\n\r\n")
    head, _, body = old.hears().partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert body == b"onetwo"
    old.client.close()


def test_who_waits_to_be_told_is_told_to_go_on(served: Served) -> None:
    served.says(b"POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert served.client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
    served.says(b"abc")
    served.hears_answers(1)
    assert served.bodies == [b"abc"]


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-A : b\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\nX-A: b\n\n", b"400"),
        (b"GET / HTTP/1.1\r\nX-A: a\x00b\r\n\r\n", b"400"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\nX-A: " + b"a" * 9_000 + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\n" + b"X-A: a\r\n" * 101 + b"\r\n", b"431"),
    ],
)
def test_what_could_be_read_in_two_ways_or_is_too_large_ends_the_line(served: Served, said: bytes, status: bytes) -> None:
    served.says(said)
    assert served.hears().startswith(b"HTTP/1.1 " + status)
    assert served.asked == [] or served.bodies == []  # no application has read a body of it


def test_a_name_with_an_underscore_stands_for_no_other(served: Served) -> None:
    served.says(b"GET / HTTP/1.1\r\nHost: x\r\nX_Forwarded_For: 1.2.3.4\r\nX-Forwarded_Proto: https\r\n\r\n")
    served.hears_answers(1)
    assert not {name for name in served.asked[0] if "FORWARDED" in name}


def test_a_trailer_stands_for_no_header(served: Served) -> None:
    """A proxy that passes trailers on has looked at the head alone: whose address stands last there is its own word."""
    served.says(
        b"POST /a HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.0.0.7\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n0\r\nX-Forwarded-For: 192.0.2.1\r\nX-Api-Key: another\r\n\r\n" + KEPT
    )
    served.hears_answers(2)
    assert served.bodies == [b"abc", b""]
    assert served.asked[0]["HTTP_X_FORWARDED_FOR"] == "10.0.0.7"
    assert "HTTP_X_API_KEY" not in served.asked[0]
    assert {"HTTP_X_FORWARDED_FOR", "HTTP_X_API_KEY"}.isdisjoint(served.asked[1])


def test_an_answer_that_has_no_body_has_no_end_of_one_either(served: Served) -> None:
    served.says(b"HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", KEPT)
    first, second, third = served.hears_answers(1).removesuffix(b"ok").split(b"\r\n\r\n")[:3]
    for head, status in ((first, b"200"), (second, b"204"), (third, b"200")):
        assert head.startswith(b"HTTP/1.1 " + status), head
    assert b"chunked" not in first + second


def test_who_says_nothing_or_drips_does_not_stay(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(greenlets, "HEAD_SECONDS", 0.3)
    quick = Served()
    quick.says(b"GET / HT")
    assert quick.hears() == b""
    quick.client.close()


def test_who_rests_is_let_go_when_the_process_ends(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(greenlets, "_LOOK_EVERY", 0.05)
    served.says(KEPT)
    served.hears_answers(1)
    served.worker.alive = False
    assert served.hears() == b""


def test_a_body_that_breaks_off_into_nonsense_is_read_no_further(served: Served) -> None:
    served.says(b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n")
    assert served.hears().startswith(b"HTTP/1.1 400")
    assert served.bodies == []


def test_a_client_that_leaves_within_its_body_is_no_whole_request(served: Served) -> None:
    served.says(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
    served.client.shutdown(socket.SHUT_WR)
    assert served.hears() == b""
    assert served.bodies == []
