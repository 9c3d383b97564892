"""Evidence for the controls, the house's reports, and packages. Reading any of it is an event in the log."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import Field

from appliance import evidence
from appliance.api.framework import Call, FileAnswer, operation
from appliance.api.schemas import Input, Listed, Output, Page, part
from appliance.evidence.controls import FRAMEWORKS
from appliance.evidence.errors import EvidenceLimited, EvidenceNotReady, EvidencePackageNotFound
from appliance.evidence.exporting import (
    EvidencePackage,
    PackageState,
    get_package,
    list_packages,
    open_package,
    request_package,
)
from appliance.evidence.reports import Report, ReportKind
from appliance.evidence.sbom import read_bill
from appliance.evidence.values import Evidence, Item, Standing
from appliance.evidence.words import gap_words, plain_rows
from appliance.identity import Permission


class FrameworkCode(StrEnum):
    """A framework that the product has evidence for."""

    AI_ACT = "ai_act"
    GDPR = "gdpr"
    HIPAA = "hipaa"
    ISO27001 = "iso27001"
    ISO42001 = "iso42001"
    PCI_DSS = "pci_dss"
    SOC2 = "soc2"


class FrameworkOut(Output):
    """How many of a framework's controls are shown, have gaps, or have nothing that this version makes."""

    framework: FrameworkCode
    title: str
    good: int
    gap: int
    absent: int


class FrameworksOut(Output):
    items: list[FrameworkOut]


class ControlsAsked(Input):
    framework: FrameworkCode = Field(FrameworkCode.SOC2, description="Whose controls.")


class ControlOut(Output):
    """A control by its number in the framework; the words are ours. `items` is what shows it."""

    number: str
    words: str
    standing: Standing
    items: list[Item]


class ControlsOut(Output):
    framework: FrameworkCode
    title: str
    controls: list[ControlOut]


class ItemAsked(Input):
    item: Item = Field(Item.ACCESS_LIST, description="Which evidence.")


class GapOut(Output):
    """What is missing, and what to do. `code` is stable."""

    code: str
    what: str
    remedy: str


class EvidenceOut(Output):
    """An item of evidence: rows under columns, what they are true of, and what is missing. Moments are in UTC."""

    item: Item
    title: str
    standing: Standing
    as_of: datetime | None
    columns: list[str]
    rows: list[list[str | int | None]]
    gaps: list[GapOut]


class ReportsAsked(Page):
    kind: ReportKind | None = Field(None, description="Reports of this kind alone.")


class ReportOut(Output):
    """What was done or looked at in this house. `digest` is the SHA-256 that the platform's log has, too."""

    report_id: UUID
    kind: ReportKind
    is_good: bool
    made_at: datetime
    facts: dict[str, str | int | list[str]]
    digest: str


class PackageIn(Input):
    language: str = Field("en", pattern="^[a-z]{2}$", description="The language of its words: en or de.")


class PackageOut(Output):
    """A package of evidence. `digest` is the file's SHA-256. It lies for seven days."""

    package_id: UUID
    requested_by: UUID
    requested_at: datetime
    language: str
    state: PackageState
    digest: str | None
    byte_count: int | None
    ready_at: datetime | None


@operation("GET", "/evidence/frameworks", permission=Permission.AUDIT_READ, answer=FrameworksOut)
def list_frameworks(call: Call) -> FrameworksOut:
    """Return how the controls of each framework stand."""
    house = call.services
    gathered = evidence.gather(house.db, call.caller, clock=house.clock, in_brief=True, weaknesses=house.settings.known_weaknesses)
    found = [
        FrameworkOut(
            framework=FrameworkCode(one.framework.code), title=one.framework.title, good=one.good, gap=one.gap, absent=one.absent
        )
        for one in evidence.summaries(gathered)
    ]
    return FrameworksOut(items=found)


@operation("GET", "/evidence/controls", permission=Permission.AUDIT_READ, query=ControlsAsked, answer=ControlsOut)
def list_controls(call: Call) -> ControlsOut:
    """Return a framework's controls, and what shows each."""
    house, framework = call.services, FRAMEWORKS[call.query.framework]
    wanted = {item for one in framework.controls for item in one.items}
    gathered = evidence.gather(house.db, call.caller, [item for item in Item if item in wanted], clock=house.clock, in_brief=True, weaknesses=house.settings.known_weaknesses)
    controls = [
        ControlOut(
            number=one.number, words=one.words, standing=evidence.standing_of(one, gathered), items=list(one.items)
        )
        for one in framework.controls
    ]
    return ControlsOut(framework=call.query.framework, title=framework.title, controls=controls)


