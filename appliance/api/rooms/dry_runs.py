"""Dry runs of a policy over stored documents, or recent conversations and calls: which would be treated otherwise, by which rule, in numbers. They change nothing."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from appliance import chat
from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Listed, Output, Page, part
from appliance.chat.errors import ReviewOff
from appliance.dlp import Action, Category, Direction, dryrun
from appliance.dlp.dryrun_values import DryRun, DryRunForm, PlaceKind, RunState
from appliance.dlp.errors import DraftMissing, DryRunMalformed, DryRunMissing, DryRunOver, DryRunUnderWay
from appliance.identity import Permission
from appliance.knowledge import rehearsing
from appliance.policy import Term

_Region = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[^\x00]*$")]


class DryRunIn(Input):
    """On which way documents are thought to be. Of uploads, which go nowhere, only the first two are asked.

    With `days` conversations and kept calls are tried, as prompts and answers; `direction` is left out or prompt then.
    """

    most: int | None = Field(None, ge=1, le=1_000_000, description="How many of the newest; left out, all.")
    days: int | None = Field(None, ge=1, le=90, description="Instead of documents, what was said within so many days.")
    direction: Direction | None = Field(None, description="upload, if left out, or passage.")
    leaves: bool = Field(False, description="Whether passages, or what is asked in conversations, leave this host.")
    terms: list[Term] = Field(default_factory=list, max_length=10, description="What the provider's contract grants.")
    region: _Region | None = Field(None, description="Where the provider is.")


class ChangeOut(Output):
    """How many findings of a category get another action on a way, or the same."""

    direction: Direction
    category: Category
    before: Action
    after: Action
    findings: int


class MoveOut(Output):
    before: Action
    after: Action
    documents: int


class RuleCountOut(Output):
    """`rule_id` null: the floor, or (`is_floor` false) what no rule fits. A number that is null is below five."""

    rule_id: UUID | None
    name: str
    is_floor: bool
    documents_before: int | None
    documents_after: int | None
    findings_before: int | None
    findings_after: int | None


class DryRunOut(Output):
    """Of a run over what was said, documents are conversations and calls; `call_days` is for how long these were kept as it began, 0: not at all.

    Numbers are exact (`is_exact`) for whoever may read all that was looked at. Others are told them when the run is over, rounded down
    to steps of five; what is below five is left out, or null.
    """

    run_id: UUID
    state: RunState
    revision: int
    against: int
    most: int | None
    days: int | None
    call_days: int | None
    direction: Direction
    leaves: bool
    terms: list[str]
    region: str | None
    requested_by: UUID
    requested_at: datetime
    ended_at: datetime | None
    looked: int
    changed: int | None
    unread: int
    is_exact: bool
    moves: list[MoveOut]
    rules: list[RuleCountOut]
    changes: list[ChangeOut]


class DryRunsOut(Output):
    items: list[DryRunOut]


class DryRunDocumentOut(Output):
    """The strictest that is done and would be, and how many findings get which action."""

    document_id: UUID
    before: Action
    after: Action
    counts_before: dict[str, int]
    counts_after: dict[str, int]


class DryRunPlaceOut(Output):
    """As of a document. `place_id` is the conversation's or the call's id."""

    place_id: UUID
    kind: PlaceKind
    before: Action
    after: Action
    counts_before: dict[str, int]
    counts_after: dict[str, int]


_P = Permission.DLP_POLICY_CHANGE


@operation(
    "POST", "/dlp/dry-runs", permission=_P, body=DryRunIn, answer=DryRunOut, status=201,
    refusals=(DraftMissing, DryRunMalformed, DryRunUnderWay),
)  # fmt: skip
def start_dry_run(call: Call) -> DryRunOut:
    """Begin to decide stored documents, or what was said lately, by the draft and by the policy in force, in the background."""
    body = call.body
    direction = body.direction or (Direction.UPLOAD if body.days is None else Direction.PROMPT)
    terms = frozenset(one.value for one in body.terms)
    form = DryRunForm(body.most, direction, not body.leaves, terms, body.region, body.days)
    with call.tenant() as tx:
        run = dryrun.start_dry_run(tx, call.caller, form, clock=call.services.clock)
        return _told(rehearsing.as_told(tx, call.caller, run))


@operation("GET", "/dlp/dry-runs", permission=_P, answer=DryRunsOut)
def list_dry_runs(call: Call) -> DryRunsOut:
    """Return the latest dry runs, the newest first."""
    with call.tenant() as tx:
        return DryRunsOut(items=[_told(one) for one in rehearsing.list_dry_runs(tx, call.caller)])


@operation("GET", "/dlp/dry-runs/{run_id}", permission=_P, answer=DryRunOut, refusals=(DryRunMissing,))
def get_dry_run(call: Call) -> DryRunOut:
    """Return a dry run: how far it is, and what would change, by rule."""
    with call.tenant() as tx:
        return _told(rehearsing.get_dry_run(tx, call.caller, call.ids["run_id"]))


@operation(
    "GET", "/dlp/dry-runs/{run_id}/documents", permission=_P, query=Page, answer=Listed[DryRunDocumentOut],
    refusals=(DryRunMissing,),
)  # fmt: skip
def list_dry_run_documents(call: Call) -> Listed[DryRunDocumentOut]:
    """Return the documents that would be treated otherwise, by id, of those that are open to whoever asks."""
    asked = call.query
    with call.tenant() as tx:
        rows = rehearsing.list_dry_run_documents(
            tx, call.caller, call.ids["run_id"], after=asked.cursor, limit=asked.limit + 1
        )
    shown, cursor = part(rows, asked, key=lambda one: one.document_id)
    return Listed[DryRunDocumentOut](items=[DryRunDocumentOut.model_validate(one) for one in shown], next_cursor=cursor)


@operation(
    "GET", "/dlp/dry-runs/{run_id}/places", permission=Permission.CONVERSATION_REVIEW, query=Page, answer=Listed[DryRunPlaceOut],
    refusals=(DryRunMissing, ReviewOff),
)  # fmt: skip
def list_dry_run_places(call: Call) -> Listed[DryRunPlaceOut]:
    """Return the conversations and calls that would be treated otherwise, by id, where the organisation lets others look into them; it is recorded."""
    asked = call.query
    with call.tenant() as tx:
        rows = chat.list_dry_run_places(tx, call.caller, call.ids["run_id"], after=asked.cursor, limit=asked.limit + 1)
    shown, cursor = part(rows, asked, key=lambda one: one.place_id)
    return Listed[DryRunPlaceOut](items=[DryRunPlaceOut.model_validate(one) for one in shown], next_cursor=cursor)


@operation("POST", "/dlp/dry-runs/{run_id}/stop", permission=_P, answer=DryRunOut, refusals=(DryRunMissing, DryRunOver))
def stop_dry_run(call: Call) -> DryRunOut:
    """Let a dry run end where it is."""
    with call.tenant() as tx:
        run = dryrun.stop_dry_run(tx, call.caller, call.ids["run_id"], clock=call.services.clock)
        return _told(rehearsing.as_told(tx, call.caller, run))


def _told(run: DryRun) -> DryRunOut:
    return DryRunOut(
        run_id=run.run_id, state=run.state, revision=run.revision, against=run.against, most=run.form.most,
        direction=run.form.direction, leaves=not run.form.is_local, terms=sorted(run.form.terms), region=run.form.region,
        requested_by=run.requested_by, requested_at=run.requested_at, ended_at=run.ended_at, looked=run.looked,
        changed=run.changed, is_exact=run.is_exact, unread=run.unread, moves=[MoveOut.model_validate(one) for one in run.moves],
        rules=[RuleCountOut.model_validate(one) for one in run.rules], days=run.form.days, call_days=run.call_days,
        changes=[ChangeOut.model_validate(one) for one in run.changes],
    )  # fmt: skip
