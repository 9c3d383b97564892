"""Budgets: what is reserved, what is settled, who is refused, and that no number is ever lost between the two."""

import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from appliance import budgets, identity, policy
from appliance.budgets import (
    Budget,
    BudgetForm,
    BudgetUnpriced,
    Charge,
    Limits,
    OverBudget,
    Payer,
    Period,
    Subject,
    SubjectKind,
    Unit,
    Unpriced,
)
from appliance.budgets.errors import BudgetMalformed, BudgetNotFound, BudgetTwice, SubjectUnknown
from appliance.gateway import Asker, ledger
from appliance.identity import GroupId, Permission, Role, Scope
from appliance.identity.tokens import TokenForm
from appliance.kernel.ids import new_id
from tests.support.house import House, Member

LOCAL = policy.Call("chat", "extractive", is_known=True, is_local=True)
ORGANISATION = Subject(SubjectKind.ORGANISATION)


@pytest.fixture(scope="module")
def house(lasting_house: House) -> House:
    return lasting_house


@pytest.fixture
def ada(house: House) -> Member:
    return house.founds("Harrow", f"ada-{new_id().hex}@harrow.example")


@pytest.fixture
def bo(house: House) -> Member:
    return house.founds("Birch", f"bo-{new_id().hex}@birch.example")


def test_a_refusal_names_the_budget_and_leaves_nothing_behind(house: House, ada: Member) -> None:
    wide = sets(ada, "Everybody", hard=1000)
    sets(ada, "Ada's day", Subject(SubjectKind.PERSON, ada.caller.user_id), period=Period.DAY, hard=100)
    reserves(ada, 60)
    with pytest.raises(OverBudget, match=r"Ada's day.*begins anew on 20"):
        reserves(ada, 60)

    assert (standing(ada, wide).reserved, standing(ada, wide).used) == (60, 0)
    assert reserves(ada, 40).is_held


def test_what_was_used_takes_the_place_of_what_was_reserved_once(ada: Member) -> None:
    budget = sets(ada, "All", hard=1000)
    call_id = new_id()
    reserves(ada, 500, call_id=call_id)
    for _ in range(2):
        settles(ada, call_id, tokens=123)

    assert (standing(ada, budget).reserved, standing(ada, budget).used) == (0, 123)


def test_money_is_counted_to_the_millionth_and_in_its_own_currency(ada: Member) -> None:
    euros = sets(ada, "Euros", unit=Unit.MONEY, currency="EUR", hard=1_000_000)
    call_id = new_id()
    reserves(ada, 10, micros=999_999, currency="EUR", call_id=call_id)
    settles(ada, call_id, tokens=10, micros=1)
    assert (standing(ada, euros).reserved, standing(ada, euros).used) == (0, 1)
    with pytest.raises(BudgetUnpriced, match="Euros"):
        reserves(ada, 10, micros=5, currency="USD")
    with pytest.raises(BudgetUnpriced, match=r"openai/gpt-6 has no price.*Euros"):
        reserves(ada, 10, micros=None)
    assert reserves(ada, 10, micros=0).is_held  # of a model of this host

    with at(ada) as tx:
        budgets.change_budget(
            tx, ada.caller, euros.budget_id, name="Euros", limits=Limits(None, 5), unpriced=Unpriced.PASSED,
            clock=ada.house.clock,
        )  # fmt: skip
    assert not reserves(ada, 10, micros=None).is_held
    with pytest.raises(OverBudget):
        reserves(ada, 10, micros=5, currency="EUR")


def test_it_warns_once_in_a_period_and_tells_every_call_above(house: House, ada: Member) -> None:
    sets(ada, "Warned", period=Period.DAY, soft=100, hard=200)
    said = [reserves(ada, 60).warned for _ in range(3)]

    assert [[(one.name, one.percent) for one in warned] for warned in said] == [[], [("Warned", 60)], [("Warned", 90)]]
    assert events(ada).count("budgets:budget:warned") == 1
    house.clock.passes(days=1)
    assert reserves(ada, 60).warned == ()
    assert reserves(ada, 60).warned
    assert events(ada).count("budgets:budget:warned") == 2


