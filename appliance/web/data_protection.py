"""What is done about what is found in texts: the policy in force, its history, and dry runs of the next one."""

from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance import chat, identity, knowledge, tenancy
from appliance.chat.errors import ReviewOff
from appliance.dlp import FLOOR, Direction
from appliance.dlp.drafting import begin_draft, find_draft
from appliance.dlp.dryrun import start_dry_run, stop_dry_run
from appliance.dlp.dryrun_values import DryRun, DryRunForm, DryRunPlace
from appliance.dlp.errors import DraftMissing, DraftThere, DryRunMalformed, DryRunUnderWay, TemplateNotFound
from appliance.dlp.history import compare, get_policy, list_policies
from appliance.dlp.templates import list_templates
from appliance.identity import Permission
from appliance.kernel.db import Tx
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import parse_id
from appliance.knowledge.rehearsing import get_dry_run, list_dry_run_documents, list_dry_runs
from appliance.policy import Term
from appliance.web import forms
from appliance.web.render import done, page
from appliance.web.sessions import caller, services

blueprint = Blueprint("data_protection", __name__, url_prefix="/data-protection")
_SHOWN, _DIGITS = 50, 9
Answer = tuple[str, int] | Response


@blueprint.get("")
def show() -> Answer:
    """Show the policy in force, and those before it."""
    return _list(shown=None)


@blueprint.post("/draft/beginning")
def begin() -> Answer:
    """Begin a policy."""
    person, house = caller(), services()
    start = forms.field("start")
    template = start.removeprefix("template:") if start.startswith("template:") else ""
    try:
        with house.db.tenant(person.tenant_id) as tx:
            begin_draft(tx, person, template=template, is_empty=start == "nothing", clock=house.clock)
    except (DraftThere, TemplateNotFound) as refusal:
        return _list(shown=refusal)
    return done("policy_drafts.show", "dlp-begun")


@blueprint.get("/version")
def read() -> Answer:
    """Show the version of a number, or the one in force, and in what it differs from the one before it."""
    person, given = caller(), request.args.get("number", "")
    number = int(given) if given.isascii() and given.isdigit() and len(given) <= _DIGITS else None
    with services().db.tenant(person.tenant_id) as tx:
        found = get_policy(tx, person, number)
        changes = compare(tx, person, earlier=max(0, found.version - 1), later=found.version)
        names = identity.names_of(tx, [one for one in (found.drafted_by, found.asked_by, found.approved_by) if one])
        groups = identity.list_group_names(tx, person)
    return page("data_protection/version.html", found=found, changes=changes, names=names, groups=groups, terms=Term)


@blueprint.post("/dry-runs")
def start_run() -> Answer:
    """Try the draft over stored documents."""
    person, house = caller(), services()
    try:
        form = _run_form()
        with house.db.tenant(person.tenant_id) as tx:
            run = start_dry_run(tx, person, form, clock=house.clock)
    except (DraftMissing, DryRunMalformed, DryRunUnderWay, forms.NotANumber, forms.NotAChoice) as refusal:
        return _list(shown=refusal)
    return done("data_protection.read_run", "dlp-run-begun", run_id=run.run_id)


@blueprint.get("/dry-runs/<uuid:run_id>")
def read_run(run_id: UUID) -> Answer:
    """Show what a dry run found, in numbers."""
    person = caller()
    after = parse_id(request.args.get("after", ""))
    with services().db.tenant(person.tenant_id) as tx:
        run = get_dry_run(tx, person, run_id)
        found = list_dry_run_documents(tx, person, run_id, after=after, limit=_SHOWN + 1)
        shown = found[:_SHOWN]
        titles = knowledge.titles_of(tx, person, [one.document_id for one in shown])
        names = identity.names_of(tx, [run.requested_by])
        places = _places(tx, run, after) if run.form.days else None
    further = shown[-1].document_id if len(found) > _SHOWN else None
    if places and len(places) > _SHOWN:
        places, further = places[:_SHOWN], places[_SHOWN - 1].place_id
    return page(
        "data_protection/run.html", run=run, found=shown, titles=titles, names=names, further=further, terms=Term, places=places
    )


@blueprint.post("/dry-runs/<uuid:run_id>/stop")
def stop_run(run_id: UUID) -> Answer:
    """Let it end where it is."""
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        stop_dry_run(tx, person, run_id, clock=house.clock)
    return done("data_protection.read_run", "dlp-run-stopped", run_id=run_id)


def _places(tx: Tx, run: DryRun, after: UUID | None) -> list[DryRunPlace] | None:
    """Return which conversations and calls they are, None for whoever may not know."""
    if not identity.may(caller(), Permission.CONVERSATION_REVIEW):
        return None
    try:
        return chat.list_dry_run_places(tx, caller(), run.run_id, after=after, limit=_SHOWN + 1)
    except ReviewOff:
        return None


def _list(*, shown: Refusal | None) -> Answer:
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        in_force, versions, draft = get_policy(tx, person), list_policies(tx, person), find_draft(tx, person)
        runs, templates = list_dry_runs(tx, person), list_templates(person)
        names = identity.names_of(tx, [one.approved_by for one in versions if one.approved_by])
        groups = identity.list_group_names(tx, person)
        call_days = tenancy.get_settings(tx).call_content_days
    return page(
        "data_protection/page.html", call_days=call_days, refusal=shown, in_force=in_force, versions=versions, draft=draft, runs=runs, names=names,
        groups=groups, templates=templates, terms=Term, floor=sorted(FLOOR), form=request.form,
        chosen=request.form.getlist("terms"),
    )  # fmt: skip


def _run_form() -> DryRunForm:
    direction = forms.choice(Direction, "direction")
    terms = frozenset(forms.term(one).value for one in request.form.getlist("terms"))
    days = forms.number("days") if direction is Direction.PROMPT else None
    if direction is Direction.PROMPT and days is None:
        raise DryRunMalformed(field="days")
    region = forms.field("region").strip()[:60] or None
    return DryRunForm(forms.number("most"), direction, not forms.field("leaves"), terms, region, days)
