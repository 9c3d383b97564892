"""Every event of the catalogue is a valid event of OCSF 1.8, by the schema as it was published."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from appliance.audit import PLATFORM, Actor, ActorKind, Entry, Event, Outcome
from appliance.audit.inbox import body_of
from appliance.audit.ocsf import Place, record
from appliance.audit.ocsf.kinds import KINDS
from appliance.kernel.ids import TenantId, new_id
from tests.support.ocsf import validated

TENANT = TenantId(UUID(int=7))
PLACE = Place(TENANT, "Ada's Bakery", "cloister/1234567890abcdef/7")
NOW = datetime(2026, 11, 27, 12, 0, 0, 123456, tzinfo=UTC)
ADA = Actor(ActorKind.USER, UUID(int=3), "198.51.100.7", "req-1")
ACTORS = (
    ADA,
    Actor(ActorKind.USER, None, "2001:db8::1"),
    Actor(ActorKind.OPERATOR),
    Actor(ActorKind.SYSTEM, None, "the console"),
)
FACTS: dict[str, str | int] = {
    "model": "acme/large", "name": "Ümläut", "prompt_tokens": 3, "answer_tokens": 4, "role": "owner",
}  # fmt: skip


@pytest.fixture
def valid() -> Callable[[dict[str, Any]], None]:
    return validated


def entry(event: Event, *, actor: Actor = ADA, outcome: Outcome = Outcome.SUCCESS, subject: str | None = None) -> Entry:
    return Entry(new_id(), event.value, NOW, actor, outcome, subject, FACTS if subject else {})


def test_none_is_left_out() -> None:
    assert set(KINDS) == set(Event)


def test_each_kind_of_event_is_valid_whoever_did_it_and_however_it_ended(
    valid: Callable[[dict[str, Any]], None],
) -> None:
    for event in Event:
        for actor in ACTORS:
            for subject in (None, str(UUID(int=9))):
                for outcome in Outcome:
                    valid(record(entry(event, actor=actor, outcome=outcome, subject=subject), PLACE))


def test_a_sealed_entry_carries_its_place_and_its_exact_bytes(valid: Callable[[dict[str, Any]], None]) -> None:
    body = body_of(TENANT, UUID(int=5), NOW, ADA, Event.SIGN_IN_FAILED, facts={})

    told = record(entry(Event.SIGN_IN_FAILED, outcome=Outcome.FAILURE), PLACE, position=41, body=body)

    valid(told)
    assert told["raw_data"] == body.decode()
    assert told["metadata"]["sequence"] == 41
    assert told["class_name"] == "Authentication"
    assert told["activity_name"] == "Logon"
    assert told["status"] == "Failure"
    assert told["src_endpoint"] == {"ip": "198.51.100.7"}
    assert told["time"] == 1795780800123


def test_a_model_call_says_which_model_and_how_many_tokens() -> None:
    told = record(entry(Event.CALL_SETTLED, subject=str(UUID(int=9))), PLACE)

    assert told["ai_model"] == {"name": "large", "ai_provider": "acme"}
    assert told["message_context"] == {
        "service": {"name": "Cloister"}, "prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7,
    }  # fmt: skip


def test_an_entry_of_a_later_version_is_told_too(valid: Callable[[dict[str, Any]], None]) -> None:
    unheard = Entry(new_id(), "ops:thing:happened", NOW, ADA, Outcome.SUCCESS, None, {})

    told = record(unheard, Place(PLATFORM, "", "cloister/1/0"))

    valid(told)
    assert told["metadata"]["event_code"] == "ops:thing:happened"
    assert told["class_uid"] == 6003
