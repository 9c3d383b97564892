"""Providers that break in every way, behind both processes that serve /v1: what the program is told, and what is on record."""

import itertools
import json
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx2
import psutil
import pytest

from appliance.vault.providing import ProviderKind
from appliance.vault.providing.credentials import read_key
from appliance.vault.providing.destinations import ProviderForm
from tests.support.door import Door, adds_provider, door
from tests.support.greenlets import DOORS, Gateway, gateway
from tests.support.house import Server
from tests.support.model_host import said
from tests.support.upstream import Authority, Serve, Talk, Upstream
from tests.support.upstreams import COMPLETION, chat_bytes, chat_chunks

WHOLE, STREAM = json.dumps(COMPLETION).encode(), chat_bytes(chat_chunks())
EVENTS: Final = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
BEGUN: Final = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"
COMPATIBLE, RESERVED = ProviderKind.OPENAI_COMPATIBLE, 1000
_numbers = itertools.count()


@pytest.fixture(scope="module")
def at(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with door(server, tmp_path_factory.mktemp("broken")) as found:
        yield found


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.founded(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module", params=list(DOORS))
def served(
    at: Door, authority: Authority, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Gateway]:
    patience = {"provider_first_byte_seconds": "1", "provider_pause_seconds": "1"}
    with gateway(
        at.house, tmp_path_factory.mktemp("served"), door=request.param, egress_allow="127.0.0.1:*",
        egress_ca_file=str(authority.file), **patience,
    ) as found:  # fmt: skip
        yield found
        at.upstream.says(said(COMPLETION))
        assert asks(found, at, "openai/gpt-6").content == WHOLE, "what broke before is in the way"
        assert not [one for one in at.calls(most=200) if one["state"] == "admitted"], "a call was never settled"
    with at.house.server.connect("boot", at.house.database) as boot:  # an organisation may have fifty of them
        boot.execute("UPDATE cloister.model_providers SET removed_at = now() WHERE name LIKE 'far-%'")


def provider(at: Door, far: Upstream, *, scheme: str = "http") -> str:
    """Add this upstream under a name of its own; return a model of it."""
    name = f"far-{next(_numbers)}"
    adds_provider(at.ada, ProviderForm(name, COMPATIBLE, f"{scheme}://127.0.0.1:{far.port}/v1"), read_key(COMPATIBLE, "sk-far-1234567"))
    return f"{name}/m"


def asks(served: Gateway, at: Door, model: str, *, is_streamed: bool = False) -> httpx2.Response:
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "What is the weather?"}]}
    body |= {"stream": True} if is_streamed else {}
    headers = {"authorization": f"Bearer {at.key}"}
    return httpx2.post(f"{served.address}/v1/chat/completions", json=body, headers=headers, timeout=60)


def stalls(talk: Talk) -> None:
    talk.request()
    talk.is_cut(10)


def resets(talk: Talk) -> None:
    talk.request()
    talk.reset()


def stalls_within(talk: Talk) -> None:
    talk.request()
    talk.say(BEGUN)
    talk.is_cut(10)


def resets_within(talk: Talk) -> None:
    talk.request()
    talk.say(BEGUN)
    time.sleep(0.05)
    talk.reset()


def says_no_json(talk: Talk) -> None:
    talk.request()
    talk.answer(b'{"choices": [', headers="Content-Type: application/json\r\n")


