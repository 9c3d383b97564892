"""The process that serves /v1 alone: many streams at once, who hangs up, and what is on record when it is killed."""

import hashlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from sqlalchemy import text

from appliance.gateway import ledger
from appliance.gateway.requests import MOST_BYTES
from tests.support.door import Door, door
from tests.support.greenlets import Gateway, gateway
from tests.support.house import Server
from tests.support.model_host import Reply, said, streamed
from tests.support.upstreams import COMPLETION, MESSAGE, chat_bytes, chat_chunks

ASKED: Any = [{"role": "user", "content": "What is the weather?"}]
CHAT: dict[str, Any] = {"model": "openai/gpt-6", "messages": ASKED}


@pytest.fixture(scope="module")
def at(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with door(server, tmp_path_factory.mktemp("process")) as found:
        yield found


@pytest.fixture(scope="module")
def served(at: Door, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(at.house, tmp_path_factory.mktemp("gateway")) as found:
        yield found


def posts(served: Gateway, at: Door, body: bytes | dict[str, Any], *, path: str = "/v1/chat/completions", key: str | None = None) -> httpx2.Response:  # fmt: skip
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {key or at.key}", "content-type": "application/json"}
    return httpx2.post(served.address + path, content=content, headers=headers, timeout=60)


def asks(served: Gateway, at: Door, body: dict[str, Any]) -> socket.socket:
    """Ask over a bare socket, and do not read."""
    content = json.dumps(body)
    line = socket.create_connection(("127.0.0.1", served.port), timeout=20)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {at.key}\r\n"
    line.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n{content}".encode())
    return line


def wait_for(what: Any, seconds: float = 15) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_it_answers_as_the_sites_own_port_does(at: Door, served: Gateway) -> None:
    at.upstream.says(said(COMPLETION))
    here, there = posts(served, at, CHAT), httpx2.post(
        f"{at.address}/v1/chat/completions", json=CHAT, headers={"authorization": f"Bearer {at.key}"}
    )  # fmt: skip
    passing = {"cloister-call", "x-request-id", "date", "server", "connection", "ratelimit", "keep-alive"}

    assert here.content == there.content
    assert {name: value for name, value in here.headers.items() if name not in passing} == {
        name: value for name, value in there.headers.items() if name not in passing
    }
    assert [one["state"] for one in at.calls()[:2]] == ["completed", "completed"]


def test_the_vendors_clients_speak_with_it(at: Door, served: Gateway) -> None:
    client = openai.OpenAI(api_key=at.key, base_url=f"{served.address}/v1", max_retries=0)
    at.upstream.says(streamed(chat_bytes(chat_chunks())))
    told = [chunk.choices[0].delta.content or "" for chunk in client.chat.completions.create(model="openai/gpt-6", messages=ASKED, stream=True) if chunk.choices]  # fmt: skip
    assert "weather" in "".join(told)
    assert "openai/gpt-6" not in [one.id for one in client.models.list()]  # all of the provider's are allowed, none is named
    at.upstream.says(said(MESSAGE))
    theirs = anthropic.Anthropic(api_key=at.key, base_url=served.address, max_retries=0)
    assert theirs.messages.create(model="anthropic/claude", max_tokens=9, messages=ASKED).id == "msg_01A"
    with pytest.raises(openai.NotFoundError, match="no such address"):
        client.completions.create(model="m", prompt="p")


def test_a_body_that_is_too_large_is_refused_and_a_wrong_key_too(at: Door, served: Gateway) -> None:
    assert posts(served, at, b" " * (MOST_BYTES + 1)).status_code == 413
    assert posts(served, at, CHAT, key="cloister_wrong").status_code == 401


@pytest.mark.parametrize("when", ["before the first byte", "in the middle"])
def test_who_hangs_up_cancels_the_provider_within_a_second(at: Door, served: Gateway, when: str) -> None:
    slow = streamed(chat_bytes(chat_chunks()[:3], done=False), *[b": \n\n"] * 9, pause=3.0)
    at.upstream.says(slow if when == "in the middle" else said(COMPLETION, wait=20))
    line = asks(served, at, CHAT | {"stream": True})
    if when == "in the middle":
        assert b"200" in line.recv(2000)
    wait_for(lambda: at.upstream.asked)
    left = time.monotonic()
    line.close()
    assert at.upstream.hung_up.wait(5)

    assert at.upstream.hung_up_at - left < 1
    wait_for(lambda: at.calls()[0]["state"] != "admitted")
    assert (at.calls()[0]["state"], at.calls()[0]["is_estimated"]) == ("cancelled", True)


def test_more_streams_than_the_site_has_threads_go_on_at_once(at: Door, served: Gateway) -> None:
    at.upstream.says(streamed(chat_bytes(chat_chunks()[:3], done=False), b": \n\n", b": \n\n", pause=6.0))
    lines = [asks(served, at, CHAT | {"stream": True}) for _ in range(48)]
    began = time.monotonic()
    assert all(b"200" in line.recv(2000) for line in lines)
    assert posts(served, at, CHAT, key="cloister_wrong").status_code == 401
    assert time.monotonic() - began < 5.5  # not one after another
    for line in lines:
        line.close()
    wait_for(lambda: not [one for one in at.calls() if one["state"] == "admitted"])


def test_a_stream_is_cut_where_its_end_cannot_be_recorded(at: Door, served: Gateway) -> None:
    at.upstream.says(streamed(chat_bytes(chat_chunks())))
    with at.house.server.connect("boot", at.house.database) as owner:
        owner.execute("REVOKE UPDATE ON cloister.model_calls FROM cloister_app")
        try:
            answer = posts(served, at, CHAT | {"stream": True})
        finally:
            owner.execute("GRANT UPDATE ON cloister.model_calls TO cloister_app")
    assert b"not_recorded" in answer.content
    assert b"[DONE]" not in answer.content


def test_connections_that_the_database_ended_are_made_anew(at: Door, served: Gateway) -> None:
    at.upstream.says(said(COMPLETION))
    assert posts(served, at, CHAT).status_code == 200
    at.house.server.admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'cloister_app' AND datname = %s",
        (at.house.database,),
    )
    at.house.app.db.engine.dispose()  # this test's own were among them
    found = [posts(served, at, CHAT).status_code for _ in range(3)]
    assert found[1:] == [200, 200]
    assert found[0] in {200, 503}
    assert len(at.upstream.asked) == 1 + found.count(200)


ROUNDS = 1


@pytest.mark.parametrize("rounds", [pytest.param(ROUNDS), pytest.param(100, marks=pytest.mark.long)])
def test_killed_under_load_no_call_is_without_record_and_no_record_is_lost(at: Door, served: Gateway, rounds: int) -> None:
    at.upstream.says(said(COMPLETION, wait=0.02))
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        before = set(tx.scalars(text("SELECT call_id FROM model_calls")))
    answered = set[bytes]()
    for round_ in range(rounds):
        answered |= asked_until_killed(at, served, round_)
        served.waits()
    at.house.clock.passes(minutes=16)
    with at.house.worker.db.tenant(at.ada.tenant_id) as tx:
        ledger.sweep(tx, clock=at.house.clock)
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        calls = [row for row in tx.execute(text("SELECT * FROM model_calls")) if row.call_id not in before]
        bodies = [json.loads(bytes(one)) for one in tx.scalars(text("SELECT body FROM audit_inbox"))]
    entries = {
        event: [one for one in bodies if one["event"] == f"gateway:call:{event}" and one["subject"] not in set(map(str, before))]
        for event in ("admitted", "settled")
    }  # fmt: skip

    on_record = {row.prompt_digest for row in calls}
    reached = {json.loads(one.body)["messages"][0]["content"] for one in at.upstream.asked}
    assert {digest_of(content) for content in reached} <= on_record  # no call without a record
    completed = {row.prompt_digest for row in calls if row.state == "completed"}
    assert answered <= completed  # whoever has an answer is settled
    assert {row.state for row in calls} <= {"completed", "abandoned", "unknown", "cancelled", "failed"}
    ids = sorted(str(row.call_id) for row in calls)
    assert sorted(one["subject"] for one in entries["admitted"]) == ids  # no record lost, none twice
    assert sorted(one["subject"] for one in entries["settled"]) == ids
    told = sum(one["facts"].get("prompt_tokens", 0) + one["facts"].get("answer_tokens", 0) for one in entries["settled"])
    used = sum(row.prompt_tokens + row.answer_tokens for row in calls if row.state != "abandoned")
    assert told == used


def content_of(content: str) -> bytes:
    return json.dumps(CHAT | {"messages": [{"role": "user", "content": content}]}).encode()


def digest_of(content: str) -> bytes:
    return hashlib.sha256(content_of(content)).digest()


def asked_until_killed(at: Door, served: Gateway, round_: int) -> set[bytes]:
    """Ask from several threads while somebody kills the process; return the digests of what was answered."""
    is_over, answered = threading.Event(), set[bytes]()

    def asks_on(number: int) -> None:
        for turn in range(200):
            if is_over.is_set():
                return
            content = f"{round_}.{number}.{turn}"
            try:
                if posts(served, at, content_of(content)).status_code == 200:
                    answered.add(digest_of(content))
            except httpx2.HTTPError:
                return

    with ThreadPoolExecutor(8) as threads:
        running = [threads.submit(asks_on, number) for number in range(8)]
        wait_for(lambda: len(answered) >= 10)
        served.kill()
        is_over.set()
        for one in running:
            one.result(60)
    return answered


def test_it_lets_streams_end_when_it_is_told_to_stop(at: Door, served: Gateway) -> None:
    at.upstream.says(Reply(pieces=[chat_bytes(chat_chunks())], kind="text/event-stream", wait=0.3))
    with ThreadPoolExecutor(6) as threads:
        running = [threads.submit(posts, served, at, CHAT | {"stream": True}) for _ in range(6)]
        wait_for(lambda: len(at.upstream.asked) == 6)
        served.process.terminate()
        assert all(b"[DONE]" in one.result(30).content for one in running)
    assert served.process.wait(30) == 0