def test_each_person_and_each_key_has_its_own(house: House, ada: Member) -> None:
    sets(ada, "Each", Subject(SubjectKind.PERSON), hard=100)
    sets(ada, "Each key", Subject(SubjectKind.KEY), hard=70)
    one, other, key = new_id(), new_id(), new_id()
    for person in (one, other):
        assert reserves(ada, 100, payer=Payer(person)).is_held
        with pytest.raises(OverBudget, match="“Each”"):
            reserves(ada, 1, payer=Payer(person))
    with pytest.raises(OverBudget, match="Each key"):
        reserves(ada, 71, payer=Payer(new_id(), key))


def test_ones_own_takes_the_place_of_the_one_for_each(ada: Member) -> None:
    favoured = new_id()
    sets(ada, "Each", Subject(SubjectKind.PERSON), hard=100)
    sets(ada, "Ada", Subject(SubjectKind.PERSON, ada.caller.user_id), hard=500)
    sets(ada, "Ada's day", Subject(SubjectKind.PERSON, ada.caller.user_id), period=Period.DAY, hard=200)
    assert reserves(ada, 150).is_held
    with pytest.raises(OverBudget, match="“Each”"):
        reserves(ada, 150, payer=Payer(favoured))


def test_a_budget_of_a_model_counts_its_name_its_alias_and_all_of_a_provider(ada: Member) -> None:
    for name in ("openai/gpt-6", "openai/*", "general"):
        sets(ada, name, Subject(SubjectKind.MODEL, name=name), hard=100)
    reserves(ada, 100, models=("openai/gpt-6", "openai/*", "general"))
    for models in (("openai/gpt-6", "openai/*"), ("openai/o9", "openai/*"), ("vllm/llama", "vllm/*", "general")):
        with pytest.raises(OverBudget):
            reserves(ada, 1, models=models)
    assert not reserves(ada, 1, models=("vllm/llama", "vllm/*")).is_held


def test_a_group_pays_for_its_people(house: House, ada: Member) -> None:
    with at(ada) as tx:
        group = identity.create_group(tx, ada.caller, name="Board", clock=house.clock)
        identity.set_group_members(tx, ada.caller, group.group_id, [ada.caller.user_id])
    asks(ada)  # before the budget
    budget = sets(ada, "Board", Subject(SubjectKind.GROUP, group.group_id), hard=1000)
    assert standing(ada, budget).used == 30
    assert reserves(ada, 10, payer=Payer(ada.caller.user_id, None, frozenset({group.group_id}))).is_held
    assert not reserves(ada, 10).is_held


def test_a_new_budget_counts_what_this_period_used_and_what_is_under_way(house: House, ada: Member) -> None:
    asks(ada)
    under_way = admits(ada)
    budget = sets(ada, "Late", hard=1000)
    each = sets(ada, "Each", Subject(SubjectKind.PERSON), hard=1000)
    for one in (budget, each):
        assert (standing(ada, one).used, standing(ada, one).reserved) == (30, 50)
    ends(ada, under_way)
    for one in (budget, each):
        assert (standing(ada, one).used, standing(ada, one).reserved) == (60, 0)


def test_a_call_whose_process_died_is_charged_in_full_and_once(house: House, ada: Member) -> None:
    budget = sets(ada, "All", hard=1000)
    call_id = admits(ada)
    house.clock.passes(minutes=16)
    with house.worker.db.tenant(ada.tenant_id) as tx:
        assert ledger.sweep(tx, clock=house.clock) == 1
    ends(ada, call_id)

    assert (standing(ada, budget).used, standing(ada, budget).reserved) == (50, 0)


