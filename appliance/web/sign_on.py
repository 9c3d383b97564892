"""Sign-on: an organisation's connections to its identity providers, its domains, and what providers' groups give."""

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, request, url_for
from werkzeug.wrappers import Response

from appliance import identity
from appliance.identity import Caller, GroupId, Permission, Role
from appliance.identity.custom_roles import list_givable
from appliance.identity.permissions import givable_roles
from appliance.identity.sso import connections, domains, links, mappings
from appliance.identity.sso.connections import ConnectionChange, ConnectionForm
from appliance.identity.sso.oidc.settings import ClientProof
from appliance.identity.sso.saml import fetching
from appliance.identity.sso.values import ConnectionKind
from appliance.kernel.db import Tx
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import parse_id
from appliance.web import forms, saml_forms, sign_on_forms
from appliance.web.render import done, page
from appliance.web.sessions import caller, services
from appliance.web.typed import proved_first, shown_here

blueprint = Blueprint("sign_on", __name__, url_prefix="/sign-on")
Answer = tuple[str, int] | Response
_ELSEWHERE = ("forbidden", "connection_not_found", "domain_not_found", "mapping_not_found")


@blueprint.get("")
def show() -> Answer:
    """List connections and domains."""
    return _list(shown=None)


@blueprint.post("")
def add() -> Answer:
    """Begin a connection."""
    person, house = caller(), services()
    identity.require(person, Permission.SIGN_ON_CHANGE)
    try:
        asked = forms.field("kind")
        kind = ConnectionKind(asked) if asked in set(ConnectionKind) else ConnectionKind.OIDC
        form = ConnectionForm(forms.field("name"), kind, sign_on_forms.settings(kind), sign_on_forms.secret())
        with house.db.tenant(person.tenant_id) as tx:
            made = connections.add_connection(tx, person, form, sealer=house.vault, clock=house.clock)
    except Refusal as refusal:
        return _list(shown=_mine(refusal))
    return done("sign_on.read", "connection-added", connection_id=made.connection_id)


@blueprint.post("/proof")
def prove() -> Answer:
    """Ask who is there before a secret is typed, so that it need not be typed twice."""
    return proved_first(Permission.SIGN_ON_CHANGE, "/sign-on")


@blueprint.get("/<uuid:connection_id>")
def read(connection_id: UUID) -> Answer:
    """Show a connection, what to copy into its provider, and what its groups give."""
    return _show(connection_id, shown=None)


@blueprint.post("/<uuid:connection_id>")
def change(connection_id: UUID) -> Answer:
    """Change a connection's settings."""
    house = services()

    def act(tx: Tx, person: Caller) -> None:
        identity.require(person, Permission.SIGN_ON_CHANGE)
        kind = connections.get_connection(tx, person, connection_id).kind
        change = ConnectionChange(forms.field("name"), sign_on_forms.settings(kind), sign_on_forms.secret())
        connections.change_connection(tx, person, connection_id, change, sealer=house.vault, clock=house.clock)

    return _on_page(connection_id, act)


@blueprint.post("/<uuid:connection_id>/metadata")
def read_metadata(connection_id: UUID) -> Answer:
    """Take what the provider's metadata says now, from the address that is kept."""
    person, house = caller(), services()
    try:
        fetching.read_again(
            house.db, person, connection_id, egress=house.sign_on.providers.way_out(), sealer=house.vault, clock=house.clock
        )
    except Refusal as refusal:
        return _show(connection_id, shown=_mine(refusal))
    return done("sign_on.read", "metadata-read", connection_id=connection_id)


@blueprint.post("/<uuid:connection_id>/people")
def change_people(connection_id: UUID) -> Answer:
    """Say whether the connection makes accounts, and with which role."""
    house = services()

    def act(tx: Tx, person: Caller) -> None:
        change = ConnectionChange(provisions=bool(forms.field("provisions")), default_role=forms.role("default_role"))
        connections.change_connection(tx, person, connection_id, change, sealer=house.vault, clock=house.clock)

    return _on_page(connection_id, act)


@blueprint.post("/<uuid:connection_id>/activation")
def create_activation(connection_id: UUID) -> Answer:
    """Let people in by a connection."""
    return _on_page(connection_id, lambda tx, person: connections.activate(tx, person, connection_id), "connection-active")


@blueprint.post("/<uuid:connection_id>/enforcement")
def create_enforcement(connection_id: UUID) -> Answer:
    """Let people in by providers alone; whoever came by a password comes again, by the provider."""
    return _on_page(connection_id, lambda tx, person: connections.enforce(tx, person, connection_id), "connection-enforced")


@blueprint.post("/<uuid:connection_id>/relaxation")
def create_relaxation(connection_id: UUID) -> Answer:
    """Let people in by their passwords again."""
    return _on_page(connection_id, lambda tx, person: connections.relax(tx, person, connection_id))


@blueprint.post("/<uuid:connection_id>/closure")
def create_closure(connection_id: UUID) -> Answer:
    """Let nobody in by a connection any more."""
    return _on_page(connection_id, lambda tx, person: connections.turn_off(tx, person, connection_id), "connection-off")


