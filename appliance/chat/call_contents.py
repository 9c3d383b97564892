"""Looking into what other people's calls said, where it is kept: under the same mode as conversations (`chat.reviews`).

Off: nobody but the caller. Recorded: whoever may, after saying why. Works council: only after a second administrator agreed, and
until then neither names nor content. Whatever the mode, the caller sees who looked, when and why.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from appliance import audit, identity
from appliance.audit import Event
from appliance.chat.errors import (
    NotSecondPerson,
    PersonNeeded,
    ReviewDecided,
    ReviewNotFound,
    ReviewNotGranted,
    ReviewOff,
)
from appliance.chat.reviews import GRANT_LASTS, VIEW_LASTS, WAITS, checked_reason, mode_of
from appliance.chat.sealed import CALL_REASONS, open_reasons
from appliance.chat.tables import CallOpeningRow
from appliance.chat.values import View
from appliance.gateway import keeping
from appliance.gateway.content import Content
from appliance.gateway.keeping import KeptCall
from appliance.identity import Caller, UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id
from appliance.kernel.sealing import Sealer
from appliance.tenancy import Review

_SHOWN = 50


@dataclass(frozen=True)
class CallRequest:
    """An administrator's wish to open a call. `is_open`: it can be decided."""

    request_id: UUID
    call_id: UUID
    requested_by: UserId
    requested_by_name: str
    reason: str
    requested_at: datetime
    decided_by_name: str | None
    is_granted: bool | None
    expires_at: datetime | None
    is_open: bool


def list_calls_for_review(tx: Tx, caller: Caller, *, before: UUID | None = None, limit: int = 50) -> list[KeptCall]:
    """Return the organisation's calls whose content is kept, the latest first; in the works-council mode without whose they are.

    Raises ReviewOff.
    """
    mode = mode_of(tx, caller)
    found = keeping.list_kept(tx, before=before, limit=limit)
    audit.record(tx, caller.actor, Event.CALL_CONTENTS_LISTED, subject=tx.tenant_id, shown=len(found))
    return [_as_shown(one, mode) for one in found]


def get_call_for_review(tx: Tx, caller: Caller, call_id: UUID) -> KeptCall:
    """Return what an administrator may know of a call before opening it. Raises ReviewOff, CallNotKept."""
    mode = mode_of(tx, caller)
    return _as_shown(keeping.get_kept(tx, call_id), mode)


def request_call(tx: Tx, caller: Caller, call_id: UUID, *, reason: str, sealer: Sealer, clock: Clock) -> CallRequest:
    """Ask a second administrator to agree to opening a call. A request of the caller's that still waits is returned as it is.

    Raises ReviewOff outside of the works-council mode, PersonNeeded, CallNotKept, ReasonMissing.
    """
    if mode_of(tx, caller) is not Review.TWO_PERSON:
        raise ReviewOff
    if not identity.is_person(tx, caller.user_id):
        raise PersonNeeded
    identity.require_recent(caller)
    keeping.get_kept(tx, call_id)
    row = tx.scalar(
        select(CallOpeningRow).where(
            CallOpeningRow.tenant_id == tx.tenant_id, CallOpeningRow.call_id == call_id,
            CallOpeningRow.asked_by == caller.user_id, CallOpeningRow.decided_at.is_(None),
            CallOpeningRow.opened_at.is_(None), CallOpeningRow.asked_at > clock.now() - WAITS,
        )
    )  # fmt: skip
    if row is None:
        row = _asked(tx, caller, call_id, reason=reason, sealer=sealer, clock=clock)
        audit.record(tx, caller.actor, Event.CALL_CONTENT_REQUESTED, subject=call_id, request=str(row.opening_id))
    return _requests(tx, sealer, [row], clock)[0]


def decide_call(tx: Tx, caller: Caller, request_id: UUID, *, is_granted: bool, clock: Clock) -> None:
    """Grant or refuse another administrator's request, at a browser.

    Raises ReviewNotFound, ReviewDecided, NotSecondPerson, PersonNeeded; Forbidden for a token.
    """
    if mode_of(tx, caller) is not Review.TWO_PERSON:
        raise ReviewOff
    identity.require_browser(caller)
    identity.require_recent(caller)
    row = tx.get(CallOpeningRow, (tx.tenant_id, request_id), with_for_update=True)
    if row is None:
        raise ReviewNotFound
    if row.decided_at is not None or row.opened_at is not None or row.asked_at <= clock.now() - WAITS:
        raise ReviewDecided
    if caller.user_id in {row.asked_by, keeping.get_kept(tx, row.call_id).owner_id}:
        raise NotSecondPerson
    if is_granted and not identity.is_person(tx, UserId(row.asked_by)):
        raise PersonNeeded
    row.decided_by, row.decided_at, row.is_granted = caller.user_id, clock.now(), is_granted
    row.expires_at = clock.now() + GRANT_LASTS
    tx.flush()
    audit.record(
        tx, caller.actor, Event.CALL_CONTENT_DECIDED, subject=row.call_id, request=str(request_id), granted=int(is_granted)
    )


def open_call(tx: Tx, caller: Caller, call_id: UUID, *, reason: str, sealer: Sealer, clock: Clock) -> UUID:
    """Note that the caller looks into a call, where whose it is sees it; return the opening's id.

    It lets `read_opened_call` read for an hour. In the works-council mode it needs a request of the caller's that was granted
    within the last day, whose reason counts. Raises ReviewOff, ReviewNotGranted, ReasonMissing, CallNotKept.
    """
    mode = mode_of(tx, caller)
    identity.require_recent(caller)
    keeping.get_kept(tx, call_id)
    now = clock.now()
    if mode is Review.TWO_PERSON:
        granted = _granted(tx, caller, call_id, now)
        if granted is None:
            raise ReviewNotGranted
        reason = _reasons(tx, sealer, [granted])[0]
    row = _asked(tx, caller, call_id, reason=reason, sealer=sealer, clock=clock)
    row.opened_at = now
    tx.flush()
    audit.record(tx, caller.actor, Event.CALL_CONTENT_OPENED, subject=call_id, opening=str(row.opening_id), mode=mode.value)
    return row.opening_id


