"""Support: an owner lets one operator of the platform into the organisation, for hours, and sees what they do there.

The operator becomes a member whose membership ends by itself, with a role that nobody can be given otherwise: to look, or to
help. Neither reads what people asked, makes tokens or gives roles, so nothing of it outlasts the hours. Every page that
they open and every step is in the organisation's log as theirs; without a grant an operator sees numbers alone.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import select, text

from appliance import audit
from appliance.audit import PLATFORM, ActorKind, Event
from appliance.identity.belonging import tenants_of
from appliance.identity.entry_errors import GrantNotFound, OperatorNotFound, SupportMalformed
from appliance.identity.errors import Forbidden
from appliance.identity.naming import normal_email
from appliance.identity.people import join
from appliance.identity.permissions import Permission, require, require_browser
from appliance.identity.revocation import end_access
from appliance.identity.tables import MembershipRow, SupportGrantRow
from appliance.identity.values import SUPPORT_ROLES, Caller, Role, UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import new_id

MOST_HOURS: Final = 72
_REASON: Final = 500
_PATH: Final = 300


class SupportLevel(StrEnum):
    """How far an operator is let in."""

    READ = "read"
    ADMIN = "admin"


_ROLE: Final = {SupportLevel.READ: Role.SUPPORT, SupportLevel.ADMIN: Role.SUPPORT_ADMIN}


@dataclass(frozen=True)
class SupportForm:
    """Whom to let in, how far, for how long and what for. The address is that under which the operator signs in."""

    email: str
    level: SupportLevel
    hours: int
    reason: str


@dataclass(frozen=True)
class SupportGrant:
    """An operator who was let in. `ended_at` is set where it ended before its time."""

    grant_id: UUID
    user_id: UserId
    operator_name: str
    level: SupportLevel
    reason: str
    granted_by: UserId
    granted_at: datetime
    expires_at: datetime
    ended_at: datetime | None

    def is_open(self, now: datetime) -> bool:
        """Say whether it is in force."""
        return self.ended_at is None and now < self.expires_at


def grant_support(tx: Tx, caller: Caller, form: SupportForm, *, clock: Clock) -> SupportGrant:
    """Let an operator in. Only an owner may, at a browser, with a fresh proof. Raises SupportMalformed, OperatorNotFound."""
    _require_owner(caller)
    reason = form.reason.strip()
    if not (0 < len(reason) <= _REASON and 1 <= form.hours <= MOST_HOURS):
        raise SupportMalformed
    user_id, name = _operator(tx, form.email)
    now = clock.now()
    until = now + timedelta(hours=form.hours)
    join(tx, caller.actor, user_id, email=normal_email(form.email), display_name=name, role=_ROLE[form.level],
         clock=clock, access_until=until)  # fmt: skip
    row = SupportGrantRow(
        tenant_id=tx.tenant_id, grant_id=new_id(), user_id=user_id, level=form.level, reason=reason,
        granted_by=caller.user_id, granted_at=now, expires_at=until,
    )  # fmt: skip
    tx.add(row)
    tx.flush()
    audit.record(tx, caller.actor, Event.SUPPORT_GRANTED, subject=row.grant_id, operator=str(user_id),
                 level=form.level.value, hours=form.hours, until=until.isoformat())  # fmt: skip
    return _grant(row, name)


def end_support(tx: Tx, caller: Caller, grant_id: UUID, *, clock: Clock) -> None:
    """End a grant now; whoever may remove people may. The operator's next request is refused. Raises GrantNotFound."""
    require(caller, Permission.PEOPLE_CHANGE)
    row = tx.get(SupportGrantRow, (tx.tenant_id, grant_id), with_for_update=True)
    if row is None or row.ended_at is not None or row.expires_at <= clock.now():
        raise GrantNotFound
    end_access(tx, UserId(row.user_id), now=clock.now())
    row.ended_at, row.ended_by = clock.now(), caller.user_id
    member = tx.get_one(MembershipRow, (tx.tenant_id, row.user_id), with_for_update=True)
    if member.role in SUPPORT_ROLES:
        member.suspended_at = clock.now()
    tx.flush()
    audit.record(tx, caller.actor, Event.SUPPORT_ENDED, subject=grant_id, operator=str(row.user_id))


def list_grants(tx: Tx, caller: Caller, *, limit: int = 50) -> list[SupportGrant]:
    """Return who was let in, the latest first."""
    require(caller, Permission.PEOPLE_READ)
    belongs = (MembershipRow.tenant_id == SupportGrantRow.tenant_id) & (MembershipRow.user_id == SupportGrantRow.user_id)
    rows = tx.execute(
        select(SupportGrantRow, MembershipRow.display_name)
        .join(MembershipRow, belongs)
        .where(SupportGrantRow.tenant_id == tx.tenant_id)
        .order_by(SupportGrantRow.grant_id.desc())
        .limit(limit)
    )
    return [_grant(row, name) for row, name in rows]


def note_act(db: Database, caller: Caller, *, method: str, path: str) -> None:
    """Put what an operator who was let in is about to open on record; unrecorded, it is not opened."""
    with db.tenant(caller.tenant_id) as tx:
        audit.record(tx, caller.actor, Event.SUPPORT_ACTED, subject=caller.user_id, method=method, path=path[:_PATH])


def _require_owner(caller: Caller) -> None:
    require(caller, Permission.SUPPORT_GRANT)
    require_browser(caller)
    if caller.kind is not ActorKind.USER:  # the console is the operator's, who would let themselves in
        raise Forbidden


def _operator(tx: Tx, email: str) -> tuple[UserId, str]:
    """Return who signs in as an operator under an address, and belongs here neither now."""
    address = normal_email(email)
    user_id = tx.scalar(text("SELECT find_user(:email)"), {"email": address})
    places = set(tenants_of(tx, UserId(user_id))) if user_id else set()
    if PLATFORM not in places or tx.tenant_id in places:
        raise OperatorNotFound
    return UserId(user_id), f"{address.partition('@')[0][:80]} (support)"


def _grant(row: SupportGrantRow, name: str) -> SupportGrant:
    return SupportGrant(
        row.grant_id, UserId(row.user_id), name, SupportLevel(row.level), row.reason, UserId(row.granted_by),
        row.granted_at, row.expires_at, row.ended_at,
    )  # fmt: skip