def says_too_much(talk: Talk) -> None:
    talk.request()
    talk.say(f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {200 * 1024 * 1024}\r\n\r\n")
    for _ in range(200):
        talk.say(b" " * 1024 * 1024)


@pytest.mark.parametrize(
    ("far", "code"),
    [
        (stalls, "egress_timed_out"), (stalls_within, "egress_timed_out"), (resets, "egress_unanswered"),
        (resets_within, "egress_answer_broken"), (says_no_json, "provider_answer_unreadable"), (says_too_much, "egress_answer_too_large"),
    ],
)  # fmt: skip
def test_an_answer_that_breaks_off_is_told_as_an_error_and_counted_at_its_reservation(
    at: Door, served: Gateway, far: Serve, code: str
) -> None:
    before = memory(served)
    with Upstream(far) as upstream:
        began = time.monotonic()
        answer = asks(served, at, provider(at, upstream))

        assert time.monotonic() - began < 6
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, code)
        assert len(upstream.talks) == 1, "what may have arrived was sent twice"
    call = at.calls()[0]
    assert (call["state"], call["code"], call["is_estimated"], call["answer_tokens"]) == ("unknown", code, True, RESERVED)
    assert memory(served) - before < 220 * 1024 * 1024


def chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


def stalls_in_stream(talk: Talk) -> None:
    talk.request()
    talk.say(EVENTS, chunk(STREAM[:300]))
    talk.is_cut(10)


def resets_in_stream(talk: Talk) -> None:
    talk.request()
    talk.say(EVENTS, chunk(STREAM[:300]))
    time.sleep(0.05)
    talk.reset()


def says_half_an_event(talk: Talk) -> None:
    talk.request()
    talk.say(EVENTS, chunk(STREAM[:300]), b"0\r\n\r\n")


def streams_no_json(talk: Talk) -> None:
    talk.request()
    talk.say(EVENTS, chunk(b'data: {"choices": [\n\n'), b"0\r\n\r\n")


def streams_too_much(talk: Talk) -> None:
    talk.request()
    talk.say(EVENTS)
    one = chunk(b'data: {"choices":[{"index":0,"delta":{"content":"' + b"a" * 1_000_000 + b'"}}]}\n\n')
    for _ in range(200):
        talk.say(one)


@pytest.mark.parametrize("far", [stalls_in_stream, resets_in_stream, says_half_an_event, streams_no_json, streams_too_much])
def test_a_stream_that_breaks_off_ends_with_an_error_and_without_its_mark(at: Door, served: Gateway, far: Serve) -> None:
    before = memory(served)
    with Upstream(far) as upstream:
        answer = asks(served, at, provider(at, upstream), is_streamed=True)

    assert answer.status_code == 200
    assert b"[DONE]" not in answer.content
    last = answer.content.rstrip().rpartition(b"\n\n")[2]
    assert json.loads(last.removeprefix(b"data: "))["error"]["type"] == "server_error"
    call = at.calls()[0]
    assert (call["state"], call["is_estimated"]) == ("unknown", True)
    assert call["answer_tokens"] >= RESERVED
    assert memory(served) - before < 100 * 1024 * 1024, "the stream was held in memory"


def test_what_did_no_work_is_asked_again_as_late_as_it_says(at: Door, served: Gateway) -> None:
    turns = itertools.count()

    def slows(talk: Talk) -> None:
        while True:
            talk.request()
            if next(turns):
                talk.answer(WHOLE, headers="Content-Type: application/json\r\n")
            else:
                talk.answer(b'{"error":{"message":"slow down"}}', status="429 Too Many", headers="Retry-After: 1\r\n")

    with Upstream(slows) as upstream:
        began = time.monotonic()
        assert asks(served, at, provider(at, upstream)).content == WHOLE
        assert 0.9 < time.monotonic() - began < 5
    assert [one["state"] for one in at.calls()[:2]] == ["completed", "failed"]


@pytest.mark.parametrize(
    ("status", "headers", "tries"), [("500 Broken", "", 3), ("429 Too Many", "Retry-After: 60\r\n", 1), ("503 Away", "Retry-After: 900\r\n", 1)]
)  # fmt: skip
def test_a_fault_that_stays_is_told_and_costs_nothing(at: Door, served: Gateway, status: str, headers: str, tries: int) -> None:
    def fails(talk: Talk) -> None:
        while True:
            talk.request()
            talk.answer(b'{"error":{"message":"no"}}', status=status, headers=headers)

    with Upstream(fails) as upstream:
        answer = asks(served, at, provider(at, upstream))
    assert (answer.status_code, answer.json()["error"]["message"]) == (int(status[:3]), "no")
    assert answer.headers.get("retry-after", "") == headers.partition(": ")[2].strip()
    calls = at.calls()[:tries]
    assert [(one["state"], one["status"], one["prompt_tokens"]) for one in calls] == [("failed", int(status[:3]), 0)] * tries
    assert at.calls()[tries]["provider"] != calls[0]["provider"], "it was tried more often"


