"""To an organisation's identity provider and back. What comes back is judged by the room."""

from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from appliance.identity import Caller, NotSignedIn
from appliance.identity.breakglass import refuse_break_glass
from appliance.identity.permissions import require_browser, require_recent
from appliance.identity.sso import connections, links, queries
from appliance.identity.sso.connections import ConnectionChange
from appliance.identity.sso.desk import connections_for, entrance_of
from appliance.identity.sso.errors import ConnectionNotFound, SignOnRefused
from appliance.identity.sso.oidc.settings import ClientProof
from appliance.identity.sso.values import Connection, ConnectionKind, TransactionPurpose, Wish
from appliance.kernel.errors import Kind, Refusal
from appliance.kernel.sealing import digest
from appliance.web import forms, sign_on_forms
from appliance.web.render import done, page
from appliance.web.sessions import caller, from_elsewhere, public, services, session_token
from appliance.web.signin import own_path
from appliance.web.ways import arrival, leaves, let_in, refused, way_token

blueprint = Blueprint("sso", __name__, url_prefix="/sso")
Answer = tuple[str, int] | Response
_COMING = "whoever comes from an identity provider is signed in by what it says"
_LINK = "the link of a connection is the proof; it sets that up and opens nothing else"


class NoProvider(Refusal):
    """No identity provider is known here for that address. Sign in with your password, or ask for your organisation's own sign-in address."""

    kind = Kind.NOT_FOUND
    code = "no_provider"


@blueprint.post("/find")
@public("nobody is signed in before they sign in")
def find() -> Answer:
    """Send somebody on to the provider of their address's domain, whether or not there is such a person."""
    email, target = forms.field("email"), own_path(forms.field("next"))
    found = connections_for(services().db, email)
    if not found:
        return page("signin/page.html", refusal=NoProvider(), form=request.form, next=target)
    if len(found) > 1:
        return redirect(url_for("sso.entrance", tenant_id=found[0].tenant_id, next=target), 303)
    return leaves(found[0], Wish(target=target, hint=email.strip()), by_form=True)


@blueprint.get("/at/<uuid:tenant_id>")
@public("nobody is signed in before they sign in")
def entrance(tenant_id: UUID) -> Answer:
    """Show an organisation's own sign-in address, and by which providers its people come."""
    found = entrance_of(services().db, tenant_id)
    return page("sso/entrance.html", entrance=found, next=own_path(request.args.get("next")))


@blueprint.get("/<uuid:connection_id>/start")
@public("nobody is signed in before they sign in")
def start(connection_id: UUID) -> Answer:
    """Send somebody to a provider."""
    connection = queries.find_connection(services().db, connection_id)
    return leaves(connection, Wish(target=own_path(request.args.get("next"))))


@blueprint.get("/<uuid:connection_id>/callback")
@public(_COMING)
def callback(connection_id: UUID) -> Answer:
    """Take what an OIDC provider sends back."""
    connection = _spoken(connection_id, ConnectionKind.OIDC)
    answer = {name: request.args.getlist(name) for name in request.args}
    try:
        came = services().sign_on.come_back(connection, way_token(), answer, arrival())
    except SignOnRefused as refusal:
        return refused(connection, refusal)
    return let_in(connection, came)


@blueprint.get("/<uuid:connection_id>/proxied")
@public(_COMING)
def proxied(connection_id: UUID) -> Answer:
    """Take what a proxy in front of this house says of who comes."""
    connection = _spoken(connection_id, ConnectionKind.PROXY)
    try:
        came = services().sign_on.come_proxied(connection, way_token(), _headers(), _peer(), arrival())
    except SignOnRefused as refusal:
        return refused(connection, refusal)
    return let_in(connection, came)


@blueprint.get("/<uuid:connection_id>/signed-out")
@public("whoever has just signed out is nobody")
def signed_out(connection_id: UUID) -> Answer:
    """Say that the session here is over, and lead on to where the one at the provider ends."""
    connection = queries.find_connection(services().db, connection_id)
    return page("sso/signed_out.html", connection=connection, farewell=services().sign_on.farewell(connection))


