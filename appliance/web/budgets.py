"""Budgets of tokens and money, and how fast programs may call."""

import re
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance import budgets, identity
from appliance.budgets import BudgetForm, Limits, Period, Standing, Subject, SubjectKind, Unit, Unpriced
from appliance.budgets.errors import SubjectUnknown
from appliance.budgets.limits import Pace, list_call_limits, remove_call_limit, set_call_limit
from appliance.identity import PeopleFilter, Permission, TokenFilter
from appliance.identity.permissions import may
from appliance.kernel.db import Tx
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import parse_id
from appliance.web import forms
from appliance.web.render import done, page
from appliance.web.sessions import caller, services

blueprint = Blueprint("budgets", __name__, url_prefix="/budgets")
Answer = tuple[str, int] | Response
_MOST_KEYS: Final = 200
_MICROS: Final = 6
_WHOLE: Final = re.compile(r"\d{1,15}|\d{1,3}(?:[., ]\d{3}){1,4}")
_AMOUNT: Final = re.compile(r"(\d{1,9})(?:[.,](\d{1,2}))?")


@blueprint.get("")
def show() -> Answer:
    """Show the budgets and limits, and how this period's calls stand to them."""
    return _page(shown=None)


@blueprint.post("")
def add() -> Answer:
    """Set a budget."""
    person, house = caller(), services()
    identity.require(person, Permission.BUDGET_CHANGE)
    try:
        with house.db.tenant(person.tenant_id) as tx:
            unit = forms.choice(Unit, "unit")
            currency = forms.field("currency").strip().upper() if unit is Unit.MONEY else None
            form = BudgetForm(
                forms.field("name"), _subject(tx), unit, forms.choice(Period, "period"), _limits(unit), currency,
                _unpriced(),
            )  # fmt: skip
            budgets.create_budget(tx, person, form, clock=house.clock)
    except Refusal as refusal:
        return _page(shown=refusal)
    return done("budgets.show", "saved")


@blueprint.get("/<uuid:budget_id>")
def read(budget_id: UUID) -> Answer:
    """Show one budget, and for one of each who stands how."""
    return _read(budget_id, shown=None)


@blueprint.post("/<uuid:budget_id>")
def change(budget_id: UUID) -> Answer:
    """Change a budget's name and limits."""
    person, house = caller(), services()
    identity.require(person, Permission.BUDGET_CHANGE)
    try:
        with house.db.tenant(person.tenant_id) as tx:
            unit = budgets.get_standing(tx, person, budget_id, clock=house.clock).budget.form.unit
            budgets.change_budget(
                tx, person, budget_id, name=forms.field("name"), limits=_limits(unit), unpriced=_unpriced(),
                clock=house.clock,
            )  # fmt: skip
    except budgets.BudgetNotFound:
        raise
    except Refusal as refusal:
        return _read(budget_id, shown=refusal)
    return done("budgets.read", "saved", budget_id=budget_id)


@blueprint.post("/<uuid:budget_id>/removal")
def create_removal(budget_id: UUID) -> Answer:
    """Lift a budget."""
    with services().db.tenant(caller().tenant_id) as tx:
        budgets.remove_budget(tx, caller(), budget_id)
    return done("budgets.show", "removed-budget")


@blueprint.post("/limits")
def set_limit() -> Answer:
    """Set how fast programs may call."""
    person, house = caller(), services()
    identity.require(person, Permission.BUDGET_CHANGE)
    try:
        pace = Pace(*(_number(name) for name in ("requests_per_minute", "tokens_per_minute", "at_once")))
        with house.db.tenant(person.tenant_id) as tx:
            set_call_limit(tx, person, _subject(tx), pace, clock=house.clock)
    except Refusal as refusal:
        return _page(shown=refusal)
    return done("budgets.show", "saved")


@blueprint.post("/limits/<uuid:limit_id>/removal")
def create_limit_removal(limit_id: UUID) -> Answer:
    """Lift a limit."""
    with services().db.tenant(caller().tenant_id) as tx:
        remove_call_limit(tx, caller(), limit_id)
    return done("budgets.show", "removed-limit")


