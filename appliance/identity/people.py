"""Members of an organisation. The last owner, and the platform's last operator, can be neither removed nor demoted."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from sqlalchemy import ColumnElement, ScalarSelect, Select, case, delete, func, or_, select, text
from sqlalchemy.exc import IntegrityError

from appliance import audit
from appliance.audit import PLATFORM, Actor, Event
from appliance.identity.custom_roles import check_givable
from appliance.identity.errors import (
    AccessEnded,
    AlreadyMember,
    Forbidden,
    PersonNotFound,
    ProfileMalformed,
    RoleMisplaced,
    RoleUnnamed,
    WeakPassword,
)
from appliance.identity.granting import held_by, is_beyond_holders, is_granted, own_roles, require_above
from appliance.identity.holders import keep_another, lock_holders
from appliance.identity.naming import checked_name, normal_email
from appliance.identity.permissions import Permission, givable_roles, require, require_recent
from appliance.identity.revocation import end_access, end_links, end_tokens
from appliance.identity.scim.provisioned import end_tokens_over_owner, is_taken
from appliance.identity.standing import note_hand
from appliance.identity.tables import GroupMemberRow, MembershipRow, SessionRow
from appliance.identity.values import (
    ORGANISATION_ROLES,
    SUPPORT_ROLES,
    Addressee,
    Caller,
    Candidate,
    GroupId,
    MemberKind,
    PeopleFilter,
    PeopleSort,
    Person,
    Role,
    UserId,
)
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id
from appliance.kernel.rows import among
from appliance.kernel.sealing import hash_password

PASSWORD_MIN, PASSWORD_MAX = 12, 200
MEMBERS = PeopleFilter()
LANGUAGE_LETTERS = 2


def change_role(tx: Tx, caller: Caller, user_id: UserId, *, role: Role, custom_role_id: UUID | None = None) -> None:
    """Give a member another role, which may be one of the organisation's own."""
    require(caller, Permission.ROLE_CHANGE)
    check_role(tx, caller, role, custom_role_id)
    lock_holders(tx, Role.OWNER)
    row = _membership(tx, user_id)
    if row.role in SUPPORT_ROLES:
        raise RoleMisplaced  # what an operator was let in for is not theirs to keep
    require_above(tx, caller, row)
    if row.role == Role.OWNER and role is not Role.OWNER:
        check_role(tx, caller, Role.OWNER)
        keep_another(tx, Role.OWNER, user_id)
    if role is not Role.CUSTOM and custom_role_id not in {None, row.custom_role_id}:  # who changes a part says the rest as it was
        raise RoleUnnamed
    before, held_before, own_before = row.role, held_by(tx, row), row.custom_role_id
    row.role, row.custom_role_id = role, custom_role_id if role is Role.CUSTOM else None
    row.role_source = "manual"  # from now on no identity provider changes it
    if role is not Role.AUDITOR:
        row.access_until = None  # only an auditor's access ends by itself
    tx.flush()
    note_hand(tx, user_id)
    held_now = held_by(tx, row)
    if role is Role.OWNER:
        end_tokens_over_owner(tx, caller.actor, user_id)
    if Permission.PEOPLE_CHANGE in held_before and not held_before <= held_now:
        end_links(tx, caller.actor, user_id)
    if row.kind == MemberKind.SERVICE and is_beyond_holders(tx, held_now - held_before):
        end_tokens(tx, user_id, now=func.now())
    audit.record(tx, caller.actor, Event.ROLE_CHANGED, subject=user_id, before=before, role=role.value,
                 own_before=str(own_before or ""), own=str(row.custom_role_id or ""))  # fmt: skip


def remove_member(tx: Tx, caller: Caller, user_id: UserId, *, clock: Clock) -> None:
    """Suspend a membership: sessions, tokens and links made end now; what the person wrote stays."""
    require(caller, Permission.PEOPLE_CHANGE)
    lock_holders(tx, Role.OWNER, Role.OPERATOR)
    row = _membership(tx, user_id)
    require_above(tx, caller, row)
    if row.role in {Role.OWNER, Role.OPERATOR}:
        check_role(tx, caller, Role(row.role))
        keep_another(tx, Role(row.role), user_id)
    end_access(tx, user_id, now=clock.now())
    if Permission.PEOPLE_CHANGE in held_by(tx, row):
        end_links(tx, caller.actor, user_id)
    row.suspended_at = clock.now()
    tx.flush()
    audit.record(tx, caller.actor, Event.MEMBER_REMOVED, subject=user_id)


