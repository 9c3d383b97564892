"""Connections and arrivals of a test, without a provider: what a provider would have said is said by the test."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import psycopg

from appliance.identity import Caller, Role, UserId, resolve_session
from appliance.identity.sso import connections, domains, mappings, queries
from appliance.identity.sso.arriving import arrive
from appliance.identity.sso.connections import ConnectionForm
from appliance.identity.sso.values import (
    Arrival,
    Asserted,
    Connection,
    ConnectionKind,
    TransactionPurpose,
)
from appliance.identity.sso.values import Mapping as Given
from appliance.identity.values import GroupId
from tests.support.house import House, Member

ISSUER = "https://idp.harrow.example"
NOTHING: Mapping[str, object] = {}
CAME = Arrival("192.0.2.7", "a browser", "request-1")


@dataclass
class SignOn:
    """One connection of an organisation."""

    owner: Member
    connection_id: UUID
    shown: list[str] = field(default_factory=list)

    @property
    def house(self) -> House:
        return self.owner.house

    @property
    def connection(self) -> Connection:
        with self.house.app.db.tenant(self.owner.tenant_id) as tx:
            return queries.connection_of(queries.row_of(tx, self.connection_id))

    def arrives(
        self, subject: str, *, purpose: TransactionPurpose = TransactionPurpose.SIGN_IN, user_id: UserId | None = None,
        connection: Connection | None = None, factor_id: UUID | None = None, **said: object,
    ) -> str:  # fmt: skip
        """Let a provider name somebody; return the session's token."""
        return arrive(
            self.house.app.db, connection or self.connection, Asserted(subject, **said), CAME,  # type: ignore[arg-type]
            lifetime=timedelta(hours=12), clock=self.house.clock, purpose=purpose, user_id=user_id, factor_id=factor_id,
        )  # fmt: skip

    def is_tested(self, by: Member | None = None) -> None:
        self.arrives("somebody", purpose=TransactionPurpose.TEST, user_id=by.caller.user_id if by else None)

    def opens(self) -> "SignOn":
        """Test it and let people in."""
        self.is_tested(self.owner)
        with self.house.app.db.tenant(self.owner.tenant_id) as tx:
            connections.activate(tx, self.owner.caller, self.connection_id)
        return self

    def who(self, token: str) -> Caller:
        """Return who a session is."""
        return resolve_session(
            self.house.app.db, token, address="192.0.2.7", request_id="r", idle=timedelta(hours=1), clock=self.house.clock
        )

    def maps(
        self, said: str, *, role: Role | None = None, group_id: GroupId | None = None, custom_role_id: UUID | None = None
    ) -> Given:
        with self.house.app.db.tenant(self.owner.tenant_id) as tx:
            return mappings.add_mapping(
                tx, self.owner.caller, self.connection_id, said=said, role=role, group_id=group_id,
                custom_role_id=custom_role_id,
            )  # fmt: skip


def connects(
    owner: Member, name: str = "Our IdP", *, issuer: str = ISSUER, further: Mapping[str, object] = NOTHING, **chosen: object
) -> SignOn:
    """Begin a connection of an organisation."""
    settings = {"issuer": issuer, "client_id": "cloister", "groups_claim": "groups", **further}
    form = ConnectionForm(name, ConnectionKind.OIDC, settings, "a secret of the client", **chosen)  # type: ignore[arg-type]
    with owner.services.db.tenant(owner.tenant_id) as tx:
        made = connections.add_connection(
            tx, owner.caller, form, sealer=owner.services.vault, clock=owner.house.clock
        )
    return SignOn(owner, made.connection_id)


def owns_domain(owner: Member, domain: str) -> None:
    """Let the operator approve a domain of an organisation."""
    with owner.services.db.tenant(owner.tenant_id) as tx:
        domains.add_domain(tx, owner.caller, domain=domain, clock=owner.house.clock)
        domains.approve_domain(tx, owner.caller.actor, domain=domain, clock=owner.house.clock)


def refusals(boot: "psycopg.Connection[tuple[object, ...]]") -> list[str]:
    """Return the reasons of the refused sign-ins in the log, oldest first."""
    rows = boot.execute(
        "SELECT convert_from(body, 'UTF8')::jsonb -> 'facts' ->> 'reason' FROM cloister.audit_inbox"
        " WHERE event = 'identity:sign_on:refused' ORDER BY event_id"
    ).fetchall()
    return [str(row[0]) for row in rows]
