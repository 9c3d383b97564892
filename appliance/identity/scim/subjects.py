"""By which name a connection knows a provisioned person when they sign in: the same pair of connection and subject."""

from datetime import datetime
from typing import Final
from uuid import UUID

from scim2_models import UniquenessException
from sqlalchemy import delete, select

from appliance.identity.breakglass import refuse_break_glass
from appliance.identity.scim.errors import SubjectsClash
from appliance.identity.scim.provisioned import is_provisioned
from appliance.identity.scim.schemas import Email, EnterpriseUser, Person, User
from appliance.identity.scim.tables import ProvisionedUserRow
from appliance.identity.scim.values import SubjectOf
from appliance.identity.sso.tables import IdentityRow
from appliance.identity.sso.values import ConnectionId, Source
from appliance.identity.tables import MembershipRow
from appliance.identity.values import UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx

_REMOVED: Final = "Somebody here removed this person. An administrator lets them in again first."
_TAKEN: Final = "The connection knows somebody else by this name."


def subject_in(said: User[EnterpriseUser], by: SubjectOf) -> str | None:
    """Return the name that a person signs in by, or None while the provider has not said it."""
    match by:
        case SubjectOf.EXTERNAL_ID:
            found = said.external_id
        case SubjectOf.USER_NAME:
            found = said.user_name
        case SubjectOf.EMAIL:
            found = next(iter(addresses_in(said)), None)
    return found or None


def addresses_in(said: User[EnterpriseUser]) -> list[str]:
    """Return a person's addresses: the primary one first, then that of work, then others as they come."""
    given = [one for one in said.emails or () if one.value]
    return [one.value for one in sorted(given, key=_rank) if one.value]


def find_known(tx: Tx, connection_id: ConnectionId, subject: str | None) -> UserId | None:
    """Return who signs in by this name already and is not provisioned yet, or None. Raises UniquenessException, BreakGlassKept.

    Whom the provider deleted stays who they were: by the name of theirs somebody new comes. Whom somebody here removed
    stays removed: a provider does not make them anew.
    """
    identity = _identity(tx, connection_id, subject)
    if identity is None:
        return None
    if is_provisioned(tx, connection_id, identity.user_id):
        raise UniquenessException(detail=_TAKEN)
    refuse_break_glass(tx, UserId(identity.user_id))
    member = tx.get_one(MembershipRow, (tx.tenant_id, identity.user_id))
    if _is_deleted(member, connection_id):
        return None
    if member.suspended_at is not None:
        raise UniquenessException(detail=_REMOVED)
    return UserId(identity.user_id)


def bind(tx: Tx, row: ProvisionedUserRow, subject: str | None, *, now: datetime) -> None:
    """Let a person sign in by this name, and by the one before no more. Raises UniquenessException."""
    connection_id = ConnectionId(row.connection_id)
    held = _identity(tx, connection_id, subject)
    if held is not None and held.user_id != row.user_id:
        member = tx.get_one(MembershipRow, (tx.tenant_id, held.user_id))
        if is_provisioned(tx, connection_id, held.user_id) or not _is_deleted(member, connection_id):
            raise UniquenessException(detail=_TAKEN)
        held.user_id, held.created_at, held.last_at = row.user_id, now, None
    elif held is None and subject is not None:
        tx.add(
            IdentityRow(
                tenant_id=tx.tenant_id, connection_id=connection_id, subject=subject, user_id=row.user_id, created_at=now
            )
        )  # fmt: skip
    if row.subject is not None and row.subject != subject:
        tx.execute(
            delete(IdentityRow).where(
                IdentityRow.tenant_id == tx.tenant_id,
                IdentityRow.connection_id == connection_id,
                IdentityRow.subject == row.subject,
                IdentityRow.user_id == row.user_id,
            )
        )
    row.subject = subject
    tx.flush()


def name_anew(tx: Tx, connection_id: ConnectionId, by: SubjectOf, *, clock: Clock) -> None:
    """Let everybody whom a connection provisions sign in by another attribute. Raises SubjectsClash."""
    rows = tx.scalars(
        select(ProvisionedUserRow)
        .where(ProvisionedUserRow.tenant_id == tx.tenant_id, ProvisionedUserRow.connection_id == connection_id)
        .order_by(ProvisionedUserRow.resource_id)
    ).all()
    for row in rows:
        try:
            bind(tx, row, subject_in(Person.model_validate(row.doc), by), now=clock.now())
        except UniquenessException as error:
            raise SubjectsClash from error


def _is_deleted(member: MembershipRow, connection_id: UUID) -> bool:
    """Say whether somebody came by this provider's provisioning and, as they are provisioned no more, left by it."""
    is_its = member.role_source == Source.SCIM and member.connection_id == connection_id
    return member.suspended_at is not None and is_its


def _identity(tx: Tx, connection_id: ConnectionId, subject: str | None) -> IdentityRow | None:
    return None if subject is None else tx.get(IdentityRow, (tx.tenant_id, connection_id, subject))


def _rank(email: Email) -> tuple[bool, bool]:
    return not email.primary, (email.type or "").lower() != "work"
