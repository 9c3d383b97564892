"""What was found in documents: decided finding by finding, or all of a rule; reports, and what is asked of uploads.

Where two have to agree, the second does so at a browser only: a token, or a name given at the console, could be the same
person twice.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field, StringConstraints

from appliance.api.framework import Call, operation
from appliance.api.rooms.conversations import UNSEALING
from appliance.api.schemas import Input, Listed, Output, Page, part
from appliance.dlp import Action, Category, Family
from appliance.dlp.own.errors import AllowanceMalformed, TooManyOwnRules
from appliance.identity import Permission
from appliance.knowledge import DocumentId
from appliance.knowledge.errors import (
    AllowanceNotMistaken,
    AllowanceTakesTwo,
    FindingNotFound,
    FindingSettled,
    JustificationMissing,
    NotSecondReviewer,
    RescanUnderWay,
)
from appliance.knowledge.screening.choices import change_screening, read_screening
from appliance.knowledge.screening.reading import list_waiting, report_of
from appliance.knowledge.screening.rescanning import begin_rescan, get_coverage
from appliance.knowledge.screening.reviewing import MOST, Decision, decide, open_of_rule
from appliance.knowledge.screening.values import Attestation, Resolution, ScreeningSettings, Spot

RuleName = Annotated[str, StringConstraints(max_length=120, pattern=r"^[^\x00]*$"), Field(examples=["card/pan/2"])]


class FindingsPage(Page):
    """With `rule`, what that rule found alone."""

    rule: RuleName = ""


class DecisionIn(Input):
    """On all that is open of a rule, or on these of it. `release` takes a second person where the organisation wants two.

    `mistaken` says that it is not what the rule says; with `allowed_until`, it is told of no more in that document until then.
    """

    rule: RuleName
    finding_ids: list[UUID] = Field(default=[], max_length=MOST, description="Those of the rule alone. Default: all that are open.")
    decision: Resolution
    reason: Annotated[str, StringConstraints(max_length=500), Field(examples=["The account of our own charity, on every letter"])]
    mistaken: bool = False
    allowed_until: AwareDatetime | None = None


class FoundOut(Output):
    """A finding. `excerpt` is it, masked, with what is around it: null for whoever may not release documents, or of a file that is not kept.

    `times` is above 1 where more was found than is listed one by one. `is_open`: it keeps its document back until somebody decides.
    """

    finding_id: UUID
    document_id: UUID
    category: Category
    family: Family
    rule: str
    place: Spot
    page: int | None
    times: int
    confidence: float
    through: str
    action: Action
    policy_version: int
    engine_version: str
    found_at: datetime
    excerpt: str | None
    resolution: Resolution | None
    resolved_by_name: str
    resolved_at: datetime | None
    confirmed_by_name: str
    confirmed_at: datetime | None
    reason: str | None
    is_mistaken: bool
    is_open: bool


class WaitingOut(Output):
    """A document that is held back, and what is open of it."""

    document_id: UUID
    collection_id: UUID
    title: str
    version: int
    uploaded_by_name: str
    uploaded_at: datetime
    findings: list[FoundOut]


class DecidedOut(Output):
    items: list[FoundOut]


class ReportOut(Output):
    """What was found in a document's newest file, what was done, by whom, and with which versions of policy, own rules and engine.

    Without `scanned_at` it was not looked at yet, or before findings were kept.
    """

    document_id: UUID
    version: int
    policy_version: int | None
    own_version: int | None
    engine_version: str | None
    action: Action | None
    found: int
    removed: int
    is_checked: bool
    scanned_at: datetime | None
    attested_by_name: str
    attested_at: datetime | None
    statement: str | None
    findings: list[FoundOut]


class ScreeningIn(Input):
    """Whether whoever uploads attests that they would post it on the internal wiki, and whether releasing takes two."""

    attestation: Attestation
    needs_second: bool


class ScreeningOut(Output):
    attestation: Attestation
    needs_second: bool


class CoveredOut(Output):
    policy_version: int | None
    own_version: int | None
    engine_version: str | None
    documents: int
    is_current: bool


class CoverageOut(Output):
    """How many searchable documents were looked at by the versions of now, and by which the others were; null: by none yet."""

    policy_version: int
    own_version: int
    engine_version: str
    current: int
    total: int
    is_running: bool
    by_version: list[CoveredOut]


@operation(
    "GET", "/findings", permission=Permission.DOCUMENT_APPROVE, query=FindingsPage, answer=Listed[WaitingOut],
    refusals=UNSEALING,
)  # fmt: skip
def list_findings(call: Call) -> Listed[WaitingOut]:
    """Return documents that are held back, the latest first, with what is open of each, masked. Looking is an event in the log."""
    asked = call.query
    before = DocumentId(asked.cursor) if asked.cursor else None
    with call.tenant() as tx:
        found = list_waiting(
            tx, call.caller, sealer=call.services.vault, rule=asked.rule, before=before, limit=asked.limit + 1
        )
    rows, cursor = part(found, asked, key=lambda one: one.document_id)
    return Listed[WaitingOut](items=[WaitingOut.model_validate(one) for one in rows], next_cursor=cursor)


@operation(
    "POST", "/findings/decisions", permission=Permission.DOCUMENT_APPROVE, body=DecisionIn, answer=DecidedOut,
    refusals=(
        AllowanceMalformed, AllowanceNotMistaken, AllowanceTakesTwo, FindingNotFound, FindingSettled, JustificationMissing, NotSecondReviewer, TooManyOwnRules, *UNSEALING,
    ),
)  # fmt: skip
def decide_findings(call: Call) -> DecidedOut:
    """Let findings stay, remove them, or reject their files. Once nothing is open a document goes on; a rejected file is erased."""
    asked, house = call.body, call.services
    decision = Decision(asked.decision, asked.reason, asked.mistaken, asked.allowed_until)
    with call.tenant() as tx:
        chosen = open_of_rule(tx, call.caller, asked.rule)
        if not set(asked.finding_ids) <= set(chosen):
            raise FindingNotFound
        chosen = asked.finding_ids or chosen
        decided = decide(tx, call.caller, chosen, decision, sealer=house.vault, clock=house.clock)
    return DecidedOut(items=[FoundOut.model_validate(one) for one in decided])


@operation(
    "GET", "/documents/{document_id}/report", permission=Permission.DOCUMENT_READ, answer=ReportOut, refusals=UNSEALING
)
def get_document_report(call: Call) -> ReportOut:
    """Return what was found in a document, and what was done about it."""
    with call.tenant() as tx:
        found = report_of(tx, call.caller, DocumentId(call.ids["document_id"]), sealer=call.services.vault)
    return ReportOut.model_validate(found)


@operation("GET", "/screening", permission=Permission.DOCUMENT_READ, answer=ScreeningOut)
def get_upload_rules(call: Call) -> ScreeningOut:
    """Return what is asked of whoever uploads, and of who reviews."""
    with call.tenant() as tx:
        return ScreeningOut.model_validate(read_screening(tx, call.caller))


@operation("PUT", "/screening", permission=Permission.SETTINGS_CHANGE, body=ScreeningIn, answer=ScreeningOut)
def change_upload_rules(call: Call) -> ScreeningOut:
    """Ask this of whoever uploads, and of who reviews, from now on."""
    wanted = ScreeningSettings(call.body.attestation, call.body.needs_second)
    with call.tenant() as tx:
        return ScreeningOut.model_validate(change_screening(tx, call.caller, wanted))


@operation(
    "GET", "/screening/coverage", permission=Permission.DOCUMENT_APPROVE, answer=CoverageOut, refusals=UNSEALING
)
def get_scan_coverage(call: Call) -> CoverageOut:
    """Return how many documents were looked at, by which versions of policy, own rules and engine."""
    with call.tenant() as tx:
        return CoverageOut.model_validate(get_coverage(tx, call.caller, call.services.scanner))


@operation(
    "POST", "/screening/rescans", permission=Permission.DOCUMENT_APPROVE, status=202, answer=CoverageOut,
    refusals=(RescanUnderWay, *UNSEALING),
)  # fmt: skip
def rescan_documents(call: Call) -> CoverageOut:
    """Have documents looked at in the background that were not, by the versions of now. By itself it begins within minutes."""
    with call.tenant() as tx:
        begin_rescan(tx, call.caller)
        return CoverageOut.model_validate(get_coverage(tx, call.caller, call.services.scanner))
