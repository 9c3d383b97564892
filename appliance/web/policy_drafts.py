"""The policy that is being written: its rules in order, what it changes, and how it comes into force."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance import identity
from appliance.dlp import Action, Category, Direction, Family, PolicyRule
from appliance.dlp.differing import differing
from appliance.dlp.drafting import (
    approve_draft,
    discard_draft,
    get_draft,
    put_in_force,
    save_draft,
    send_back_draft,
)
from appliance.dlp.errors import (
    ApproverTooNew,
    DraftDiffers,
    NothingDiffers,
    NotSecondApprover,
    PolicyMalformed,
    PolicyRuleIdle,
    PolicyRuleMalformed,
    PolicyRuleMissing,
)
from appliance.dlp.history import get_policy
from appliance.dlp.policy_values import Draft, PolicyForm
from appliance.dlp.wording import WrittenRule
from appliance.identity.errors import GroupNotFound
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import new_id
from appliance.policy import Term
from appliance.web import forms
from appliance.web.render import done, page
from appliance.web.sessions import caller, services

blueprint = Blueprint("policy_drafts", __name__, url_prefix="/data-protection/draft")
Answer = tuple[str, int] | Response
Rules = tuple[WrittenRule, ...]
_WRONG = (
    DraftDiffers, GroupNotFound, PolicyMalformed, PolicyRuleIdle, PolicyRuleMalformed, forms.NotANumber, forms.NotAChoice,
)  # fmt: skip


@blueprint.get("")
def show() -> Answer:
    """Show the draft, and what it would change."""
    return _show(shown=None)


@blueprint.post("")
def change() -> Answer:
    """Say what the draft says beside its rules."""
    try:
        _save(lambda form: replace(form, needs_second=bool(forms.field("needs_second")), note=forms.field("note")))
    except _WRONG as refusal:
        return _show(shown=refusal)
    return done("policy_drafts.show", "saved")


@blueprint.get("/rules/new")
def new_rule() -> Answer:
    """Show the form of a rule."""
    return _show_rule(None, shown=None)


@blueprint.post("/rules/new")
def add_rule() -> Answer:
    """Add a rule below the others."""
    try:
        rule = _rule(new_id())
        _save(lambda form: replace(form, rules=(*form.rules, rule)))
    except _WRONG as refusal:
        return _show_rule(None, shown=refusal)
    return done("policy_drafts.show", "saved")


@blueprint.get("/rules/<uuid:policy_rule_id>")
def read_rule(policy_rule_id: UUID) -> Answer:
    """Show a rule of the draft."""
    return _show_rule(policy_rule_id, shown=None)


@blueprint.post("/rules/<uuid:policy_rule_id>")
def change_rule(policy_rule_id: UUID) -> Answer:
    """Put another rule in the place of one."""
    try:
        rule = _rule(policy_rule_id)
        _save(lambda form: replace(form, rules=_replaced(form.rules, rule)))
    except _WRONG as refusal:
        return _show_rule(policy_rule_id, shown=refusal)
    return done("policy_drafts.show", "saved")


@blueprint.post("/rules/<uuid:policy_rule_id>/place")
def move_rule(policy_rule_id: UUID) -> Answer:
    """Let a rule be asked earlier, or later."""
    step = 1 if forms.field("to") == "later" else -1
    try:
        _save(lambda form: replace(form, rules=_moved(form.rules, policy_rule_id, step)))
    except _WRONG as refusal:
        return _show(shown=refusal)
    return done("policy_drafts.show", "saved")


@blueprint.post("/rules/<uuid:policy_rule_id>/deletion")
def create_rule_deletion(policy_rule_id: UUID) -> Answer:
    """Take a rule out."""
    try:
        _save(lambda form: replace(form, rules=_without(form.rules, policy_rule_id)))
    except _WRONG as refusal:
        return _show(shown=refusal)
    return done("policy_drafts.show", "deleted")


@blueprint.post("/deletion")
def create_deletion() -> Answer:
    """Throw the draft away."""
    person = caller()
    try:
        with services().db.tenant(person.tenant_id) as tx:
            discard_draft(tx, person, revision=_revision())
    except (DraftDiffers, forms.NotANumber) as refusal:
        return _show(shown=refusal)
    return done("data_protection.show", "dlp-discarded")


@blueprint.post("/enactment")
def create_enactment() -> Answer:
    """Put it in force, or ask a second person to."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            made = put_in_force(tx, person, revision=_revision(), clock=house.clock)
    except (DraftDiffers, NothingDiffers, NotSecondApprover, forms.NotANumber) as refusal:
        return _show(shown=refusal)
    if isinstance(made, Draft):
        return done("policy_drafts.show", "dlp-asked")
    return done("data_protection.show", "dlp-in-force")


