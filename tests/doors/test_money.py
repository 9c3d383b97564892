"""What programs see of budgets, limits and metrics, by the vendors' own clients."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text
from structlog.testing import capture_logs

from appliance import budgets, gateway
from appliance.budgets import BudgetForm, Limits, Period, Subject, SubjectKind, Unit
from appliance.budgets.limits import Pace, set_call_limit
from appliance.vault.providing import lending
from tests.support.door import Door, door
from tests.support.house import Server
from tests.support.model_host import Reply, said, streamed
from tests.support.upstreams import COMPLETION, chat_bytes, chat_chunks

ASKED: Any = [{"role": "user", "content": "What is the weather?"}]
CHAT: dict[str, Any] = {"model": "openai/gpt-6", "messages": ASKED, "max_tokens": 50}
PRICE = {"provider": "openai", "model": "gpt-6", "input": 1_250_001, "cached": 125_000, "output": 10_000_000}
COST = -(-(40 * 1_250_001 + 60 * 125_000 + 30 * 10_000_000) // 1_000_000)  # of what COMPLETION says it used

ORGANISATION = Subject(SubjectKind.ORGANISATION)


@pytest.fixture(scope="module")
def at(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with door(server, tmp_path_factory.mktemp("door")) as found:
        yield found


@pytest.fixture(autouse=True)
def priced(at: Door) -> Iterator[None]:
    """The model has a price, and what a test sets it lifts."""
    file = at.house.settings.prices_file
    assert file is not None
    file.write_text(json.dumps({"currency": "EUR", "prices": [PRICE]}))
    at.upstream.says(said(COMPLETION))
    yield
    with at.house.server.connect("boot", at.house.database) as boot:
        for table in ("budget_limits", "budget_reservations", "call_limits"):
            boot.execute(f"DELETE FROM cloister.{table}")
    forget(at)


def test_a_hard_budget_of_money_refuses_in_the_clients_dialect_and_costs_nothing(at: Door) -> None:
    sets(at, "Euros of the week", hard=COST + 100, unit=Unit.MONEY)
    refused = [caught(lambda: at.openai().chat.completions.create(**CHAT | {"max_tokens": 5_000}))]
    refused.append(
        caught(lambda: at.anthropic().messages.create(model="openai/gpt-6", max_tokens=5_000, messages=ASKED))
    )
    assert at.upstream.asked == []
    for error in refused:
        assert isinstance(error, (openai.RateLimitError, anthropic.RateLimitError))
        assert "Euros of the week" in str(error)
        assert error.response.headers["x-should-retry"] == "false"
    assert refused[0].body["code"] == "budget_exhausted"
    assert counted(at, "Euros of the week") == (before(at), 0)


def test_what_is_on_record_is_what_the_counters_say_whole_streamed_and_failed(at: Door) -> None:
    sets(at, "Euros", hard=10**9, unit=Unit.MONEY)
    sets(at, "Tokens", hard=10**9)
    at.openai().chat.completions.create(**CHAT)
    at.anthropic().messages.create(model="openai/gpt-6", max_tokens=50, messages=ASKED)
    at.upstream.says(streamed(chat_bytes(chat_chunks())))
    list(at.openai().chat.completions.create(**CHAT, stream=True))
    at.upstream.says(Reply(b'{"error":{"message":"no","type":"x","param":null,"code":null}}', status=400))
    caught(lambda: at.openai().chat.completions.create(**CHAT))
    at.upstream.says(Reply(b"not json"))
    caught(lambda: at.openai().chat.completions.create(**CHAT))  # what came of it is unknown: the reservation stands

    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        money, tokens = tx.execute(
            text("SELECT sum(cost_micros), sum(prompt_tokens + answer_tokens) FROM model_calls WHERE state <> 'admitted'")
        ).one()
    assert counted(at, "Euros") == (money, 0)
    assert counted(at, "Tokens") == (tokens, 0)
    assert at.calls()[0]["state"] == "unknown"
    assert at.calls()[0]["cost_micros"] == at.calls()[0]["reserved_micros"] > 0


def test_calls_that_fail_at_once_wait_for_each_other_in_one_order(at: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lending, "_SLOTS", 1)  # as for connections that share one
    sets(at, "All", hard=10**9)
    at.upstream.says(Reply(b'{"error":{"message":"no","type":"x","param":null,"code":null}}', status=400))
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: caught(lambda: at.openai().chat.completions.create(**CHAT)).status_code, range(48)))
    assert set(found) == {400}
    assert counted(at, "All")[1] == 0


def test_prices_that_change_under_way_change_nothing_for_a_call_under_way(at: Door) -> None:
    sets(at, "Euros", hard=10**9, unit=Unit.MONEY)
    used, _ = counted(at, "Euros")
    file = at.house.settings.prices_file
    assert file is not None

    def spoils() -> None:
        file.write_text("{")

    at.upstream.when_asked = spoils
    try:
        at.openai().chat.completions.create(**CHAT)
    finally:
        at.upstream.when_asked = None
    assert counted(at, "Euros") == (used + COST, 0)
    with pytest.raises(openai.RateLimitError, match=r"no price.*Euros"):
        at.openai().chat.completions.create(**CHAT)
    assert len(at.upstream.asked) == 1


def test_above_a_soft_limit_answers_carry_a_warning(at: Door) -> None:
    sets(at, "Bücher & more", soft=0, hard=10**9)
    answer = at.openai().chat.completions.with_raw_response.create(**CHAT)
    assert answer.headers["cloister-budget-warning"] == "B%C3%BCcher%20%26%20more;percent=0"
    at.upstream.says(streamed(chat_bytes(chat_chunks())))
    stream = at.openai().chat.completions.with_raw_response.create(**CHAT, stream=True)
    assert "percent=" in stream.headers["cloister-budget-warning"]
    list(stream.parse())


def test_an_alias_has_a_budget_of_its_own(at: Door) -> None:
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        gateway.set_alias(tx, at.ada.caller, "general", ["openai/gpt-6"])
    sets(at, "General", Subject(SubjectKind.MODEL, name="general"), hard=0)
    with pytest.raises(openai.RateLimitError, match="General"):
        at.openai().chat.completions.create(**CHAT | {"model": "general"})
    at.openai().chat.completions.create(**CHAT)


def test_requests_and_tokens_a_minute_are_refused_with_a_time_to_wait(at: Door) -> None:
    limits(at, SubjectKind.KEY, Pace(requests_per_minute=2))
    for _ in range(2):
        at.openai().chat.completions.create(**CHAT)
    error = caught(lambda: at.openai().chat.completions.create(**CHAT))
    assert type(error).__name__ == "RateLimitError"
    assert error.body["code"] == "call_limit_reached"
    assert 1 <= int(error.response.headers["retry-after"]) <= 60
    assert "x-should-retry" not in error.response.headers
    claude = caught(lambda: at.anthropic().messages.create(model="anthropic/claude", max_tokens=9, messages=ASKED))
    assert isinstance(claude, anthropic.RateLimitError)
    assert len(at.upstream.asked) == 2

    limits(at, SubjectKind.KEY, Pace(tokens_per_minute=400))
    at.openai().chat.completions.create(**CHAT | {"max_tokens": 300})
    assert "400 tokens a minute" in str(caught(lambda: at.openai().chat.completions.create(**CHAT | {"max_tokens": 300})))
    error = caught(lambda: at.openai().chat.completions.create(**CHAT | {"max_tokens": 500}))
    assert (error.body["code"], error.response.headers["x-should-retry"]) == ("call_above_limit", "false")


def test_calls_at_once_are_counted_until_a_stream_has_ended(at: Door) -> None:
    limits(at, SubjectKind.ORGANISATION, Pace(at_once=1))
    raw = chat_bytes(chat_chunks())
    at.upstream.says(streamed(raw[:200], raw[200:], pause=2.0), said(COMPLETION))
    stream = at.openai().chat.completions.create(**CHAT, stream=True)
    assert caught(lambda: at.openai().chat.completions.create(**CHAT)).body["code"] == "call_limit_reached"
    stream.close()
    waits_for(lambda: not at.house.app.gate._pacing.under_way())
    at.openai().chat.completions.create(**CHAT)

    refused: list[Any] = []
    at.upstream.when_asked = lambda: refused.append(caught(lambda: at.openai().chat.completions.create(**CHAT)))
    try:
        at.openai().chat.completions.create(**CHAT)
    finally:
        at.upstream.when_asked = None
    assert [error.body["code"] for error in refused] == ["call_limit_reached"]
    assert refused[0].response.headers["retry-after"] == "1"
    theirs = at.openai(at.key_of_bo)
    assert caught(lambda: theirs.chat.completions.create(**CHAT)).status_code == 403  # bo's own rules, not our limit


def test_ones_own_limit_takes_the_place_of_the_one_for_each(at: Door) -> None:
    limits(at, SubjectKind.PERSON, Pace(requests_per_minute=0))
    assert caught(lambda: at.openai().chat.completions.create(**CHAT)).status_code == 429
    limits(at, SubjectKind.PERSON, Pace(requests_per_minute=5), one=True)
    at.openai().chat.completions.create(**CHAT)


def test_metrics_name_no_organisation_and_no_model(at: Door) -> None:
    def value(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(name, labels) or 0.0

    ended = {"state": "completed", "dialect": "openai_chat", "provider": "openai"}
    calls, read = value("cloister_model_calls_total", **ended), value("cloister_model_tokens_total", direction="read", provider="openai")
    refusals = value("cloister_model_calls_refused_total", code="model_not_allowed")
    before_it, under_way = value("cloister_model_calls_open"), list[float]()
    at.upstream.when_asked = lambda: under_way.append(value("cloister_model_calls_open"))
    with capture_logs() as logs:  # the line may come after the answer's last byte
        at.openai().chat.completions.create(**CHAT)
        at.upstream.when_asked = None
        caught(lambda: at.openai().chat.completions.create(**CHAT | {"model": "nobody/gpt"}))
    assert value("cloister_model_calls_total", **ended) == calls + 1
    assert value("cloister_model_tokens_total", direction="read", provider="openai") == read + 100
    assert value("cloister_model_calls_refused_total", code="model_not_allowed") == refusals + 1
    assert [*under_way, value("cloister_model_calls_open")] == [before_it + 1, before_it]
    shown = httpx2.get(f"{at.address}/metrics").text
    assert 'cloister_model_call_seconds_bucket{le="0.05",provider="openai"}' in shown
    assert "gpt-6" not in shown
    assert str(at.ada.tenant_id) not in shown
    line = next(one for one in logs if one["event"] == "model_call")
    assert line["gen_ai.provider.name"] == "openai"
    assert (line["gen_ai.request.model"], line["gen_ai.operation.name"]) == ("gpt-6", "chat")
    assert line["gen_ai.usage.output_tokens"] == 30
    assert not {name for name in line if "prompt" in name or "content" in name}


def sets(
    at: Door, name: str, subject: Subject = ORGANISATION, *, soft: int | None = None,
    hard: int | None = None, unit: Unit = Unit.TOKENS,
) -> None:  # fmt: skip
    form = BudgetForm(name, subject, unit, Period.MONTH, Limits(soft, hard), "EUR" if unit is Unit.MONEY else None)
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        budgets.create_budget(tx, at.ada.caller, form, clock=at.house.clock)


def limits(at: Door, kind: SubjectKind, pace: Pace, *, one: bool = False) -> None:
    subject = Subject(kind, at.ada.caller.user_id if one else None)
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        set_call_limit(tx, at.ada.caller, subject, pace, clock=at.house.clock)
    forget(at)


def forget(at: Door) -> None:
    """A new minute, and limits that are read anew."""
    at.house.app.gate._pacing._known.clear()
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        tx.execute(text("DELETE FROM call_paces"))


def counted(at: Door, name: str) -> tuple[int, int]:
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        found = budgets.list_budgets(tx, at.ada.caller, clock=at.house.clock)
    return next((one.used, one.reserved) for one in found if one.budget.form.name == name)


def before(at: Door) -> int:
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        return int(tx.scalar(text("SELECT coalesce(sum(cost_micros), 0) FROM model_calls")) or 0)


def caught(ask: Callable[[], object]) -> Any:
    with pytest.raises((openai.APIError, anthropic.APIError)) as found:
        ask()
    return found.value


def waits_for(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 5
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)
