"""How much an answer may be, and how long a call may take."""

import socket
import threading
import time
import tracemalloc

import pytest

from appliance.kernel.egress import AnswerTimedOut, AnswerTooLarge, Egress, Outgoing, Timeouts
from appliance.kernel.egress.errors import HostUnreachable
from tests.support.calling import SHORT, once, post
from tests.support.upstream import Talk, Upstream


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


def test_it_does_not_wait_to_be_let_in(egress: Egress, full: int) -> None:
    with pytest.raises((HostUnreachable, AnswerTimedOut)):
        egress.open(Outgoing("GET", f"http://127.0.0.1:{full}/", timeouts=SHORT))


def test_it_says_that_nobody_is_there(egress: Egress) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(HostUnreachable) as caught:
        egress.open(Outgoing("GET", f"http://127.0.0.1:{port}/"))
    assert "connection refused" in str(caught.value)
