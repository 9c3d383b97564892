"""How a connection provisions, said by the organisation's administrators: on or off, by which name, with which tokens."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, select

from appliance import audit
from appliance.audit import Event
from appliance.identity.granting import require_held_still
from appliance.identity.limits import checked
from appliance.identity.permissions import Permission, require, require_granted
from appliance.identity.scim.errors import (
    ProvisioningOff,
    ProvisioningTokenMalformed,
    ProvisioningTokenNotFound,
    ProvisioningTokensTaken,
)
from appliance.identity.scim.following import follow_all, turn_of
from appliance.identity.scim.provisioned import token_lock
from appliance.identity.scim.tables import (
    ProvisionedGroupRow,
    ProvisionedUserRow,
    ProvisioningTokenRow,
    ServiceRow,
)
from appliance.identity.scim.tokens import PREFIX
from appliance.identity.scim.values import Issued, Provisioning, ProvisioningToken, Service, SubjectOf
from appliance.identity.sso import queries
from appliance.identity.sso.connections import require_hold
from appliance.identity.sso.tables import ConnectionRow
from appliance.identity.sso.values import ConnectionId
from appliance.identity.values import Caller, TokenLimits
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx, in_turn
from appliance.kernel.ids import new_id
from appliance.kernel.sealing import digest

MOST_DAYS: Final = 730
_HINT: Final = 4
_PLACES: Final = (1, 2)


@dataclass(frozen=True)
class TokenWish:
    """For how long a token works, and from where; no network is from anywhere."""

    days: int
    networks: tuple[str, ...] = ()


def list_provisionings(tx: Tx, caller: Caller) -> list[Provisioning]:
    """Return the organisation's connections, each with how it provisions, by name."""
    require_granted(caller, Permission.SIGN_ON_CHANGE)
    rows = tx.scalars(
        select(ConnectionRow)
        .where(ConnectionRow.tenant_id == tx.tenant_id)
        .order_by(func.lower(ConnectionRow.name), ConnectionRow.connection_id)
    )
    return [_provisioning(tx, row) for row in rows]


def get_provisioning(tx: Tx, caller: Caller, connection_id: UUID) -> Provisioning:
    """Return how a connection provisions. Raises ConnectionNotFound."""
    require_granted(caller, Permission.SIGN_ON_CHANGE)
    return _provisioning(tx, queries.row_of(tx, connection_id))


def change_provisioning(
    tx: Tx, caller: Caller, connection_id: UUID, wanted: Service, *, clock: Clock
) -> Provisioning:
    """Switch provisioning on or off, and say how people are known. Raises Forbidden, SubjectsClash, LastOwner.

    Switched off, no token is heard; people, and what they may do, stay as they are.
    """
    require(caller, Permission.SIGN_ON_CHANGE)
    connection = queries.row_of(tx, connection_id)
    require_hold(tx, caller, connection)
    turn(tx, connection_id)
    row = tx.get(ServiceRow, (tx.tenant_id, connection_id))
    if row is None:
        row = ServiceRow(tenant_id=tx.tenant_id, connection_id=connection_id, created_at=clock.now())
        row.subject_of, row.needs_group = SubjectOf.EXTERNAL_ID, False
        tx.add(row)
    is_named_anew, is_narrower = row.subject_of != wanted.subject_of, row.needs_group != wanted.needs_group
    row.is_on, row.subject_of, row.needs_group = wanted.is_on, wanted.subject_of.value, wanted.needs_group
    row.changed_at = clock.now()
    tx.flush()
    audit.record(
        tx, caller.actor, Event.PROVISIONING_CHANGED, subject=connection_id, is_on=int(wanted.is_on),
        subject_of=wanted.subject_of.value, needs_group=int(wanted.needs_group),
    )  # fmt: skip
    if is_named_anew:
        from appliance.identity.scim.subjects import name_anew  # with the standard's models, which take long to load

        name_anew(tx, ConnectionId(connection_id), wanted.subject_of, clock=clock)
    if is_narrower:
        follow_all(tx, caller.actor, connection_id, now=clock.now())
    return _provisioning(tx, connection)


