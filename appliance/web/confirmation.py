"""Who is there? Asked before a sensitive step, and the step goes on with what was typed.

The refused form is put, field by field, into the page that asks; after the proof it is sent again to where it was
going (307 keeps method and body), with its own cross-site token. Files are not carried: no such step takes any. Nor
are keys: a secret goes into no page.
"""

from urllib.parse import urlsplit

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from appliance import identity
from appliance.identity.errors import StepUpRequired
from appliance.identity.signin import Proof
from appliance.kernel.errors import Refusal
from appliance.kernel.problems import STATUS
from appliance.web import forms
from appliance.web.render import page
from appliance.web.sessions import caller, enrolling, passkey_site, services, session_token
from appliance.web.signin import own_path

blueprint = Blueprint("confirmation", __name__)
Answer = tuple[str, int] | Response
# What is typed into no page again, not even into the hidden fields of this one. The step says that it is to be given again.
SECRET = {"key"}
OURS = {"csrf", "confirm_target", "confirm_password", "confirm_code", "confirm_passkey", "confirm_step"}


def ask(refusal: StepUpRequired) -> Answer:
    """Answer a sensitive step with the page that asks who is there."""
    return _page(request.full_path.rstrip("?"), shown=refusal.why, status=STATUS[refusal.kind])


@blueprint.post("/confirm")
@enrolling
def confirm() -> Answer:
    """Take the proof, and send the step on its way."""
    house, person = services(), caller()
    target = own_path(forms.field("confirm_target"))
    attempt = forms.attempt(person.email, forms.field("confirm_password"))
    proof = Proof(forms.field("confirm_code"), forms.field("confirm_passkey"))
    try:
        identity.confirm(
            house.db, person, attempt, proof, step=forms.field("confirm_step"), session=session_token() or "",
            site=passkey_site(), sealer=house.vault.platform, clock=house.clock,
        )  # fmt: skip
    except Refusal as refusal:
        return _page(target, shown=refusal, status=STATUS[refusal.kind])
    return redirect(target, 307)


def _page_of_form() -> str:
    came = urlsplit(request.referrer or "")
    return own_path(f"{came.path}?{came.query}" if came.query else came.path) if came.netloc == request.host else "/"


def _page(target: str, *, shown: Refusal | None, status: int) -> Answer:
    person, house = caller(), services()
    if person.connection_id is not None:
        # At their provider, from where no form can be carried on: they come back to the page that it was on.
        body, _ = page("confirmation/provider.html", back=_page_of_form())
        return body, status
    with house.db.tenant(person.tenant_id) as tx:
        step, options = identity.begin_confirmation(tx, person, passkey_site(), clock=house.clock)
        has_factors = bool(identity.list_factors(tx, person.user_id))
    typed = [(name, value) for name, values in request.form.lists() if name not in OURS for value in values]
    fields = [(f"{name}_lost", "yes") if name in SECRET else (name, value) for name, value in typed]
    body, _ = page(
        "confirmation/page.html", refusal=shown, target=target, step=step, options=options, fields=fields,
        has_factors=has_factors,
    )  # fmt: skip
    return body, status
