"""Break-glass accounts: owners who may still sign in by password while an organisation enforces its own sign-on.

They are for the day on which the identity provider does not answer. Such an account has a password and an authenticator
app or passkey, is known to no provider and changed by no provisioning. Each use is in the log, is counted, and is told
to every owner by mail; after it the account is closed again until whoever holds the host opens it at the console.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import func, select, text, update

from appliance import audit
from appliance.audit import Actor, ActorKind, Event
from appliance.identity.belonging import tenants_of
from appliance.identity.entry_errors import BreakGlassFull, BreakGlassKept, BreakGlassUnfit
from appliance.identity.errors import PersonNotFound
from appliance.identity.factors import has_factor_of_here, is_factor_of_here
from appliance.identity.permissions import Permission, require
from appliance.identity.sso.errors import BreakGlassShut, BreakGlassUnshown, SignOnEnforced
from appliance.identity.sso.queries import enforced_connection
from appliance.identity.sso.tables import IdentityRow
from appliance.identity.sso.values import Source
from appliance.identity.tables import BreakGlassRow, MembershipRow
from appliance.identity.values import SUPPORT_ROLES, Caller, MemberKind, Role, UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx, in_turn
from appliance.kernel.jobs import Job, enqueue

MOST: Final = 3
ALARM: Final = "identity.break_glass"
STRONG: Final = frozenset({"totp", "passkey"})
"""Second factors that open the glass. A recovery code is paper, which lies next to the password."""
_USES: Final = Counter("cloister_break_glass_uses_total", "Sign-ins by a break-glass account while sign-on is enforced")


@dataclass(frozen=True)
class BreakGlass:
    """Such an account. `is_ready`: it would open; it is an owner's still, with a second factor, and was not used."""

    user_id: UserId
    display_name: str
    made_at: datetime
    used_at: datetime | None
    is_ready: bool


def needs_break_glass(
    tx: Tx, user_id: UserId, *, methods: tuple[str, ...], factor_id: UUID | None, is_held: bool = False
) -> bool:
    """Say whether somebody who proved their password can enter only by their break-glass account, and has shown what opens it.

    False where the password is enough: no connection is enforced, or an owner let this operator in. `factor_id` is the second
    factor that was shown; it must have been added in this organisation, since in another one a password alone may have added
    it. With `is_held`, nobody enforces or relaxes sign-on until this transaction ends. Nothing is written: `enter_by_password`
    uses the account up. Raises SignOnEnforced, BreakGlassShut, BreakGlassUnshown.
    """
    if enforced_connection(tx, is_held=is_held) is None or _is_let_in(tx, user_id):
        return False
    row = tx.get(BreakGlassRow, (tx.tenant_id, user_id))
    if row is None:
        raise SignOnEnforced
    if not _is_ready(tx, row):
        raise BreakGlassShut
    if not (STRONG & set(methods) and is_factor_of_here(tx, user_id, factor_id, counts_unknown=True)):
        raise BreakGlassUnshown
    return True


def is_break_glass(tx: Tx, user_id: UserId) -> bool:
    """Say whether a member's account is one, used or not."""
    return tx.get(BreakGlassRow, (tx.tenant_id, user_id)) is not None


def refuse_break_glass(tx: Tx, user_id: UserId) -> None:
    """Raise BreakGlassKept for such an account: asked before a provider or its provisioning changes anybody."""
    if is_break_glass(tx, user_id):
        raise BreakGlassKept


def enter_by_password(
    tx: Tx, user_id: UserId, actor: Actor, *, methods: tuple[str, ...], factor_id: UUID | None, clock: Clock
) -> None:
    """Ask in the transaction that opens a session without a provider; where sign-on is enforced, the account is used up.

    Of two who come at once, one is let in. Raises as `needs_break_glass` does.
    """
    if not needs_break_glass(tx, user_id, methods=methods, factor_id=factor_id, is_held=True):
        return
    used = tx.scalar(
        update(BreakGlassRow)
        .where(
            BreakGlassRow.tenant_id == tx.tenant_id, BreakGlassRow.user_id == user_id, BreakGlassRow.used_at.is_(None)
        )
        .values(used_at=clock.now(), told_at=None)
        .returning(BreakGlassRow.user_id)
    )
    if used is None:
        raise BreakGlassShut
    audit.record(tx, actor, Event.BREAK_GLASS_USED, subject=user_id, methods=" ".join(methods))
    enqueue(tx, Job(ALARM, user_id, lock=f"{ALARM}/{user_id}"))
    _USES.inc()