def create_provisioning_token(
    tx: Tx, caller: Caller, connection_id: UUID, wish: TokenWish, *, clock: Clock
) -> Issued:
    """Make a token for a connection's program: beside the one there is, so that it can be exchanged without a gap.

    Whoever holds it says who somebody is and in which group: where an owner comes by the connection, it takes an owner.
    Raises Forbidden, ProvisioningOff, ProvisioningTokensTaken, ProvisioningTokenMalformed, TokenLimitMalformed.
    """
    require(caller, Permission.SIGN_ON_CHANGE)
    if not 0 < wish.days <= MOST_DAYS:
        raise ProvisioningTokenMalformed
    networks = checked(TokenLimits(networks=wish.networks)).networks
    turn(tx, connection_id)
    in_turn(tx, token_lock(connection_id))  # whoever makes somebody an owner at this moment ends this token, or is seen here
    require_held_still(tx, caller)
    require_hold(tx, caller, queries.row_of(tx, connection_id))
    service = tx.get(ServiceRow, (tx.tenant_id, connection_id))
    if service is None or not service.is_on:
        raise ProvisioningOff
    secret, now = PREFIX + secrets.token_urlsafe(32), clock.now()
    row = ProvisioningTokenRow(
        tenant_id=tx.tenant_id, connection_id=connection_id, place=_free_place(tx, connection_id, clock),
        token_id=new_id(), digest=digest(secret), hint=secret[-_HINT:], networks=list(networks),
        created_by=caller.user_id, created_at=now, expires_at=now + timedelta(days=wish.days),
    )  # fmt: skip
    tx.add(row)
    tx.flush()
    audit.record(
        tx, caller.actor, Event.PROVISIONING_TOKEN_CREATED, subject=row.token_id, connection=str(connection_id),
        days=wish.days, networks=" ".join(networks),
    )  # fmt: skip
    return Issued(_token(row), secret)


def revoke_provisioning_token(tx: Tx, caller: Caller, connection_id: UUID, token_id: UUID) -> None:
    """End a token at once. Raises ProvisioningTokenNotFound."""
    require(caller, Permission.SIGN_ON_CHANGE)
    require_hold(tx, caller, queries.row_of(tx, connection_id))
    gone = tx.scalar(
        delete(ProvisioningTokenRow)
        .where(ProvisioningTokenRow.tenant_id == tx.tenant_id, ProvisioningTokenRow.connection_id == connection_id)
        .where(ProvisioningTokenRow.token_id == token_id)
        .returning(ProvisioningTokenRow.token_id)
    )
    if gone is None:
        raise ProvisioningTokenNotFound
    audit.record(
        tx, caller.actor, Event.PROVISIONING_TOKEN_REVOKED, subject=token_id, connection=str(connection_id)
    )


def turn(tx: Tx, connection_id: UUID) -> None:
    """Wait until nothing else is provisioned by this connection: what a provider says is done in one order."""
    in_turn(tx, turn_of(connection_id))


def _free_place(tx: Tx, connection_id: UUID, clock: Clock) -> int:
    ours = ProvisioningTokenRow.tenant_id == tx.tenant_id, ProvisioningTokenRow.connection_id == connection_id
    tx.execute(delete(ProvisioningTokenRow).where(*ours, ProvisioningTokenRow.expires_at <= clock.now()))
    taken = set(tx.scalars(select(ProvisioningTokenRow.place).where(*ours)))
    free = [place for place in _PLACES if place not in taken]
    if not free:
        raise ProvisioningTokensTaken
    return free[0]


def _provisioning(tx: Tx, row: ConnectionRow) -> Provisioning:
    service = tx.get(ServiceRow, (tx.tenant_id, row.connection_id))
    return Provisioning(
        ConnectionId(row.connection_id),
        row.name,
        Service() if service is None else service_of(service),
        tuple(_tokens(tx, row.connection_id)),
        _count(tx, ProvisionedUserRow, row.connection_id),
        _count(tx, ProvisionedUserRow, row.connection_id, with_access=True),
        _count(tx, ProvisionedGroupRow, row.connection_id),
    )


def service_of(row: ServiceRow) -> Service:
    """Return a service as a value."""
    return Service(row.is_on, SubjectOf(row.subject_of), row.needs_group, row.changed_at)


def _count(
    tx: Tx, table: type[ProvisionedUserRow | ProvisionedGroupRow], connection_id: UUID, *, with_access: bool = False
) -> int:
    query = select(func.count()).where(table.tenant_id == tx.tenant_id, table.connection_id == connection_id)
    return int(tx.scalar(query.where(ProvisionedUserRow.has_access) if with_access else query) or 0)


def _tokens(tx: Tx, connection_id: UUID) -> Iterable[ProvisioningToken]:
    rows = tx.scalars(
        select(ProvisioningTokenRow)
        .where(ProvisioningTokenRow.tenant_id == tx.tenant_id, ProvisioningTokenRow.connection_id == connection_id)
        .order_by(ProvisioningTokenRow.token_id)
    )
    return map(_token, rows)


def _token(row: ProvisioningTokenRow) -> ProvisioningToken:
    return ProvisioningToken(
        row.token_id, row.hint, tuple(row.networks), row.created_by, row.created_at, row.expires_at, row.last_used_at
    )
