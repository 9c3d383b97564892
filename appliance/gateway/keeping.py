"""Contents of calls to providers, for as long as an organisation says: sealed under its data key, in the transaction that settles.

A value is bound to its call and to whom the call belongs to: a row that is handed to somebody else does not open. Without the
organisation's say nothing of this is kept, gathered or looked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, insert, select

from appliance import audit, identity, tenancy
from appliance.audit import Actor, ActorKind, Event
from appliance.gateway.content import Content
from appliance.gateway.errors import CallNotKept
from appliance.gateway.plans import Admitted, Settlement
from appliance.gateway.tables import CallRow, ContentRow
from appliance.gateway.values import State
from appliance.identity import Caller, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.sealing import SealedColumn, Sealer

CONTENTS: Final = SealedColumn("call_contents", "sealed", ("call_id",), ("uuid",), ("owner_id",))
SEALED: Final = (CONTENTS,)
_AT_ONCE: Final = 1_000


@dataclass(frozen=True)
class KeptCall:
    """A call whose content is kept, without it. `owner_id` is None for whoever may not know it."""

    call_id: UUID
    owner_id: UUID | None
    model: str
    host: str | None
    state: State
    prompt_tokens: int
    answer_tokens: int
    admitted_at: datetime
    ends_at: datetime


def keep(tx: Tx, sealer: Sealer, ended: Sequence[tuple[Admitted, Settlement]], *, clock: Clock) -> None:
    """Seal and store what calls said that are settled in this transaction, those whose organisation keeps it."""
    kept = [(call, end.content) for call, end in ended if call.kept_days and end.content]
    if not kept:
        return
    places = [CONTENTS.place(call.call_id, call.plan.caller.user_id) for call, _ in kept]
    packed = (content.pack() for _, content in kept)
    sealed = sealer.seal_all(tx, zip(packed, places, strict=True))
    now = clock.now()
    rows: list[dict[str, Any]] = [
        {
            "tenant_id": tx.tenant_id, "call_id": call.call_id, "owner_id": call.plan.caller.user_id, "sealed": value,
            "kept_at": now, "ends_at": now + timedelta(days=call.kept_days),
        }
        for (call, _), value in zip(kept, sealed, strict=True)
    ]  # fmt: skip
    tx.execute(insert(ContentRow), rows)


def end_kept(tx: Tx, *, clock: Clock) -> int:
    """Delete contents whose time is over, and return how many; where the organisation keeps for shorter now, by that."""
    now, days = clock.now(), tenancy.get_settings(tx).call_content_days
    is_over = (ContentRow.ends_at <= now) | (ContentRow.kept_at <= now - timedelta(days=days))
    some = select(ContentRow.call_id).where(ContentRow.tenant_id == tx.tenant_id, is_over).limit(_AT_ONCE)
    gone = tx.execute(
        delete(ContentRow)
        .where(ContentRow.tenant_id == tx.tenant_id, ContentRow.call_id.in_(some))
        .returning(ContentRow.call_id)
    ).all()
    if gone:
        audit.record(tx, Actor(ActorKind.SYSTEM), Event.CALL_CONTENTS_ENDED, subject=tx.tenant_id, calls=len(gone))
    return len(gone)


def list_own_kept(tx: Tx, caller: Caller, *, before: UUID | None = None, limit: int = 50) -> list[KeptCall]:
    """Return the caller's own calls whose content is kept, the latest first; for a program's token, see `_is_own`."""
    identity.require(caller, Permission.MODEL_CALL)
    return list_kept(tx, own=_is_own(caller), before=before, limit=limit)


def own_content(tx: Tx, caller: Caller, call_id: UUID, *, sealer: Sealer) -> tuple[KeptCall, Content]:
    """Return what a call of the caller's own said. Raises CallNotKept, also for somebody else's."""
    return get_own_kept(tx, caller, call_id), content_of(tx, call_id, sealer=sealer)


def get_own_kept(tx: Tx, caller: Caller, call_id: UUID) -> KeptCall:
    """Return a call of the caller's own whose content is kept. Raises CallNotKept, also for somebody else's."""
    identity.require(caller, Permission.MODEL_CALL)
    row = tx.execute(_kept(tx).where(ContentRow.call_id == call_id, _is_own(caller))).first()
    if row is None:
        raise CallNotKept
    return KeptCall(*row)


def list_kept(
    tx: Tx, *, own: ColumnElement[bool] | None = None, before: UUID | None = None, limit: int = 50
) -> list[KeptCall]:
    """Return calls whose content is kept, the latest first. Asking for permission is the caller's part."""
    found = _kept(tx).order_by(ContentRow.call_id.desc()).limit(limit)
    if own is not None:
        found = found.where(own)
    if before is not None:
        found = found.where(ContentRow.call_id < before)
    return [KeptCall(*row) for row in tx.execute(found)]


def get_kept(tx: Tx, call_id: UUID) -> KeptCall:
    """Return a call whose content is kept. Asking for permission is the caller's part. Raises CallNotKept."""
    row = tx.execute(_kept(tx).where(ContentRow.call_id == call_id)).first()
    if row is None:
        raise CallNotKept
    return KeptCall(*row)


def content_of(tx: Tx, call_id: UUID, *, sealer: Sealer) -> Content:
    """Return what a call said. Asking for permission is the caller's part. Raises CallNotKept, and as unsealing does."""
    row = tx.get(ContentRow, (tx.tenant_id, call_id))
    if row is None:
        raise CallNotKept
    return Content.unpack(sealer.unseal(tx, row.sealed, CONTENTS.place(row.call_id, row.owner_id)))


def _is_own(caller: Caller) -> ColumnElement[bool]:
    """Say which calls are the caller's own to read: a person's, and a token's that may read that person's conversations, too.

    Any other token reads what was asked by it alone: who was given a key to ask models with was not given all that was asked.
    """
    own = ContentRow.owner_id == caller.user_id
    if caller.token_id is None or identity.may(caller, Permission.CHAT):
        return own
    return own & (CallRow.token_id == caller.token_id)


def _kept(tx: Tx) -> Select[*tuple[Any, ...]]:
    return (
        select(
            ContentRow.call_id, ContentRow.owner_id, CallRow.model, CallRow.host, CallRow.state, CallRow.prompt_tokens,
            CallRow.answer_tokens, CallRow.admitted_at, ContentRow.ends_at,
        )
        .join(CallRow, (CallRow.tenant_id == ContentRow.tenant_id) & (CallRow.call_id == ContentRow.call_id))
        .where(ContentRow.tenant_id == tx.tenant_id)
    )  # fmt: skip