def _page(*, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        found = budgets.list_budgets(tx, person, clock=house.clock)
        limits = list_call_limits(tx, person)
        groups = identity.group_names(tx)
        subjects = [one.budget.form.subject for one in found] + [one.subject for one in limits]
        names = _names(tx, subjects, [one.id for one in found])
        keys = identity.list_tokens(tx, person, TokenFilter(), limit=_MOST_KEYS) if _may_change() else []
    now = house.clock.now()
    return page(
        "budgets/page.html", refusal=shown, budgets=found, limits=limits, names=names, groups=groups, form=request.form,
        keys=[one for one in keys if one.revoked_at is None and one.expires_at > now],
    )  # fmt: skip


def _read(budget_id: UUID, *, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        standing = budgets.get_standing(tx, person, budget_id, clock=house.clock)
        subject = standing.budget.form.subject
        is_each = subject.id is None and subject.kind in {SubjectKind.PERSON, SubjectKind.KEY}
        counts = budgets.counts_of(tx, person, standing.budget, clock=house.clock) if is_each else []
        names = _names(tx, [subject], [one.id for one in counts])
    return page(
        "budgets/budget.html", refusal=shown, one=standing, counts=counts, names=names, form=request.form,
        amounts=_amounts(standing),
    )  # fmt: skip


def _names(tx: Tx, subjects: Iterable[Subject], further: Iterable[UUID | None]) -> dict[UUID, str]:
    """Return names by id of whom budgets are for: people, keys and groups have different ids."""
    ids = [one.id for one in subjects if one.id] + [one for one in further if one]
    names = identity.names_of(tx, ids) | identity.token_names(tx, ids)
    names.update(identity.group_names(tx).items())
    return names


def _may_change() -> bool:
    return may(caller(), Permission.BUDGET_CHANGE)


def _subject(tx: Tx) -> Subject:
    """Return whom a form is about. A person is named by their address. Raises SubjectUnknown."""
    given, named = forms.field("subject"), forms.field("named").strip()
    kind, _, text = given.partition(":")
    if kind not in list(SubjectKind):
        raise SubjectUnknown
    if kind == SubjectKind.MODEL:
        return Subject(SubjectKind.MODEL, None, named or None)
    if text == "named":
        people = identity.list_people(tx, caller(), PeopleFilter(named), limit=_MOST_KEYS) if named else []
        found = [one.user_id for one in people if one.email.casefold() == named.casefold()]
        if not found:
            raise SubjectUnknown
        return Subject(SubjectKind.PERSON, found[0])
    if text and parse_id(text) is None:
        raise SubjectUnknown
    return Subject(SubjectKind(kind), parse_id(text) if text else None)


def _unpriced() -> Unpriced:
    return Unpriced.PASSED if forms.field("unpriced") else Unpriced.REFUSED


def _limits(unit: Unit) -> Limits:
    if unit is Unit.MONEY:
        return Limits(_micros("soft"), _micros("hard"))
    return Limits(_number("soft"), _number("hard"))


def _number(name: str) -> int | None:
    given = forms.field(name).strip()
    if given and not _WHOLE.fullmatch(given):  # 1.5 is not 15
        raise forms.NotANumber
    return forms.whole_number(name) if given else None


def _micros(name: str) -> int | None:
    given = forms.field(name).strip()
    if not given:
        return None
    found = _AMOUNT.fullmatch(given)
    if found is None:
        raise forms.NotAnAmount
    return int(found[1]) * 10**_MICROS + int((found[2] or "0").ljust(_MICROS, "0"))


def _amounts(standing: Standing) -> dict[str, str]:
    """Return the limits as a form has them."""
    form = standing.budget.form
    found = {"soft": form.limits.soft, "hard": form.limits.hard}
    if form.unit is Unit.MONEY:
        return {name: "" if micros is None else f"{micros / 10**_MICROS:.2f}" for name, micros in found.items()}
    return {name: "" if number is None else str(number) for name, number in found.items()}
