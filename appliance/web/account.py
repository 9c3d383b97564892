"""One's own account: profile, password, second factors, sessions, and the organisations one belongs to."""

from uuid import UUID

import segno
from flask import Blueprint, redirect, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response

from appliance import identity
from appliance.identity.breakglass import is_break_glass
from appliance.identity.errors import PasskeyRefused, StepUpRequired
from appliance.identity.factors import (
    NewTotp,
    begin_totp,
    confirm_totp,
    count_recovery_codes,
    get_new_totp,
    list_factors,
    remove_factor,
    replace_recovery_codes,
)
from appliance.identity.passkeys import add_passkey, registration_options
from appliance.identity.permissions import require_recent
from appliance.identity.sessions import note_method
from appliance.identity.sso import queries
from appliance.identity.sso.enforcing import way_by_provider
from appliance.identity.sso.errors import BreakGlassShut, BreakGlassUnshown, SignOnEnforced
from appliance.identity.sso.values import TransactionPurpose
from appliance.identity.steps import Purpose, close_step, open_step, try_step
from appliance.kernel.errors import Invalid, Refusal
from appliance.kernel.ids import TenantId
from appliance.kernel.sealing import digest
from appliance.web import forms
from appliance.web.language import LANGUAGES, zones
from appliance.web.render import done, page
from appliance.web.sessions import caller, enrolling, passkey_site, services, session_token, sign_in_cookie
from appliance.web.signin import by_provider

blueprint = Blueprint("account", __name__, url_prefix="/account")
Answer = tuple[str, int] | Response


@blueprint.get("")
@enrolling
def show() -> Answer:
    """Show one's own account."""
    return _show(shown=None)


@blueprint.post("/profile")
@enrolling
def change_profile() -> Answer:
    """Change one's name here, language and time zone."""
    person = caller()
    try:
        with services().db.tenant(person.tenant_id) as tx:
            identity.change_profile(
                tx, person, display_name=forms.field("name"), language=forms.field("language") or None,
                zone=forms.field("zone") or None,
            )  # fmt: skip
    except Refusal as refusal:
        return _show(shown=refusal)
    return done("account.show", "profile")


@blueprint.post("/password")
def change_password() -> Answer:
    """Change one's own password."""
    person, house = caller(), services()
    try:
        identity.change_password(
            house.db, person, forms.attempt(person.email, forms.field("current")), new=forms.field("new"), session=_session(),
            clock=house.clock,
        )  # fmt: skip
    except Refusal as refusal:
        return _show(shown=refusal)
    return done("account.show", "password")


@blueprint.post("/sessions/<session>/end")
@enrolling
def end_session(session: str) -> Answer:
    """End one of one's own sessions."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        identity.close_session(tx, person, session=bytes.fromhex(session) if _is_hex(session) else b"")
    return done("account.show", "session-ended")


@blueprint.post("/places/<uuid:tenant_id>")
@enrolling
def enter(tenant_id: UUID) -> Answer:
    """Go to another of one's organisations."""
    person, house = caller(), services()
    try:
        token = identity.enter(house.db, person, TenantId(tenant_id), token=session_token() or "", clock=house.clock)
    except BreakGlassUnshown as refusal:
        asked = StepUpRequired()
        asked.why = refusal
        raise asked from None  # the other factor is shown here, and goes along
    except BreakGlassShut:
        raise
    except SignOnEnforced:
        way = way_by_provider(house.db, TenantId(tenant_id), person.user_id, factor_id=person.factor_id, session=_session())
        if way.wish is not None and way.wish.purpose is TransactionPurpose.LINK:
            require_recent(person)  # as under `sso.link`: an open browser links nobody
        return by_provider(way)
    response = redirect(url_for("overview.show"), 303)
    sign_in_cookie(response, token)
    return response


