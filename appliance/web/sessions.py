"""Cookie to Caller, and the check that a form is our own. Every route is guarded unless it is marked public.

Cross-site requests: a token bound to the session (or, before sign-in, to a form cookie) by HMAC, and the browser's
own word (Sec-Fetch-Site, Origin). Both must hold; either alone has had its bypasses.
"""

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from appliance import identity
from appliance.assembly import Services
from appliance.identity import Caller, NotSignedIn
from appliance.identity.entry_errors import FactorNeeded, SessionMisplaced
from appliance.identity.errors import OrganisationSuspended
from appliance.identity.passkeys import Site, site_of
from appliance.identity.support import note_act
from appliance.identity.values import SUPPORT_ROLES
from appliance.kernel.bodies import may_come_slowly
from appliance.kernel.errors import Kind, Refusal
from appliance.kernel.sealing import same, token_for

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FORM_COOKIE = "cloister_form"
_FORM_BYTES = 1_000_000
_TAKES_FILES = frozenset(
    {"documents.add", "documents.create_version", "uploads.add", "api.add_documents", "api.add_part", "api.add_version"}
)
View = TypeVar("View", bound=Callable[..., Any])


class ForeignForm(Refusal):
    """This form was not sent from Cloister's own page, or the page was open too long. Reload it and try again."""

    kind = Kind.FORBIDDEN
    code = "foreign_form"


def public(reason: str) -> Callable[[View], View]:
    """Mark a view as open to strangers, and say why."""

    def mark(view: View) -> View:
        view.__dict__["public_reason"] = reason
        return view

    return mark


def from_elsewhere(reason: str) -> Callable[[View], View]:
    """Mark a view that takes forms of other sites, and say why: what it is sent proves itself."""

    def mark(view: View) -> View:
        view.__dict__["elsewhere_reason"] = reason
        return view

    return mark


def services() -> Services:
    """Return the house's services."""
    return cast("Services", current_app.extensions["services"])


def caller() -> Caller:
    """Return who is asking. Raises NotSignedIn."""
    found = cast("Caller | None", g.get("caller"))
    if found is None:
        raise NotSignedIn
    return found


def install(app: Flask) -> None:
    """Put the guard in front of every route."""
    app.before_request(_guard)
    app.after_request(_keep_form_cookie)


def sign_in_cookie(response: AnyResponse, token: str) -> None:
    """Hand the session to the browser."""
    settings = services().settings
    response.set_cookie(
        _cookie_name(), token, max_age=settings.session_hours * 3600, secure=settings.is_https, httponly=True,
        samesite="Lax", path="/",
    )  # fmt: skip


def sign_out_cookie(response: AnyResponse) -> None:
    """Take the session from the browser."""
    response.delete_cookie(_cookie_name(), path="/", secure=services().settings.is_https, httponly=True)


def session_token() -> str | None:
    """Return the browser's session token, if it sent one."""
    return request.cookies.get(_cookie_name())


def csrf_token() -> str:
    """Return the token that this browser's forms must carry."""
    if "csrf" not in g:  # a page may have a hundred forms; who asks is known before the first
        g.csrf = token_for(services().web_key, _bound_to())
    return str(g.csrf)


def passkey_site() -> Site | None:
    """Return where passkeys are good for, or None where this house has no name that they could be bound to."""
    settings = services().settings
    return site_of(settings.public_url, settings.local_address)


def _guard() -> AnyResponse | None:
    token = session_token()
    closed: Refusal | None = None
    g.caller = None
    if token and request.endpoint != "static":  # our files are everybody's: who asks is not looked up
        try:
            g.caller = _resolve(token)
        except NotSignedIn:
            g.caller = None
        except (OrganisationSuspended, SessionMisplaced) as refusal:
            closed = refusal  # the public pages stay open: somebody may sign in elsewhere
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None:
        return None  # 404 and 405 are answered by the error table
    if request.endpoint not in _TAKES_FILES:
        request.max_content_length = _FORM_BYTES
    if g.caller is None and not is_public(view):
        raise closed or NotSignedIn  # before a byte of a stranger's body is read
    if request.method not in _SAFE and not is_programs_door(view) and not hasattr(view, "elsewhere_reason"):
        _require_own_form()
        _look_again(token)
    return _hold_back(view)


def _hold_back(view: Callable[..., Any]) -> AnyResponse | None:
    """Let who lacks a second factor do nothing but add one; and put what an operator does here on record first."""
    person = cast("Caller | None", g.caller)
    if person is None or request.endpoint == "static":
        return None
    if person.lacks_factor and not (is_public(view) or view.__dict__.get("serves_enrolment")):
        if request.method != "GET":
            raise FactorNeeded
        return redirect(url_for("account.show", notice="factor-needed"), 303)
    if person.role in SUPPORT_ROLES:
        note_act(services().db, person, method=request.method, path=request.path)
    return None


def enrolling(view: View) -> View:
    """Mark a view as open to who must add a second factor first."""
    view.__dict__["serves_enrolment"] = True
    return view


def is_public(view: Callable[..., Any]) -> bool:
    """Say whether a view is open to strangers."""
    return hasattr(view, "public_reason") or is_programs_door(view) or request.endpoint == "static"


def is_programs_door(view: Callable[..., Any]) -> bool:
    """Say whether a view is of the API, which asks for a token, looks at no cookie, and so needs no form's proof."""
    return view.__module__.split(".")[:2] == ["appliance", "api"]


def _resolve(token: str) -> Caller:
    house = services()
    return identity.resolve_session(
        house.db,
        token,
        address=request.remote_addr or "",
        request_id=g.request_id,
        idle=timedelta(minutes=house.settings.session_idle_minutes),
        clock=house.clock,
    )


def _look_again(token: str | None) -> None:
    """Read a large form, and then ask once more who is there: they may have been removed in the minutes in which it came."""
    if g.caller is None or not may_come_slowly(request.content_length, is_chunked="Transfer-Encoding" in request.headers):
        return
    _ = request.form  # reads all of it
    g.caller = _resolve(token or "")


def _require_own_form() -> None:
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise ForeignForm
    origin = request.headers.get("Origin")
    if origin and origin != "null" and urlsplit(origin).netloc != request.host:
        raise ForeignForm
    given = request.headers.get("X-CSRF-Token") or request.form.get("csrf", "")
    if not same(given, csrf_token()):
        raise ForeignForm


def _bound_to() -> str:
    if g.get("caller") is not None:
        return f"session {session_token()}"
    if "form_cookie" not in g:
        g.form_cookie = request.cookies.get(_FORM_COOKIE) or secrets.token_urlsafe(16)
    return f"form {g.form_cookie}"


def _keep_form_cookie(response: Response) -> Response:
    value = g.get("form_cookie")
    if value and request.cookies.get(_FORM_COOKIE) != value:
        response.set_cookie(
            _FORM_COOKIE, value, secure=services().settings.is_https, httponly=True, samesite="Lax", path="/"
        )
    return response


def _cookie_name() -> str:
    # __Host- binds the cookie to this host and to https (RFC 6265bis 4.1.3); browsers refuse it on plain http.
    return "__Host-cloister" if services().settings.is_https else "cloister"
