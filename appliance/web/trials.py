"""Would this call pass, and why: nothing is called."""

from datetime import datetime
from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance import identity
from appliance.gateway import Check, Endpoint, Tried, Trying
from appliance.identity import Permission, Scope, UserId
from appliance.identity.values import ModelEndpoint
from appliance.kernel.errors import Invalid, Refusal
from appliance.kernel.ids import parse_id
from appliance.web import forms
from appliance.web.language import gettext, zone
from appliance.web.render import page
from appliance.web.sessions import caller, services

blueprint = Blueprint("trials", __name__, url_prefix="/models/trial")
Answer = tuple[str, int] | Response
_MOST = 500


class MomentMalformed(Invalid):
    """That is no day and time. Write it such as 2027-03-31T09:30, or leave it out for now."""

    code = "moment_malformed"


@blueprint.get("")
def show() -> Answer:
    """Show the form."""
    return _page(None, shown=None)


@blueprint.post("")
def create() -> Answer:
    """Say what each rule says of such a call."""
    try:
        trying = _trying()
        found = services().gate.try_call(caller(), trying)
    except Refusal as refusal:
        return _page(None, shown=refusal)
    return _page(found, shown=None)


def _page(found: Tried | None, *, shown: Refusal | None) -> Answer:
    person, now = caller(), services().clock.now()
    identity.require_granted(person, Permission.MODEL_CHANGE)
    with services().db.tenant(person.tenant_id) as tx:
        tokens = [
            one for one in identity.list_tokens(tx, person, limit=_MOST)
            if Scope.MODELS in one.scopes and one.revoked_at is None and one.expires_at > now
        ]  # fmt: skip
        people = identity.list_candidates(tx, person)
    return page(
        "models/trial.html", refusal=shown, found=found, tokens=tokens, people=people, endpoints=ModelEndpoint,
        form=request.form, why=_why,
    )  # fmt: skip


def _why(check: Check) -> str:
    """Return why, in the reader's language."""
    return gettext(check.reason).format(**check.facts)


def _trying() -> Trying:
    endpoint = forms.choice(ModelEndpoint, "endpoint")
    kind, _, given = forms.field("who").partition(":")
    who: UUID | None = parse_id(given)
    if kind not in {"", "token", "person"} or (kind and who is None):
        raise forms.NotAChoice
    tokens = forms.whole_number("answer_tokens") if forms.field("answer_tokens").strip() else None
    labels = tuple(" ".join(one.split()) for one in forms.field("labels").split(",") if one.strip())
    return Trying(
        Endpoint(f"/v1/{endpoint.value}"), forms.field("model").strip(), who if kind == "token" else None,
        UserId(who) if who and kind == "person" else None, tuple(forms.field("tools").split()), tokens, labels,
        forms.field("address").strip() or None, _moment(),
    )  # fmt: skip


def _moment() -> datetime | None:
    given = forms.field("at").strip()
    if not given:
        return None
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        raise MomentMalformed from None
    return found if found.tzinfo else found.replace(tzinfo=zone())
