"""Invitations: a single-use link, bound to an address, a role and groups.

Whoever holds the link joins under the invited address, and only under it. Where that address has an account already,
its person must be signed in: a link alone never takes over an account, and an organisation learns by inviting nothing
about people of others.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, select, text, update
from sqlalchemy.exc import IntegrityError

from appliance import audit, tenancy
from appliance.audit import Actor, ActorKind, Event
from appliance.identity.errors import (
    AccessEndMalformed,
    AlreadyMember,
    Forbidden,
    InvitationClosed,
    InvitationNotFound,
    RoleUnnamed,
    SignInFirst,
)
from appliance.identity.granting import granted_by, own_roles, require_held_still
from appliance.identity.groups import check_groups, check_groups_to_give
from appliance.identity.naming import checked_name, normal_email
from appliance.identity.people import (
    check_password,
    check_role,
    create_account,
    join,
)
from appliance.identity.permissions import Permission, held, require
from appliance.identity.revocation import LINKS
from appliance.identity.scim.provisioned import is_taken
from appliance.identity.tables import InvitationRow, MembershipRow
from appliance.identity.values import Caller, GroupId, Invitation, Role, UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx, together
from appliance.kernel.ids import TenantId, new_id
from appliance.kernel.sealing import digest, hash_password

LIFETIME = timedelta(days=7)
_LONGEST_ACCESS = timedelta(days=731)


@dataclass(frozen=True)
class InvitationForm:
    email: str
    role: Role
    group_ids: tuple[GroupId, ...] = ()
    access_until: datetime | None = None
    """The moment at which the membership ends by itself; for auditors only."""
    custom_role_id: UUID | None = None
    """Which role of the organisation's own, where the role is one."""


@dataclass(frozen=True)
class Invited:
    """An invitation, and the token of its link, which is stored nowhere."""

    invitation: Invitation
    token: str


@dataclass(frozen=True)
class Offer:
    """What an open link offers to whoever holds it."""

    tenant_id: TenantId
    invitation_id: UUID
    organisation: str
    email: str
    role: Role
    account_id: UserId | None
    """The account that this address has already, which must sign in to accept."""
    role_title: str = ""
    """The name of a role of the organisation's own."""


@dataclass(frozen=True)
class Acceptance:
    """Who accepts: a new person by name and password, or the signed-in person `user_id`."""

    display_name: str
    password: str = ""
    user_id: UserId | None = None


def invite(tx: Tx, caller: Caller, form: InvitationForm, *, clock: Clock) -> Invited:
    """Invite somebody; an open invitation of the same address closes. Raises AlreadyMember, GroupNotFound, AccessEndMalformed."""
    require(caller, Permission.PEOPLE_CHANGE)
    together(tx, LINKS)
    require_held_still(tx, caller)
    check_role(tx, caller, form.role, form.custom_role_id)
    if form.custom_role_id is not None and form.role is not Role.CUSTOM:
        raise RoleUnnamed
    check_groups_to_give(tx, caller, form.group_ids)
    earlier = tx.scalars(_open_to(tx, normal_email(form.email)).with_for_update()).one_or_none()
    if earlier is not None:
        _require_above(tx, caller, earlier)  # it would close
    return offer(tx, caller.actor, form, clock=clock)


def offer(tx: Tx, actor: Actor, form: InvitationForm, *, clock: Clock) -> Invited:
    """Write the invitation, whoever asks: `invite` for people, the platform's operator for a first owner."""
    email = normal_email(form.email)
    check_groups(tx, form.group_ids)
    _check_end(form, clock)
    _refuse_member(tx, email)
    _close_earlier(tx, email, clock)
    token, now = secrets.token_urlsafe(32), clock.now()
    row = InvitationRow(
        tenant_id=tx.tenant_id, invitation_id=new_id(), digest=digest(token), email=email, role=form.role,
        group_ids=list(form.group_ids), invited_by=actor.id, created_at=now, expires_at=now + LIFETIME,
        access_until=form.access_until, custom_role_id=form.custom_role_id if form.role is Role.CUSTOM else None,
    )  # fmt: skip
    tx.add(row)
    try:
        tx.flush()
    except IntegrityError as error:  # two invitations of one address at the same moment
        raise AlreadyMember from error
    audit.record(tx, actor, Event.INVITATION_CREATED, subject=row.invitation_id, role=form.role.value,
                 access_until=form.access_until.isoformat() if form.access_until else "",
                 own=str(row.custom_role_id or ""))  # fmt: skip
    return Invited(_invitations(tx, [row])[0], token)


def list_invitations(
    tx: Tx, caller: Caller, *, clock: Clock, text: str = "", limit: int | None = None
) -> list[Invitation]:
    """Return the open invitations, newest first: those whose address has this text in it."""
    require(caller, Permission.PEOPLE_READ)
    rows = tx.scalars(
        select(InvitationRow)
        .where(InvitationRow.tenant_id == tx.tenant_id, InvitationRow.closed_at.is_(None))
        .where(InvitationRow.expires_at > clock.now(), InvitationRow.email.icontains(text, autoescape=True))
        .order_by(InvitationRow.created_at.desc(), InvitationRow.invitation_id)
        .limit(limit)
    )
    return _invitations(tx, rows.all())


