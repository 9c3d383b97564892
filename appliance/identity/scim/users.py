"""People as a provider keeps them. Each is a member of the connection's organisation, and of no other.

A person is found by the connection and the name that they sign in by, never by an address: so no request reaches an account
that was not made by this connection or linked to it by whoever it belongs to. What somebody here made of a linked account,
its role, name and address, stays.
"""

from typing import Final
from zoneinfo import available_timezones

from scim2_models import NotFoundException, PatchOp, UniquenessException
from sqlalchemy import func, select

from appliance import audit
from appliance.audit import Event
from appliance.identity.breakglass import refuse_break_glass
from appliance.identity.people import create_account, join
from appliance.identity.scim.addresses import address_for
from appliance.identity.scim.following import follow, put_out
from appliance.identity.scim.groups import leave_all, names_of_groups
from appliance.identity.scim.resources import (
    AnyUser,
    as_user,
    check_match,
    checked_user,
    display_name_of,
    folded,
    kept,
    whole,
)
from appliance.identity.scim.schemas import Person
from appliance.identity.scim.subjects import bind, find_known, subject_in
from appliance.identity.scim.tables import ProvisionedUserRow
from appliance.identity.scim.values import Client
from appliance.identity.sso.values import Source
from appliance.identity.tables import MembershipRow
from appliance.identity.values import UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id, parse_id

MOST_PEOPLE: Final = 100_000
_LANGUAGE_LETTERS: Final = 2


def create_user(tx: Tx, client: Client, said: AnyUser, *, clock: Clock) -> ProvisionedUserRow:
    """Add a person, or take over who signs in by this name already. Raises UniquenessException."""
    checked_user(said)
    key, now = folded(said.user_name), clock.now()
    _require_free(tx, client, key)
    subject = subject_in(said, client.service.subject_of)
    user_id = find_known(tx, client.connection_id, subject) or _enrol(tx, client, said, clock=clock)
    doc = kept(said)
    row = ProvisionedUserRow(
        tenant_id=tx.tenant_id, resource_id=new_id(), connection_id=client.connection_id, user_id=user_id,
        user_name_key=key, subject=None, has_access=True, doc=doc, keys=folded(doc), version=1, created_at=now,
        changed_at=now,
    )  # fmt: skip
    tx.add(row)
    tx.flush()
    audit.record(
        tx, client.actor, Event.PROVISIONED_USER_CREATED, subject=user_id, resource=str(row.resource_id),
        connection=str(client.connection_id),
    )  # fmt: skip
    _settle(tx, client, row, said, subject, clock=clock)
    return row


def replace_user(
    tx: Tx, client: Client, resource_id: str, said: AnyUser, *, if_match: str = "", clock: Clock
) -> ProvisionedUserRow:
    """Make a person what the provider says now; what it leaves out is gone."""
    row = get_row(tx, client, resource_id)
    check_match(row, if_match)
    _change(tx, client, row, said, clock=clock)
    return row


def patch_user(
    tx: Tx, client: Client, resource_id: str, patch: "PatchOp[AnyUser]", *, if_match: str = "", clock: Clock
) -> ProvisionedUserRow:
    """Change parts of a person."""
    row = get_row(tx, client, resource_id)
    check_match(row, if_match)
    said = Person.model_validate(row.doc)
    patch.patch(said)
    _change(tx, client, row, whole(Person, said), clock=clock)
    return row


def delete_user(tx: Tx, client: Client, resource_id: str, *, if_match: str = "", clock: Clock) -> None:
    """Take a person out for good: their access ends now, what they wrote stays. Raises LastOwner.

    The name they signed in by stays theirs, so that a sign-in with it is refused, until the provider adds somebody by it:
    that is somebody new, who comes upon nothing of theirs.
    """
    row = get_row(tx, client, resource_id)
    check_match(row, if_match)
    member = tx.get_one(MembershipRow, (tx.tenant_id, row.user_id), with_for_update=True)
    put_out(tx, client.actor, member, client.connection_id, now=clock.now())
    leave_all(tx, client, row)
    tx.delete(row)
    tx.flush()
    audit.record(
        tx, client.actor, Event.PROVISIONED_USER_DELETED, subject=row.user_id, resource=str(row.resource_id),
        connection=str(client.connection_id),
    )  # fmt: skip


