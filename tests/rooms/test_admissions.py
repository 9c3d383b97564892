"""Calls that are admitted and settled together: each by itself, and all of them on record."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

import pytest
from sqlalchemy import text

from appliance import audit, budgets, gateway, policy
from appliance.audit import EntryFilter, Event
from appliance.budgets import OverBudget
from appliance.gateway.admitting import Admission, Asked
from appliance.gateway.dialects import TokenCount
from appliance.gateway.endpoints import Endpoint
from appliance.gateway.models import Target
from appliance.gateway.plans import Admitted, Plan, Settlement
from appliance.gateway.prices import Prices
from appliance.gateway.record import Record
from appliance.gateway.settling import Settling
from appliance.identity import Scope
from appliance.identity.errors import TokenRefused
from appliance.identity.tokens import TokenForm, create_token, revoke_token
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import new_id
from appliance.policy import ModelNotAllowed
from appliance.vault.providing import ProviderKind
from appliance.vault.providing.credentials import read_key
from appliance.vault.providing.destinations import ProviderForm
from appliance.vault.providing.service import KeyTerms, NewKey, create_provider
from tests.support.house import House, Member, Server


@pytest.fixture(scope="module")
def shared(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for all of these; each has an organisation of its own in it."""
    database = server.clone("template_house")
    house = House(server, database, tmp_path_factory.mktemp("admissions"))
    yield house
    house.close()
    server.drop(database)


@pytest.fixture
def ada(shared: House) -> Member:
    """Ada, with two providers of which she allows one."""
    house = shared
    ada = house.founds("Harrow", f"ada@{new_id().hex}.example")
    with ada.services.db.tenant(ada.tenant_id) as tx:
        for name in ("openai", "other"):
            key = NewKey(read_key(ProviderKind.OPENAI, "sk-live-0000-1111-2222"), KeyTerms("first", 1))
            form = ProviderForm(name, ProviderKind.OPENAI, "https://api.openai.com/v1")
            create_provider(tx, ada.caller, ada.services.vault, form, key, clock=house.clock)
        gateway.allow_model(tx, ada.caller, "openai/*")
    return ada


def plan(ada: Member, model: str = "gpt-6", *, provider: str = "openai", tokens: int = 100, **more: Any) -> Plan:
    asked = policy.Asked(f"{provider}/{model}", "chat/completions")
    made = Plan(ada.caller, Endpoint.CHAT_COMPLETIONS, Target(provider, model), asked, tokens, 0, bytes(32), "dlp=clear", 1)
    return replace(made, **more)


def nothing(*_: object) -> None:
    return


def admitted(ada: Member, *plans: Plan, check: Callable[..., None] = nothing) -> list[Admitted | Exception]:
    """Admit these in one lot."""
    desk = Admission(ada.services.db, ada.services.vault, Prices(None), clock=ada.house.clock, tally=ada.services.tally)
    return desk(ada.tenant_id, [Asked(one, check) for one in plans])


def rows(ada: Member, what: str) -> list[Any]:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        return [tuple(row) for row in tx.execute(text(what))]


def test_each_is_judged_by_itself_and_all_are_on_record(ada: Member) -> None:
    good, forbidden, unknown, again = admitted(
        ada, plan(ada), plan(ada, provider="other"), plan(ada, provider="nobody"), plan(ada, "gpt-7")
    )

    assert isinstance(good, Admitted)
    assert isinstance(again, Admitted)
    assert good.lent.secret.reveal() == again.lent.secret.reveal() == "sk-live-0000-1111-2222"
    assert isinstance(forbidden, ModelNotAllowed)
    assert isinstance(unknown, Refusal)
    assert rows(ada, "SELECT model, state FROM model_calls ORDER BY model") == [
        ("openai/gpt-6", "admitted"), ("openai/gpt-7", "admitted"),
    ]  # fmt: skip
    events = [row[0] for row in rows(ada, "SELECT event FROM audit_inbox ORDER BY event_id")]
    assert events.count(Event.CALL_ADMITTED.value) == events.count(Event.CALL_REFUSED.value) == 2
    assert rows(ada, "SELECT sum(uses) FROM provider_key_uses") == [(2,)]


def test_keys_are_copies_and_wiped_one_by_one(ada: Member) -> None:
    first, second = admitted(ada, plan(ada), plan(ada))
    assert isinstance(first, Admitted)
    assert isinstance(second, Admitted)
    first.lent.secret.wipe()

    assert second.lent.secret.reveal() == "sk-live-0000-1111-2222"


def test_a_budget_is_shared_out_in_turn_and_who_is_refused_takes_nothing_of_it(ada: Member) -> None:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        budgets.set_budget(tx, ada.caller, monthly_tokens=250, clock=ada.house.clock)

    def refuse_one(_: object, way: Any, _standing: object) -> None:
        if way.url and next(refused):
            raise ModelNotAllowed(model="m", rule="r")

    refused = cycle([True, False, False, False])  # the first of them is refused late; a lot may be judged twice
    found = admitted(ada, *(plan(ada) for _ in range(4)), check=refuse_one)

    assert [type(one) for one in found] == [ModelNotAllowed, Admitted, Admitted, OverBudget]
    assert rows(ada, "SELECT sum(reserved_tokens) FROM model_calls") == [(200,)]


