"""Calls over real sockets: what is sent, what comes back, and what is taken for an answer."""

import socket
import threading
import time

import pytest

from appliance.kernel.egress import AnswerBroken, Egress, Outgoing, OutgoingMalformed
from appliance.kernel.egress.connections import Unanswered
from tests.support.calling import SHORT, once, post
from tests.support.upstream import Talk, Upstream


def test_it_sends_what_it_was_given_and_frames_it_itself(egress: Egress) -> None:
    seen: list[tuple[bytes, bytes]] = []

    def serve(talk: Talk) -> None:
        seen.append(talk.request())
        talk.answer(b'{"a":1}', status="201 Created", headers="X-Id: 7\r\nX-ID: 8\r\n")

    with Upstream(serve) as upstream:
        outgoing = Outgoing("POST", f"{upstream.url}v1?x=1", (("Authorization", "Bearer k"), ("X-A", "ü")), b"{}")
        with egress.open(outgoing) as incoming:
            assert (incoming.status, incoming.header("x-id"), incoming.read()) == (201, "7", b'{"a":1}')
            assert incoming.headers[:2] == (("X-Id", "7"), ("X-ID", "8"))

    head = seen[0][0].decode("latin-1").split("\r\n")
    assert head == [
        "POST /v1?x=1 HTTP/1.1", f"Host: 127.0.0.1:{upstream.port}", "Accept-Encoding: identity", "Authorization: Bearer k",
        "X-A: ü", "Content-Length: 2",
    ]  # fmt: skip
    assert "Bearer" not in repr(outgoing)


def test_it_hands_bytes_on_as_they_come(egress: Egress) -> None:
    go_on = threading.Event()

    def serve(talk: Talk) -> None:
        talk.request()
        talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8;x=y\r\ndata: 1\n\r\n")
        go_on.wait(2)
        talk.say("8\r\ndata", ": 2\n\r\n0\r\nX-Trailer: x\r\n\r\n")

    with Upstream(serve) as upstream, egress.open(post(upstream)) as incoming:
        pieces = iter(incoming)
        assert next(pieces) == b"data: 1\n"
        go_on.set()
        assert b"".join(pieces) == b"data: 2\n"


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_it_reads_chunks_however_they_are_cut(egress: Egress, size: int) -> None:
    body = bytes(range(256)) * 5
    sent = b"".join(b"%x\r\n%s\r\n" % (len(body[at : at + 11]), body[at : at + 11]) for at in range(0, len(body), 11))
    whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n" + sent + b"0\r\n\r\n"

    def serve(talk: Talk) -> None:
        talk.request()
        talk.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(whole), size):
            talk.say(whole[at : at + size])

    with Upstream(serve) as upstream, egress.open(post(upstream)) as incoming:
        assert incoming.read() == body


def test_it_uses_a_connection_again(egress: Egress) -> None:
    with Upstream() as upstream:
        reused = []
        for number in range(5):
            with egress.open(post(upstream, b"%d" % number)) as incoming:
                assert incoming.read() == b"%d" % number
                reused.append(incoming.is_reused)

        assert reused == [False, True, True, True, True]
        assert len(upstream.talks) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen",
    ],
)
def test_it_does_not_trust_a_connection_that_said_too_much_or_is_ending(egress: Egress, answer: bytes) -> None:
    def serve(talk: Talk) -> None:
        while True:
            talk.request()
            talk.say(answer)

    with Upstream(serve) as upstream:
        for _ in range(2):
            with egress.open(post(upstream)) as incoming:
                assert incoming.read() == b"ok"
        assert len(upstream.talks) == 2


