"""The process that serves /v1 alone: many streams at once, who hangs up, and how it ends."""

import base64
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import anthropic
import httpx2
import openai
import pytest

from appliance.budgets import Subject, SubjectKind
from appliance.budgets.limits import Pace, list_call_limits, remove_call_limit, set_call_limit
from appliance.dlp import Action, Category, PolicyRule
from appliance.gateway.requests import MOST_BYTES
from appliance.kernel.ids import new_id
from appliance.settings import Settings
from tests.support import papers
from tests.support.door import Door, door, has_provider
from tests.support.greenlets import Gateway, gateway
from tests.support.house import Server
from tests.support.model_host import Reply, said, streamed
from tests.support.policies import put_in_force
from tests.support.upstreams import COMPLETION, MESSAGE, chat_bytes, chat_chunks, chunk

ASKED: Any = [{"role": "user", "content": "What is the weather?"}]
CHAT: dict[str, Any] = {"model": "openai/gpt-6", "messages": ASKED}
THREADS: Final = int(Settings.model_fields["web_threads"].default)


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
    lines = [asks(served, at, CHAT | {"stream": True}) for _ in range(3 * THREADS)]
    assert all(b"200" in line.recv(2000) for line in lines)
    assert posts(served, at, CHAT, key="cloister_wrong").status_code == 401
    assert sum(one["state"] == "admitted" for one in at.calls()) > THREADS
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


def test_what_this_host_computes_holds_nobody_up(at: Door, served: Gateway) -> None:
    at.upstream.says(said(COMPLETION))
    long = {"model": "multilingual-e5-small", "input": [f"Lamp {number}: " + "in the hall " * 60 for number in range(32)]}
    with ThreadPoolExecutor(1) as threads:
        began = time.monotonic()
        embedded = threads.submit(posts, served, at, json.dumps(long).encode(), path="/v1/embeddings")
        waits = list[float]()
        while not embedded.done():
            asked = time.monotonic()
            assert posts(served, at, CHAT).status_code == 200
            waits.append(time.monotonic() - asked)
        took = time.monotonic() - began
    assert len(embedded.result().json()["data"]) == 32
    assert len(waits) > 3, "the others waited until it was over"
    assert max(waits) < took / 2


def test_two_at_once_load_a_model_of_this_host_together(at: Door, served: Gateway) -> None:
    body = json.dumps({"model": "all-MiniLM-L6-v2", "input": "A lamp"}).encode()
    with ThreadPoolExecutor(6) as threads:
        found = [one.result() for one in [threads.submit(posts, served, at, body, path="/v1/embeddings") for _ in range(6)]]
    assert {one.status_code for one in found} <= {200, 503}  # 503 where that model is not built
    assert len({one.content for one in found}) == 1


def limits(at: Door, pace: Pace | None) -> None:
    """Set the organisation's limit, or lift it; both processes read it anew within a second."""
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        for one in list_call_limits(tx, at.ada.caller):
            remove_call_limit(tx, at.ada.caller, one.limit_id)
        if pace is not None:
            set_call_limit(tx, at.ada.caller, Subject(SubjectKind.ORGANISATION), pace, clock=at.house.clock)
    time.sleep(1.1)


def asks_both(at: Door, served: Gateway, turn: int) -> int:
    address = served.address if turn % 2 else at.address
    headers = {"authorization": f"Bearer {at.key}"}
    return httpx2.post(f"{address}/v1/chat/completions", json=CHAT, headers=headers, timeout=60).status_code


def test_limits_of_speed_hold_over_both_ports_together(at: Door, served: Gateway) -> None:
    at.upstream.says(said(COMPLETION))
    limits(at, Pace(requests_per_minute=5))
    try:
        for _ in range(2):  # once more if the minute ended in between
            began = int(time.time()) // 60
            with ThreadPoolExecutor(4) as threads:
                found = list(threads.map(lambda turn: asks_both(at, served, turn), range(12)))
            if int(time.time()) // 60 == began:
                break
        assert sorted(found) == [200] * 5 + [429] * 7
    finally:
        limits(at, None)