@operation("GET", "/evidence/item", permission=Permission.AUDIT_READ, query=ItemAsked, answer=EvidenceOut)
def get_evidence(call: Call) -> EvidenceOut:
    """Return one item of evidence."""
    house, item = call.services, call.query.item
    return _evidence(evidence.gather(house.db, call.caller, [item], clock=house.clock, weaknesses=house.settings.known_weaknesses)[item])


@operation("GET", "/evidence/reports", permission=Permission.AUDIT_READ, query=ReportsAsked, answer=Listed[ReportOut])
def list_reports(call: Call) -> Listed[ReportOut]:
    """Return what this house reported of its isolation, backups and drills, the newest first."""
    asked = call.query
    found = evidence.read_reports(
        call.services.db, call.caller, asked.kind, before=asked.cursor, limit=asked.limit + 1
    )
    rows, cursor = part(found, asked, key=lambda one: one.report_id)
    return Listed[ReportOut](items=[_report(one) for one in rows], next_cursor=cursor)


@operation(
    "GET", "/evidence/sbom", permission=Permission.AUDIT_READ, streams=True, media="application/vnd.cyclonedx+json"
)
def get_sbom(call: Call) -> Iterator[str]:
    """Return the software that this host is made of, as CycloneDX 1.6."""
    services = call.services
    weaknesses = services.settings.known_weaknesses
    return iter([read_bill(services.db, call.caller, clock=services.clock, weaknesses=weaknesses)])


@operation(
    "POST", "/evidence/packages", permission=Permission.AUDIT_READ, body=PackageIn, answer=PackageOut, status=202,
    refusals=(EvidenceLimited,),
)  # fmt: skip
def create_package(call: Call) -> PackageOut:
    """Ask for a package of all evidence, a PDF among it. The worker writes it; its state says when it is ready."""
    with call.tenant() as tx:
        return _package(request_package(tx, call.caller, language=call.body.language, clock=call.services.clock))


@operation("GET", "/evidence/packages", permission=Permission.AUDIT_READ, query=Page, answer=Listed[PackageOut])
def list_evidence_packages(call: Call) -> Listed[PackageOut]:
    """Return the packages that were asked for, the newest first."""
    with call.tenant() as tx:
        found = list_packages(tx, call.caller, before=call.query.cursor, limit=call.query.limit + 1)
    rows, cursor = part(found, call.query, key=lambda one: one.package_id)
    return Listed[PackageOut](items=[_package(one) for one in rows], next_cursor=cursor)


@operation(
    "GET", "/evidence/packages/{package_id}", permission=Permission.AUDIT_READ, answer=PackageOut,
    refusals=(EvidencePackageNotFound,),
)  # fmt: skip
def get_evidence_package(call: Call) -> PackageOut:
    """Return how far a package is."""
    with call.tenant() as tx:
        return _package(get_package(tx, call.caller, call.ids["package_id"]))


@operation(
    "GET", "/evidence/packages/{package_id}/file", permission=Permission.AUDIT_READ, streams=True, media="application/zip",
    refusals=(EvidencePackageNotFound, EvidenceNotReady),
)  # fmt: skip
def download_package(call: Call) -> FileAnswer:
    """Return the package, a ZIP. A download that was cut off goes on by a Range header."""
    with call.tenant() as tx:
        package, path = open_package(tx, call.caller, call.services.settings.exports, call.ids["package_id"])
    return FileAnswer(path, f"evidence-{package.requested_at:%Y-%m-%d}.zip", package.digest or "")


def _evidence(found: Evidence) -> EvidenceOut:
    gaps = []
    for one in found.gaps:
        what, remedy = gap_words(one, str)
        gaps.append(GapOut(code=one.code, what=what, remedy=remedy))
    return EvidenceOut(
        item=found.item, title=found.about.title, standing=found.standing, as_of=found.as_of,
        columns=list(found.about.columns), rows=plain_rows(found), gaps=gaps,
    )  # fmt: skip


def _report(one: Report) -> ReportOut:
    return ReportOut.model_validate(one)


def _package(one: EvidencePackage) -> PackageOut:
    return PackageOut.model_validate(one)