def test_it_notices_that_an_idle_connection_was_closed(egress: Egress) -> None:
    with Upstream(once("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) as upstream:
        for number in range(3):
            with egress.open(post(upstream)) as incoming:
                assert incoming.read() == b"ok"
                assert not incoming.is_reused
            deadline = time.monotonic() + 2
            while len(upstream.talks) <= number or upstream.talks[number].sock.fileno() >= 0:
                assert time.monotonic() < deadline
                time.sleep(0.002)


@pytest.mark.parametrize(
    ("outgoing", "is_sent_again"),
    [
        (("GET", ()), True),
        (("POST", (("Idempotency-Key", "7"),)), True),
        (("POST", ()), False),
        (("DELETE", ()), False),
    ],
)
def test_it_sends_again_only_what_may_happen_twice(
    egress: Egress, outgoing: tuple[str, tuple[tuple[str, str], ...]], is_sent_again: bool
) -> None:
    seen: list[bytes] = []

    def serve(talk: Talk) -> None:
        seen.append(talk.request()[0])
        talk.answer()
        if len(upstream.talks) == 1:
            seen.append(talk.request()[0])  # taken, and no word

    with Upstream(serve) as upstream:
        method, headers = outgoing
        egress.open(Outgoing("GET", upstream.url)).read()
        request = Outgoing(method, upstream.url, headers, timeouts=SHORT)

        if is_sent_again:
            assert egress.open(request).read() == b"ok"
            assert len(seen) == 3
        else:
            with pytest.raises(Unanswered):
                egress.open(request)
            assert len(seen) == 2


def test_it_never_sends_again_what_was_partly_answered(egress: Egress) -> None:
    seen: list[bytes] = []

    def serve(talk: Talk) -> None:
        seen.append(talk.request()[0])
        talk.answer()
        talk.request()
        talk.say("HTTP/1.1 2")

    with Upstream(serve) as upstream:
        egress.open(Outgoing("GET", upstream.url)).read()
        with pytest.raises(AnswerBroken):
            egress.open(Outgoing("GET", upstream.url))
        assert len(upstream.talks) == 1


@pytest.mark.parametrize("status", ["301", "302", "303", "307", "308"])
def test_it_hands_a_redirect_back(egress: Egress, status: str) -> None:
    def serve(talk: Talk) -> None:
        talk.request()
        talk.answer(b"", status=f"{status} x", headers=f"Location: {elsewhere.url}\r\n")

    with Upstream() as elsewhere, Upstream(serve) as upstream, egress.open(post(upstream)) as incoming:
        assert (incoming.status, incoming.header("location")) == (int(status), elsewhere.url)
        assert elsewhere.talks == []


@pytest.mark.parametrize(
    "header",
    [
        ("X-A", "b\r\nX-C: d"), ("X-A", "b\nX-C: d"), ("X-A", "b\rc"), ("X-A", "b\0c"), ("X-A\r\nX-C", "d"), ("X A", "b"), ("", "b"),
        ("X-A:", "b"), ("X-A", " b"), ("X-A", "b\t"), ("X-A", "b\x7f"), ("X-A", "\u2603"), ("X-\u0130", "b"), ("Host", "evil.example"),
        ("content-length", "0"), ("Transfer-Encoding", "chunked"), ("Connection", "close"), ("Expect", "100-continue"),
        ("Upgrade", "websocket"), ("Proxy-Authorization", "Basic x"), ("TE", "trailers"), ("Accept-Encoding", "gzip"), ("X-A", "b" * 70_000),
    ],
)  # fmt: skip
def test_it_sends_no_header_that_would_be_two(egress: Egress, header: tuple[str, str]) -> None:
    with Upstream() as upstream:
        with pytest.raises(OutgoingMalformed) as caught:
            egress.open(post(upstream, headers=(header,)))

        assert upstream.talks == []
    assert "X-C" not in str(caught.value)
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize("method", ["get", "CONNECT", "TRACE", "GET / HTTP/1.1\r\nX: y\r\n\r\nGET", ""])
def test_it_knows_few_methods(egress: Egress, method: str) -> None:
    with pytest.raises(OutgoingMalformed):
        egress.open(Outgoing(method, "http://127.0.0.1:9/"))


@pytest.mark.parametrize(
    "answer",
    [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: ２\r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\n X: a\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nX\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\nContent-Length: 2\n\r\n\r\nok", "HTTP/1.1 200 OK\r\nX: a\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\nok", "HTTP/1.1 200 OK\r\n: a\r\n\r\nok", "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", "ICY 200 OK\r\n\r\n", "\r\n\r\n", "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "HTTP/1.1 600 No\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n" * 9,
        "HTTP/1.1 200 OK\r\n" + "X: y\r\n" * 200 + "\r\n", "HTTP/1.1 200 OK\r\nX: " + "y" * 70_000 + "\r\n\r\n", "HTTP/1.1 200 OK\r\nX: y\r\n",
    ],
)  # fmt: skip
def test_it_refuses_a_head_that_could_be_read_in_two_ways(egress: Egress, answer: str) -> None:
    with Upstream(once(answer)) as upstream, pytest.raises(AnswerBroken):
        egress.open(post(upstream))


@pytest.mark.parametrize(
    "body",
    [
        "5\r\nhello", "5\r\nhel", "5\r\nhelloX\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "x\r\nhello\r\n0\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n", "5 5\r\nhello\r\n0\r\n\r\n", "\r\n0\r\n\r\n", "5\r\nhello\r\n", "5\r\nhello\r\n0\r\n", "5\nhello\r\n0\r\n\r\n",
        "ffffffffffffffffffff\r\nhello", "5;" + "x" * 5000 + "\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\nA: b\nC: d\r\n\r\n",
        "5\r\nhello\r\n0\r\n" + ("X: " + "y" * 4000 + "\r\n") * 20 + "\r\n",
    ],
)  # fmt: skip
def test_half_a_body_or_a_broken_chunk_is_an_error(egress: Egress, body: str) -> None:
    with Upstream(once("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", body)) as upstream:
        with egress.open(post(upstream)) as incoming, pytest.raises(AnswerBroken):
            incoming.read()


def test_half_a_measured_body_is_an_error_and_gives_what_came(egress: Egress) -> None:
    came: list[bytes] = []
    with Upstream(once("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")) as upstream:
        with egress.open(post(upstream)) as incoming, pytest.raises(AnswerBroken):
            came.extend(incoming)
    assert came == [b"hello"]


def test_a_reset_is_an_error_in_both_phases(egress: Egress) -> None:
    def at_once(talk: Talk) -> None:
        talk.request()
        talk.reset()

    def in_mid_answer(talk: Talk) -> None:
        talk.request()
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        started.wait(2)
        talk.reset()

    started = threading.Event()
    with Upstream(at_once) as upstream, pytest.raises(Unanswered):
        egress.open(post(upstream))
    with Upstream(in_mid_answer) as upstream, egress.open(post(upstream)) as incoming:
        started.set()
        with pytest.raises(AnswerBroken):
            incoming.read()


@pytest.mark.parametrize(
    ("answer", "method", "body"),
    [
        ("HTTP/1.1 204 No Content\r\n\r\n", "POST", b""),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", "GET", b""),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "HEAD", b""),
        ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "POST", b""),
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end", "POST", b"until the end"),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "POST", b"ok"),
    ],
)  # fmt: skip
def test_it_knows_where_an_answer_ends(egress: Egress, answer: str, method: str, body: bytes) -> None:
    with Upstream(once(answer)) as upstream, egress.open(Outgoing(method, upstream.url, timeouts=SHORT)) as incoming:
        assert incoming.read() == body


def test_it_takes_an_early_answer_to_a_body_that_nobody_reads(egress: Egress) -> None:
    def serve(talk: Talk) -> None:
        talk.sock.recv(100)
        talk.answer(b"too large", status="413 Content Too Large")
        talk.sock.shutdown(socket.SHUT_WR)
        while talk.sock.recv(65536):
            pass

    with Upstream(serve) as upstream, egress.open(post(upstream, b"x" * 300_000)) as incoming:
        assert (incoming.status, incoming.read()) == (413, b"too large")