def revoke_invitation(tx: Tx, caller: Caller, invitation_id: UUID, *, clock: Clock) -> None:
    """Take an invitation back. Raises InvitationNotFound; Forbidden for one to more than the caller may do."""
    require(caller, Permission.PEOPLE_CHANGE)
    row = tx.get(InvitationRow, (tx.tenant_id, invitation_id), with_for_update=True)
    if row is None or row.closed_at is not None:
        raise InvitationNotFound
    _require_above(tx, caller, row)
    row.closed_at = clock.now()
    tx.flush()
    audit.record(tx, caller.actor, Event.INVITATION_REVOKED, subject=invitation_id)


def find_offer(db: Database, token: str, *, clock: Clock) -> Offer:
    """Return what an open link offers. Raises InvitationClosed."""
    with db.platform() as tx:
        found = tx.execute(text("SELECT * FROM resolve_invitation(:digest)"), {"digest": digest(token)}).first()
    if found is None:
        raise InvitationClosed
    with db.tenant(TenantId(found.tenant_id)) as tx:
        row = _open(tx, found.invitation_id, clock)
        account = tx.scalar(text("SELECT find_user(:email)"), {"email": row.email})
        return Offer(
            tx.tenant_id, row.invitation_id, tenancy.get_organisation(tx).name, row.email, Role(row.role),
            UserId(account) if account else None, _titles(tx, [row]).get(row.custom_role_id, ""),
        )  # fmt: skip


def accept(
    db: Database, token: str, acceptance: Acceptance, *, address: str, request_id: str, clock: Clock
) -> tuple[TenantId, UserId]:
    """Join by an open link; of two clicks at once, one joins. Raises InvitationClosed, SignInFirst, WeakPassword."""
    offered = find_offer(db, token, clock=clock)
    if offered.account_id != acceptance.user_id:
        raise SignInFirst
    name, hashed = checked_name(acceptance.display_name), None
    if offered.account_id is None:
        check_password(acceptance.password, email=offered.email)
        hashed = hash_password(acceptance.password)  # no transaction is open while argon2id computes
    with db.tenant(offered.tenant_id) as tx:
        row = _open(tx, offered.invitation_id, clock)
        user_id = offered.account_id or create_account(tx, email=row.email, password_hash=hashed, clock=clock)
        if is_taken(tx, row.email, user_id):  # by somebody whom a provider brought after the invitation
            raise AlreadyMember
        row.closed_at, row.accepted_by = clock.now(), user_id
        actor = Actor(ActorKind.USER, user_id, address, request_id)
        group_ids = [GroupId(group_id) for group_id in row.group_ids if _still_there(tx, group_id)]
        join(tx, actor, user_id, email=row.email, display_name=name, role=Role(row.role), clock=clock,
             group_ids=group_ids, access_until=row.access_until, custom_role_id=row.custom_role_id)  # fmt: skip
        audit.record(tx, actor, Event.INVITATION_ACCEPTED, subject=row.invitation_id)
    return offered.tenant_id, user_id


def _check_end(form: InvitationForm, clock: Clock) -> None:
    now, until = clock.now(), form.access_until
    if until is not None and (form.role is not Role.AUDITOR or not now < until <= now + _LONGEST_ACCESS):
        raise AccessEndMalformed


def _require_above(tx: Tx, caller: Caller, row: InvitationRow) -> None:
    if not granted_by(tx, Role(row.role), row.custom_role_id) <= held(caller):
        raise Forbidden


def _open_to(tx: Tx, email: str) -> Select[InvitationRow]:
    return select(InvitationRow).where(
        InvitationRow.tenant_id == tx.tenant_id, InvitationRow.email == email, InvitationRow.closed_at.is_(None)
    )


def _refuse_member(tx: Tx, email: str) -> None:
    query = select(MembershipRow.user_id).where(
        MembershipRow.tenant_id == tx.tenant_id, MembershipRow.email == email, MembershipRow.suspended_at.is_(None)
    )
    if tx.scalar(query) is not None:
        raise AlreadyMember


def _close_earlier(tx: Tx, email: str, clock: Clock) -> None:
    tx.execute(
        update(InvitationRow)
        .where(InvitationRow.tenant_id == tx.tenant_id, InvitationRow.email == email)
        .where(InvitationRow.closed_at.is_(None))
        .values(closed_at=clock.now())
    )


def _open(tx: Tx, invitation_id: UUID, clock: Clock) -> InvitationRow:
    row = tx.get(InvitationRow, (tx.tenant_id, invitation_id), with_for_update=True)
    ends = min(row.expires_at, row.access_until or row.expires_at) if row else clock.now()
    if row is None or row.closed_at is not None or ends <= clock.now():
        raise InvitationClosed
    return row


def _titles(tx: Tx, rows: Iterable[InvitationRow]) -> dict[UUID | None, str]:
    return {role_id: one.name for role_id, one in own_roles(tx, [row.custom_role_id for row in rows]).items()}


def _still_there(tx: Tx, group_id: UUID) -> bool:
    return bool(tx.scalar(text("SELECT EXISTS (SELECT FROM groups WHERE tenant_id = :t AND group_id = :g)"),
                          {"t": tx.tenant_id, "g": group_id}))  # fmt: skip


def _invitations(tx: Tx, rows: Sequence[InvitationRow]) -> list[Invitation]:
    titles = _titles(tx, rows)
    return [
        Invitation(
            row.invitation_id, row.email, Role(row.role), tuple(GroupId(group_id) for group_id in row.group_ids),
            UserId(row.invited_by) if row.invited_by else None, row.created_at, row.expires_at, row.access_until,
            row.custom_role_id, titles.get(row.custom_role_id, ""),
        )
        for row in rows
    ]  # fmt: skip