def test_a_removed_budget_is_in_nobodys_way(ada: Member) -> None:
    budget = sets(ada, "All", hard=60)
    call_id = admits(ada)
    with at(ada) as tx:
        budgets.remove_budget(tx, ada.caller, budget.budget_id)
    ends(ada, call_id)
    admits(ada)
    with at(ada) as tx, pytest.raises(BudgetNotFound):
        budgets.remove_budget(tx, ada.caller, budget.budget_id)


@pytest.mark.parametrize(
    "wrong",
    [
        {"hard": -1}, {"hard": 10**15 + 1}, {"soft": 5, "hard": 4}, {}, {"name": " ", "hard": 1}, {"name": "x" * 81, "hard": 1},
        {"hard": 1, "unit": Unit.MONEY}, {"hard": 1, "unit": Unit.MONEY, "currency": "Euro"}, {"hard": 1, "currency": "EUR"},
    ],
)  # fmt: skip
def test_it_takes_no_budget_that_means_nothing(ada: Member, wrong: dict[str, Any]) -> None:
    with pytest.raises(BudgetMalformed):
        sets(ada, **({"name": "Wrong"} | wrong))


def test_whose_budget_it_is_is_checked_here_and_in_no_other_organisation(house: House, ada: Member, bo: Member) -> None:
    with at(bo) as tx:
        theirs = identity.create_group(tx, bo.caller, name="Theirs", clock=house.clock).group_id
        token = identity.create_token(tx, bo.caller, TokenForm("k", frozenset({Scope.CHAT}), 3), clock=house.clock)
    for subject in (
        Subject(SubjectKind.GROUP, theirs), Subject(SubjectKind.PERSON, bo.caller.user_id), Subject(SubjectKind.GROUP),
        Subject(SubjectKind.KEY, token.token.token_id), Subject(SubjectKind.MODEL), Subject(SubjectKind.ORGANISATION, new_id()),
    ):  # fmt: skip
        with pytest.raises(SubjectUnknown):
            sets(ada, "Theirs", subject, hard=1)
    budget = sets(ada, "Ours", hard=0)
    with pytest.raises(BudgetTwice):
        sets(ada, "Ours again", hard=5)
    admits(bo)
    with at(bo) as tx:
        assert budgets.list_budgets(tx, bo.caller, clock=house.clock) == []
        with pytest.raises(BudgetNotFound):
            budgets.remove_budget(tx, bo.caller, budget.budget_id)


def test_members_and_auditors_set_no_budgets_and_see_none(ada: Member) -> None:
    budget = sets(ada, "All", hard=5)
    for role in (Role.MEMBER, Role.AUDITOR):
        person = ada.adds(f"{role}-{new_id().hex}@harrow.example", role)
        with at(ada) as tx, pytest.raises(identity.Forbidden):
            budgets.remove_budget(tx, person.caller, budget.budget_id)
        assert not identity.may(person.caller, Permission.USAGE_READ)


def test_sums_agree_to_the_millionth_and_no_budget_is_overrun_while_many_call_at_once(house: House, ada: Member) -> None:
    groups = [GroupId(new_id()), GroupId(new_id())]
    people, keys = [new_id() for _ in range(3)], [new_id() for _ in range(3)]
    held = [
        sets(ada, "All", hard=3000), sets(ada, "All a day", period=Period.DAY, hard=2500),
        sets(ada, "Euros", unit=Unit.MONEY, currency="EUR", hard=1_000_003),
        sets(ada, "Each", Subject(SubjectKind.PERSON), hard=1500), sets(ada, "Each key", Subject(SubjectKind.KEY), hard=1400),
        sets(ada, "Model", Subject(SubjectKind.MODEL, name="a/b"), hard=2000),
    ]  # fmt: skip
    settled: list[tuple[int, int, bool]] = []
    most, done = dict[UUID, int](), threading.Event()

    def watch() -> None:
        while not done.is_set():
            for one in held:
                most[one.budget_id] = max(most.get(one.budget_id, 0), standing(ada, one).counted)

    def call(number: int) -> None:
        chance = random.Random(number)
        tokens, micros = chance.randint(1, 90), chance.randint(1, 40_000)
        payer = Payer(chance.choice(people), chance.choice(keys), frozenset(groups))
        models = ("a/b",) if chance.random() < 0.7 else ("a/c",)
        call_id = new_id()
        try:
            reserves(ada, tokens, micros=micros, currency="EUR", payer=payer, models=models, call_id=call_id)
        except OverBudget:
            return
        used = chance.randint(0, tokens), chance.randint(0, micros)
        settles(ada, call_id, tokens=used[0], micros=used[1])
        settled.append((*used, models == ("a/b",)))

    with ThreadPoolExecutor(7) as pool:
        watching = pool.submit(watch)
        list(pool.map(call, range(150)))
        done.set()
        watching.result()

    counters = counters_of(ada)
    sums = [sum(one[0] for one in settled)] * 2 + [sum(one[1] for one in settled)] + [sum(one[0] for one in settled)] * 2
    sums.append(sum(one[0] for one in settled if one[2]))
    for budget, used in zip(held, sums, strict=True):
        hard = budget.form.limits.hard
        assert hard is not None
        assert counters[budget.budget_id][:2] == (used, 0), budget.form.name
        assert max(most[budget.budget_id], counters[budget.budget_id][2]) <= hard, budget.form.name
    assert 20 < len(settled) < 150


