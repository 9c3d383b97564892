"""Sign-on: connections to identity providers, what their groups give, and the domains of addresses.

A client's secret goes in and never comes out. To enforce a connection takes an owner at a browser, who has come by it.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, SecretStr, StringConstraints

from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Listed, Output, Page, cut
from appliance.identity import GroupId, Permission, Role
from appliance.identity.entry_errors import CustomRoleNotFound
from appliance.identity.errors import Forbidden, GroupNotFound, RoleMisplaced
from appliance.identity.sso import connections, domains, errors, links, mappings
from appliance.identity.sso.connections import ConnectionChange, ConnectionForm
from appliance.identity.sso.saml import fetching
from appliance.identity.sso.saml.metadata import MetadataUnusable
from appliance.identity.sso.values import Connection, ConnectionKind, ConnectionState, Mapping
from appliance.kernel.sealing import KeyDestroyed, KeyUnavailable

_Label = Annotated[str, StringConstraints(min_length=1, max_length=120), Field(examples=["Entra ID"])]
_FORM = (
    errors.ConnectionNameMalformed, errors.ConnectionSettingMalformed, errors.ConnectionTwice, MetadataUnusable, RoleMisplaced,
    KeyDestroyed, KeyUnavailable,
)  # fmt: skip
_OF_KIND = "Of OIDC: `issuer`, `client_id`, `proof`, `scopes`, `subject_claim`, `email_claim`, `name_claim`, `groups_claim`, `ca_bundle`, `skew_seconds`, `vendor`. Of SAML: `metadata` (XML, which fills in the next six), `entity_id`, `sign_on_url`, `sign_on_binding`, `sign_out_url`, `sign_out_answer_url`, `certificates`, `metadata_url`, `metadata_certificate`, `subject_attribute`, `email_attribute`, `name_attribute`, `groups_attribute`, `skew_seconds`, `demands_encryption`, `signs_requests`, `takes_unsolicited`, `vendor`."


class MappingOut(Output):
    """What a group of the provider gives: a role, or an access group."""

    mapping_id: UUID
    said: str
    role: Role | None
    custom_role_id: UUID | None
    role_title: str
    group_id: UUID | None


class ConnectionOut(Output):
    """`settings` are of its kind, without its secret. It counts as tested if `tested_at` is not before `changed_at`."""

    connection_id: UUID
    kind: ConnectionKind
    name: str
    state: ConnectionState
    settings: dict[str, Any]
    has_secret: bool
    provisions: bool
    default_role: Role
    created_at: datetime
    changed_at: datetime
    tested_at: datetime | None
    tested_by: UUID | None
    has_setup_link: bool | None = Field(
        None, description="Whether a link sets it up now; null where not one connection alone is asked for.", examples=[False]
    )


class NewConnectionIn(Input):
    """A connection lets nobody in until it was tested at a browser and activated."""

    name: _Label
    kind: ConnectionKind = Field(ConnectionKind.OIDC)
    settings: dict[str, Any] = Field(
        examples=[{"issuer": "https://idp.example.org", "client_id": "cloister"}], description=_OF_KIND
    )
    secret: SecretStr | None = Field(None, max_length=500, description="What the provider knows us by.")
    provisions: bool = Field(True, description="Make an account for whom the provider names for the first time.")
    default_role: Role = Field(Role.MEMBER, description="The role where no mapping gives one: admin, auditor or member.")


class ConnectionIn(Input):
    """What is left out stays as it is; `settings` are given whole."""

    name: str | None = Field(None, min_length=1, max_length=120)
    settings: dict[str, Any] | None = Field(None, description=_OF_KIND)
    secret: SecretStr | None = Field(None, max_length=500, description="Another secret.")
    provisions: bool | None = None
    default_role: Role | None = None


class Use(StrEnum):
    """What becomes of a connection. To enforce it takes an owner at a browser."""

    ACTIVE = "active"
    OFF = "off"


class UseIn(Input):
    """`active` lets people in, and lifts an enforcement; `off` lets nobody in, and ends its sessions."""

    state: Use = Field(examples=[Use.ACTIVE])


class MappingIn(Input):
    """A group as the provider writes it, and what it gives: a role, or a group of access and the role null. For `custom`, `custom_role_id` says which."""

    said: Annotated[str, StringConstraints(min_length=1, max_length=300), Field(examples=["cn=staff"])]
    role: Role | None = Field(examples=[Role.MEMBER])
    custom_role_id: UUID | None = None
    group_id: UUID | None = None


class LinkOut(Output):
    """Shown once. It opens the settings of this connection and nothing else, for seven days, until it is in use."""

    link: str


class DomainOut(Output):
    """`challenge` is what the TXT record `record` must say, now and later: it is looked at again each day.

    `lost_at`: since when the record is missing. `approved_until`: until when an operator's word counts instead of it.
    """

    domain_id: UUID
    domain: str
    record: str
    challenge: str
    added_at: datetime
    verified_at: datetime | None
    verified_by: str | None
    lost_at: datetime | None
    approved_until: datetime | None


class DomainIn(Input):
    domain: Annotated[str, StringConstraints(min_length=3, max_length=253), Field(examples=["organisation.example"])]


@operation("GET", "/sign-on/connections", permission=Permission.SIGN_ON_CHANGE, query=Page, answer=Listed[ConnectionOut])
def list_connections(call: Call) -> Listed[ConnectionOut]:
    """Return the connections to identity providers."""
    with call.tenant() as tx:
        found = connections.list_connections(tx, call.caller)
    rows, cursor = cut(found, call.query, key=lambda one: one.connection_id)
    return Listed[ConnectionOut](items=[_out(one) for one in rows], next_cursor=cursor)


@operation(
    "POST", "/sign-on/connections", permission=Permission.SIGN_ON_CHANGE, body=NewConnectionIn, answer=ConnectionOut,
    status=201, refusals=_FORM,
)  # fmt: skip
def create_connection(call: Call) -> ConnectionOut:
    """Begin a connection to an identity provider."""
    said, house = call.body, call.services
    form = ConnectionForm(said.name, said.kind, said.settings, _plain(said.secret), said.provisions, said.default_role)
    with call.tenant() as tx:
        return _out(connections.add_connection(tx, call.caller, form, sealer=house.vault, clock=house.clock))


@operation(
    "GET", "/sign-on/connections/{connection_id}", permission=Permission.SIGN_ON_CHANGE, answer=ConnectionOut,
    refusals=(errors.ConnectionNotFound,),
)  # fmt: skip
def get_connection(call: Call) -> ConnectionOut:
    """Return a connection, without its secret."""
    connection_id = call.ids["connection_id"]
    with call.tenant() as tx:
        found = _out(connections.get_connection(tx, call.caller, connection_id))
        has_link = links.has_open_link(tx, call.caller, connection_id, clock=call.services.clock)
    return found.model_copy(update={"has_setup_link": has_link})


@operation(
    "PUT", "/sign-on/connections/{connection_id}", permission=Permission.SIGN_ON_CHANGE, body=ConnectionIn,
    answer=ConnectionOut, refusals=(errors.ConnectionNotFound, Forbidden, *_FORM),
)  # fmt: skip
def change_connection(call: Call) -> ConnectionOut:
    """Change a connection. With another issuer, or another name for persons, all who were linked are let go."""
    said, house = call.body, call.services
    change = ConnectionChange(said.name, said.settings, _plain(said.secret), said.provisions, said.default_role)
    with call.tenant() as tx:
        changed = connections.change_connection(
            tx, call.caller, call.ids["connection_id"], change, sealer=house.vault, clock=house.clock
        )
        return _out(changed)


@operation(
    "POST", "/sign-on/connections/{connection_id}/metadata", permission=Permission.SIGN_ON_CHANGE, answer=ConnectionOut,
    refusals=(
        errors.ConnectionNotFound, errors.ConnectionSettingMalformed, errors.ProviderSilent, MetadataUnusable, Forbidden,
    ),
)  # fmt: skip
def read_provider_metadata(call: Call) -> ConnectionOut:
    """Take what a SAML provider's metadata says now, from the connection's `metadata_url`: its addresses and its certificates."""
    house = call.services
    found = fetching.read_again(
        house.db, call.caller, call.ids["connection_id"], egress=house.sign_on.providers.way_out(), sealer=house.vault,
        clock=house.clock,
    )  # fmt: skip
    return _out(found)


@operation(
    "PUT", "/sign-on/connections/{connection_id}/state", permission=Permission.SIGN_ON_CHANGE, body=UseIn,
    answer=ConnectionOut, refusals=(errors.ConnectionNotFound, errors.ConnectionUntested, Forbidden),
)  # fmt: skip
def use_connection(call: Call) -> ConnectionOut:
    """Let people in by a connection that was tested, lift its enforcement, or turn it off."""
    connection_id = call.ids["connection_id"]
    with call.tenant() as tx:
        if call.body.state is Use.OFF:
            return _out(connections.turn_off(tx, call.caller, connection_id))
        if connections.get_connection(tx, call.caller, connection_id).state is ConnectionState.ENFORCED:
            return _out(connections.relax(tx, call.caller, connection_id))
        return _out(connections.activate(tx, call.caller, connection_id))


@operation(
    "DELETE", "/sign-on/connections/{connection_id}", permission=Permission.SIGN_ON_CHANGE,
    refusals=(errors.ConnectionNotFound, errors.ConnectionInUse, Forbidden),
)  # fmt: skip
def delete_connection(call: Call) -> None:
    """Forget a connection that is turned off, and who is who at its provider. They stay members."""
    with call.tenant() as tx:
        connections.remove_connection(tx, call.caller, call.ids["connection_id"])


@operation(
    "POST", "/sign-on/connections/{connection_id}/setup-link", permission=Permission.SIGN_ON_CHANGE, answer=LinkOut,
    status=201, refusals=(errors.ConnectionNotFound, errors.ConnectionInUse),
)  # fmt: skip
def create_setup_link(call: Call) -> LinkOut:
    """Make a link by which somebody else sets the connection up. Earlier ones close."""
    house = call.services
    with call.tenant() as tx:
        token = links.create_link(tx, call.caller, call.ids["connection_id"], clock=house.clock)
    return LinkOut(link=f"{house.settings.address}/sso/setup?link={token}")


@operation(
    "DELETE", "/sign-on/connections/{connection_id}/setup-link", permission=Permission.SIGN_ON_CHANGE,
    refusals=(errors.ConnectionNotFound,),
)  # fmt: skip
def close_setup_link(call: Call) -> None:
    """Close the link by which somebody else sets the connection up."""
    with call.tenant() as tx:
        links.close_link(tx, call.caller, call.ids["connection_id"])


@operation(
    "GET", "/sign-on/connections/{connection_id}/mappings", permission=Permission.SIGN_ON_CHANGE, query=Page,
    answer=Listed[MappingOut], refusals=(errors.ConnectionNotFound,),
)  # fmt: skip
def list_mappings(call: Call) -> Listed[MappingOut]:
    """Return what the provider's groups give."""
    with call.tenant() as tx:
        found = mappings.list_mappings(tx, call.caller, call.ids["connection_id"])
    rows, cursor = cut(found, call.query, key=lambda one: one.mapping_id)
    return Listed[MappingOut](items=[_mapping(one) for one in rows], next_cursor=cursor)


