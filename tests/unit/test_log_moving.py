"""By which ids an entry is found: read from its body, whatever stands in its other fields."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from appliance.audit import Actor, ActorKind, Event
from appliance.audit.inbox import body_of
from appliance.audit.moving import _who_and_what
from appliance.kernel.ids import TenantId

ACTOR, SUBJECT, TENANT = UUID(int=1), UUID(int=2), TenantId(UUID(int=3))  # the same in each process of the tests


def body(
    actor: UUID | None, subject: UUID | None, address: str | None, fact: str, commitments: dict[str, str] | None = None
) -> bytes:
    return body_of(
        TENANT, UUID(int=9), datetime(2026, 1, 1, tzinfo=UTC), Actor(ActorKind.USER, actor, address, "r1"), Event.PROFILE_CHANGED,
        subject=subject, facts={"subject": fact, "id": fact}, commitments=commitments,
    )  # fmt: skip


@pytest.mark.parametrize("trick", ["192.0.2.1", None, f'","id":"{TENANT}","kind":"user"', "\\\\", '"', "ü\n"])
@pytest.mark.parametrize("fact", ["x", f'","subject":"{TENANT}","tenant_id":"{TENANT}","version":1}}'])
def test_an_entry_is_found_by_its_own_actor_and_subject(trick: str | None, fact: str) -> None:
    assert _who_and_what(body(ACTOR, SUBJECT, trick, fact)) == (str(ACTOR), str(SUBJECT))
    assert _who_and_what(body(None, None, trick, fact)) == ("NULL", "NULL")


@pytest.mark.parametrize("committed", ["0" * 64, f'","id":"{TENANT}","kind":"user"', f'","subject":"{TENANT}"'])
def test_so_is_one_with_commitments(committed: str) -> None:
    commitments = {"actor.address": committed, "facts.networks": committed}
    assert _who_and_what(body(ACTOR, SUBJECT, "192.0.2.1", "x", commitments)) == (str(ACTOR), str(SUBJECT))
    assert _who_and_what(body(None, None, "192.0.2.1", "x", commitments)) == ("NULL", "NULL")


def test_what_we_did_not_write_is_found_by_its_ids_or_by_none() -> None:
    assert _who_and_what(b'{"actor": {"id": "%s"}, "subject": null}' % str(ACTOR).encode()) == (str(ACTOR), "NULL")
    for odd in (
        b"",
        b"[]",
        b"\xff",
        b'{"actor":{"id":"nobody"},"subject":7}',
        b'{"actor":null,"subject":null}',
        b"[" * 100_000,
    ):
        assert _who_and_what(odd) == ("NULL", "NULL"), odd[:40]