def strangers(authority: Authority, tmp_path: Path) -> dict[str, ssl.SSLContext]:
    """Certificates that prove nothing."""
    return {
        "of another host": authority.server("model.elsewhere.example"),
        "expired": authority.server("127.0.0.1", hours=-1),
        "self-signed": Authority.founded(tmp_path).server("127.0.0.1"),
    }


@pytest.mark.parametrize("what", ["of another host", "expired", "self-signed", "cut in the handshake", "no TLS"])
def test_nothing_is_sent_to_who_does_not_prove_who_it_is(
    at: Door, served: Gateway, authority: Authority, tmp_path: Path, what: str
) -> None:
    asked: list[bytes] = []

    def listens(talk: Talk) -> None:
        if what == "cut in the handshake":
            talk.sock.recv(64)
            talk.reset()
        elif what == "no TLS":
            talk.say("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        else:
            asked.append(talk.request()[0])

    with Upstream(listens, tls=strangers(authority, tmp_path).get(what)) as upstream:
        answer = asks(served, at, provider(at, upstream, scheme="https"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "egress_tls_failed")
    assert asked == []
    call = at.calls()[0]
    assert (call["state"], call["code"], call["prompt_tokens"], call["cost_micros"]) == ("failed", "egress_tls_failed", 0, 0)


def test_who_proves_it_is_asked(at: Door, served: Gateway, authority: Authority) -> None:
    def answers(talk: Talk) -> None:
        talk.request()
        talk.answer(WHOLE, headers="Content-Type: application/json\r\n")

    with Upstream(answers, tls=authority.server("127.0.0.1")) as upstream:
        assert asks(served, at, provider(at, upstream, scheme="https")).content == WHOLE


@pytest.mark.parametrize("when", ["in the handshake", "before the first byte", "between two tries", "in the middle"])
def test_who_hangs_up_ends_it_at_the_provider_within_a_second(at: Door, served: Gateway, when: str) -> None:
    asked, left_at = list[float](), list[float]()

    def waits(talk: Talk) -> None:
        if when != "in the handshake":
            talk.request()
        if when == "in the middle":
            talk.say(EVENTS, chunk(STREAM[:300]))
        if when == "between two tries":
            talk.answer(b"{}", status="503 Away", headers="Retry-After: 5\r\n")
        asked.append(time.monotonic())
        while when == "in the handshake" and talk.sock.recv(4096):
            pass
        if talk.is_cut(5):
            left_at.append(time.monotonic())

    with Upstream(waits) as upstream:
        model = provider(at, upstream, scheme="https" if when == "in the handshake" else "http")
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "?"}], "stream": True})
        with socket.create_connection(("127.0.0.1", served.port)) as line:
            head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {at.key}\r\n"
            line.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
            if when == "in the middle":
                assert b"200" in line.recv(2000)
            until(lambda: asked)
            time.sleep(0.1)
            hung_up = time.monotonic()
        if when != "between two tries":  # its connection may stay for others
            until(lambda: left_at)
            assert left_at[0] - hung_up < 1
        until(lambda: at.calls()[0]["state"] != "admitted")
        time.sleep(0.2)
    call = at.calls()[0]
    assert call["provider"] == model.removesuffix("/m")
    assert len(asked) == 1, "it was tried again for nobody"
    assert call["state"] == ("failed" if when == "between two tries" else "cancelled")


def until(what: Any, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def memory(served: Gateway) -> int:
    return max(int(one.memory_info().rss) for one in psutil.Process(served.process.pid).children())