def counters_of(member: Member) -> dict[UUID, tuple[int, int, int]]:
    """Return of each budget what was used, what is reserved, and the most used in a period; nothing is reserved for a call any more."""
    with at(member) as tx:
        assert tx.scalar(text("SELECT count(*) FROM budget_reservations")) == 0
        rows = tx.execute(text("SELECT budget_id, sum(used) used, sum(reserved) reserved, max(used) fullest FROM budget_counters GROUP BY budget_id"))
        return {row.budget_id: (row.used, row.reserved, row.fullest) for row in rows}


def at(member: Member) -> Any:
    return member.services.db.tenant(member.tenant_id)


def sets(
    member: Member, name: str, subject: Subject = ORGANISATION, *, unit: Unit = Unit.TOKENS, currency: str | None = None,
    period: Period = Period.MONTH, soft: int | None = None, hard: int | None = None,
) -> Budget:  # fmt: skip
    with at(member) as tx:
        form = BudgetForm(name, subject, unit, period, Limits(soft, hard), currency)
        return budgets.create_budget(tx, member.caller, form, clock=member.house.clock)


def standing(member: Member, budget: Budget) -> budgets.Standing:
    with at(member) as tx:
        return budgets.get_standing(tx, member.caller, budget.budget_id, clock=member.house.clock)


def reserves(
    member: Member, tokens: int, *, micros: int | None = 0, currency: str | None = None, payer: Payer | None = None,
    models: Sequence[str] = ("openai/gpt-6",), call_id: UUID | None = None,
) -> budgets.Reserved:  # fmt: skip
    charge = Charge(call_id or new_id(), payer or Payer(member.caller.user_id), tuple(models), tokens, micros, currency)
    with at(member) as tx:
        return budgets.reserve(tx, member.caller.actor, charge, clock=member.house.clock)


def settles(member: Member, call_id: UUID, *, tokens: int, micros: int = 0) -> None:
    with at(member) as tx:
        budgets.settle(tx, call_id, tokens=tokens, micros=micros)


def admits(member: Member) -> UUID:
    """A call of 50 tokens is under way."""
    asker = Asker.of(member.caller)
    return ledger.admit(member.services.db, asker, kind="chat", call=LOCAL, tokens=50, clock=member.house.clock)


def ends(member: Member, call_id: UUID) -> None:
    """It used 30."""
    ledger.settle(
        member.services.db, Asker.of(member.caller), call_id, state="completed", prompt_tokens=10, answer_tokens=20,
        clock=member.house.clock,
    )  # fmt: skip


def asks(member: Member) -> None:
    ends(member, admits(member))


def events(member: Member) -> list[str]:
    with at(member) as tx:
        return list(tx.scalars(text("SELECT event FROM audit_inbox")))
