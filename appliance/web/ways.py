"""Sending a browser to a provider, and answering it when it is back: the same for each protocol.

A provider sends people by a redirect, which brings our Lax cookie along. Whoever is sent there by a form of ours sees a
page in between: browsers count the redirects of a form as its target, and our forms go to us alone.
"""

from flask import g, make_response, redirect, request, url_for
from werkzeug.wrappers import Response

from appliance import identity
from appliance.identity.sso.errors import SignOnRefused
from appliance.identity.sso.values import Arrival, Connection, Departure, Return, TransactionPurpose, Wish
from appliance.kernel.safety import POLICY
from appliance.kernel.sealing import digest
from appliance.web import saml_forms
from appliance.web.render import page
from appliance.web.sessions import caller, services, session_token, sign_in_cookie
from appliance.web.signin import own_path

Answer = tuple[str, int] | Response
_SECONDS = 600


def arrival() -> Arrival:
    """Return the browser that somebody comes with."""
    return Arrival(request.remote_addr or "", request.user_agent.string, g.request_id)


def way_token() -> str:
    """Return the token by which a browser is known that comes back from a provider."""
    return request.cookies.get(_way_cookie(), "")


def let_in(connection: Connection, came: Return) -> Answer:
    """Answer somebody whom their provider brought back: with their session, or with what a test shows."""
    if came.purpose is TransactionPurpose.TEST:
        return _forgotten(make_response(page("sso/test.html", connection=connection, said=came.said, received=came.said.shown,
                                             back=own_path(came.target))))  # fmt: skip
    target = own_path(came.target)
    person, house = g.get("caller"), services()
    # Whoever linked their account while they are signed in stays so; whoever proved who they are goes on in a new session.
    is_theirs = person is not None and (person.tenant_id, person.user_id) == (connection.tenant_id, came.user_id)
    keeps = is_theirs and came.purpose is TransactionPurpose.LINK
    over = came.session if keeps else session_token()
    if is_theirs and over:
        with house.db.tenant(connection.tenant_id) as tx:
            identity.close_session(tx, caller(), session=digest(over))
    notice = {TransactionPurpose.CONFIRM: "proved", TransactionPurpose.LINK: "linked"}.get(came.purpose)
    response = redirect(f"{target}{'&' if '?' in target else '?'}notice={notice}" if notice else target, 303)
    if not keeps:
        sign_in_cookie(response, came.session)
    return _forgotten(response)


def refused(connection: Connection, refusal: SignOnRefused, *, back: str = "") -> Answer:
    """Answer somebody who is not let in: with the reason, and what to do about it. A test leads `back` to the connection."""
    is_test = refusal.purpose is TransactionPurpose.TEST
    template = "sso/test.html" if is_test else "sso/refused.html"
    body, status = page(template, refusal=refusal, connection=connection, said=None, received=refusal.received,
                        advice=saml_forms.advice(refusal), back=back or _connection_page(connection))  # fmt: skip
    return _forgotten(make_response(body, status))


def _connection_page(connection: Connection) -> str:
    """Return where an administrator goes on; for whoever holds a set-up link there is no such page."""
    return url_for("sign_on.read", connection_id=connection.connection_id) if g.get("caller") else ""


def leaves(connection: Connection, wish: Wish, *, by_form: bool = False) -> Answer:
    try:
        departure = services().sign_on.leave(connection, wish, arrival())
    except SignOnRefused as refusal:
        refusal.purpose = wish.purpose
        return refused(connection, refusal, back=own_path(wish.target))
    if departure.form_field:
        response = _posting(connection, departure)
    else:
        response = _between(connection, departure) if by_form else redirect(departure.url, 303)
    keep_way(response, departure.token)
    return response


def keep_way(response: Response, token: str) -> None:
    """Give a browser the cookie by which it is known when it comes back."""
    response.set_cookie(
        _way_cookie(), token, max_age=_SECONDS, secure=services().settings.is_https, httponly=True, samesite="Lax", path="/",
    )  # fmt: skip


def _between(connection: Connection, departure: Departure) -> Response:
    body, _ = page("sso/leaving.html", connection=connection, url=departure.url)
    return make_response(body)


def _posting(connection: Connection, departure: Departure) -> Response:
    """Show the form of SAML's POST binding: the one page from which a form of ours goes to somebody else."""
    body, _ = page("sso/posting.html", connection=connection, departure=departure)
    response = make_response(body)
    response.headers["Content-Security-Policy"] = POLICY.replace("form-action 'self'", f"form-action {departure.origin}")
    return response


def _forgotten(response: Response) -> Response:
    response.delete_cookie(_way_cookie(), path="/", secure=services().settings.is_https, httponly=True)
    return response


def _way_cookie() -> str:
    return "__Host-cloister_sso" if services().settings.is_https else "cloister_sso"