@blueprint.post("/factors/totp")
@enrolling
def add_totp() -> Answer:
    """Begin with an authenticator app: show its seed as a QR code and in letters."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            new = begin_totp(tx, person, label=forms.field("label"), sealer=house.vault.platform, clock=house.clock)
    except Invalid as refusal:
        return _show(shown=refusal)
    return _totp(new, shown=None)


@blueprint.post("/factors/<uuid:factor_id>/confirmation")
@enrolling
def create_confirmation(factor_id: UUID) -> Answer:
    """Put an authenticator app in force by its first code; show recovery codes with the first factor."""
    person, house = caller(), services()
    sealer = house.vault.platform
    try:
        with house.db.tenant(person.tenant_id) as tx:
            codes = confirm_totp(tx, person, factor_id, forms.field("code"), sealer=sealer, clock=house.clock)
            note_method(tx, person, session=_session(), method="totp")
    except Refusal as refusal:
        with house.db.tenant(person.tenant_id) as tx:
            new = get_new_totp(tx, person, factor_id, sealer=sealer)
        return _totp(new, shown=refusal)
    return page("account/codes.html", codes=codes) if codes else done("account.show", "saved")


@blueprint.post("/factors/<uuid:factor_id>/removal")
def create_removal(factor_id: UUID) -> Answer:
    """Remove one of one's factors."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        remove_factor(tx, person, factor_id)
    return done("account.show", "factor-removed")


@blueprint.post("/recovery-codes")
def add_recovery_codes() -> Answer:
    """Make new recovery codes; the old ones end."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        codes = replace_recovery_codes(tx, person)
    return page("account/codes.html", codes=codes)


@blueprint.post("/factors/passkey")
@enrolling
def add_passkey_page() -> Answer:
    """Begin with a passkey: the page hands its options to the browser."""
    person, house, site = caller(), services(), passkey_site()
    if site is None:
        raise PasskeyRefused
    with house.db.tenant(person.tenant_id) as tx:
        step, challenge = open_step(tx, person.user_id, Purpose.PASSKEY, clock=house.clock)
        options = registration_options(tx, person, site, challenge=challenge)
    return page("account/passkey.html", options=options, step=step, label=forms.field("label"))


@blueprint.post("/factors/passkey/response")
@enrolling
def finish_passkey() -> Answer:
    """Store the passkey that the browser made."""
    person, house, site = caller(), services(), passkey_site()
    step = try_step(house.db, forms.field("step"), Purpose.PASSKEY, clock=house.clock)
    if site is None or step.user_id != person.user_id:
        raise PasskeyRefused
    with house.db.tenant(person.tenant_id) as tx:
        close_step(tx, forms.field("step"))
        codes = add_passkey(
            tx, person, site, label=forms.field("label"), response=forms.field("response"), challenge=step.challenge,
            sealer=house.vault.platform, clock=house.clock,
        )  # fmt: skip
        note_method(tx, person, session=_session(), method="passkey")
    return page("account/codes.html", codes=codes) if codes else done("account.show", "saved")


def _totp(new: NewTotp, *, shown: Refusal | None) -> Answer:
    # Drawn by us from a seed of letters and digits, and put into the page as it is: no image is loaded for it.
    drawing = segno.make(new.uri, error="m").svg_inline(scale=5, border=3, dark="#000", light="#fff")
    picture = Markup(drawing)  # noqa: S704 - our own drawing of our own text
    return page("account/totp.html", refusal=shown, new=new, picture=picture)


def _show(*, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        sessions = identity.list_sessions(tx, person)
        factors, codes_left = list_factors(tx, person.user_id), count_recovery_codes(tx, person.user_id)
        ways, linked = queries.open_connections(tx), queries.linked_of(tx, person.user_id)
        if ways and is_break_glass(tx, person.user_id):
            ways = []  # it is linked with nobody
    return page(
        "account/page.html", refusal=shown, sessions=sessions, this=_session(), factors=factors,
        codes_left=codes_left, ways=ways, linked=linked, languages=LANGUAGES,
        # What an organisation's provider says of somebody shows nothing of the other organisations that they belong to.
        places=[] if person.connection_id else identity.list_places(house.db, person.user_id),
        zones=zones(), has_passkeys=passkey_site() is not None, form=request.form,
    )  # fmt: skip


def _session() -> bytes:
    return digest(session_token() or "")


def _is_hex(text: str) -> bool:
    return len(text) == 64 and all(sign in "0123456789abcdef" for sign in text)  # noqa: PLR2004 - a SHA-256