def restore_member(tx: Tx, caller: Caller, user_id: UserId, *, clock: Clock) -> None:
    """Let somebody in again who was removed; they sign in as before. Raises PersonNotFound, AccessEnded, AlreadyMember."""
    require(caller, Permission.PEOPLE_CHANGE)
    row = tx.get(MembershipRow, (tx.tenant_id, user_id), with_for_update=True)
    if row is None:
        raise PersonNotFound
    check_role(tx, caller, Role(row.role), row.custom_role_id)
    if row.access_until is not None and row.access_until <= clock.now():
        raise AccessEnded
    if is_taken(tx, row.email, user_id):  # by somebody who came meanwhile
        raise AlreadyMember
    row.suspended_at = None
    tx.flush()
    note_hand(tx, user_id)
    audit.record(tx, caller.actor, Event.MEMBER_RESTORED, subject=user_id)


def change_profile(tx: Tx, caller: Caller, *, display_name: str, language: str | None, zone: str | None) -> None:
    """Change one's own name in this organisation, language (ISO 639-1) and time zone (IANA). None: the browser's."""
    is_language = language is None or (len(language) == LANGUAGE_LETTERS and language.isascii() and language.islower())
    if not is_language or not (zone is None or zone in available_timezones()):
        raise ProfileMalformed
    row = _membership(tx, caller.user_id)
    row.display_name, row.language, row.zone = checked_name(display_name), language, zone
    tx.flush()
    audit.record(tx, caller.actor, Event.PROFILE_CHANGED, subject=caller.user_id)


def list_people(
    tx: Tx, caller: Caller, wanted: PeopleFilter = MEMBERS, *, limit: int | None = None, offset: int = 0
) -> list[Person]:
    """Return members, owners first unless the filter says otherwise."""
    require(caller, Permission.PEOPLE_READ)
    order = [column.desc() if wanted.is_descending else column.asc() for column in _columns(wanted.sort)]
    query = _people(tx).where(*_conditions(wanted)).order_by(*order, MembershipRow.user_id)
    return _as_people(tx, query.limit(limit).offset(offset))


def count_people(tx: Tx, caller: Caller, wanted: PeopleFilter = MEMBERS) -> int:
    """Return how many members the filter lets through."""
    require(caller, Permission.PEOPLE_READ)
    query = select(func.count()).where(MembershipRow.tenant_id == tx.tenant_id, *_conditions(wanted))
    return int(tx.scalar(query) or 0)


def list_people_after(tx: Tx, caller: Caller, user_id: UUID | None, *, limit: int) -> list[Person]:
    """Return members in the order of their ids, those who were removed too, after one of them: for programs."""
    require(caller, Permission.PEOPLE_READ)
    query = _people(tx).order_by(MembershipRow.user_id).limit(limit)
    return _as_people(tx, query if user_id is None else query.where(MembershipRow.user_id > user_id))


def list_candidates(tx: Tx, caller: Caller) -> list[Candidate]:
    """Return the members by name, as one chooses from them: no more is read than their names."""
    require(caller, Permission.PEOPLE_READ)
    rows = tx.execute(
        select(MembershipRow.user_id, MembershipRow.display_name, MembershipRow.email, MembershipRow.kind)
        .where(MembershipRow.tenant_id == tx.tenant_id, MembershipRow.suspended_at.is_(None))
        .order_by(func.lower(MembershipRow.display_name), MembershipRow.user_id)
    )
    return [Candidate(UserId(user_id), name, email, MemberKind(kind)) for user_id, name, email, kind in rows]


def get_person(tx: Tx, caller: Caller, user_id: UserId) -> Person:
    """Return a member, removed or not. Raises PersonNotFound."""
    require(caller, Permission.PEOPLE_READ)
    found = _as_people(tx, _people(tx).where(MembershipRow.user_id == user_id))
    if not found:
        raise PersonNotFound
    return found[0]


