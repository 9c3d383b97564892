"""What an organisation allows although it was found: with a reason, by somebody, until a day. The floor is never allowed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from appliance import audit, identity
from appliance.audit import Event
from appliance.dlp.own.errors import AllowanceMalformed, AllowanceNotFound, TooManyOwnRules
from appliance.dlp.own.exact_values import canonical_value
from appliance.dlp.own.service import note_change, own_key
from appliance.dlp.own.tables import AllowanceRow
from appliance.dlp.own.words import digest
from appliance.identity import Caller, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id

MOST_ALLOWANCES: Final = 1_000
LONGEST: Final = timedelta(days=366)
_LONGEST_VALUE, _LONGEST_RULE, _LONGEST_REASON = 1_000, 120, 500


@dataclass(frozen=True)
class AllowanceForm:
    """What is to be allowed: a value, what a rule finds, in a document or a collection; together, what is all of them."""

    reason: str
    expires_at: datetime
    value: str = ""
    rule: str = ""
    document_id: UUID | None = None
    collection_id: UUID | None = None


@dataclass(frozen=True)
class WrittenAllowance:
    """An allowance as people see it; of a value only that there is one."""

    allowance_id: UUID
    has_value: bool
    rule: str
    document_id: UUID | None
    collection_id: UUID | None
    reason: str
    created_by: UUID | None
    created_at: datetime
    expires_at: datetime


def allow(tx: Tx, caller: Caller, form: AllowanceForm, *, clock: Clock, is_review: bool = False) -> WrittenAllowance:
    """Tell of this no more until it expires. It takes who may change the settings; in a review, for one document, who may release one.

    Raises AllowanceMalformed, TooManyOwnRules.
    """
    identity.require(caller, Permission.DOCUMENT_APPROVE if is_review and form.document_id else Permission.SETTINGS_CHANGE)
    rule, reason, value = form.rule.strip(), " ".join(form.reason.split()), canonical_value(form.value[:_LONGEST_VALUE])
    now = clock.now()
    is_about = value or rule or form.document_id or form.collection_id
    is_good = 0 < len(reason) <= _LONGEST_REASON and len(rule) <= _LONGEST_RULE and now < form.expires_at <= now + LONGEST
    if not is_about or not is_good or (form.value.strip() and not value) or len(form.value) > _LONGEST_VALUE:
        raise AllowanceMalformed
    key = own_key(tx)
    open_ones = select(func.count()).where(AllowanceRow.tenant_id == tx.tenant_id, *_open(clock))
    if (tx.scalar(open_ones) or 0) >= MOST_ALLOWANCES:
        raise TooManyOwnRules(most=MOST_ALLOWANCES)
    row = AllowanceRow(
        tenant_id=tx.tenant_id, allowance_id=new_id(), value=digest(key, value) if value else None, rule=rule or None,
        document_id=form.document_id, collection_id=form.collection_id, reason=reason, created_by=caller.user_id, created_at=now,
        expires_at=form.expires_at,
    )  # fmt: skip
    tx.add(row)
    tx.flush()
    audit.record(
        tx, caller.actor, Event.DLP_ALLOWANCE_ADDED, subject=row.allowance_id, by_value=int(bool(value)), rule=rule,
        document=str(form.document_id or ""), collection=str(form.collection_id or ""), until=form.expires_at.date().isoformat(),
    )  # fmt: skip
    return _written(row)


def end_allowance(tx: Tx, caller: Caller, allowance_id: UUID, *, clock: Clock) -> None:
    """Tell of it again. Raises AllowanceNotFound."""
    identity.require(caller, Permission.SETTINGS_CHANGE)
    row = tx.get(AllowanceRow, (tx.tenant_id, allowance_id), with_for_update=True)
    if row is None or row.ended_at is not None or row.expires_at <= clock.now():
        raise AllowanceNotFound
    row.ended_at, row.ended_by = clock.now(), caller.user_id
    tx.flush()
    note_change(tx)
    audit.record(tx, caller.actor, Event.DLP_ALLOWANCE_ENDED, subject=allowance_id)


def list_allowances(tx: Tx, caller: Caller, *, clock: Clock) -> list[WrittenAllowance]:
    """Return the allowances in force, those that end first before others."""
    identity.require_granted(caller, Permission.SETTINGS_CHANGE)
    query = select(AllowanceRow).where(AllowanceRow.tenant_id == tx.tenant_id, *_open(clock))
    return [_written(row) for row in tx.scalars(query.order_by(AllowanceRow.expires_at, AllowanceRow.allowance_id))]


def _open(clock: Clock) -> tuple[ColumnElement[bool], ...]:
    return AllowanceRow.ended_at.is_(None), AllowanceRow.expires_at > clock.now()


def _written(row: AllowanceRow) -> WrittenAllowance:
    return WrittenAllowance(
        row.allowance_id, row.value is not None, row.rule or "", row.document_id, row.collection_id, row.reason, row.created_by,
        row.created_at, row.expires_at,
    )  # fmt: skip
