from flask import Blueprint, request
from werkzeug.wrappers import Response

import appliance
from appliance import budgets, identity, knowledge, tenancy
from appliance.budgets.errors import BudgetMalformed
from appliance.gateway.ledger import month_usage
from appliance.identity import Permission
from appliance.identity.errors import SecondPersonNeeded
from appliance.kernel.errors import Refusal
from appliance.knowledge.errors import ChangeUnderWay, ModelNotInstalled, ModelUnknown, NoChangeUnderWay
from appliance.tenancy import OrganisationSettings, Review
from appliance.tenancy.errors import ContentDaysMalformed, LinkHostMalformed, OrganisationNameMissing
from appliance.web import forms
from appliance.web.render import done, page
from appliance.web.sessions import caller, services

blueprint = Blueprint("system", __name__)
_DIGITS = 16
Answer = tuple[str, int] | Response


@blueprint.get("/settings")
def settings() -> Answer:
    """Show the organisation's settings: models, budget, what may leave this host."""
    return _settings(given=None, shown=None)


@blueprint.post("/settings/budget")
def change_budget() -> Answer:
    """Set, or with an empty field lift, the monthly token budget."""
    person, house = caller(), services()
    given = request.form.get("monthly_tokens", "").replace(",", "").strip()
    try:
        tokens = _whole_number(given) if given else None
        with house.db.tenant(person.tenant_id) as tx:
            budgets.set_budget(tx, person, monthly_tokens=tokens, clock=house.clock)
    except BudgetMalformed as refusal:
        return _settings(given=given, shown=refusal)
    return done("system.settings", "saved")


@blueprint.post("/settings/organisation")
def rename() -> Answer:
    """Give the organisation another name."""
    person = caller()
    try:
        with services().db.tenant(person.tenant_id) as tx:
            identity.rename_organisation(tx, person, name=forms.field("name"))
    except OrganisationNameMissing as refusal:
        return _settings(given=None, shown=refusal)
    return done("system.settings", "saved")


@blueprint.post("/settings/privacy")
def change_privacy() -> Answer:
    """Change who may look into conversations, and where links of answers may go."""
    person = caller()
    hosts = tuple(line.strip() for line in forms.field("link_hosts").splitlines() if line.strip())
    try:
        chosen = OrganisationSettings(forms.choice(Review, "conversation_review"), hosts, _days())
        with services().db.tenant(person.tenant_id) as tx:
            identity.change_settings(tx, person, chosen)
    except (ContentDaysMalformed, LinkHostMalformed, SecondPersonNeeded, forms.NotAChoice) as refusal:
        return _settings(given=None, shown=refusal)
    return done("system.settings", "saved")


@blueprint.post("/settings/index")
def choose_index() -> Answer:
    """Begin to change the search index to another embedding model."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            offered = house.gateway.embedding_models
            knowledge.choose_model(tx, person, forms.field("model"), offered=offered, clock=house.clock)
    except (ChangeUnderWay, ModelNotInstalled, ModelUnknown) as refusal:
        return _settings(given=None, shown=refusal)
    return done("system.settings", "saved")


@blueprint.post("/settings/index/cancellation")
def cancel_index_change() -> Answer:
    """Stop a change of the search index; the model in force stays."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            knowledge.cancel_change(tx, person, clock=house.clock)
    except NoChangeUnderWay as refusal:
        return _settings(given=None, shown=refusal)
    return done("system.settings", "cancelled-index")


@blueprint.get("/settings/index")
def index_state() -> Answer:
    """Return how far the change of the search index is, alone, for the page that watches it."""
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        index = knowledge.get_index(tx, person, clock=house.clock)
    return page("settings/_index.html", index=index)


def _whole_number(given: str) -> int:
    if not (given.isascii() and given.isdigit() and len(given) <= _DIGITS):
        raise BudgetMalformed
    return int(given)


def _settings(*, given: str | None, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    identity.require(person, Permission.BUDGET_CHANGE)
    with house.db.tenant(person.tenant_id) as tx:
        budget = budgets.get_budget(tx, clock=house.clock)
        usage = month_usage(tx, clock=house.clock)
        settings = tenancy.get_settings(tx)
        index = knowledge.get_index(tx, person, clock=house.clock)
    return page(
        "settings/page.html", refusal=shown, budget=budget, usage=usage, models=house.gateway.catalogue, given=given,
        egress=house.settings.egress_allow, version=appliance.__version__, settings=settings, reviews=list(Review),
        form=request.form, index=index, embedding_models=house.gateway.embedding_models,
    )  # fmt: skip


def _days() -> int:
    given = forms.field("call_content_days").strip() or "0"
    if not (given.isascii() and given.isdigit() and len(given) <= _DIGITS):
        raise ContentDaysMalformed
    return int(given)