@blueprint.post("/approval")
def create_approval() -> Answer:
    """Put in force what another person asked for."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            approve_draft(tx, person, revision=_revision(), clock=house.clock)
    except (ApproverTooNew, DraftDiffers, NotSecondApprover, forms.NotANumber) as refusal:
        return _show(shown=refusal)
    return done("data_protection.show", "dlp-in-force")


@blueprint.post("/return")
def create_return() -> Answer:
    """Let what awaits a second person be a draft again."""
    person = caller()
    try:
        with services().db.tenant(person.tenant_id) as tx:
            send_back_draft(tx, person, revision=_revision())
    except (DraftDiffers, forms.NotANumber) as refusal:
        return _show(shown=refusal)
    return done("policy_drafts.show", "dlp-sent-back")


def _save(changed: Callable[[PolicyForm], PolicyForm]) -> None:
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        draft = get_draft(tx, person)
        save_draft(tx, person, changed(draft.form), revision=_revision(), clock=house.clock)


def _revision() -> int:
    return forms.whole_number("revision")


def _replaced(rules: Rules, rule: WrittenRule) -> Rules:
    return tuple(rule if one.rule.rule_id == rule.rule.rule_id else one for one in rules)


def _without(rules: Rules, rule_id: UUID) -> Rules:
    return tuple(one for one in rules if one.rule.rule_id != rule_id)


def _moved(rules: Rules, rule_id: UUID, step: int) -> Rules:
    place = next((at for at, one in enumerate(rules) if one.rule.rule_id == rule_id), None)
    if place is None:
        return rules
    left = [*rules[:place], *rules[place + 1 :]]
    left.insert(max(0, place + step), rules[place])
    return tuple(left)


def _show(*, shown: Refusal | None) -> Answer:
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        draft, in_force = get_draft(tx, person), get_policy(tx, person)
        names = identity.names_of(tx, [one for one in (draft.drafted_by, draft.changed_by, draft.asked_by) if one])
        groups = identity.list_group_names(tx, person)
    return page(
        "data_protection/draft.html", refusal=shown, draft=draft, in_force=in_force, names=names, groups=groups, terms=Term,
        changes=differing(in_force.form, draft.form), form=request.form,
    )  # fmt: skip


def _show_rule(rule_id: UUID | None, *, shown: Refusal | None) -> Answer:
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        draft = get_draft(tx, person)
        groups = identity.list_group_names(tx, person)
    found = next((one for one in draft.form.rules if one.rule.rule_id == rule_id), None)
    if rule_id is not None and found is None:
        raise PolicyRuleMissing
    return page(
        "data_protection/rule.html", refusal=shown, rule=found, typed=_typed() if shown else _written(found), revision=draft.revision,
        groups=groups, actions=Action, families=Family, categories=Category, directions=Direction, terms=Term,
    )  # fmt: skip


_LISTS = ("families", "categories", "directions", "groups", "unless_terms")


def _rule(rule_id: UUID) -> WrittenRule:
    chosen = {name: request.form.getlist(name) for name in _LISTS}
    try:
        categories, families = map(Category, chosen["categories"]), map(Family, chosen["families"])
        rule = PolicyRule(
            rule_id, Action(forms.field("action")), frozenset(categories), frozenset(families),
            frozenset(map(Direction, chosen["directions"])), frozenset(forms.lines("labels")), frozenset(forms.groups()),
            forms.whole_number("least") / 100, frozenset(chosen["unless_terms"]), frozenset(forms.lines("unless_regions")),
            bool(forms.field("only_leaving")),
        )  # fmt: skip
    except ValueError as error:
        raise forms.NotAChoice from error
    return WrittenRule(rule, forms.field("name"), forms.field("why"))


def _typed() -> dict[str, object]:
    return {**request.form.to_dict(), **{name: request.form.getlist(name) for name in _LISTS}}


def _written(written: WrittenRule | None) -> dict[str, object]:
    """Return a rule as its form shows it."""
    if written is None:
        return {"action": Action.WARN.value, "least": 50}
    rule = written.rule
    return {
        "name": written.name, "why": written.why, "action": rule.action.value, "families": _values(rule.families),
        "categories": _values(rule.categories), "directions": _values(rule.directions), "groups": list(map(str, rule.groups)),
        "labels": "\n".join(sorted(rule.labels)), "least": round(100 * rule.least), "only_leaving": rule.only_leaving,
        "unless_terms": sorted(rule.unless_terms), "unless_regions": "\n".join(sorted(rule.unless_regions)),
    }  # fmt: skip


def _values(chosen: Iterable[Family | Category | Direction]) -> list[str]:
    return [one.value for one in chosen]
