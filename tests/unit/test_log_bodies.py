"""An entry's body is written out by hand, and is the canonical JSON of what it says."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from appliance.audit import Actor, ActorKind, Event, Outcome
from appliance.audit.inbox import body_of
from appliance.kernel.canonical import canonical
from appliance.kernel.ids import TenantId, new_id

ASCII = some.text(some.characters(max_codepoint=127), max_size=8)


@given(
    tenant=some.uuids(), event_id=some.uuids(), at=some.datetimes(timezones=some.just(UTC)), actor_id=some.none() | some.uuids(),
    address=some.none() | some.text(max_size=40), request_id=some.none() | some.text(max_size=40), kind=some.sampled_from(ActorKind),
    event=some.sampled_from(Event), subject=some.none() | some.uuids(), outcome=some.sampled_from(Outcome),
    facts=some.dictionaries(ASCII, some.text(max_size=20) | some.integers(), max_size=5),
)  # fmt: skip
def test_a_body_is_the_canonical_json_of_what_it_says(
    tenant: object, event_id: object, at: datetime, actor_id: object, address: str | None, request_id: str | None, kind: ActorKind,
    event: Event, subject: object, outcome: Outcome, facts: dict[str, str | int],
) -> None:  # fmt: skip
    actor = Actor(kind, actor_id, address, request_id)  # type: ignore[arg-type]
    body = body_of(TenantId(tenant), event_id, at, actor, event, subject=subject, outcome=outcome, facts=facts)  # type: ignore[arg-type]
    said = {
        "actor": {"address": address, "id": None if actor_id is None else str(actor_id), "kind": kind.value},
        "at": at.isoformat(timespec="microseconds"), "event": event.value, "event_id": str(event_id), "facts": facts,
        "outcome": outcome.value, "request_id": request_id, "subject": None if subject is None else str(subject),
        "tenant_id": str(tenant), "version": 1,
    }  # fmt: skip
    assert body == canonical(said)
    assert json.loads(body) == said


@given(address=some.text(min_size=1, max_size=20), networks=some.text(max_size=20), committed=some.text(max_size=70))
def test_a_commitment_stands_in_the_place_of_its_value(address: str, networks: str, committed: str) -> None:
    tenant, event_id, at = TenantId(new_id()), new_id(), datetime.now(UTC)
    commitments = {"facts.networks": committed, "actor.address": committed}
    body = body_of(
        tenant, event_id, at, Actor(ActorKind.USER, tenant, address, "r"), Event.TOKEN_CREATED,
        facts={"networks": networks, "days": 7}, commitments=commitments,
    )  # fmt: skip
    said = {
        "actor": {"address": None, "id": str(tenant), "kind": "user"}, "at": at.isoformat(timespec="microseconds"),
        "commitments": commitments, "event": "identity:token:created", "event_id": str(event_id), "facts": {"days": 7},
        "outcome": "success", "request_id": "r", "subject": None, "tenant_id": str(tenant), "version": 2,
    }  # fmt: skip
    assert body == canonical(said)


def test_facts_are_neither_fractions_nor_lists_of_bytes() -> None:
    for odd in ({"a": 1.5}, {"ä": 1}, {"a": b"x"}):
        with pytest.raises(TypeError):
            body_of(TenantId(new_id()), new_id(), datetime.now(UTC), Actor(ActorKind.SYSTEM), Event.LOG_READ, facts=odd)  # type: ignore[arg-type]