def get_user(tx: Tx, client: Client, resource_id: str) -> ProvisionedUserRow:
    """Return a person of this connection. Raises NotFoundException."""
    return get_row(tx, client, resource_id, is_locked=False)


def users_as_resources(tx: Tx, client: Client, rows: list[ProvisionedUserRow]) -> list[AnyUser]:
    """Return people as resources, with their groups."""
    groups = names_of_groups(tx, [row.resource_id for row in rows])
    return [as_user(row, client, groups.get(row.resource_id, {})) for row in rows]


def get_row(tx: Tx, client: Client, resource_id: str, *, is_locked: bool = True) -> ProvisionedUserRow:
    """Return the row of a person of this connection. Raises NotFoundException, for another's as for none."""
    found = parse_id(resource_id)
    row = found and tx.get(ProvisionedUserRow, (tx.tenant_id, found), with_for_update=is_locked or None)
    if not row or row.connection_id != client.connection_id:
        raise NotFoundException(detail="There is no such user.")
    return row


def _change(tx: Tx, client: Client, row: ProvisionedUserRow, said: AnyUser, *, clock: Clock) -> None:
    checked_user(said)
    doc, before = kept(said), row.doc
    if doc == before:
        return
    key = folded(said.user_name)
    if key != row.user_name_key:
        _require_free(tx, client, key)
    row.doc, row.keys, row.user_name_key = doc, folded(doc), key
    row.version, row.changed_at = row.version + 1, clock.now()
    tx.flush()
    changed = sorted(
        name.rpartition(":")[2] for name in {*doc, *before} if name != "schemas" and doc.get(name) != before.get(name)
    )
    audit.record(
        tx, client.actor, Event.PROVISIONED_USER_CHANGED, subject=row.user_id, attributes=" ".join(changed),
        connection=str(client.connection_id),
    )  # fmt: skip
    _settle(tx, client, row, said, subject_in(said, client.service.subject_of), clock=clock)


def _settle(
    tx: Tx, client: Client, row: ProvisionedUserRow, said: AnyUser, subject: str | None, *, clock: Clock
) -> None:
    """Let what is kept of a person have its effects: how they sign in, what they are called, what they may do."""
    refuse_break_glass(tx, UserId(row.user_id))
    bind(tx, row, subject, now=clock.now())
    member = tx.get_one(MembershipRow, (tx.tenant_id, row.user_id), with_for_update=True)
    if member.role_source == Source.IDP and member.connection_id == client.connection_id:
        member.role_source = Source.SCIM  # they came by signing in; from now on their provider says more of them
    if member.role_source == Source.SCIM and member.connection_id == client.connection_id:
        member.display_name = display_name_of(said)
        member.email = address_for(tx, said, UserId(row.user_id), is_active=said.active is not False)
    tx.flush()
    follow(tx, client.actor, client.connection_id, [row.resource_id], now=clock.now())


def _enrol(tx: Tx, client: Client, said: AnyUser, *, clock: Clock) -> UserId:
    user_id = create_account(tx, email=None, password_hash=None, clock=clock)
    address = address_for(tx, said, user_id, is_active=said.active is not False)
    join(
        tx, client.actor, user_id, email=address, display_name=display_name_of(said), role=client.default_role, clock=clock
    )  # fmt: skip
    member = tx.get_one(MembershipRow, (tx.tenant_id, user_id))
    member.role_source, member.connection_id = Source.SCIM, client.connection_id
    language, zone = (said.preferred_language or "")[:_LANGUAGE_LETTERS].lower(), said.timezone
    if len(language) == _LANGUAGE_LETTERS and language.isascii() and language.isalpha():
        member.language = language
    if zone in available_timezones():
        member.zone = zone
    tx.flush()
    return user_id


def _require_free(tx: Tx, client: Client, key: str) -> None:
    ours = ProvisionedUserRow.tenant_id == tx.tenant_id, ProvisionedUserRow.connection_id == client.connection_id
    if tx.scalar(select(ProvisionedUserRow.resource_id).where(*ours, ProvisionedUserRow.user_name_key == key)) is not None:
        raise UniquenessException(detail="There is a user of this userName.")
    if (tx.scalar(select(func.count()).where(*ours)) or 0) > MOST_PEOPLE:
        raise UniquenessException(detail=f"A connection provisions at most {MOST_PEOPLE} people.")