def is_person(tx: Tx, user_id: UserId) -> bool:
    """Say whether a member is somebody who signs in, and not a program."""
    row = tx.get(MembershipRow, (tx.tenant_id, user_id))
    return row is not None and row.kind == MemberKind.PERSON


def is_owner(tx: Tx, user_id: UUID) -> bool:
    """Say whether somebody is an owner now, neither removed nor demoted."""
    row = tx.get(MembershipRow, (tx.tenant_id, user_id))
    return row is not None and row.suspended_at is None and row.role == Role.OWNER and row.kind == MemberKind.PERSON


def names_of(tx: Tx, user_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return display names by id, for those who are or were members."""
    rows = tx.execute(
        select(MembershipRow.user_id, MembershipRow.display_name).where(
            MembershipRow.tenant_id == tx.tenant_id, among(MembershipRow.user_id, set(user_ids))
        )
    )
    return {row.user_id: row.display_name for row in rows}


def list_addressees(tx: Tx, permission: Permission) -> list[Addressee]:
    """Return the people of this tenant whose role grants it, for mail that the house sends on its own."""
    rows = tx.execute(
        select(MembershipRow.email, MembershipRow.language).where(
            MembershipRow.tenant_id == tx.tenant_id,
            is_granted(tx, permission),
            MembershipRow.kind == MemberKind.PERSON.value,
            MembershipRow.suspended_at.is_(None),
            MembershipRow.email != "",
        ).order_by(MembershipRow.email)
    )  # fmt: skip
    return [Addressee(row.email, row.language) for row in rows]


def members_named(tx: Tx, text: str) -> Select[UUID]:
    """Return the query for the ids of who is or was a member under a name with this text in it."""
    return select(MembershipRow.user_id).where(
        MembershipRow.tenant_id == tx.tenant_id, MembershipRow.display_name.icontains(text, autoescape=True)
    )


def enrol(tx: Tx, actor: Actor, *, email: str, display_name: str, password: str, role: Role, clock: Clock) -> UserId:
    """Create the person and the membership, whoever asks. Doors never call this; verbs and set-up do."""
    email, display_name = normal_email(email), checked_name(display_name)
    check_password(password, email=email)
    user_id = create_account(tx, email=email, password_hash=hash_password(password), clock=clock)
    join(tx, actor, user_id, email=email, display_name=display_name, role=role, clock=clock)
    return user_id


def create_account(tx: Tx, *, email: str | None, password_hash: str | None, clock: Clock) -> UserId:
    """Create a person on this host, who belongs nowhere yet. Raises AlreadyMember for a taken address.

    Without an address it is somebody whom one organisation's identity provider brings: no password is theirs.
    """
    user_id = UserId(new_id())
    try:
        with tx.begin_nested():
            tx.execute(
                text("SELECT create_user(:id, :email, :hash, :at)"),
                {"id": user_id, "email": email, "hash": password_hash, "at": clock.now()},
            )
    except IntegrityError as error:
        raise AlreadyMember from error
    return user_id


def join(
    tx: Tx, actor: Actor, user_id: UserId, *, email: str, display_name: str, role: Role, clock: Clock,
    kind: MemberKind = MemberKind.PERSON, group_ids: Iterable[GroupId] = (), access_until: datetime | None = None,
    custom_role_id: UUID | None = None,
) -> None:  # fmt: skip
    """Make an existing person a member of this transaction's organisation; who was removed before is let in again.

    They have the groups that are named here, and none that they had before.
    """
    row = tx.get(MembershipRow, (tx.tenant_id, user_id), with_for_update=True)
    if row is not None and row.suspended_at is None:
        raise AlreadyMember
    if row is None:
        row = MembershipRow(tenant_id=tx.tenant_id, user_id=user_id, email=email, kind=kind, joined_at=clock.now())
        tx.add(row)
    row.role, row.display_name, row.suspended_at, row.access_until = role, display_name, None, access_until
    row.custom_role_id, row.role_source = custom_role_id, "manual"
    tx.flush()
    if role is Role.OWNER:  # a provider may know from before who comes back
        end_tokens_over_owner(tx, actor, user_id)
    note_hand(tx, user_id)
    # Whoever made a link to a new password elsewhere would come in here by it.
    tx.execute(text("SELECT close_password_resets(:ids)"), {"ids": [user_id]})
    tx.execute(
        delete(GroupMemberRow).where(GroupMemberRow.tenant_id == tx.tenant_id, GroupMemberRow.user_id == user_id)
    )
    for group_id in set(group_ids):
        tx.merge(GroupMemberRow(tenant_id=tx.tenant_id, group_id=group_id, user_id=user_id))
    tx.flush()
    audit.record(tx, actor, Event.MEMBER_ADDED, subject=user_id, role=role.value, kind=kind.value,
                 access_until=access_until.isoformat() if access_until else "", own=str(custom_role_id or ""))  # fmt: skip


def check_role(tx: Tx, caller: Caller, role: Role, custom_role_id: UUID | None = None) -> None:
    """Raise RoleMisplaced unless the role exists here, Forbidden unless the caller may give it.

    More than membership takes a fresh proof, whichever way it is given or taken: an unlocked browser has none.
    """
    known = {*ORGANISATION_ROLES, Role.OPERATOR, Role.CUSTOM}
    if (role is Role.OPERATOR) != (tx.tenant_id == PLATFORM) or role not in known:
        raise RoleMisplaced
    if role is Role.CUSTOM:
        check_givable(tx, caller, custom_role_id)
    elif role not in givable_roles(caller):
        raise Forbidden
    if role is not Role.MEMBER:
        require_recent(caller)


def check_password(password: str, *, email: str) -> None:
    """Raise WeakPassword. Length is the rule that helps (NIST SP 800-63B 3.1.1); composition rules do not."""
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX or password.lower() == email:
        raise WeakPassword


def _seen() -> ScalarSelect[datetime]:
    return (
        select(func.max(SessionRow.last_seen_at))
        .where(SessionRow.tenant_id == MembershipRow.tenant_id, SessionRow.user_id == MembershipRow.user_id)
        .scalar_subquery()
    )


def _columns(sort: PeopleSort) -> list[ColumnElement[Any]]:
    name, is_removed = func.lower(MembershipRow.display_name), MembershipRow.suspended_at.is_not(None)
    rank = case({role.value: place for place, role in enumerate(Role)}, value=MembershipRow.role)
    columns: dict[PeopleSort, list[ColumnElement[Any]]] = {
        PeopleSort.NAME: [name],
        PeopleSort.ROLE: [is_removed, rank, name],
        PeopleSort.JOINED: [MembershipRow.joined_at.expression],
        PeopleSort.SEEN: [func.coalesce(_seen(), text("'-infinity'"))],
    }
    return columns[sort]


def _conditions(wanted: PeopleFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.text:
        columns = (MembershipRow.display_name, MembershipRow.email, MembershipRow.role)
        found.append(or_(*(column.icontains(wanted.text, autoescape=True) for column in columns)))
    if wanted.role is not None:
        found.append(MembershipRow.role == wanted.role)
    if wanted.kind is not None:
        found.append(MembershipRow.kind == wanted.kind)
    if not wanted.with_removed:
        found.append(MembershipRow.suspended_at.is_(None))
    return found


def _people(tx: Tx) -> Select[MembershipRow, datetime]:
    return select(MembershipRow, _seen()).where(MembershipRow.tenant_id == tx.tenant_id)


def _as_people(tx: Tx, query: Select[MembershipRow, datetime]) -> list[Person]:
    rows, groups = tx.execute(query).all(), dict[UUID, list[GroupId]]()
    for user_id, group_id in tx.execute(
        select(GroupMemberRow.user_id, GroupMemberRow.group_id).where(
            GroupMemberRow.tenant_id == tx.tenant_id, among(GroupMemberRow.user_id, [row.user_id for row, _ in rows])
        )
    ):
        groups.setdefault(user_id, []).append(GroupId(group_id))
    own = own_roles(tx, [row.custom_role_id for row, _ in rows])
    return [
        Person(
            UserId(row.user_id), row.display_name, row.email, Role(row.role), row.joined_at, last_seen,
            MemberKind(row.kind), row.suspended_at, tuple(groups.get(row.user_id, ())), row.access_until,
            row.custom_role_id, own[row.custom_role_id].name if row.custom_role_id else "",
        )
        for row, last_seen in rows
    ]  # fmt: skip


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
