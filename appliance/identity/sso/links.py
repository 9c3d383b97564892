"""A link for whoever looks after a customer's identity provider: it sets one connection up, and opens nothing else.

It holds for a week and only until the connection is in use: after that, whoever had it could come in as anybody.
"""

import secrets
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, select, text

from appliance import audit
from appliance.audit import Actor, ActorKind, Event
from appliance.identity.granting import require_held_still
from appliance.identity.permissions import Permission, require, require_granted
from appliance.identity.revocation import LINKS
from appliance.identity.sso import connections, queries
from appliance.identity.sso.connections import ConnectionChange
from appliance.identity.sso.errors import ConnectionInUse, SetupLinkEnded
from appliance.identity.sso.tables import ConnectionRow, IdentityRow, LinkRow
from appliance.identity.sso.values import Arrival, Connection, ConnectionState
from appliance.identity.values import Caller
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx, together
from appliance.kernel.ids import TenantId, new_id
from appliance.kernel.sealing import Sealer, digest

LIFETIME: Final = timedelta(days=7)
_SETTING_UP: Final = (ConnectionState.DRAFT.value, ConnectionState.TESTED.value)


def create_link(tx: Tx, caller: Caller, connection_id: UUID, *, clock: Clock) -> str:
    """Return the token of a new link, which is stored nowhere; earlier ones of the connection close. Raises ConnectionInUse."""
    require(caller, Permission.SIGN_ON_CHANGE)
    row = queries.row_of(tx, connection_id, is_locked=True)  # first, as whoever follows a provider has it when they end links
    together(tx, LINKS)
    require_held_still(tx, caller)
    connections.require_hold(tx, caller, row)
    if not _is_being_set_up(tx, row):
        raise ConnectionInUse
    connections.close_links(tx, caller.actor, row.connection_id)
    token, now = secrets.token_urlsafe(32), clock.now()
    tx.add(
        LinkRow(
            tenant_id=tx.tenant_id, link_id=new_id(), connection_id=row.connection_id, digest=digest(token),
            created_by=caller.user_id, created_at=now, expires_at=now + LIFETIME,
        )
    )  # fmt: skip
    tx.flush()
    audit.record(tx, caller.actor, Event.CONNECTION_LINK_CREATED, subject=row.connection_id)
    return token


def close_link(tx: Tx, caller: Caller, connection_id: UUID) -> None:
    """Close the link of a connection. Raises ConnectionNotFound."""
    require(caller, Permission.SIGN_ON_CHANGE)
    connections.close_links(tx, caller.actor, queries.row_of(tx, connection_id).connection_id)


def has_open_link(tx: Tx, caller: Caller, connection_id: UUID, *, clock: Clock) -> bool:
    """Say whether a link sets the connection up now."""
    require_granted(caller, Permission.SIGN_ON_CHANGE)
    ours = LinkRow.tenant_id == tx.tenant_id, LinkRow.connection_id == connection_id, LinkRow.expires_at > clock.now()
    return tx.scalar(select(LinkRow.link_id).where(*ours).limit(1)) is not None


def find_link(db: Database, token: str, *, clock: Clock) -> Connection:
    """Return the connection that an open link sets up. Raises SetupLinkEnded."""
    with db.platform() as tx:
        found = tx.execute(text("SELECT * FROM resolve_connection_link(:digest)"), {"digest": digest(token)}).first()
    if found is None:
        raise SetupLinkEnded
    with db.tenant(TenantId(found.tenant_id)) as tx:
        return queries.connection_of(_open(tx, token, clock))


def change_by_link(
    db: Database, token: str, change: ConnectionChange, arrival: Arrival, *, sealer: Sealer, clock: Clock
) -> Connection:
    """Set the connection of a link up: its settings and its secret, nothing else. Raises SetupLinkEnded, and as a form is checked."""
    only = ConnectionChange(settings=change.settings, secret=change.secret)
    connection = find_link(db, token, clock=clock)
    with db.tenant(connection.tenant_id) as tx:
        row = _open(tx, token, clock)
        link = tx.scalars(
            select(LinkRow).where(LinkRow.tenant_id == tx.tenant_id, LinkRow.digest == digest(token))
        ).one()
        actor = Actor(ActorKind.USER, None, arrival.address, arrival.request_id)
        return connections.apply(tx, actor, row, only, sealer=sealer, clock=clock, link=str(link.link_id))


def _open(tx: Tx, token: str, clock: Clock) -> ConnectionRow:
    tx.execute(delete(LinkRow).where(LinkRow.tenant_id == tx.tenant_id, LinkRow.expires_at <= clock.now()))
    link = tx.scalars(
        select(LinkRow).where(LinkRow.tenant_id == tx.tenant_id, LinkRow.digest == digest(token)).with_for_update()
    ).one_or_none()
    if link is None:
        raise SetupLinkEnded
    row = queries.row_of(tx, link.connection_id, is_locked=True)
    if not _is_being_set_up(tx, row):
        raise SetupLinkEnded
    return row


def _is_being_set_up(tx: Tx, row: ConnectionRow) -> bool:
    ours = IdentityRow.tenant_id == tx.tenant_id, IdentityRow.connection_id == row.connection_id
    return row.state in _SETTING_UP and tx.scalar(select(IdentityRow.user_id).where(*ours).limit(1)) is None
