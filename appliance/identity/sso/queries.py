"""What is read of connections and of who comes by them."""

from uuid import UUID

from sqlalchemy import select, text

from appliance.identity.granting import OwnRole, own_roles
from appliance.identity.sso.errors import ConnectionChanged, ConnectionNotFound
from appliance.identity.sso.sealed import place_of_secret
from appliance.identity.sso.tables import ConnectionRow, IdentityRow, MappingRow
from appliance.identity.sso.values import (
    OPEN_STATES,
    Connection,
    ConnectionId,
    ConnectionKind,
    ConnectionState,
    Mapping,
)
from appliance.identity.values import GroupId, Role, UserId
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId
from appliance.kernel.sealing import Sealer


def find_connection(db: Database, connection_id: UUID) -> Connection:
    """Return a connection of any organisation, before anybody is known. Raises ConnectionNotFound."""
    with db.platform() as tx:
        found = tx.execute(text("SELECT tenant_id FROM resolve_connection(:id)"), {"id": connection_id}).first()
    if found is None:
        raise ConnectionNotFound
    with db.tenant(TenantId(found.tenant_id)) as tx:
        return connection_of(row_of(tx, connection_id))


def row_of(tx: Tx, connection_id: UUID, *, is_locked: bool = False) -> ConnectionRow:
    """Return the connection's row. Raises ConnectionNotFound."""
    row = tx.get(ConnectionRow, (tx.tenant_id, connection_id), with_for_update=is_locked or None)
    if row is None:
        raise ConnectionNotFound
    return row


def connection_of(row: ConnectionRow) -> Connection:
    """Return a row as a value, without its secret."""
    return Connection(
        TenantId(row.tenant_id), ConnectionId(row.connection_id), ConnectionKind(row.kind), row.name,
        ConnectionState(row.state), row.settings, row.provisions, Role(row.default_role), row.created_at, row.changed_at,
        row.tested_at, UserId(row.tested_by) if row.tested_by else None, row.sealed_secret is not None,
    )  # fmt: skip


def secret_of(tx: Tx, connection_id: UUID, *, sealer: Sealer) -> str:
    """Return what a connection's provider knows us by, for one call; empty where there is none."""
    row = row_of(tx, connection_id)
    if row.sealed_secret is None:
        return ""
    return sealer.unseal(tx, row.sealed_secret, place_of_secret(connection_id)).decode()


def secret_as_set(tx: Tx, connection: Connection, *, sealer: Sealer) -> str:
    """Return the secret that belongs to these settings. Raises ConnectionChanged: a new one is for the provider of then."""
    if row_of(tx, connection.connection_id).changed_at != connection.changed_at:
        raise ConnectionChanged
    return secret_of(tx, connection.connection_id, sealer=sealer)


def all_connections(tx: Tx) -> list[Connection]:
    """Return every connection of this organisation by name. Asking for permission is the caller's part."""
    rows = tx.scalars(select(ConnectionRow).where(ConnectionRow.tenant_id == tx.tenant_id).order_by(ConnectionRow.name))
    return [connection_of(row) for row in rows]


def open_connections(tx: Tx) -> list[Connection]:
    """Return the connections of this organisation by which people may come in, the oldest first."""
    states = [state.value for state in OPEN_STATES]
    rows = tx.scalars(
        select(ConnectionRow)
        .where(ConnectionRow.tenant_id == tx.tenant_id, ConnectionRow.state.in_(states))
        .order_by(ConnectionRow.created_at, ConnectionRow.connection_id)
    )
    return [connection_of(row) for row in rows]


def enforced_connection(tx: Tx, *, is_held: bool = False) -> ConnectionId | None:
    """Return the connection by which everybody must come in, or None where passwords do as well.

    `is_held` keeps it so until this transaction ends: whoever enforces one waits, and ends what was opened meanwhile.
    """
    query = select(ConnectionRow.connection_id, ConnectionRow.state).where(ConnectionRow.tenant_id == tx.tenant_id)
    query = query.order_by(ConnectionRow.created_at)
    # Whichever state they are in: a row that is not enforced yet is the one to hold.
    rows = tx.execute(query.with_for_update(read=True) if is_held else query).all()
    return next((ConnectionId(one.connection_id) for one in rows if one.state == ConnectionState.ENFORCED), None)


def mappings_of(tx: Tx, connection_id: UUID) -> list[Mapping]:
    """Return what the provider's groups give here, by the groups' names."""
    rows = tx.scalars(
        select(MappingRow)
        .where(MappingRow.tenant_id == tx.tenant_id, MappingRow.connection_id == connection_id)
        .order_by(MappingRow.said, MappingRow.mapping_id)
    ).all()
    own = own_roles(tx, [row.custom_role_id for row in rows])
    return [_mapping(row, own.get(row.custom_role_id) if row.custom_role_id else None) for row in rows]


def _mapping(row: MappingRow, own: OwnRole | None) -> Mapping:
    return Mapping(
        row.mapping_id, ConnectionId(row.connection_id), row.said, Role(row.role) if row.role else None,
        GroupId(row.group_id) if row.group_id else None, row.custom_role_id, own.name if own else "",
        len(own.permissions) if own else 0,
    )  # fmt: skip


def maps_to_owner(tx: Tx, connection_id: UUID) -> bool:
    """Say whether a group of the provider makes owners."""
    return any(one.role is Role.OWNER for one in mappings_of(tx, connection_id))


def is_linked(tx: Tx, connection_id: UUID, user_id: UserId) -> bool:
    """Say whether a member comes by a connection."""
    return connection_id in linked_of(tx, user_id)


def linked_of(tx: Tx, user_id: UserId) -> frozenset[UUID]:
    """Return the connections that a member comes by."""
    rows = tx.scalars(
        select(IdentityRow.connection_id).where(IdentityRow.tenant_id == tx.tenant_id, IdentityRow.user_id == user_id)
    )
    return frozenset(rows)
