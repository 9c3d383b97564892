"""What SAML needs of doors: metadata, the reply address that providers post to, the page after it, and signing out.

A provider's post comes from its own site, and brings no cookie of ours: it is verified, laid down, and the browser sent on to
a page of ours, which sees the cookie. Neither of the two believes the other.
"""

from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from appliance.identity.sso import queries
from appliance.identity.sso.errors import ConnectionNotFound, SignOnRefused
from appliance.identity.sso.saml import ending, flow
from appliance.identity.sso.saml.metadata import our_metadata
from appliance.identity.sso.values import Connection, ConnectionKind
from appliance.web import forms, ways
from appliance.web.sessions import from_elsewhere, public, services
from appliance.web.signin import own_path

blueprint = Blueprint("saml", __name__, url_prefix="/sso")
Answer = tuple[str, int] | Response
_COMING = "whoever comes from an identity provider is signed in by what it says"


@blueprint.get("/<uuid:connection_id>/metadata")
@public("whoever looks after a provider has no account here; it says what the provider's own log would")
def metadata(connection_id: UUID) -> Answer:
    """Say who we are to the provider of a connection."""
    connection, desk = _connection(connection_id), services().sign_on.desk
    with desk.db.tenant(connection.tenant_id) as tx:
        ours = flow.ours_at(tx, desk, connection)
    return Response(our_metadata(ours), content_type="application/samlmetadata+xml")


@blueprint.post("/<uuid:connection_id>/acs")
@public(_COMING)
@from_elsewhere("a provider posts from its own site; what it posts is signed, and lets nobody in before the next page")
def acs(connection_id: UUID) -> Answer:
    """Verify what a provider posts, and send the browser on to where its cookie is seen."""
    connection = _connection(connection_id)
    target = own_path(forms.field("RelayState"))
    try:
        landed = flow.land(
            services().sign_on.desk, connection, ways.arrival(), written=request.form.get("SAMLResponse"), target=target
        )
    except SignOnRefused as refusal:
        return ways.refused(connection, refusal)
    response = redirect(url_for("saml.complete", connection_id=connection_id, way=landed.handle), 303)
    if landed.cookie is not None:
        ways.keep_way(response, landed.cookie)
    return response


@blueprint.get("/<uuid:connection_id>/complete")
@public(_COMING)
def complete(connection_id: UUID) -> Answer:
    """Let in whom a provider named, if this is the browser that was sent there."""
    connection = _connection(connection_id)
    try:
        came = flow.come_back(
            services().sign_on.desk, connection, ways.arrival(), handle=request.args.get("way", ""), cookie=ways.way_token()
        )
    except SignOnRefused as refusal:
        return ways.refused(connection, refusal)
    return ways.let_in(connection, came)


@blueprint.get("/<uuid:connection_id>/slo")
@public("a provider has no account; what it says is signed, and ends sessions only")
def sign_out(connection_id: UUID) -> Answer:
    """End the sessions that a provider says are over, or go on after it ended its own."""
    connection = _connection(connection_id)
    if "SAMLRequest" not in request.args:  # the answer to ours: the session here ended before we asked
        return redirect(url_for("signin.sign_in_page"), 303)
    try:
        answer = ending.signed_out_there(
            services().sign_on.desk, connection, ways.arrival(), query=request.query_string,
            relay_state=request.args.get("RelayState"),
        )  # fmt: skip
    except SignOnRefused as refusal:
        return ways.refused(connection, refusal)
    return redirect(answer or url_for("signin.sign_in_page"), 303)


def _connection(connection_id: UUID) -> Connection:
    """Return a connection that speaks SAML. Raises ConnectionNotFound."""
    connection = queries.find_connection(services().db, connection_id)
    if connection.kind is not ConnectionKind.SAML:
        raise ConnectionNotFound
    return connection
