"""Verified domains are looked at again: whoever lets a domain go does not go on speaking for its addresses.

Each day its record is asked for. Where it is missing people are told; where it stays away for two weeks, the domain is
verified no more. Missing it is as well where some name servers have it and others not. That nobody answers says nothing, so it counts for nothing. An operator's word is for a year, and people
are told a month before it ends.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import or_, select, text

from appliance import audit
from appliance.audit import Actor, ActorKind, Event
from appliance.identity.sso.domains import RECORD, Answers, LookUp, is_proved, seen_by
from appliance.identity.sso.tables import DomainRow
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId

EVERY: Final = timedelta(days=1)
GRACE: Final = timedelta(days=14)
AHEAD: Final = timedelta(days=30)
_AGAIN: Final = timedelta(hours=1)
"""When a domain is asked about again of which nobody answered."""
_AT_ONCE: Final = 5


class Trouble(StrEnum):
    """What is the matter with a domain."""

    LOST = "lost"
    EXPIRING = "expiring"
    UNVERIFIED = "unverified"


@dataclass(frozen=True)
class Found:
    """A domain that people are told of; `ends_at` is when it is verified no more."""

    domain: str
    trouble: Trouble
    ends_at: datetime


def look_again(db: Database, tenant_id: TenantId, *, look_up: LookUp, clock: Clock) -> list[Found]:
    """Look at the domains of an organisation that are due; return what people are to be told. No transaction is open meanwhile."""
    with db.tenant(tenant_id) as tx:
        due = _due(tx, clock.now())
    told = []
    for domain_id, name in due:
        answers = look_up(f"{RECORD}.{name}")
        with db.tenant(tenant_id) as tx:
            told += _judged(tx, domain_id, answers, clock)
        if not answers:
            break  # nobody would answer for the others either
    with db.tenant(tenant_id) as tx:
        told += _approvals(tx, clock.now())
    return told


def _due(tx: Tx, now: datetime) -> list[tuple[UUID, str]]:
    query = (
        select(DomainRow.domain_id, DomainRow.domain)
        .where(DomainRow.tenant_id == tx.tenant_id, DomainRow.verified_by == "dns")
        .where(or_(DomainRow.looked_at.is_(None), DomainRow.looked_at <= now - EVERY))
        .order_by(DomainRow.looked_at.asc().nulls_first(), DomainRow.domain_id)
    )
    return [(row.domain_id, row.domain) for row in tx.execute(query.limit(_AT_ONCE))]


def _judged(tx: Tx, domain_id: UUID, answers: Answers, clock: Clock) -> list[Found]:
    now = clock.now()
    row = tx.get(DomainRow, (tx.tenant_id, domain_id), with_for_update=True)
    if row is None or row.verified_by != "dns":
        return []
    if not answers:
        row.looked_at = now - EVERY + _AGAIN
        tx.flush()
        return []
    row.looked_at = now
    if is_proved(row.challenge, answers):
        if row.lost_at is not None:
            row.lost_at = None
            _record(tx, row, Event.DOMAIN_VERIFIED, by="dns", again=1)
        tx.flush()
        return []
    if row.lost_at is None:
        row.lost_at = now
        tx.flush()
        seen, missed = seen_by(row.challenge, answers)
        disagree = {"seen_at": seen, "missing_at": missed} if seen else {}
        _record(tx, row, Event.DOMAIN_LOST, domain=row.domain, until=(now + GRACE).isoformat(), **disagree)
        return [Found(row.domain, Trouble.LOST, now + GRACE)]
    tx.flush()
    return _unverified(tx, row, "record") if row.lost_at + GRACE <= now else []


def _approvals(tx: Tx, now: datetime) -> list[Found]:
    query = select(DomainRow).where(
        DomainRow.tenant_id == tx.tenant_id, DomainRow.verified_by == "operator", DomainRow.approved_until <= now + AHEAD,
        or_(DomainRow.warned_at.is_(None), DomainRow.approved_until <= now),
    )  # fmt: skip
    told = []
    for row in tx.scalars(query.with_for_update()).all():
        ends_at = row.approved_until or now
        if ends_at <= now:
            told += _unverified(tx, row, "approval")
            continue
        row.warned_at = now
        tx.flush()
        _record(tx, row, Event.DOMAIN_EXPIRING, domain=row.domain, until=ends_at.isoformat())
        told.append(Found(row.domain, Trouble.EXPIRING, ends_at))
    return told


def _unverified(tx: Tx, row: DomainRow, why: str) -> list[Found]:
    ended = row.lost_at + GRACE if row.lost_at else row.approved_until
    if not tx.scalar(text("SELECT unverify_domain(:id)"), {"id": row.domain_id}):
        return []
    _record(tx, row, Event.DOMAIN_UNVERIFIED, domain=row.domain, reason=why)
    return [Found(row.domain, Trouble.UNVERIFIED, ended or row.added_at)]


def _record(tx: Tx, row: DomainRow, event: Event, **facts: str | int) -> None:
    entry = audit.NewEntry(Actor(ActorKind.SYSTEM), event, row.domain_id, facts=facts)
    audit.record_all(tx, [entry])