def designate(tx: Tx, caller: Caller, user_id: UserId, *, clock: Clock) -> None:
    """Make an owner's account one of them. Raises BreakGlassUnfit, BreakGlassFull."""
    require(caller, Permission.BREAK_GLASS_CHANGE)
    in_turn(tx, "break-glass")
    if is_break_glass(tx, user_id):
        return
    member = tx.get(MembershipRow, (tx.tenant_id, user_id))
    if member is None or member.suspended_at is not None:
        raise PersonNotFound
    if not _is_fit(tx, member):
        raise BreakGlassUnfit
    count = select(func.count()).select_from(BreakGlassRow).where(BreakGlassRow.tenant_id == tx.tenant_id)
    if (tx.scalar(count) or 0) >= MOST:
        raise BreakGlassFull(most=MOST)
    tx.add(BreakGlassRow(tenant_id=tx.tenant_id, user_id=user_id, made_by=caller.user_id, made_at=clock.now()))
    tx.flush()
    audit.record(tx, caller.actor, Event.BREAK_GLASS_DESIGNATED, subject=user_id)


def withdraw(tx: Tx, caller: Caller, user_id: UserId) -> None:
    """Make it an account like any other. Raises PersonNotFound."""
    require(caller, Permission.BREAK_GLASS_CHANGE)
    row = tx.get(BreakGlassRow, (tx.tenant_id, user_id))
    if row is None:
        raise PersonNotFound
    tx.delete(row)
    tx.flush()
    audit.record(tx, caller.actor, Event.BREAK_GLASS_WITHDRAWN, subject=user_id)


def list_break_glass(tx: Tx, caller: Caller) -> list[BreakGlass]:
    """Return the organisation's break-glass accounts, the oldest first."""
    require(caller, Permission.PEOPLE_READ)
    rows = tx.execute(
        select(BreakGlassRow, MembershipRow.display_name)
        .join(
            MembershipRow,
            (MembershipRow.tenant_id == BreakGlassRow.tenant_id) & (MembershipRow.user_id == BreakGlassRow.user_id),
        )
        .where(BreakGlassRow.tenant_id == tx.tenant_id)
        .order_by(BreakGlassRow.made_at)
    ).all()
    return [BreakGlass(UserId(row.user_id), name, row.made_at, row.used_at, _is_ready(tx, row)) for row, name in rows]


def enable_at_console(db: Database, email: str) -> int:
    """Open the used accounts of a person again, wherever they are one; return how many. Raises PersonNotFound."""
    with db.platform() as tx:
        user_id = tx.scalar(text("SELECT find_user(:email)"), {"email": email.strip().lower()})
        tenants = tenants_of(tx, UserId(user_id)) if user_id else []
    opened = 0
    for tenant_id in tenants:
        with db.tenant(tenant_id) as tx:
            row = tx.get(BreakGlassRow, (tenant_id, user_id), with_for_update=True)
            if row is not None and row.used_at is not None:
                row.used_at, opened = None, opened + 1
                tx.flush()
                audit.record(tx, Actor(ActorKind.OPERATOR), Event.BREAK_GLASS_ENABLED, subject=user_id)
    if not tenants:
        raise PersonNotFound
    return opened


def untold_use(tx: Tx, user_id: UUID, *, clock: Clock) -> datetime | None:
    """Return when an account was used that its owners were not told of yet, and note that they are now."""
    row = tx.get(BreakGlassRow, (tx.tenant_id, user_id), with_for_update=True)
    if row is None or row.used_at is None or row.told_at is not None:
        return None
    row.told_at = clock.now()
    tx.flush()
    return row.used_at


def _is_let_in(tx: Tx, user_id: UserId) -> bool:
    member = tx.get(MembershipRow, (tx.tenant_id, user_id))
    return member is not None and member.role in SUPPORT_ROLES


def _is_ready(tx: Tx, row: BreakGlassRow | None) -> bool:
    if row is None or row.used_at is not None:
        return False
    member = tx.get(MembershipRow, (tx.tenant_id, row.user_id))
    return member is not None and _is_fit(tx, member)


def _is_fit(tx: Tx, member: MembershipRow) -> bool:
    is_owner = member.role == Role.OWNER and member.kind == MemberKind.PERSON and member.suspended_at is None
    if not is_owner or member.role_source != Source.MANUAL or not _has_password(tx, member.user_id):
        return False
    known = select(IdentityRow.subject).where(
        IdentityRow.tenant_id == tx.tenant_id, IdentityRow.user_id == member.user_id
    )
    return tx.scalar(known.limit(1)) is None and has_factor_of_here(
        tx, UserId(member.user_id), counts_unknown=True
    )


def _has_password(tx: Tx, user_id: UUID) -> bool:
    email = tx.scalar(text("SELECT email_of(:id)"), {"id": user_id})
    found = tx.execute(text("SELECT * FROM find_credentials(:email)"), {"email": email}).first() if email else None
    return found is not None and found.user_id == user_id and found.password_hash is not None