@blueprint.post("/<uuid:connection_id>/deletion")
def create_deletion(connection_id: UUID) -> Answer:
    """Forget a connection."""
    person = caller()
    try:
        with services().db.tenant(person.tenant_id) as tx:
            connections.remove_connection(tx, person, connection_id)
    except Refusal as refusal:
        return _show(connection_id, shown=_mine(refusal))
    return done("sign_on.show", "connection-removed")


@blueprint.post("/<uuid:connection_id>/setup-link")
def create_link(connection_id: UUID) -> Answer:
    """Make a link for whoever looks after the provider."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            token = links.create_link(tx, person, connection_id, clock=house.clock)
    except Refusal as refusal:
        return _show(connection_id, shown=_mine(refusal))
    link = house.settings.address + url_for("sso.set_up", link=token)
    return _show(connection_id, shown=None, link=link)


@blueprint.post("/<uuid:connection_id>/setup-link/revocation")
def revoke_link(connection_id: UUID) -> Answer:
    """Close the link of a connection."""
    return _on_page(connection_id, lambda tx, person: links.close_link(tx, person, connection_id))


@blueprint.post("/<uuid:connection_id>/mappings")
def add_mapping(connection_id: UUID) -> Answer:
    """Let a group of the provider give something here."""

    def act(tx: Tx, person: Caller) -> None:
        kind, _, value = forms.field("gives").partition(":")
        role = forms.role_named(value) if kind == "role" else Role.CUSTOM if kind == "own" else None
        group, own = (parse_id(value) if kind == one else None for one in ("group", "own"))
        mappings.add_mapping(
            tx, person, connection_id, said=forms.field("said"), role=role, custom_role_id=own,
            group_id=GroupId(group) if group else None,
        )  # fmt: skip

    return _on_page(connection_id, act)


@blueprint.post("/<uuid:connection_id>/mappings/<uuid:mapping_id>/removal")
def create_mapping_removal(connection_id: UUID, mapping_id: UUID) -> Answer:
    """Let a group of the provider give nothing more."""
    return _on_page(connection_id, lambda tx, person: mappings.remove_mapping(tx, person, connection_id, mapping_id))


@blueprint.post("/domains")
def add_domain() -> Answer:
    """Name a domain of the organisation's addresses."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            domains.add_domain(tx, person, domain=forms.field("domain"), clock=house.clock)
    except Refusal as refusal:
        return _list(shown=_mine(refusal))
    return done("sign_on.show", "domain-added")


@blueprint.post("/domains/<uuid:domain_id>/verification")
def create_verification(domain_id: UUID) -> Answer:
    """Look for a domain's TXT record."""
    person, house = caller(), services()
    try:
        domains.verify_domain(house.db, person, domain_id, look_up=house.sign_on.look_up, clock=house.clock)
    except Refusal as refusal:
        return _list(shown=_mine(refusal))
    return done("sign_on.show", "domain-verified")


@blueprint.post("/domains/<uuid:domain_id>/removal")
def create_domain_removal(domain_id: UUID) -> Answer:
    """Give a domain up."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        domains.remove_domain(tx, person, domain_id)
    return done("sign_on.show", "domain-removed")


def _on_page(connection_id: UUID, act: Callable[[Tx, Caller], object], notice: str = "saved") -> Answer:
    """Do something to a connection in one transaction. Its page then says that it was done, or why it was refused."""
    person = caller()
    try:
        with services().db.tenant(person.tenant_id) as tx:
            act(tx, person)
    except Refusal as refusal:
        return _show(connection_id, shown=_mine(refusal))
    return done("sign_on.read", notice, connection_id=connection_id)


def _list(*, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        found, named = connections.list_connections(tx, person), domains.list_domains(tx, person)
    form = sign_on_forms.shown(None)
    return page(
        "sign_on/page.html", refusal=shown, connections=found, domains=named, form=form, typed=request.form,
        vendor=sign_on_forms.vendor_of(form), vendors=sign_on_forms.VENDORS, proofs=ClientProof,
        entrance=house.settings.address + url_for("sso.entrance", tenant_id=person.tenant_id),
    )  # fmt: skip


def _show(connection_id: UUID, *, shown: Refusal | None, link: str = "") -> Answer:
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        found = connections.get_connection(tx, person, connection_id)
        given, groups = mappings.list_mappings(tx, person, connection_id), identity.list_group_names(tx, person)
        own, has_link = list_givable(tx, person), links.has_open_link(tx, person, connection_id, clock=house.clock)
    form = sign_on_forms.shown(found)
    return page(
        "sign_on/connection.html", has_link=has_link, refusal=shown, connection=found, mappings=given, groups=groups, form=form, link=link,
        typed=request.form, vendor=sign_on_forms.vendor_of(form), vendors=sign_on_forms.VENDORS, proofs=ClientProof,
        addresses=sign_on_forms.addresses(found), roles=givable_roles(person), own=own,
        certificates=saml_forms.certificates(found) if found.kind is ConnectionKind.SAML else (),
    )  # fmt: skip


def _mine(refusal: Refusal) -> Refusal:
    return shown_here(refusal, _ELSEWHERE)
