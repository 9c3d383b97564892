"""An organisation's own rules on data: its lists, and what it allows."""

from datetime import UTC, datetime
from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance import identity, knowledge
from appliance.dlp import Category
from appliance.dlp.own import ListKind
from appliance.dlp.own.allowances import AllowanceForm, allow, end_allowance, list_allowances
from appliance.dlp.own.exact_values import read_digests, read_values
from appliance.dlp.own.expressions import read_expression
from appliance.dlp.own.flow import write_exact
from appliance.dlp.own.service import (
    Named,
    get_list,
    list_lists,
    remove_list,
    set_dictionary,
    set_pattern,
)
from appliance.identity.errors import StepUpRequired
from appliance.kernel.errors import Refusal
from appliance.web import forms
from appliance.web.render import done, page
from appliance.web.sessions import caller, services

blueprint = Blueprint("own_rules", __name__, url_prefix="/data-protection/own")
Answer = tuple[str, int] | Response
_CATEGORIES = tuple(one for one in Category if one is not Category.UNREADABLE)


@blueprint.get("")
def show() -> Answer:
    """List the lists, of one kind or of all, and what is allowed."""
    return _list(shown=None)


@blueprint.post("/dictionaries")
def save_dictionary() -> Answer:
    """Write a dictionary."""
    person, house = caller(), services()
    try:
        named = _named()
        with house.db.tenant(person.tenant_id) as tx:
            set_dictionary(tx, person, named, forms.field("terms").splitlines(), clock=house.clock)
    except StepUpRequired:
        raise
    except Refusal as refusal:
        return _list(shown=refusal)
    return done("own_rules.show", "saved")


@blueprint.post("/patterns")
def save_pattern() -> Answer:
    """Write an expression."""
    person, house = caller(), services()
    samples, clean = forms.lines("samples"), forms.lines("clean")
    try:
        named, expression = _named(), read_expression(forms.field("expression"), samples=samples, clean=clean)
        with house.db.tenant(person.tenant_id) as tx:
            set_pattern(tx, person, named, expression, clock=house.clock)
    except StepUpRequired:
        raise
    except Refusal as refusal:
        return _list(shown=refusal)
    return done("own_rules.show", "saved")


@blueprint.post("/exact")
def save_exact() -> Answer:
    """Keep digests of what is in a file."""
    person, house = caller(), services()
    file, salt = request.files.get("values"), forms.field("salt")
    try:
        named, content = _named(), file.read() if file else b""
        values = read_digests(content, salt=salt) if salt else read_values(content, columns=forms.field("columns"))
        write_exact(house.db, person, named, values, clock=house.clock)
    except StepUpRequired:
        raise
    except Refusal as refusal:
        return _list(shown=refusal)
    return done("own_rules.show", "saved")


@blueprint.get("/lists/<uuid:list_id>")
def read(list_id: UUID) -> Answer:
    """Show a list, and what is in it."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        found, inside = get_list(tx, person, list_id)
    return page("own_rules/list.html", found=found, contents=inside, categories=_CATEGORIES, ListKind=ListKind)


@blueprint.post("/lists/<uuid:list_id>/deletion")
def create_deletion(list_id: UUID) -> Answer:
    """Look for a list no more."""
    with services().db.tenant(caller().tenant_id) as tx:
        remove_list(tx, caller(), list_id)
    return done("own_rules.show", "deleted")


@blueprint.post("/allowances")
def add_allowance() -> Answer:
    """Tell of something no more until a day."""
    person, house = caller(), services()
    try:
        form = _allowance()
        with house.db.tenant(person.tenant_id) as tx:
            allow(tx, person, form, clock=house.clock)
    except StepUpRequired:
        raise
    except Refusal as refusal:
        return _list(shown=refusal)
    return done("own_rules.show", "saved")


@blueprint.post("/allowances/<uuid:allowance_id>/end")
def create_allowance_end(allowance_id: UUID) -> Answer:
    """Tell of it again."""
    house = services()
    with house.db.tenant(caller().tenant_id) as tx:
        end_allowance(tx, caller(), allowance_id, clock=house.clock)
    return done("own_rules.show", "deleted")


def _list(*, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    kind = request.args.get("kind", "")
    chosen = ListKind(kind) if kind in set(ListKind) else None
    with house.db.tenant(person.tenant_id) as tx:
        lists = list_lists(tx, person, chosen)
        allowed = list_allowances(tx, person, clock=house.clock)
        reads = identity.may(person, identity.Permission.DOCUMENT_READ)
        collections = {one.collection_id: one.name for one in knowledge.list_collections(tx, person)} if reads else {}
    return page(
        "own_rules/page.html", refusal=shown, lists=lists, chosen=chosen, ListKind=ListKind, allowances=allowed, collections=collections,
        categories=_CATEGORIES, form=request.form,
    )  # fmt: skip


def _named() -> Named:
    return Named(forms.field("name").strip(), forms.choice(Category, "category"))


def _allowance() -> AllowanceForm:
    ends = forms.day("expires_on") or datetime.fromtimestamp(0, UTC)
    return AllowanceForm(
        forms.field("reason"), ends, forms.field("value"), forms.field("rule"), _id("document_id"), _id("collection_id")
    )


def _id(name: str) -> UUID | None:
    return forms.ids(name)[0] if forms.field(name).strip() else None
