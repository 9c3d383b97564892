"""When, how and from where people signed in, or did not get in: for themselves, and for whoever looks after access.

Kept for half a year; the log keeps who signed in for good. A wrong password is noted in each organisation of whoever has the
address; of an address that nobody has, the platform's log alone says it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, select, text

from appliance.identity.permissions import Permission, require
from appliance.identity.tables import MembershipRow, SignInRow
from appliance.identity.values import Caller, UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id

KEPT: Final = timedelta(days=180)
_AGENT: Final = 200
_FAILED: Final = text("SELECT note_failed_sign_in(:id, :email, :at, :reason, :address, :agent)")


@dataclass(frozen=True)
class SignIn:
    """One sign-in. `method` names what was proved, such as `password totp` or `oidc`; `reason` says why it failed."""

    sign_in_id: UUID
    at: datetime
    user_id: UserId | None
    display_name: str
    succeeded: bool
    method: str
    reason: str
    connection_id: UUID | None
    address: str
    agent: str


def note_sign_in(
    tx: Tx, user_id: UUID | None, *, methods: Iterable[str], address: str, agent: str, at: datetime | None = None,
    reason: str = "", connection_id: UUID | None = None,
) -> None:  # fmt: skip
    """Note a sign-in of this organisation, or with a reason one that failed. No e-mail address and no proof is kept."""
    tx.add(
        SignInRow(
            tenant_id=tx.tenant_id, sign_in_id=new_id(), at=at or func.now(), user_id=user_id, succeeded=not reason,
            method=" ".join(methods), reason=reason, connection_id=connection_id, address=address, agent=agent[:_AGENT],
        )
    )  # fmt: skip
    tx.flush()


def note_failed(tx: Tx, email: str, *, reason: str, address: str, agent: str, at: datetime) -> None:
    """Note a failure by password in each organisation of whoever has the address, from any transaction."""
    values = {"id": new_id(), "email": email, "at": at, "reason": reason, "address": address, "agent": agent[:_AGENT]}
    tx.execute(_FAILED, values)


def list_sign_ins(
    tx: Tx, caller: Caller, user_id: UserId | None = None, *, before: UUID | None = None, limit: int = 50
) -> list[SignIn]:
    """Return sign-ins, the latest first: one's own, somebody's whose access one may take, or with the log everybody's."""
    if user_id is None:
        require(caller, Permission.AUDIT_READ)
    elif user_id != caller.user_id:
        require(caller, Permission.PEOPLE_CHANGE)
    belongs = (MembershipRow.tenant_id == SignInRow.tenant_id) & (MembershipRow.user_id == SignInRow.user_id)
    query = select(SignInRow, MembershipRow.display_name).outerjoin(MembershipRow, belongs)
    query = query.where(SignInRow.tenant_id == tx.tenant_id).order_by(SignInRow.sign_in_id.desc()).limit(limit)
    if user_id is not None:
        query = query.where(SignInRow.user_id == user_id)
    if before is not None:
        query = query.where(SignInRow.sign_in_id < before)
    return [_sign_in(row, name) for row, name in tx.execute(query)]


def forget_sign_ins(tx: Tx, *, clock: Clock) -> None:
    """Delete what is older than is kept."""
    tx.execute(delete(SignInRow).where(SignInRow.tenant_id == tx.tenant_id, SignInRow.at < clock.now() - KEPT))


def _sign_in(row: SignInRow, name: str | None) -> SignIn:
    user_id = None if row.user_id is None else UserId(row.user_id)
    return SignIn(
        row.sign_in_id, row.at, user_id, name or "", row.succeeded, row.method, row.reason, row.connection_id,
        row.address, row.agent,
    )  # fmt: skip