def test_calls_at_once_hold_over_both_ports_and_a_killed_process_holds_none(at: Door, served: Gateway) -> None:
    at.upstream.says(streamed(chat_bytes(chat_chunks()[:3], done=False), *[b": \n\n"] * 30, pause=1.0))
    limits(at, Pace(at_once=1))
    try:
        line = asks(served, at, CHAT | {"stream": True})
        assert b"200" in line.recv(2000)
        assert asks_both(at, served, 0) == 429
        line.close()
        at.upstream.says(said(COMPLETION))
        wait_for(lambda: asks_both(at, served, 0) == 200)

        at.upstream.says(streamed(chat_bytes(chat_chunks()[:3], done=False), *[b": \n\n"] * 30, pause=1.0))
        line = asks(served, at, CHAT | {"stream": True})
        assert b"200" in line.recv(2000)
        at.upstream.says(said(COMPLETION))
        assert asks_both(at, served, 0) == 429
        served.kill()
        wait_for(lambda: line.recv(2000) == b"")
        line.close()
        served.waits()
        wait_for(lambda: asks_both(at, served, 1) == 200)
        assert asks_both(at, served, 0) == 200
    finally:
        limits(at, None)


def test_the_policy_on_data_holds_at_this_door_too(at: Door, served: Gateway) -> None:
    rules = [PolicyRule(new_id(), Action.REDACT, frozenset({Category.EMAIL, Category.PERSON})), PolicyRule(new_id(), Action.BLOCK, frozenset({Category.IBAN}))]
    put_in_force(at.house, at.bo.tenant_id, rules)
    has_provider(at.bo, "openai", at.upstream.address)
    says = "Gladly, I write to anna.schmidt@example.org and to Margaret Okonkwo, who said so on Monday. "
    chunks = [*(chunk({"content": says[place : place + 5]}) for place in range(0, len(says), 5)), chunk({}, finish="stop")]
    at.upstream.says(streamed(*(chat_bytes([one], done=False) for one in chunks), chat_bytes([])))
    client = openai.OpenAI(api_key=at.key_of_bo, base_url=f"{served.address}/v1", max_retries=0)
    asked: Any = [{"role": "user", "content": "Write to anna.schmidt@example.org, please, and to Margaret Okonkwo."}]

    def told(_: int) -> str:
        with client.chat.completions.create(model="openai/gpt-6", messages=asked, stream=True) as found:
            return "".join(one.choices[0].delta.content or "" for one in found)

    with ThreadPoolExecutor(2) as many:
        heard = list(many.map(told, range(2)))
    assert heard == [says.replace("anna.schmidt@example.org", "[EMAIL]").replace("Margaret Okonkwo", "[PERSON]")] * 2
    assert {one.json["messages"][0]["content"] for one in at.upstream.asked} == {"Write to [EMAIL], please, and to [PERSON]."}
    with pytest.raises(openai.APIStatusError, match="Rule 2"):
        client.chat.completions.create(model="openai/gpt-6", messages=[{"role": "user", "content": "Pay to DE89 3704 0044 0532 0130 00"}])


def test_papers_are_read_while_others_go_on(at: Door, served: Gateway) -> None:
    put_in_force(at.house, at.bo.tenant_id, [PolicyRule(new_id(), Action.BLOCK, frozenset({Category.EMAIL}))])
    made = base64.b64encode(papers.pdf(lambda canvas: canvas.drawString(72, 700, "Write to anna.schmidt@example.org"))).decode()
    body = {"model": "openai/gpt-6", "messages": [{"role": "user", "content": [{"type": "file", "file": {"file_data": f"data:application/pdf;base64,{made}"}}]}]}
    with ThreadPoolExecutor(4) as many:
        told = list(many.map(lambda _: posts(served, at, body, key=at.key_of_bo), range(4)))
    assert {(one.status_code, "e-mail address in a file" in one.text) for one in told} == {(403, True)}


def test_it_lets_streams_end_when_it_is_told_to_stop(at: Door, served: Gateway) -> None:
    at.upstream.says(Reply(pieces=[chat_bytes(chat_chunks())], kind="text/event-stream", wait=0.3))
    with ThreadPoolExecutor(6) as threads:
        running = [threads.submit(posts, served, at, CHAT | {"stream": True}) for _ in range(6)]
        wait_for(lambda: len(at.upstream.asked) == 6)
        served.process.terminate()
        assert all(b"[DONE]" in one.result(30).content for one in running)
    assert served.process.wait(30) == 0