@operation(
    "POST", "/sign-on/connections/{connection_id}/mappings", permission=Permission.SIGN_ON_CHANGE, body=MappingIn,
    answer=MappingOut, status=201,
    refusals=(errors.ConnectionNotFound, errors.MappingMalformed, CustomRoleNotFound, GroupNotFound, RoleMisplaced, Forbidden),
)  # fmt: skip
def add_mapping(call: Call) -> MappingOut:
    """Let a group of the provider give a role or an access group, at each sign-in and in both directions."""
    said = call.body
    with call.tenant() as tx:
        made = mappings.add_mapping(
            tx, call.caller, call.ids["connection_id"], said=said.said, role=said.role,
            custom_role_id=said.custom_role_id, group_id=GroupId(said.group_id) if said.group_id else None,
        )  # fmt: skip
    return _mapping(made)


@operation(
    "DELETE", "/sign-on/connections/{connection_id}/mappings/{mapping_id}", permission=Permission.SIGN_ON_CHANGE,
    refusals=(errors.ConnectionNotFound, errors.MappingNotFound, Forbidden),
)  # fmt: skip
def remove_mapping(call: Call) -> None:
    """Let a group of the provider give nothing more, to each person at their next sign-in."""
    with call.tenant() as tx:
        mappings.remove_mapping(tx, call.caller, call.ids["connection_id"], call.ids["mapping_id"])


