"""How fast programs may call: requests and tokens a minute, and calls at once. The gateway counts; here is what it counts to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from appliance import audit, identity
from appliance.audit import Event
from appliance.budgets.errors import LimitMalformed, LimitNotFound, SubjectUnknown
from appliance.budgets.service import check_subject
from appliance.budgets.tables import LimitRow
from appliance.budgets.values import Subject, SubjectKind
from appliance.identity import Caller, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id

_KINDS: Final = {SubjectKind.ORGANISATION, SubjectKind.PERSON, SubjectKind.KEY}
_MOST_REQUESTS, _MOST_TOKENS, _MOST_AT_ONCE = 10**6, 10**12, 10**5


@dataclass(frozen=True)
class Pace:
    """What may be asked. None means as much as comes."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    at_once: int | None = None


@dataclass(frozen=True)
class CallLimit:
    """A limit, and whose calls it is for. One person's or key's goes before the one for each."""

    limit_id: UUID
    subject: Subject
    pace: Pace
    set_by: UUID
    set_at: datetime


def list_call_limits(tx: Tx, caller: Caller) -> list[CallLimit]:
    """Return the limits: of the organisation, of each person and key, and of single ones."""
    identity.require(caller, Permission.USAGE_READ)
    return limits_in_force(tx)


def limits_in_force(tx: Tx) -> list[CallLimit]:
    """Return the limits. Asking for permission is the caller's part."""
    rows = tx.scalars(
        select(LimitRow)
        .where(LimitRow.tenant_id == tx.tenant_id)
        .order_by(LimitRow.subject_kind, LimitRow.subject_id.nulls_first())
    )
    return [_limit(row) for row in rows]


def set_call_limit(tx: Tx, caller: Caller, subject: Subject, pace: Pace, *, clock: Clock) -> CallLimit:
    """Set a limit, in the place of the one that was there. Raises LimitMalformed, SubjectUnknown."""
    identity.require(caller, Permission.BUDGET_CHANGE)
    if subject.kind not in _KINDS:
        raise SubjectUnknown
    check_subject(tx, subject)
    _check(pace)
    values = {
        "requests_per_minute": pace.requests_per_minute, "tokens_per_minute": pace.tokens_per_minute,
        "at_once": pace.at_once, "set_by": caller.user_id, "set_at": clock.now(),
    }  # fmt: skip
    key = {"tenant_id": tx.tenant_id, "subject_kind": subject.kind, "subject_id": subject.id}
    statement = insert(LimitRow).values(**key, limit_id=new_id(), **values)
    statement = statement.on_conflict_do_update(index_elements=list(key), set_=values)
    limit = _limit(tx.scalars(statement.returning(LimitRow)).one())
    audit.record(
        tx, caller.actor, Event.CALL_LIMIT_CHANGED, subject=limit.limit_id, of=subject.kind.value,
        id=str(subject.id or ""), requests_per_minute=_told(pace.requests_per_minute),
        tokens_per_minute=_told(pace.tokens_per_minute), at_once=_told(pace.at_once),
    )  # fmt: skip
    return limit


def remove_call_limit(tx: Tx, caller: Caller, limit_id: UUID) -> None:
    """Lift a limit. Raises LimitNotFound."""
    identity.require(caller, Permission.BUDGET_CHANGE)
    gone = delete(LimitRow).where(LimitRow.tenant_id == tx.tenant_id, LimitRow.limit_id == limit_id)
    if tx.scalar(gone.returning(LimitRow.limit_id)) is None:
        raise LimitNotFound
    audit.record(tx, caller.actor, Event.CALL_LIMIT_REMOVED, subject=limit_id)


def _check(pace: Pace) -> None:
    given = (
        (pace.requests_per_minute, _MOST_REQUESTS), (pace.tokens_per_minute, _MOST_TOKENS), (pace.at_once, _MOST_AT_ONCE),
    )  # fmt: skip
    named = [(number, most) for number, most in given if number is not None]
    if not named or any(not 0 <= number <= most for number, most in named):
        raise LimitMalformed


def _told(number: int | None) -> int:
    return -1 if number is None else number


def _limit(row: LimitRow) -> CallLimit:
    pace = Pace(row.requests_per_minute, row.tokens_per_minute, row.at_once)
    return CallLimit(row.limit_id, Subject(SubjectKind(row.subject_kind), row.subject_id), pace, row.set_by, row.set_at)
