"""What a model call may do: rules for everybody and for groups, and what labels of data demand."""

from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance import identity, policy
from appliance.identity import GroupId
from appliance.identity.errors import StepUpRequired
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import parse_id
from appliance.policy import Hours, Limits, Rule, Term
from appliance.policy.errors import RuleNotFound
from appliance.web import forms
from appliance.web.language import zone, zones
from appliance.web.render import done, page
from appliance.web.sessions import caller, services

blueprint = Blueprint("rules", __name__, url_prefix="/models")
Answer = tuple[str, int] | Response


@blueprint.get("/rules")
def show() -> Answer:
    """List the rules, and the labels."""
    return _list(shown=None)


@blueprint.post("/rules")
def add() -> Answer:
    """Make a rule."""
    person, house = caller(), services()
    try:
        limits, group = _limits(), _group()
        with house.db.tenant(person.tenant_id) as tx:
            policy.create_rule(tx, person, forms.field("name"), group, limits, clock=house.clock)
    except StepUpRequired:
        raise
    except Refusal as refusal:
        return _list(shown=refusal)
    return done("rules.show", "saved")


@blueprint.get("/rules/<uuid:rule_id>")
def read(rule_id: UUID) -> Answer:
    """Show a rule."""
    return _show(rule_id, shown=None)


@blueprint.post("/rules/<uuid:rule_id>")
def change(rule_id: UUID) -> Answer:
    """Put another rule in the place of this one."""
    person, house = caller(), services()
    try:
        limits, group = _limits(), _group()
        with house.db.tenant(person.tenant_id) as tx:
            policy.change_rule(tx, person, rule_id, forms.field("name"), group, limits, clock=house.clock)
    except (StepUpRequired, RuleNotFound):
        raise
    except Refusal as refusal:
        return _show(rule_id, shown=refusal)
    return done("rules.show", "saved")


@blueprint.post("/rules/<uuid:rule_id>/deletion")
def create_deletion(rule_id: UUID) -> Answer:
    """Take a rule away."""
    with services().db.tenant(caller().tenant_id) as tx:
        policy.remove_rule(tx, caller(), rule_id)
    return done("rules.show", "deleted")


@blueprint.post("/labels")
def set_label() -> Answer:
    """Say what a label demands."""
    try:
        terms = [forms.term(one) for one in request.form.getlist("terms")]
        with services().db.tenant(caller().tenant_id) as tx:
            policy.set_label(tx, caller(), forms.field("label"), terms, stays=bool(forms.field("stays")))
    except StepUpRequired:
        raise
    except Refusal as refusal:
        return _list(shown=refusal)
    return done("rules.show", "saved")


@blueprint.post("/labels/removal")
def create_label_removal() -> Answer:
    """Demand nothing any more for a label."""
    with services().db.tenant(caller().tenant_id) as tx:
        policy.remove_label(tx, caller(), forms.field("label"))
    return done("rules.show", "deleted")


def _list(*, shown: Refusal | None) -> Answer:
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        found, labels = policy.list_rules(tx, person), policy.list_data_labels(tx, person)
        groups = identity.list_group_names(tx, person)
    return page(
        "models/rules.html", refusal=shown, rules=found, labels=labels, groups=groups, terms=Term, zones=zones(),
        typed=_typed(), chosen=request.form.getlist("terms"), form=request.form, zone=str(zone()),
    )  # fmt: skip


def _show(rule_id: UUID, *, shown: Refusal | None) -> Answer:
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        rule = policy.get_rule(tx, person, rule_id)
        groups = identity.list_group_names(tx, person)
    typed = _typed() if shown else _written(rule)
    return page(
        "models/rule.html", refusal=shown, rule=rule, groups=groups, zones=zones(), typed=typed, zone=str(zone()),
    )  # fmt: skip


def _limits() -> Limits:
    lists = {name: forms.lines(name) for name in ("providers", "models", "regions", "tools", "labels")}
    most = forms.whole_number("most_answer_tokens") if forms.field("most_answer_tokens").strip() else None
    days = tuple(int(one) for one in request.form.getlist("weekdays") if one in "1234567" and len(one) == 1)
    hours = Hours(days, forms.field("starts") or None, forms.field("ends") or None, forms.field("zone") or None)
    return Limits(**lists, most_answer_tokens=most, hours=hours)


def _group() -> GroupId | None:
    given = forms.field("group")
    found = parse_id(given)
    if given and found is None:
        raise forms.NotAChoice
    return GroupId(found) if found else None


def _typed() -> dict[str, object]:
    if request.path.startswith("/models/labels"):
        return {}
    return {**request.form.to_dict(), "weekdays": request.form.getlist("weekdays")}


def _written(rule: Rule) -> dict[str, object]:
    """Return a rule as its form shows it."""
    limits, hours = rule.limits, rule.limits.hours
    lists = {name: "\n".join(getattr(limits, name)) for name in ("providers", "models", "regions", "tools", "labels")}
    return {
        "name": rule.name, "group": str(rule.group_id or ""), **lists, "most_answer_tokens": limits.most_answer_tokens or "",
        "weekdays": [str(one) for one in hours.weekdays], "starts": hours.starts or "", "ends": hours.ends or "",
        "zone": hours.zone or "",
    }  # fmt: skip
