"""Whom a connection provisions: asked where people sign in by it, and where it lets everybody go."""

from uuid import UUID

from sqlalchemy import delete, select

from appliance import audit
from appliance.audit import Actor, Event
from appliance.identity.scim.tables import (
    ProvisionedGroupRow,
    ProvisionedUserRow,
    ProvisioningTokenRow,
    ServiceRow,
)
from appliance.identity.sso.tables import IdentityRow
from appliance.identity.tables import MembershipRow
from appliance.identity.values import Role
from appliance.kernel.db import Tx, in_turn


def is_provisioned(tx: Tx, connection_id: UUID, user_id: UUID) -> bool:
    """Say whether a connection provisions a member: then what it says of them when they sign in is not followed."""
    query = select(ProvisionedUserRow.resource_id).where(
        ProvisionedUserRow.tenant_id == tx.tenant_id,
        ProvisionedUserRow.connection_id == connection_id,
        ProvisionedUserRow.user_id == user_id,
    )
    return tx.scalar(query) is not None


def token_lock(connection_id: UUID) -> str:
    """Return the name of the lock under which a connection's tokens are made and ended."""
    return f"provisioning tokens {connection_id}"


def end_tokens_of_others(tx: Tx, actor: Actor, connection_id: UUID) -> None:
    """End the tokens of a connection that no owner made: from now on whoever holds one could make owners."""
    in_turn(tx, token_lock(connection_id))
    owners = select(MembershipRow.user_id).where(
        MembershipRow.tenant_id == tx.tenant_id, MembershipRow.role == Role.OWNER, MembershipRow.suspended_at.is_(None)
    )
    ended = tx.scalars(
        delete(ProvisioningTokenRow)
        .where(ProvisioningTokenRow.tenant_id == tx.tenant_id, ProvisioningTokenRow.connection_id == connection_id)
        .where(ProvisioningTokenRow.created_by.not_in(owners))
        .returning(ProvisioningTokenRow.token_id)
    ).all()
    for token_id in ended:
        audit.record(tx, actor, Event.PROVISIONING_TOKEN_REVOKED, subject=token_id, connection=str(connection_id))


def end_tokens_over_owner(tx: Tx, actor: Actor, user_id: UUID) -> None:
    """End the tokens that no owner made, of each connection that somebody comes by who is an owner from now on.

    Whoever holds one says by which name the owner signs in there.
    """
    query = select(IdentityRow.connection_id).where(
        IdentityRow.tenant_id == tx.tenant_id, IdentityRow.user_id == user_id
    )
    for connection_id in sorted(tx.scalars(query.distinct())):  # of two at once, each waits for the other in one order
        end_tokens_of_others(tx, actor, connection_id)


def forget_provisioned(tx: Tx, connection_id: UUID) -> None:
    """Forget what a connection provisioned, and end its tokens. People stay members."""
    for table in (ProvisionedGroupRow, ProvisionedUserRow, ServiceRow):
        tx.execute(delete(table).where(table.tenant_id == tx.tenant_id, table.connection_id == connection_id))


def is_taken(tx: Tx, address: str, user_id: UUID) -> bool:
    """Say whether another member who has access has this address."""
    others = select(MembershipRow.user_id).where(
        MembershipRow.tenant_id == tx.tenant_id,
        MembershipRow.email == address,
        MembershipRow.user_id != user_id,
        MembershipRow.suspended_at.is_(None),
    )
    return address != "" and tx.scalar(others.limit(1)) is not None
