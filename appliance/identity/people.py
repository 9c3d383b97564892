"""Members of an organisation. The last owner can be neither removed nor demoted."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.exc import IntegrityError

from appliance import audit
from appliance.audit import Actor, Event
from appliance.identity.errors import (
    AlreadyMember,
    EmailMalformed,
    Forbidden,
    LastOwner,
    NameMissing,
    PersonNotFound,
    WeakPassword,
)
from appliance.identity.permissions import Permission, require
from appliance.identity.tables import MembershipRow, SessionRow
from appliance.identity.values import Caller, Person, Role, UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id
from appliance.kernel.sealing import hash_password

PASSWORD_MIN, PASSWORD_MAX = 12, 200
NAME_MAX, EMAIL_MAX = 120, 254


def add_member(
    tx: Tx, caller: Caller, *, email: str, display_name: str, password: str, role: Role, clock: Clock
) -> UserId:
    """Create a person and make them a member of the caller's organisation."""
    require(caller, Permission.PEOPLE_CHANGE)
    _only_owners_make_owners(caller, role)
    return enrol(tx, caller.actor, email=email, display_name=display_name, password=password, role=role, clock=clock)


def change_role(tx: Tx, caller: Caller, user_id: UserId, *, role: Role) -> None:
    """Give a member another role."""
    require(caller, Permission.PEOPLE_CHANGE)
    row = _membership(tx, user_id)
    _only_owners_make_owners(caller, role)
    if row.role == Role.OWNER and role is not Role.OWNER:
        _only_owners_make_owners(caller, Role.OWNER)
        _keep_one_owner(tx)
    row.role = role
    tx.flush()
    audit.record(tx, caller.actor, Event.ROLE_CHANGED, subject=user_id, role=role.value)


def remove_member(tx: Tx, caller: Caller, user_id: UserId, *, clock: Clock) -> None:
    """Suspend a membership: every session ends now; what the person wrote stays."""
    require(caller, Permission.PEOPLE_CHANGE)
    row = _membership(tx, user_id)
    if row.role == Role.OWNER:
        _only_owners_make_owners(caller, Role.OWNER)
        _keep_one_owner(tx)
    tx.execute(delete(SessionRow).where(SessionRow.tenant_id == tx.tenant_id, SessionRow.user_id == user_id))
    row.suspended_at = clock.now()
    tx.flush()
    audit.record(tx, caller.actor, Event.MEMBER_REMOVED, subject=user_id)


def list_people(tx: Tx, caller: Caller) -> list[Person]:
    """Return the members, owners first."""
    require(caller, Permission.PEOPLE_READ)
    seen = (
        select(func.max(SessionRow.last_seen_at))
        .where(SessionRow.tenant_id == MembershipRow.tenant_id, SessionRow.user_id == MembershipRow.user_id)
        .scalar_subquery()
    )
    rows = tx.execute(
        select(MembershipRow, seen).where(MembershipRow.tenant_id == tx.tenant_id, MembershipRow.suspended_at.is_(None))
    )
    people = [
        Person(UserId(row.user_id), row.display_name, row.email, Role(row.role), row.joined_at, last_seen)
        for row, last_seen in rows
    ]
    return sorted(people, key=lambda person: (list(Role).index(person.role), person.display_name.casefold()))


def names_of(tx: Tx, user_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return display names by id, for those who are or were members."""
    rows = tx.execute(
        select(MembershipRow.user_id, MembershipRow.display_name).where(
            MembershipRow.tenant_id == tx.tenant_id, MembershipRow.user_id.in_(set(user_ids))
        )
    )
    return {row.user_id: row.display_name for row in rows}


def enrol(tx: Tx, actor: Actor, *, email: str, display_name: str, password: str, role: Role, clock: Clock) -> UserId:
    """Create the person and the membership, whoever asks. Doors never call this; verbs and set-up do."""
    email = normal_email(email)
    display_name = display_name.strip()
    if not 0 < len(display_name) <= NAME_MAX:
        raise NameMissing
    check_password(password, email=email)
    user_id, now = UserId(new_id()), clock.now()
    try:
        with tx.begin_nested():
            tx.execute(
                text("SELECT create_user(:id, :email, :hash, :at)"),
                {"id": user_id, "email": email, "hash": hash_password(password), "at": now},
            )
    except IntegrityError as error:
        raise AlreadyMember from error
    tx.add(
        MembershipRow(
            tenant_id=tx.tenant_id, user_id=user_id, role=role, display_name=display_name, email=email, joined_at=now
        )
    )
    tx.flush()
    audit.record(tx, actor, Event.MEMBER_ADDED, subject=user_id, role=role.value)
    return user_id


def normal_email(email: str) -> str:
    """Return the address in the form it is stored in. Raises EmailMalformed."""
    email = email.strip().lower()
    local, at, domain = email.rpartition("@")
    if not (at and local and domain and len(email) <= EMAIL_MAX) or any(sign.isspace() for sign in email):
        raise EmailMalformed
    return email


def check_password(password: str, *, email: str) -> None:
    """Raise WeakPassword. Length is the rule that helps (NIST SP 800-63B 3.1.1); composition rules do not."""
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX or password.lower() == email:
        raise WeakPassword


def _membership(tx: Tx, user_id: UserId) -> MembershipRow:
    row = tx.scalar(
        select(MembershipRow)
        .where(
            MembershipRow.tenant_id == tx.tenant_id,
            MembershipRow.user_id == user_id,
            MembershipRow.suspended_at.is_(None),
        )
        .with_for_update()
    )
    if row is None:
        raise PersonNotFound
    return row


def _only_owners_make_owners(caller: Caller, role: Role) -> None:
    if role is Role.OWNER and caller.role is not Role.OWNER:
        raise Forbidden


def _keep_one_owner(tx: Tx) -> None:
    # Locking every owner's row makes two owners who leave at the same moment wait for each other.
    owners = tx.scalars(
        select(MembershipRow.user_id)
        .where(
            MembershipRow.tenant_id == tx.tenant_id,
            MembershipRow.role == Role.OWNER,
            MembershipRow.suspended_at.is_(None),
        )
        .with_for_update()
    ).all()
    if len(owners) < 2:  # noqa: PLR2004 - the one who leaves and one who stays
        raise LastOwner
