"""Where doors bring people who go to their provider, and who come back: each protocol behind the same three verbs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from appliance import tenancy
from appliance.identity.sso import queries
from appliance.identity.sso.arriving import Desk
from appliance.identity.sso.domains import LookUp, normal_domain
from appliance.identity.sso.errors import ConnectionClosed, ConnectionNotFound, DomainMalformed, SignOnRefused
from appliance.identity.sso.noting import note_refusal
from appliance.identity.sso.oidc import flow, logout
from appliance.identity.sso.oidc.provider import Providers
from appliance.identity.sso.proxy import flow as proxy
from appliance.identity.sso.saml import ending
from appliance.identity.sso.saml import flow as saml
from appliance.identity.sso.values import (
    Arrival,
    Connection,
    ConnectionKind,
    Departure,
    Return,
    Wish,
)
from appliance.identity.values import Caller
from appliance.kernel.db import Database
from appliance.kernel.ids import TenantId


@dataclass(frozen=True)
class Entrance:
    """An organisation's own sign-in address: what it is called, by which connections, and whether passwords do as well."""

    tenant_id: TenantId
    organisation: str
    connections: tuple[Connection, ...]
    takes_passwords: bool


@dataclass(frozen=True)
class SignOn:
    """The way to identity providers and back."""

    desk: Desk
    providers: Providers
    look_up: LookUp

    def leave(self, connection: Connection, wish: Wish, arrival: Arrival) -> Departure:
        """Return where the browser goes, and the token for its cookie. Raises SignOnRefused, with one entry in the log."""
        try:
            if not connection.takes(wish.purpose):
                raise ConnectionClosed
            if connection.kind is ConnectionKind.PROXY:
                return proxy.leave(self.desk, connection, wish)
            if connection.kind is ConnectionKind.SAML:
                return saml.leave(self.desk, connection, wish)
            return flow.leave(self.desk, self.providers, connection, wish)
        except SignOnRefused as refusal:
            note_refusal(self.desk.db, connection, refusal, arrival, user_id=wish.user_id)
            raise

    def come_back(
        self, connection: Connection, token: str, answer: Mapping[str, Sequence[str]], arrival: Arrival
    ) -> Return:
        """Let in whom an OIDC provider's answer names. Raises SignOnRefused, with one entry in the log."""
        return flow.come_back(self.desk, self.providers, connection, token, answer, arrival)

    def come_proxied(
        self, connection: Connection, token: str, headers: Mapping[str, str], peer: str, arrival: Arrival
    ) -> Return:
        """Let in whom a proxy's headers name. Raises SignOnRefused, with one entry in the log."""
        return proxy.come_back(self.desk, connection, token, headers, peer, arrival)

    def log_out(self, connection: Connection, token: str, arrival: Arrival) -> int:
        """End the sessions that a provider's logout token names. Raises SignOnRefused, with one entry in the log."""
        return logout.log_out(self.desk, self.providers, connection, token, arrival)

    def goodbye(self, person: Caller, session: str) -> tuple[Connection, str] | None:
        """Return where somebody signs out at a SAML provider as well. To be asked before the session here ends, by its token."""
        if person.connection_id is None:
            return None
        with self.desk.db.tenant(person.tenant_id) as tx:
            connection = queries.connection_of(queries.row_of(tx, person.connection_id))
        if connection.kind is not ConnectionKind.SAML:
            return None
        away = ending.sign_out(self.desk, connection, person.user_id, session)
        return (connection, away) if away else None

    def farewell(self, connection: Connection) -> str | None:
        """Return where somebody signs out at their provider as well, or None."""
        if connection.kind is not ConnectionKind.OIDC:
            return None
        return flow.farewell(self.desk, self.providers, connection)


def connections_for(db: Database, email: str) -> list[Connection]:
    """Return by which connections people come whose addresses have this one's domain: none for one that nobody verified.

    It depends on the domain alone: whether there is such a person, nobody learns.
    """
    try:
        domain = normal_domain(email.rpartition("@")[2])
    except DomainMalformed:
        return []
    with db.platform() as tx:
        rows = tx.execute(text("SELECT * FROM find_sign_on(:domain)"), {"domain": domain}).all()
    found = []
    for row in rows:
        with db.tenant(TenantId(row.tenant_id)) as tx:
            is_closed = tenancy.get_organisation(tx).suspended_at is not None
            found += [] if is_closed else [queries.connection_of(queries.row_of(tx, row.connection_id))]
    return found


def entrance_of(db: Database, tenant_id: UUID) -> Entrance:
    """Return an organisation's own sign-in address. Raises ConnectionNotFound where there is no connection in use."""
    with db.tenant(TenantId(tenant_id)) as tx:
        found = queries.open_connections(tx)
        if not found or tenancy.get_organisation(tx).suspended_at is not None:
            raise ConnectionNotFound
        is_enforced = queries.enforced_connection(tx) is not None
        return Entrance(tx.tenant_id, tenancy.get_organisation(tx).name, tuple(found), not is_enforced)
