"""Calls over real sockets: what is sent, what comes back, how long it may take, and how it ends."""

import os
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator

import pytest

from appliance.kernel.egress import (
    AnswerBroken,
    AnswerTimedOut,
    AnswerTooLarge,
    CallCancelled,
    Cancel,
    Egress,
    Outgoing,
    OutgoingMalformed,
    Timeouts,
)
from appliance.kernel.egress.connections import Unanswered
from appliance.kernel.egress.errors import HostUnreachable, TooManyConnections
from appliance.kernel.egress.pool import Pool
from tests.support.upstream import Serve, Talk, Upstream, polite

SHORT = Timeouts(connect=0.3, write=0.3, first_byte=0.3, between=0.3, whole=5)


@pytest.fixture
def egress() -> Iterator[Egress]:
    one = Egress(["127.0.0.1:*"])
    yield one
    one.close()


def post(upstream: Upstream, body: bytes = b"{}", **options: object) -> Outgoing:
    return Outgoing("POST", upstream.url, body=body, **{"timeouts": SHORT, **options})  # type: ignore[arg-type]


def once(*parts: bytes | str) -> Serve:
    """Answer one request with these bytes, and hang up."""

    def serve(talk: Talk) -> None:
        talk.request()
        talk.say(*parts)

    return serve


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


# ── limits ──────────────────────────────────────────────────────────────────


def test_a_huge_answer_stops_at_its_limit_and_never_fills_the_memory(egress: Egress) -> None:
    chunk = b"f4240\r\n" + b"x" * 1_000_000 + b"\r\n"
    sent = 0

    def serve(talk: Talk) -> None:
        nonlocal sent
        talk.request()
        talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(200):
            talk.say(chunk)
            sent += 1

    with Upstream(serve) as upstream:
        tracemalloc.start()
        with egress.open(post(upstream, answer_limit=10_000_000)) as incoming, pytest.raises(AnswerTooLarge):
            size = 0
            for piece in incoming:
                size += len(piece)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert 9_000_000 < size <= 10_000_000
    assert sent < 100
    assert peak < 3_000_000


def test_an_answer_that_says_it_is_too_large_is_not_begun(egress: Egress) -> None:
    with Upstream(once("HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n")) as upstream:
        with pytest.raises(AnswerTooLarge):
            egress.open(post(upstream, answer_limit=10_000_000))
        with egress.open(Outgoing("HEAD", upstream.url, answer_limit=1)) as incoming:
            assert incoming.read() == b""


def test_a_slow_reader_does_not_fill_the_memory(egress: Egress) -> None:
    sent = 0

    def serve(talk: Talk) -> None:
        nonlocal sent
        talk.request()
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n")
        for _ in range(200):
            talk.say(b"x" * 1_000_000)
            sent += 1

    with Upstream(serve) as upstream, egress.open(post(upstream)) as incoming:
        next(iter(incoming))
        time.sleep(0.1)
        assert len(incoming._connection.buffer) < 200_000
        assert sent < 50


