"""Evidence for the controls: how each framework stands, what shows it, and packages for an auditor."""

from collections.abc import Sequence
from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance import evidence, identity
from appliance.evidence.controls import FRAMEWORKS
from appliance.evidence.errors import EvidenceLimited
from appliance.evidence.exporting import PackageState, list_packages, open_package, request_package
from appliance.evidence.items import LABELS, STANDINGS
from appliance.evidence.sbom import read_bill
from appliance.evidence.values import Cell, Evidence, Framework, Gap, Item
from appliance.evidence.words import cell_words, gap_words, word_rows
from appliance.identity import Permission
from appliance.kernel.errors import Refusal
from appliance.web.downloads import handed_out
from appliance.web.language import gettext, language
from appliance.web.render import done, page
from appliance.web.sessions import caller, services

blueprint = Blueprint("evidence", __name__, url_prefix="/evidence")
Answer = tuple[str, int] | Response
SHOWN = 100
_REPORTS, _PACKAGES = 20, 20


@blueprint.get("")
def show() -> Answer:
    """Show how each framework stands."""
    house, person = services(), caller()
    gathered = evidence.gather(house.db, person, clock=house.clock, in_brief=True, weaknesses=house.settings.known_weaknesses)
    return page("evidence/page.html", summaries=evidence.summaries(gathered), items=gathered, standings=STANDINGS)


@blueprint.get("/controls")
def controls() -> Answer:
    """Show a framework's controls, and the evidence for each."""
    house, framework = services(), _framework()
    wanted = {item for one in framework.controls for item in one.items}
    gathered = evidence.gather(house.db, caller(), [item for item in Item if item in wanted], clock=house.clock, in_brief=True, weaknesses=house.settings.known_weaknesses)
    stands = {one.number: evidence.standing_of(one, gathered).value for one in framework.controls}
    return page(
        "evidence/controls.html", framework=framework, frameworks=FRAMEWORKS, gathered=gathered, stands=stands,
        standings=STANDINGS,
    )  # fmt: skip


@blueprint.get("/item")
def item() -> Answer:
    """Show one item of evidence: its newest rows, and what is missing."""
    house, wanted = services(), _item()
    found = evidence.gather(house.db, caller(), [wanted], clock=house.clock, weaknesses=house.settings.known_weaknesses)[wanted]
    return page("evidence/item.html", found=found, labels=LABELS, standings=STANDINGS, most=SHOWN)


@blueprint.get("/packages")
def packages() -> Answer:
    """Show the packages that were asked for, and what the house reported of itself."""
    return _packages(shown=None)


def _packages(*, shown: Refusal | None) -> Answer:
    house, person = services(), caller()
    identity.require(person, Permission.AUDIT_READ)
    with house.db.tenant(person.tenant_id) as tx:
        found = list_packages(tx, person, limit=_PACKAGES)
        names = identity.names_of(tx, [one.requested_by for one in found])
    reports = evidence.read_reports(house.db, person, limit=_REPORTS)
    is_running = any(one.state is PackageState.WAITING for one in found)
    return page("evidence/packages.html", refusal=shown, packages=found, names=names, reports=reports, is_running=is_running)


@blueprint.post("/packages")
def create_package() -> Answer:
    """Ask for a package in the reader's language."""
    house, person = services(), caller()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            request_package(tx, person, language=language(), clock=house.clock)
    except EvidenceLimited as refusal:
        return _packages(shown=refusal)
    return done("evidence.packages", "export-requested")


@blueprint.get("/packages/<uuid:package_id>")
def download(package_id: UUID) -> Response:
    """Hand out a package; a download that was cut off goes on where it was."""
    house, person = services(), caller()
    with house.db.tenant(person.tenant_id) as tx:
        package, path = open_package(tx, person, house.settings.exports, package_id)
    name = f"evidence-{package.requested_at:%Y-%m-%d}.zip"
    return handed_out(path, name=name, media="application/zip", digest=package.digest or "")


@blueprint.get("/sbom")
def sbom() -> Response:
    """Hand out the list of components as CycloneDX."""
    house = services()
    content = read_bill(house.db, caller(), clock=house.clock, weaknesses=house.settings.known_weaknesses)
    headers = {"Content-Disposition": 'attachment; filename="sbom.cdx.json"'}
    return Response(content, content_type="application/vnd.cyclonedx+json", headers=headers)


@blueprint.app_template_filter("gap")
def gap(found: Gap) -> tuple[str, str]:
    """Return what is missing, and what to do, in the reader's language."""
    return gap_words(found, gettext)


@blueprint.app_template_filter("evidence_rows")
def evidence_rows(found: Evidence) -> Sequence[Sequence[str]]:
    """Return the first rows in the reader's language."""
    return word_rows(found, gettext, SHOWN)


@blueprint.app_template_filter("evidence_cell")
def evidence_cell(cell: Cell, name: str) -> str:
    """Return a cell in the reader's language."""
    return cell_words(name, cell, gettext)


def _framework() -> Framework:
    first = next(iter(FRAMEWORKS.values()))
    return FRAMEWORKS.get(request.args.get("framework", ""), first)


def _item() -> Item:
    given = request.args.get("item", "")
    return Item(given) if given in list(Item) else Item.ACCESS_LIST
