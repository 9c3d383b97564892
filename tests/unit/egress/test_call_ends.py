"""How a call ends before its answer does, and what becomes of its connection."""

import os
import threading
import time

import pytest

from appliance.kernel.egress import AnswerTimedOut, CallCancelled, Cancel, Egress, Outgoing, Timeouts
from appliance.kernel.egress.errors import TooManyConnections
from appliance.kernel.egress.pool import Pool
from tests.support.calling import SHORT, post
from tests.support.upstream import Talk, Upstream, polite


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