@pytest.mark.parametrize(
    ("first", "then", "stage"),
    [
        ("", "", "waiting for the answer"),
        ("", "HTTP/1.1 200 OK\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy", "waiting for the answer"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "", "in the middle of the answer"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", "y" * 60, "all in all"),
    ],
)
def test_it_waits_for_no_dawdler(egress: Egress, first: str, then: str, stage: str) -> None:
    over = threading.Event()

    def serve(talk: Talk) -> None:
        talk.request()
        talk.say(first)
        for letter in then:
            if over.wait(0.03):
                return
            talk.say(letter)
        over.wait(2)

    limits = Timeouts(connect=1, write=1, first_byte=0.2, between=0.2, whole=0.6)
    began = time.monotonic()
    with Upstream(serve) as upstream:
        with pytest.raises(AnswerTimedOut) as caught, egress.open(post(upstream, timeouts=limits)) as incoming:
            incoming.read()
        over.set()

    assert caught.value.facts["stage"] == stage
    assert time.monotonic() - began < 1


def test_it_does_not_wait_for_a_peer_that_takes_nothing(egress: Egress) -> None:
    over = threading.Event()

    with Upstream(lambda _: over.wait(3)) as upstream:
        with pytest.raises(AnswerTimedOut) as caught:
            egress.open(post(upstream, b"x" * 20_000_000))
        over.set()

    assert caught.value.facts["stage"] == "sending"


@pytest.fixture
def full() -> Iterator[int]:
    """A port that lets nobody in and says nothing: its queue is full."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        place = listening.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(place)
        yield place[1]
        for one in waiting:
            one.close()


def test_it_does_not_wait_to_be_let_in(egress: Egress, full: int) -> None:
    with pytest.raises((HostUnreachable, AnswerTimedOut)):
        egress.open(Outgoing("GET", f"http://127.0.0.1:{full}/", timeouts=SHORT))


def test_it_says_that_nobody_is_there(egress: Egress) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(HostUnreachable) as caught:
        egress.open(Outgoing("GET", f"http://127.0.0.1:{port}/"))
    assert "connection refused" in str(caught.value)


# ── cancelling ──────────────────────────────────────────────────────────────


def later(act: object, seconds: float = 0.1) -> threading.Timer:
    timer = threading.Timer(seconds, act)  # type: ignore[arg-type]
    timer.start()
    return timer


def test_it_is_cancelled_before_the_first_byte(egress: Egress) -> None:
    cut = threading.Event()

    def serve(talk: Talk) -> None:
        talk.request()
        if talk.is_cut():
            cut.set()

    cancel = Cancel()
    with Upstream(serve) as upstream:
        began = time.monotonic()
        timer = later(cancel.now)
        with pytest.raises(CallCancelled):
            egress.open(post(upstream, timeouts=Timeouts()), cancel=cancel)
        assert time.monotonic() - began < 1
        assert cut.wait(1)
        timer.join()


def test_it_is_cancelled_in_mid_stream(egress: Egress) -> None:
    cut = threading.Event()

    def serve(talk: Talk) -> None:
        talk.request()
        talk.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        if talk.is_cut():
            cut.set()

    with Upstream(serve) as upstream:
        began = time.monotonic()
        incoming = egress.open(post(upstream, timeouts=Timeouts()))
        timer = later(incoming.close)
        came: list[bytes] = []
        with pytest.raises(CallCancelled):
            came.extend(incoming)
        assert time.monotonic() - began < 1
        assert cut.wait(1)
        timer.join()
    assert came == [b"hello"]


def test_it_is_cancelled_while_it_connects(egress: Egress, full: int) -> None:
    cancel = Cancel()
    began = time.monotonic()
    timer = later(cancel.now)
    with pytest.raises(CallCancelled):
        egress.open(Outgoing("GET", f"http://127.0.0.1:{full}/", timeouts=Timeouts()), cancel=cancel)
    assert time.monotonic() - began < 1
    timer.join()


def test_it_is_cancelled_while_a_name_is_looked_up() -> None:
    over = threading.Event()

    def slow(host: str) -> list[str]:
        over.wait(3)
        return ["127.0.0.1"]

    cancel = Cancel()
    egress = Egress(["http://slow.internal:9=127.0.0.0/8"], resolve=slow)
    began = time.monotonic()
    timer = later(cancel.now)
    with pytest.raises(CallCancelled):
        egress.open(Outgoing("GET", "http://slow.internal:9/"), cancel=cancel)
    with pytest.raises(AnswerTimedOut):
        egress.open(Outgoing("GET", "http://slow.internal:9/", timeouts=SHORT))
    assert time.monotonic() - began < 1
    over.set()
    timer.join()


def test_it_is_cancelled_while_it_sends(egress: Egress) -> None:
    over = threading.Event()
    cancel = Cancel()
    with Upstream(lambda _: over.wait(3)) as upstream:
        timer = later(cancel.now)
        with pytest.raises(CallCancelled):
            egress.open(post(upstream, b"x" * 20_000_000, timeouts=Timeouts()), cancel=cancel)
        over.set()
        timer.join()


def test_what_is_cancelled_beforehand_is_not_sent(egress: Egress) -> None:
    cancel = Cancel()
    cancel.now()
    with Upstream() as upstream:
        with pytest.raises(CallCancelled):
            egress.open(post(upstream), cancel=cancel)
        assert upstream.talks == []


def test_leaving_early_cuts_the_connection(egress: Egress) -> None:
    cut = threading.Event()

    def serve(talk: Talk) -> None:
        talk.request()
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        if talk.is_cut():
            cut.set()

    with Upstream(serve) as upstream, egress.open(post(upstream)) as incoming:
        for _ in incoming:
            break
        incoming.close()
        assert cut.wait(1)
        with pytest.raises(CallCancelled):
            incoming.read()


# ── the pool ────────────────────────────────────────────────────────────────


def test_a_connection_is_kept_for_a_while_and_few_are() -> None:
    now = 0.0
    pool = Pool(idle_each=2, idle_seconds=10, age_seconds=1e9, clock=lambda: now)
    egress = Egress(["127.0.0.1:*"], pool=pool)
    with Upstream() as upstream:
        many = [egress.open(post(upstream)) for _ in range(4)]
        assert [one.read() for one in many] == [b"{}"] * 4
        assert pool.idle == 2
        now = 9.0
        egress.open(post(upstream)).read()
        assert len(upstream.talks) == 4
        now = 30.0
        egress.open(post(upstream)).read()
        assert len(upstream.talks) == 5
        egress.close()
        assert pool.idle == 0


def test_too_many_calls_at_once_are_refused() -> None:
    egress = Egress(["127.0.0.1:*"], pool=Pool(most=2))

    def serve(talk: Talk) -> None:
        talk.request()
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        talk.is_cut()

    with Upstream(serve) as upstream:
        held = [egress.open(post(upstream)) for _ in range(2)]
        with pytest.raises(TooManyConnections):
            egress.open(post(upstream))
        held[0].close()
        egress.open(post(upstream)).close()
        held[1].close()


def test_many_threads_share_it(egress: Egress) -> None:
    wrong: list[object] = []

    def call(number: int) -> None:
        for turn in range(20):
            body = b"%d-%d" % (number, turn)
            with egress.open(post(upstream, body, timeouts=Timeouts())) as incoming:
                if incoming.read() != body:
                    wrong.append(body)

    with Upstream(polite) as upstream:
        threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(upstream.talks) <= 8
    assert wrong == []


def test_a_child_has_connections_of_its_own_and_leaves_the_parents_alone(egress: Egress) -> None:
    with Upstream() as upstream:
        assert egress.open(post(upstream)).read() == b"{}"
        child = os.fork()
        if child == 0:
            fresh = egress._pool.idle == 0
            os._exit(0 if fresh else 1)
        assert os.waitpid(child, 0)[1] == 0
        with egress.open(post(upstream)) as incoming:
            assert (incoming.read(), incoming.is_reused) == (b"{}", True)
        assert len(upstream.talks) == 1


def test_a_connection_that_cannot_be_recorded_carries_no_request() -> None:
    def fails(host: str, address: str, port: int) -> None:
        raise RuntimeError("the record is full")

    came: list[bytes] = []
    with Upstream(lambda talk: came.append(talk.sock.recv(100))) as upstream:
        with pytest.raises(RuntimeError):
            Egress(["127.0.0.1:*"], on_connection=fails).open(post(upstream))
    assert came in ([], [b""])


def test_an_abandoned_answer_lets_go_of_its_connection(egress: Egress) -> None:
    cut = threading.Event()

    def serve(talk: Talk) -> None:
        talk.request()
        talk.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        if talk.is_cut():
            cut.set()

    with Upstream(serve) as upstream:
        pieces = iter(egress.open(post(upstream)))
        assert next(pieces) == b"hello"
        del pieces
        assert cut.wait(1)
        assert egress._pool._in_use == 0