@blueprint.post("/<uuid:connection_id>/backchannel-logout")
@public("a provider has no account; its token is signed")
@from_elsewhere("a provider has no page of ours; its token is signed")
def back_channel(connection_id: UUID) -> Answer:
    """End the sessions that a provider says are over."""
    try:
        connection = _spoken(connection_id, ConnectionKind.OIDC)
        services().sign_on.log_out(connection, forms.field("logout_token"), arrival())
    except (SignOnRefused, ConnectionNotFound):
        return Response('{"error":"invalid_request"}', 400, content_type="application/json")
    return Response("", 200)


@blueprint.post("/<uuid:connection_id>/test")
def test(connection_id: UUID) -> Answer:
    """Go through a connection as a test: nobody is let in, and what came is shown."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        connection = connections.get_connection(tx, person, connection_id)
    wish = Wish(TransactionPurpose.TEST, person.user_id, url_for("sign_on.read", connection_id=connection_id))
    return leaves(connection, wish, by_form=True)


@blueprint.post("/<uuid:connection_id>/link")
def link(connection_id: UUID) -> Answer:
    """Link one's own account with whom the provider names next, after a fresh proof."""
    person = caller()
    require_browser(person)
    require_recent(person)
    with services().db.tenant(person.tenant_id) as tx:
        refuse_break_glass(tx, person.user_id)  # nor would it be linked on its way back
    wish = Wish(TransactionPurpose.LINK, person.user_id, url_for("account.show"), factor_id=person.factor_id,
                session=digest(session_token() or ""))  # fmt: skip
    return leaves(_own(person, connection_id), wish, by_form=True)


@blueprint.post("/confirm")
def confirm() -> Answer:
    """Prove at the provider that it is still you."""
    person = caller()
    if person.connection_id is None:
        raise NotSignedIn
    wish = Wish(TransactionPurpose.CONFIRM, person.user_id, own_path(forms.field("back")))
    return leaves(_own(person, person.connection_id), wish, by_form=True)


@blueprint.get("/setup")
@public(_LINK)
def set_up() -> Answer:
    """Show what whoever looks after a provider sets up for a customer."""
    return _set_up(request.args.get("link", ""), shown=None)


@blueprint.post("/setup")
@public(_LINK)
def change_by_link() -> Answer:
    """Set a connection up by its link."""
    house, token = services(), forms.field("link")
    found = links.find_link(house.db, token, clock=house.clock)
    change = ConnectionChange(settings=sign_on_forms.settings(found.kind), secret=sign_on_forms.secret())
    try:
        links.change_by_link(house.db, token, change, arrival(), sealer=house.vault, clock=house.clock)
    except Refusal as refusal:
        return _set_up(token, shown=refusal)
    return done("sso.set_up", "saved", link=token)


@blueprint.post("/setup/test")
@public(_LINK)
def test_by_link() -> Answer:
    """Go through a connection as a test, by its link."""
    house, token = services(), forms.field("link")
    found = links.find_link(house.db, token, clock=house.clock)
    return leaves(found, Wish(TransactionPurpose.TEST, None, url_for("sso.set_up", link=token)), by_form=True)


def _spoken(connection_id: UUID, kind: ConnectionKind) -> Connection:
    """Return a connection that speaks a protocol: what comes by another one's door is nothing. Raises ConnectionNotFound."""
    connection = queries.find_connection(services().db, connection_id)
    if connection.kind is not kind:
        raise ConnectionNotFound
    return connection


def _headers() -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _peer() -> str:
    """Return the address that this request itself came from, before any X-Forwarded-For was believed."""
    before = request.environ.get("werkzeug.proxy_fix.orig") or {}
    return str(before.get("REMOTE_ADDR") or request.environ.get("REMOTE_ADDR") or "")


def _own(person: Caller, connection_id: UUID) -> Connection:
    """Return a connection of one's own organisation, whatever one may do there. Raises ConnectionNotFound."""
    with services().db.tenant(person.tenant_id) as tx:
        return queries.connection_of(queries.row_of(tx, connection_id))


def _set_up(token: str, *, shown: Refusal | None) -> Answer:
    house = services()
    found = links.find_link(house.db, token, clock=house.clock)
    form = sign_on_forms.shown(found)
    return page(
        "sso/setup.html", refusal=shown, connection=found, link=token, form=form, proofs=ClientProof,
        addresses=sign_on_forms.addresses(found), vendor=sign_on_forms.vendor_of(form), vendors=sign_on_forms.VENDORS,
    )  # fmt: skip
