"""Which models may be called, by which names, what was used of them, and how programs connect."""

import re

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance import gateway, identity
from appliance.gateway import usage
from appliance.gateway.ledger import tokens_by_day
from appliance.identity.errors import StepUpRequired
from appliance.kernel.errors import Refusal
from appliance.web import forms
from appliance.web.charts import Chart
from appliance.web.language import gettext
from appliance.web.render import done, page
from appliance.web.sessions import caller, services

blueprint = Blueprint("models", __name__, url_prefix="/models")
Answer = tuple[str, int] | Response
_DAYS = 30
_EQUALS = re.compile(r"\s*=\s*")


@blueprint.get("")
def show() -> Answer:
    """Show the lists, and this month's usage."""
    return _page(shown=None)


@blueprint.post("")
def allow() -> Answer:
    """Allow a model."""
    try:
        with services().db.tenant(caller().tenant_id) as tx:
            gateway.allow_model(tx, caller(), forms.field("model"))
    except StepUpRequired:
        raise
    except Refusal as refusal:
        return _page(shown=refusal)
    return done("models.show", "saved")


@blueprint.post("/removal")
def create_removal() -> Answer:
    """Allow a model no more."""
    with services().db.tenant(caller().tenant_id) as tx:
        gateway.forbid_model(tx, caller(), forms.field("model"))
    return done("models.show", "saved")


@blueprint.post("/aliases")
def set_alias() -> Answer:
    """Make a name of models, or change what is behind it."""
    try:
        with services().db.tenant(caller().tenant_id) as tx:
            gateway.set_alias(tx, caller(), forms.field("name"), _EQUALS.sub("=", forms.field("models")).split())
    except StepUpRequired:
        raise
    except Refusal as refusal:
        return _page(shown=refusal)
    return done("models.show", "saved")


@blueprint.post("/aliases/removal")
def create_alias_removal() -> Answer:
    """Take a name away."""
    with services().db.tenant(caller().tenant_id) as tx:
        gateway.remove_alias(tx, caller(), forms.field("name"))
    return done("models.show", "saved")


def _page(*, shown: Refusal | None) -> Answer:
    person, clock = caller(), services().clock
    with services().db.tenant(person.tenant_id) as tx:
        allowed = gateway.list_allowed_models(tx, person)
        aliases = gateway.list_aliases(tx, person)
        by_model = usage.usage_by_model(tx, person, clock=clock)
        by_person = usage.usage_by_person(tx, person, clock=clock)
        names = identity.names_of(tx, [one.user_id for one in by_person])
        days = tokens_by_day(tx, days=_DAYS, clock=clock)
    return page(
        "models/page.html", refusal=shown, models=allowed, aliases=aliases, by_model=by_model, by_person=by_person,
        names=names, chart=Chart(gettext("Tokens"), days), form=request.form,
        address=services().settings.public_url or request.host_url.rstrip("/"),
    )  # fmt: skip