@operation("GET", "/sign-on/domains", permission=Permission.SIGN_ON_CHANGE, query=Page, answer=Listed[DomainOut])
def list_domains(call: Call) -> Listed[DomainOut]:
    """Return the domains of the organisation's addresses."""
    with call.tenant() as tx:
        found = domains.list_domains(tx, call.caller)
    rows, cursor = cut(found, call.query, key=lambda one: one.domain_id)
    return Listed[DomainOut](items=[DomainOut.model_validate(one) for one in rows], next_cursor=cursor)


@operation(
    "POST", "/sign-on/domains", permission=Permission.SIGN_ON_CHANGE, body=DomainIn, answer=DomainOut, status=201,
    refusals=(errors.DomainMalformed, errors.DomainTaken),
)  # fmt: skip
def add_domain(call: Call) -> DomainOut:
    """Name a domain, and get what its TXT record must say."""
    with call.tenant() as tx:
        made = domains.add_domain(tx, call.caller, domain=call.body.domain, clock=call.services.clock)
    return DomainOut.model_validate(made)


@operation(
    "POST", "/sign-on/domains/{domain_id}/verification", permission=Permission.SIGN_ON_CHANGE, answer=DomainOut,
    refusals=(errors.DomainNotFound, errors.DomainUnproven, errors.DomainDisputed, errors.DomainTaken),
)  # fmt: skip
def verify_domain(call: Call) -> DomainOut:
    """Look for a domain's TXT record; with it at every name server that answers, the domain is the organisation's alone."""
    house = call.services
    found = domains.verify_domain(
        house.db, call.caller, call.ids["domain_id"], look_up=house.sign_on.look_up, clock=house.clock
    )
    return DomainOut.model_validate(found)


@operation(
    "DELETE", "/sign-on/domains/{domain_id}", permission=Permission.SIGN_ON_CHANGE, refusals=(errors.DomainNotFound,)
)  # fmt: skip
def remove_domain(call: Call) -> None:
    """Give a domain up: addresses of it are accepted no more."""
    with call.tenant() as tx:
        domains.remove_domain(tx, call.caller, call.ids["domain_id"])


def _out(one: Connection) -> ConnectionOut:
    return ConnectionOut.model_validate(one)


def _mapping(one: Mapping) -> MappingOut:
    return MappingOut.model_validate(one)


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


