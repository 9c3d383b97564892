"""What was found in documents: what waits for a reviewer, the report of a document, and what was looked at by what."""

from enum import StrEnum
from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance import identity
from appliance.dlp.own.errors import AllowanceMalformed, TooManyOwnRules
from appliance.identity import Permission
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import parse_id
from appliance.knowledge import DocumentId, get_document
from appliance.knowledge.errors import AllowanceNotMistaken, AllowanceTakesTwo, FindingNotFound, JustificationMissing
from appliance.knowledge.screening.choices import change_screening, read_screening
from appliance.knowledge.screening.reading import list_waiting, report_of, rules_waiting
from appliance.knowledge.screening.rescanning import begin_rescan, get_coverage
from appliance.knowledge.screening.reviewing import Decision, confirm, decide, open_of_rule
from appliance.knowledge.screening.values import Attestation, Resolution, ScreeningSettings
from appliance.web import forms
from appliance.web.render import done, page
from appliance.web.sessions import caller, services

blueprint = Blueprint("findings", __name__, url_prefix="/documents")
Answer = tuple[str, int] | Response
_PAGE = 20


class _Word(StrEnum):
    AGREE = "agree"
    REFUSE = "refuse"


@blueprint.get("/findings")
def show() -> Answer:
    """List what waits for a reviewer."""
    return _list(shown=None)


@blueprint.post("/findings/decisions")
def create_decision() -> Answer:
    """Decide on the findings that were ticked, or on all that are open of a rule."""
    person, house = caller(), services()
    identity.require(person, Permission.DOCUMENT_APPROVE)
    resolution = forms.choice(Resolution, "decision")
    try:
        decision = Decision(resolution, forms.field("reason"), "mistaken" in request.form, forms.day("allowed_until"))
        with house.db.tenant(person.tenant_id) as tx:
            chosen = _chosen() or open_of_rule(tx, person, forms.field("rule"))
            decided = decide(tx, person, chosen, decision, sealer=house.vault, clock=house.clock)
    except (
        AllowanceMalformed, AllowanceNotMistaken, AllowanceTakesTwo, FindingNotFound, JustificationMissing, TooManyOwnRules, forms.DayMalformed,
    ) as refusal:  # fmt: skip
        return _list(shown=refusal)
    return done("findings.show", "findings-decided" if all(one.confirmed_at for one in decided) else "findings-proposed")


@blueprint.post("/findings/confirmations")
def create_confirmation() -> Answer:
    """Agree to what another reviewer wants to release, or refuse it."""
    person, house = caller(), services()
    identity.require(person, Permission.DOCUMENT_APPROVE)
    agrees = forms.choice(_Word, "word") is _Word.AGREE
    with house.db.tenant(person.tenant_id) as tx:
        confirm(tx, person, _chosen(), agrees=agrees, sealer=house.vault, clock=house.clock)
    return done("findings.show", "findings-decided" if agrees else "findings-refused")


@blueprint.get("/findings/coverage")
def coverage() -> Answer:
    """Show by which versions documents were looked at, and what is asked of uploads."""
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        found = get_coverage(tx, person, house.scanner)
        chosen = read_screening(tx, person)
    return page("findings/coverage.html", coverage=found, chosen=chosen, attestations=list(Attestation))


@blueprint.post("/findings/rescans")
def create_rescan() -> Answer:
    """Have documents looked at anew."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        begin_rescan(tx, person)
    return done("findings.coverage", "rescan-begun")


@blueprint.post("/findings/settings")
def change_settings() -> Answer:
    """Change what is asked of uploads, and of who reviews."""
    person = caller()
    wanted = ScreeningSettings(forms.choice(Attestation, "attestation"), "needs_second" in request.form)
    with services().db.tenant(person.tenant_id) as tx:
        change_screening(tx, person, wanted)
    return done("findings.coverage", "saved")


@blueprint.get("/<uuid:document_id>/report")
def report(document_id: UUID) -> Answer:
    """Show what was found in a document, and what was done about it."""
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        document = get_document(tx, person, DocumentId(document_id))
        found = report_of(tx, person, DocumentId(document_id), sealer=house.vault)
    return page("findings/report.html", document=document, report=found)


def _list(*, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    rule, before = request.values.get("rule", "")[:120], parse_id(request.args.get("before", ""))
    with house.db.tenant(person.tenant_id) as tx:
        found = list_waiting(
            tx, person, sealer=house.vault, rule=rule, before=DocumentId(before) if before else None, limit=_PAGE + 1
        )
        rules = rules_waiting(tx, person)
        needs_second = read_screening(tx, person).needs_second
    return page(
        "findings/page.html", refusal=shown, waiting=found[:_PAGE], rules=rules, rule=rule if rule in rules else "",
        further=found[_PAGE - 1].document_id if len(found) > _PAGE else None, needs_second=needs_second,
        resolutions=list(Resolution),
    )  # fmt: skip


def _chosen() -> list[UUID]:
    return [one for one in (parse_id(given) for given in request.form.getlist("finding")) if one is not None]
