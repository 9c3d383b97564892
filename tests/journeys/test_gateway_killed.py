"""The processes that serve /v1 are killed under load, over and over: what is on record, and what it comes to.

Some programs ask for whole answers, some for streams; some hang up. What they use is below and above what was reserved for it, and a
budget runs out in each round.
"""

import hashlib
import json
import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from appliance import budgets
from appliance.budgets import BudgetForm, Limits, Period, Subject, SubjectKind, Unit
from appliance.gateway import ledger
from tests.journeys.test_gateway_process import wait_for
from tests.support.door import Door, door
from tests.support.greenlets import DOORS, Gateway, gateway
from tests.support.house import Server
from tests.support.model_host import Asked, Reply, said, streamed
from tests.support.upstreams import COMPLETION, chat_bytes, chat_chunks

THREADS = 8
ANSWERED, PER_ROUND = 10, 25
MOST_ANSWERED = 40
PRICE = {"provider": "openai", "model": "gpt-6", "input": 1_250_001, "cached": 125_003, "output": 10_000_007}
DEAREST = -(-(100 * 1_250_001 + MOST_ANSWERED * 10_000_007) // 1_000_000)
"""The most that a call here costs, in millionths."""


@pytest.fixture
def at(server: Server, tmp_path: Path) -> Iterator[Door]:
    (tmp_path / "prices.json").write_text(json.dumps({"currency": "EUR", "prices": [PRICE]}))
    with door(server, tmp_path) as found:
        yield found


@dataclass
class Load:
    """What the programs saw, over all rounds."""

    answered: set[bytes] = field(default_factory=set)
    refused: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def notes(self, content: bytes, status: int, told: bytes) -> None:
        with self.lock:
            if status == 200 and (b"[DONE]" in told or b'"usage": {' in told):
                self.answered.add(hashlib.sha256(content).digest())
            self.refused += status == 429


@pytest.mark.parametrize(
    ("kind", "rounds"), [("gateway", 1), *(pytest.param(kind, 100, marks=pytest.mark.long) for kind in DOORS)]
)
def test_killed_under_load_every_call_has_its_record_and_every_millionth_its_call(
    at: Door, tmp_path: Path, kind: str, rounds: int
) -> None:
    at.upstream.says(said(COMPLETION))
    at.upstream.chooses = Chosen()
    has_budgets(at)
    load = Load()
    with gateway(at.house, tmp_path, door=kind) as served:
        for round_ in range(rounds):
            raises_budget(at, by=PER_ROUND * DEAREST)
            asks_until_killed(at, served, load, f"{round_}.a")
            served.waits()
            asks_until_spent(at, served, load, f"{round_}.b")
            assert spent(at) <= hard_limit(at) + THREADS * DEAREST, "more than the calls in flight went past the budget"
    assert load.refused >= rounds, "the budget never ran out"
    sweeps(at)
    told = at.upstream.asked
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        calls = tx.execute(text("SELECT * FROM model_calls")).all()
        entries = [json.loads(bytes(one)) for one in tx.scalars(text("SELECT body FROM audit_inbox"))]
        counters = tx.execute(text("SELECT unit, c.used, c.reserved FROM budget_counters c JOIN budget_limits USING (budget_id)")).all()
        held = tx.scalar(text("SELECT count(*) FROM budget_reservations"))

    has_a_record_each(told, calls, load)
    has_an_entry_each(calls, entries)
    assert "abandoned" in {one.state for one in calls}, "it was killed between two calls"
    assert held == 0
    assert [one.reserved for one in counters] == [0, 0]
    used = {one.unit: one.used for one in counters}
    assert used == {
        "money": sum(one.cost_micros for one in calls), "tokens": sum(one.prompt_tokens + one.answer_tokens for one in calls),
    }  # fmt: skip


def has_a_record_each(told: list[Asked], calls: Sequence[Any], load: Load) -> None:
    reached = Counter(hashlib.sha256(content_of(json.loads(one.body))).digest() for one in told)
    on_record = Counter(one.prompt_digest for one in calls)
    assert reached <= on_record, "a call without a record"
    completed = {one.prompt_digest for one in calls if one.state == "completed"}
    assert load.answered <= completed, "an answer that is nowhere"
    assert {one.state for one in calls} <= {"completed", "abandoned", "unknown", "cancelled", "failed"}
    assert all(one.is_priced and one.currency == "EUR" for one in calls if one.state != "failed")


def has_an_entry_each(calls: Sequence[Any], entries: list[dict[str, Any]]) -> None:
    ids = sorted(str(one.call_id) for one in calls)
    for event in ("admitted", "settled"):
        assert sorted(one["subject"] for one in entries if one["event"] == f"gateway:call:{event}") == ids, "lost, or there twice"
    settled = [one["facts"] for one in entries if one["event"] == "gateway:call:settled"]
    assert sum(one["prompt_tokens"] for one in settled) == sum(one.prompt_tokens for one in calls)
    assert sum(one["answer_tokens"] for one in settled) == sum(one.answer_tokens for one in calls)
    assert sum(one["cost_micros"] for one in settled) == sum(one.cost_micros for one in calls)


class Chosen:
    """Answers that use more or less than was reserved; now and then none."""

    wait = 0.02

    def __call__(self, asked: Asked) -> Reply:
        return chosen(asked, self.wait)


def chosen(asked: Asked, wait: float) -> Reply:
    chance = random.Random(asked.body)
    used = {"prompt_tokens": chance.randrange(1, 100), "completion_tokens": chance.randrange(1, MOST_ANSWERED)}
    if chance.random() < 0.05:
        return Reply(b'{"error":{"message":"no"}}', status=400)
    if b'"stream": true' not in asked.body:
        return said(COMPLETION | {"usage": used}, wait=wait)
    chunks = [one | {"usage": used} if one.get("usage") else one for one in chat_chunks()]
    return streamed(chat_bytes(chunks[:2], done=False), chat_bytes(chunks[2:]), pause=wait)


def content_of(body: dict[str, Any]) -> bytes:
    """Return a question as a program sends it, whatever became of it on the way."""
    content = {"model": "openai/gpt-6", "messages": body["messages"], "max_tokens": 20}
    return json.dumps(content | ({"stream": True} if body.get("stream") else {})).encode()


def asks_once(at: Door, served: Gateway, load: Load, content: str, number: int) -> int:
    """Ask; every eighth hangs up before the end."""
    body = content_of({"messages": [{"role": "user", "content": content}], "stream": number % 2 == 0})
    headers = {"authorization": f"Bearer {at.key}", "content-type": "application/json"}
    with httpx2.stream("POST", f"{served.address}/v1/chat/completions", content=body, headers=headers, timeout=60) as answer:
        if number % 8 == 0:
            next(answer.iter_raw(), b"")
            return answer.status_code
        load.notes(body, answer.status_code, answer.read())
        return answer.status_code


def asks_until_killed(at: Door, served: Gateway, load: Load, name: str) -> None:
    is_over, is_asked, before = threading.Event(), threading.Event(), len(load.answered)
    at.upstream.when_asked = is_asked.set
    chosen = at.upstream.chooses
    assert isinstance(chosen, Chosen)

    def asks_on(thread: int) -> None:
        turn = 0
        while not is_over.is_set():
            turn += 1
            try:
                asks_once(at, served, load, f"{name}.{thread}.{turn}", thread + turn)
            except httpx2.HTTPError:
                return

    with ThreadPoolExecutor(THREADS) as threads:
        running = [threads.submit(asks_on, thread) for thread in range(THREADS)]
        try:
            wait_for(lambda: len(load.answered) - before >= ANSWERED, 30)
            chosen.wait = 2.0
            is_asked.clear()
            assert is_asked.wait(10)
            served.kill()  # while a provider is being asked
        finally:
            chosen.wait = Chosen.wait
            is_over.set()
        for one in running:
            one.result(60)


def asks_until_spent(at: Door, served: Gateway, load: Load, name: str) -> None:
    def asks_on(thread: int) -> None:
        for turn in range(200):
            if asks_once(at, served, load, f"{name}.{thread}.{turn}", thread + turn) == 429:
                return
        raise AssertionError("the budget has no end")

    with ThreadPoolExecutor(THREADS) as threads:
        for one in [threads.submit(asks_on, thread) for thread in range(THREADS)]:
            one.result(120)


def sweeps(at: Door) -> None:
    """The worker settles what was left open, a quarter of an hour later. The processes' clock went on meanwhile, ours did not."""
    behind = datetime.now(UTC) - at.house.clock.now()
    at.house.clock.passes(minutes=16, seconds=max(0.0, behind.total_seconds()))
    with at.house.worker.db.tenant(at.ada.tenant_id) as tx:
        ledger.sweep(tx, clock=at.house.clock)


def has_budgets(at: Door) -> None:
    everybody, mine = Subject(SubjectKind.ORGANISATION), Subject(SubjectKind.PERSON, at.ada.caller.user_id)
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        for name, subject, unit, currency in (("all", everybody, Unit.MONEY, "EUR"), ("mine", mine, Unit.TOKENS, None)):
            form = BudgetForm(name, subject, unit, Period.MONTH, Limits(None, 10**9), currency)
            budgets.create_budget(tx, at.ada.caller, form, clock=at.house.clock)


def raises_budget(at: Door, *, by: int) -> None:
    """From now on so much more may be spent than has been."""
    with at.house.server.connect("boot", at.house.database) as boot:
        boot.execute("UPDATE cloister.budget_limits SET hard_limit = %s WHERE name = 'all'", [spent(at) + by])


def spent(at: Door) -> int:
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        found = tx.scalar(text("SELECT used + reserved FROM budget_counters c JOIN budget_limits b USING (budget_id) WHERE b.name = 'all'"))
    return int(found or 0)


def hard_limit(at: Door) -> int:
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        return int(tx.scalar(text("SELECT hard_limit FROM budget_limits WHERE name = 'all'")) or 0)
