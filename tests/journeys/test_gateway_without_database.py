"""The database stops while programs ask: before a call is admitted, in the middle of an answer, and under load."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx2
import psycopg
import pytest
from sqlalchemy import text

from appliance.ops.embedded_postgres import EmbeddedPostgres
from tests.journeys import test_gateway_killed as killed
from tests.support.cluster import PASSWORDS, migrate
from tests.support.door import Door, door
from tests.support.greenlets import DOORS, Gateway, gateway
from tests.support.house import Server
from tests.support.model_host import Reply, said
from tests.support.upstreams import COMPLETION, chat_bytes, chat_chunks

CHAT = {"model": "openai/gpt-6", "messages": [{"role": "user", "content": "What is the weather?"}]}
FIRST, REST = chat_bytes(chat_chunks()[:3], done=False), chat_bytes(chat_chunks()[3:])


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A database of its own that keeps what it committed, whatever happens to it."""
    directory = tmp_path_factory.mktemp("stops")
    with EmbeddedPostgres(directory / "postgres", log=directory / "postgres.log") as found:
        yield found


@pytest.fixture(scope="module")
def at(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    directory = tmp_path_factory.mktemp("without")
    (directory / "prices.json").write_text(json.dumps({"currency": "EUR", "prices": [killed.PRICE]}))
    with psycopg.connect(postgres.url(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE template_house")
    with psycopg.connect(postgres.url(), autocommit=True) as admin:
        server = Server(postgres, admin, PASSWORDS, directory)
        migrate(server, "template_house")
        with door(server, directory) as found:
            yield found
            server.admin = psycopg.connect(postgres.url(), autocommit=True)  # the first ended with its server
        server.admin.close()


@pytest.fixture(scope="module", params=list(DOORS))
def served(at: Door, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Gateway]:
    with gateway(at.house, tmp_path_factory.mktemp("served"), door=request.param) as found:
        yield found


@contextmanager
def away(at: Door, postgres: EmbeddedPostgres, how: signal.Signals = signal.SIGINT) -> Iterator[None]:
    """The database is stopped: cleanly, or by SIGQUIT as if it had crashed."""
    assert postgres.pid is not None
    os.kill(postgres.pid, how)
    until(lambda: not postgres.is_running)
    try:
        yield
    finally:
        postgres.start()
        for services in (at.house.app, at.house.worker):
            services.db.engine.dispose()


def posts(at: Door, served: Gateway, *, is_streamed: bool = False) -> httpx2.Response:
    body = CHAT | ({"stream": True} if is_streamed else {})
    headers = {"authorization": f"Bearer {at.key}"}
    return httpx2.post(f"{served.address}/v1/chat/completions", json=body, headers=headers, timeout=60)


def until(what: "object", seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not what():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.02)


def comes_back(at: Door, served: Gateway) -> None:
    """A process whose connections ended is at work again after one refusal at most."""
    found = [posts(at, served).status_code for _ in range(2)]
    assert found[1] == 200
    assert found[0] in {200, 503}


def test_without_a_database_nothing_is_asked(at: Door, served: Gateway, postgres: EmbeddedPostgres) -> None:
    at.upstream.says(said(COMPLETION))
    assert posts(at, served).status_code == 200
    with away(at, postgres):
        began = time.monotonic()
        answers = [posts(at, served, is_streamed=is_streamed) for is_streamed in (False, True)]
        assert time.monotonic() - began < 20
    assert [(one.status_code, one.json()["error"]["code"]) for one in answers] == [(503, "database_unavailable")] * 2
    assert len(at.upstream.asked) == 1
    comes_back(at, served)


def held_back(event: threading.Event, *pieces: bytes) -> Iterator[bytes]:
    """The first piece at once, the others when somebody says so."""
    yield pieces[0]
    event.wait(30)
    yield from pieces[1:]


def test_the_last_byte_of_an_answer_waits_for_its_record(at: Door, served: Gateway, postgres: EmbeddedPostgres) -> None:
    goes_on, raw = threading.Event(), json.dumps(COMPLETION).encode()
    at.upstream.says(said(COMPLETION))
    at.upstream.chooses = lambda asked: (
        Reply(pieces=held_back(goes_on, FIRST, REST), kind="text/event-stream")
        if asked.json.get("stream")
        else Reply(pieces=held_back(goes_on, raw[:50], raw[50:]))
    )
    with ThreadPoolExecutor(2) as threads:
        streamed_, whole = (threads.submit(posts, at, served, is_streamed=one) for one in (True, False))
        until(lambda: len(at.upstream.asked) == 2)
        with away(at, postgres):
            goes_on.set()
            stream, answer = streamed_.result(60), whole.result(60)
    assert stream.content.startswith(FIRST[:40])
    assert b"not_recorded" in stream.content
    assert b"[DONE]" not in stream.content
    assert b"tool_calls" not in stream.content  # which came after
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_unavailable")
    assert "weather" not in answer.text
    assert [one["state"] for one in at.calls()[:2]] == ["admitted"] * 2
    killed.sweeps(at)
    for call in at.calls()[:2]:
        assert (call["state"], call["is_estimated"], call["prompt_tokens"]) == ("abandoned", True, call["reserved_tokens"])
    at.upstream.says(said(COMPLETION))
    comes_back(at, served)


def test_a_database_that_is_back_in_time_costs_nobody_an_answer(at: Door, served: Gateway, postgres: EmbeddedPostgres) -> None:
    goes_on = threading.Event()
    at.upstream.says(Reply(pieces=held_back(goes_on, FIRST, REST), kind="text/event-stream"))
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(posts, at, served, is_streamed=True)
        until(lambda: at.upstream.asked)
        with away(at, postgres):
            goes_on.set()
            time.sleep(0.3)
        assert b"[DONE]" in asked.result(60).content
    assert at.calls()[0]["state"] == "completed"


@pytest.mark.parametrize("rounds", [pytest.param(1), pytest.param(20, marks=pytest.mark.long)])
def test_stopped_under_load_every_call_has_its_record_and_every_millionth_its_call(
    at: Door, served: Gateway, postgres: EmbeddedPostgres, rounds: int
) -> None:
    at.upstream.says(said(COMPLETION))
    at.upstream.chooses = killed.Chosen()
    with at.house.server.connect("boot", at.house.database) as boot:
        boot.execute("DELETE FROM cloister.budget_limits")
        before = {one[0] for one in boot.execute("SELECT call_id FROM cloister.model_calls")}
    killed.has_budgets(at)
    load, is_over = killed.Load(), threading.Event()

    def asks_on(thread: int) -> None:
        turn = 0
        while not is_over.is_set():
            turn += 1
            killed.asks_once(at, served, load, f"{rounds}.{served.port}.{thread}.{turn}", thread + turn)

    with ThreadPoolExecutor(killed.THREADS) as threads:
        running = [threads.submit(asks_on, thread) for thread in range(killed.THREADS)]
        try:
            for round_ in range(rounds):
                had = len(load.answered)
                until(lambda had=had: len(load.answered) >= had + 15)
                with away(at, postgres, signal.SIGQUIT if round_ % 2 == 0 else signal.SIGINT):
                    time.sleep(0.2)
            had = len(load.answered)
            until(lambda: len(load.answered) >= had + 5)
        finally:
            is_over.set()
        for one in running:
            one.result(60)
    killed.sweeps(at)
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        every = tx.execute(text("SELECT * FROM model_calls")).all()
        bodies = [json.loads(bytes(one)) for one in tx.scalars(text("SELECT body FROM audit_inbox"))]
        held = tx.scalar(text("SELECT count(*) FROM budget_reservations"))
        counters = tx.execute(text("SELECT unit, c.used, c.reserved FROM budget_counters c JOIN budget_limits USING (budget_id)")).all()
    calls = [one for one in every if one.call_id not in before]
    entries = [one for one in bodies if one["subject"] not in set(map(str, before))]

    killed.has_a_record_each(at.upstream.asked, calls, load)
    killed.has_an_entry_each(calls, entries)
    assert held == 0
    assert sorted(counters) == [  # a new budget counts what the month used before
        ("money", sum(one.cost_micros for one in every), 0),
        ("tokens", sum(one.prompt_tokens + one.answer_tokens for one in every), 0),
    ]