def read_opened_call(
    tx: Tx, caller: Caller, call_id: UUID, opening_id: UUID, *, sealer: Sealer, clock: Clock
) -> tuple[KeptCall, Content]:
    """Return a call that the caller opened within the last hour. Raises ReviewOff, ReviewNotGranted, CallNotKept.

    What one person opened alone closes once the works-council mode begins.
    """
    mode, call = mode_of(tx, caller), keeping.get_kept(tx, call_id)
    row = tx.get(CallOpeningRow, (tx.tenant_id, opening_id))
    is_theirs = row is not None and (row.call_id, row.asked_by) == (call_id, caller.user_id)
    if row is None or not is_theirs or row.opened_at is None or clock.now() - row.opened_at > VIEW_LASTS:
        raise ReviewNotGranted
    if mode is Review.TWO_PERSON and _granted(tx, caller, call_id, row.opened_at) is None:
        raise ReviewNotGranted
    return call, keeping.content_of(tx, call_id, sealer=sealer)


def list_call_requests(
    tx: Tx, caller: Caller, *, sealer: Sealer, clock: Clock, call_id: UUID | None = None
) -> list[CallRequest]:
    """Return the latest requests, those that wait first; of one call the caller's own ones. Raises ReviewOff."""
    mode_of(tx, caller)
    wanted = [CallOpeningRow.tenant_id == tx.tenant_id, CallOpeningRow.opened_at.is_(None)]
    if call_id is not None:
        wanted += [CallOpeningRow.call_id == call_id, CallOpeningRow.asked_by == caller.user_id]
    rows = tx.scalars(
        select(CallOpeningRow)
        .where(*wanted)
        .order_by(CallOpeningRow.decided_at.is_not(None), CallOpeningRow.asked_at.desc())
        .limit(_SHOWN)
    ).all()
    return _requests(tx, sealer, rows, clock)


def list_call_openings(tx: Tx, caller: Caller, call_id: UUID, *, sealer: Sealer) -> list[View]:
    """Return who looked into a call of the caller's own, the latest first. Raises CallNotKept."""
    keeping.get_own_kept(tx, caller, call_id)
    rows = tx.scalars(
        select(CallOpeningRow)
        .where(
            CallOpeningRow.tenant_id == tx.tenant_id, CallOpeningRow.call_id == call_id,
            CallOpeningRow.opened_at.is_not(None),
        )
        .order_by(CallOpeningRow.opened_at.desc())
        .limit(_SHOWN)
    ).all()  # fmt: skip
    names, reasons = identity.names_of(tx, [row.asked_by for row in rows]), _reasons(tx, sealer, rows)
    return [
        View(names.get(row.asked_by, ""), reason, row.opened_at)
        for row, reason in zip(rows, reasons, strict=True)
        if row.opened_at
    ]


def _as_shown(one: KeptCall, mode: Review) -> KeptCall:
    return one if mode is Review.AUDITED else replace(one, owner_id=None)


def _asked(tx: Tx, caller: Caller, call_id: UUID, *, reason: str, sealer: Sealer, clock: Clock) -> CallOpeningRow:
    opening_id, said = new_id(), checked_reason(reason).encode()
    row = CallOpeningRow(
        tenant_id=tx.tenant_id, opening_id=opening_id, call_id=call_id, asked_by=caller.user_id,
        sealed_reason=sealer.seal(tx, said, CALL_REASONS.place(opening_id, call_id, caller.user_id)), asked_at=clock.now(),
    )  # fmt: skip
    tx.add(row)
    tx.flush()
    return row


def _granted(tx: Tx, caller: Caller, call_id: UUID, moment: datetime) -> CallOpeningRow | None:
    return tx.scalar(
        select(CallOpeningRow)
        .where(
            CallOpeningRow.tenant_id == tx.tenant_id, CallOpeningRow.call_id == call_id,
            CallOpeningRow.asked_by == caller.user_id, CallOpeningRow.is_granted.is_(True),
            CallOpeningRow.expires_at > moment,
        )
        .limit(1)
    )  # fmt: skip


def _reasons(tx: Tx, sealer: Sealer, rows: Sequence[CallOpeningRow]) -> list[str]:
    places = ((row.sealed_reason, CALL_REASONS.place(row.opening_id, row.call_id, row.asked_by), "") for row in rows)
    return open_reasons(tx, sealer, places)


def _requests(tx: Tx, sealer: Sealer, rows: Sequence[CallOpeningRow], clock: Clock) -> list[CallRequest]:
    names = identity.names_of(tx, [one for row in rows for one in (row.asked_by, row.decided_by) if one])
    return [
        CallRequest(
            request_id=row.opening_id, call_id=row.call_id, requested_by=UserId(row.asked_by),
            requested_by_name=names.get(row.asked_by, ""), reason=reason, requested_at=row.asked_at,
            decided_by_name=names.get(row.decided_by) if row.decided_by else None, is_granted=row.is_granted,
            expires_at=row.expires_at, is_open=row.decided_at is None and row.asked_at > clock.now() - WAITS,
        )
        for row, reason in zip(rows, _reasons(tx, sealer, rows), strict=True)
    ]  # fmt: skip