def test_a_key_that_was_revoked_a_moment_ago_admits_nothing(ada: Member) -> None:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        issued = create_token(tx, ada.caller, TokenForm("k", frozenset({Scope.MODELS}), 30), clock=ada.house.clock)
    caller = replace(ada.caller, token_id=issued.token.token_id, scopes=frozenset({Scope.MODELS}))
    assert isinstance(admitted(ada, plan(ada, caller=caller))[0], Admitted)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        revoke_token(tx, ada.caller, issued.token.token_id, clock=ada.house.clock)
    mine, theirs = admitted(ada, plan(ada), plan(ada, caller=caller))

    assert isinstance(mine, Admitted)
    assert isinstance(theirs, TokenRefused)


def test_what_the_database_does_not_take_of_one_it_takes_of_the_others(ada: Member) -> None:
    record = Record(ada.services.db, ada.services.vault, Prices(None), clock=ada.house.clock, tally=ada.services.tally)
    plans = [plan(ada, verdicts="\0" if number == 3 else "dlp=clear") for number in range(8)]

    def admit(one: Plan) -> bool:
        try:
            record.admit(one, nothing)
        except Exception:  # noqa: BLE001 - which one it is says the driver
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(admit, plans)) == [number != 3 for number in range(8)]
    assert rows(ada, "SELECT count(*) FROM model_calls") == [(7,)]


def test_settled_together_each_is_settled_once(ada: Member) -> None:
    first, second = admitted(ada, plan(ada), plan(ada))
    assert isinstance(first, Admitted)
    assert isinstance(second, Admitted)
    settling = Settling(ada.services.db, ada.services.vault, clock=ada.house.clock)
    used = Settlement("completed", TokenCount(7, 5), 200)
    settling(ada.tenant_id, [(second, used), (first, Settlement("failed", None, 500, "status_500")), (second, used)])
    settling(ada.tenant_id, [(first, used)])

    found = rows(ada, "SELECT state, prompt_tokens, answer_tokens, code FROM model_calls ORDER BY state")
    assert found == [("completed", 7, 5, None), ("failed", 100, 0, "status_500")]
    events = [row[0] for row in rows(ada, "SELECT event FROM audit_inbox")]
    assert events.count(Event.CALL_SETTLED.value) == 2
    assert rows(ada, "SELECT last_error FROM provider_key_uses WHERE last_error IS NOT NULL") == [("status_500",)]


def test_many_at_once_are_all_on_record_and_none_twice(ada: Member) -> None:
    record = Record(ada.services.db, ada.services.vault, Prices(None), clock=ada.house.clock, tally=ada.services.tally)

    def call(_: int) -> None:
        made = record.admit(plan(ada), nothing)
        record.settle(made, Settlement("completed", TokenCount(2, 1), 200))

    began = datetime.now(UTC)
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(call, range(120)))

    assert rows(ada, "SELECT count(*), sum(prompt_tokens), count(settled_at) FROM model_calls") == [(120, 240, 120)]
    events = [row[0] for row in rows(ada, "SELECT event FROM audit_inbox")]
    assert events.count(Event.CALL_ADMITTED.value) == events.count(Event.CALL_SETTLED.value) == 120
    assert (datetime.now(UTC) - began).total_seconds() < 30


@pytest.mark.parametrize("count", [1, 3])
def test_from_where_calls_come_their_admissions_say_and_settlements_name_these(ada: Member, count: int) -> None:
    caller = replace(ada.caller, address="192.0.2.7")
    made = [one for one in admitted(ada, *(plan(ada, caller=caller) for _ in range(count))) if isinstance(one, Admitted)]
    Settling(ada.services.db, ada.services.vault, clock=ada.house.clock)(
        ada.tenant_id, [(one, Settlement("completed", TokenCount(7, 5), 200)) for one in made]
    )

    with ada.services.db.tenant(ada.tenant_id) as tx:
        admissions = {one.subject: one for one in audit.list_entries(tx, EntryFilter(Event.CALL_ADMITTED), limit=9)}
        settlements = audit.list_entries(tx, EntryFilter(Event.CALL_SETTLED), limit=9)
    assert len(admissions) == len(settlements) == count
    for one in settlements:
        assert not one.commitments
        assert one.actor.id == ada.caller.user_id
        assert admissions[one.subject].actor.address == "192.0.2.7"
    assert rows(ada, "SELECT count(*) FROM audit_disclosures d JOIN audit_inbox i USING (event_id) WHERE i.event LIKE 'gateway:%'") == [(count,)]
