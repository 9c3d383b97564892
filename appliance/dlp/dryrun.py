"""Dry runs: what people ask of them. The worker does them (`dryrun_flow`), piece by piece."""

from typing import Final
from uuid import UUID

from sqlalchemy import Select, select

from appliance import audit, identity, tenancy
from appliance.audit import Event
from appliance.dlp.checking import TERMS
from appliance.dlp.decisions import Action, Direction
from appliance.dlp.drafting import get_draft
from appliance.dlp.dryrun_tables import DryRunDocumentRow, DryRunPlaceRow, DryRunRow
from appliance.dlp.dryrun_values import (
    FEWEST,
    Change,
    DryRun,
    DryRunDocument,
    DryRunForm,
    DryRunPlace,
    Move,
    PlaceKind,
    RuleCount,
    RunState,
)
from appliance.dlp.errors import DryRunMalformed, DryRunMissing, DryRunOver, DryRunUnderWay
from appliance.dlp.history import newest
from appliance.dlp.values import Category
from appliance.dlp.wording import to_stored
from appliance.identity import Caller, Permission
from appliance.kernel import jobs
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx, in_turn
from appliance.kernel.ids import new_id

DRY_RUN: Final = "dlp.dry_run"
FLOOR_KEY, NO_RULE_KEY, MOVE, WAY = "floor", "none", "move:", "way:"
_SHOWN, _MOST, MOST_DAYS = 20, 1_000_000, 90


def start_dry_run(tx: Tx, caller: Caller, form: DryRunForm, *, clock: Clock) -> DryRun:
    """Begin to decide stored documents, or what was said lately, by the draft and by the policy in force. It changes nothing.

    Raises DraftMissing, DryRunUnderWay, DryRunMalformed.
    """
    identity.require(caller, Permission.DLP_POLICY_CHANGE)
    ways = {Direction.UPLOAD, Direction.PASSAGE} if form.days is None else {Direction.PROMPT}
    faults = {
        "direction": form.direction not in ways,
        "terms": not form.terms <= set(TERMS),
        "days": form.days is not None and not 0 < form.days <= MOST_DAYS,
        "most": form.most is not None and not 0 < form.most <= _MOST,
    }
    for field, is_wrong in faults.items():
        if is_wrong:
            raise DryRunMalformed(field=field)
    in_turn(tx, "dlp dry runs")
    under_way = select(DryRunRow.run_id).where(DryRunRow.tenant_id == tx.tenant_id, DryRunRow.state == RunState.WAITING)
    if tx.scalar(under_way) is not None:
        raise DryRunUnderWay
    draft, in_force = get_draft(tx, caller), newest(tx)
    row = DryRunRow(
        tenant_id=tx.tenant_id, run_id=new_id(), revision=draft.revision, rules=[to_stored(one) for one in draft.form.rules],
        against=in_force.version, against_rules=[to_stored(one) for one in in_force.form.rules], most=form.most,
        direction=form.direction.value, is_local=form.is_local, terms=sorted(form.terms), region=form.region or None,
        requested_by=caller.user_id, requested_at=clock.now(), state=RunState.WAITING.value, days=form.days,
        call_days=None if form.days is None else tenancy.get_settings(tx).call_content_days,
    )  # fmt: skip
    tx.add(row)
    tx.flush()
    enqueue(tx, row.run_id)
    audit.record(tx, caller.actor, Event.DLP_DRY_RUN_STARTED, subject=row.run_id, revision=row.revision, against=row.against,
                 direction=row.direction, most=row.most or 0, days=row.days or 0)  # fmt: skip
    return _run(row)


def enqueue(tx: Tx, run_id: UUID) -> None:
    """Let the worker go on with a dry run."""
    jobs.enqueue(tx, jobs.Job(DRY_RUN, run_id, lock=f"{tx.tenant_id}/{DRY_RUN}"))


def stop_dry_run(tx: Tx, caller: Caller, run_id: UUID, *, clock: Clock) -> DryRun:
    """Let a dry run end where it is. Raises DryRunMissing, DryRunOver."""
    identity.require(caller, Permission.DLP_POLICY_CHANGE)
    row = _row(tx, run_id, is_locked=True)
    if row.state != RunState.WAITING:
        raise DryRunOver
    ended(tx, row, RunState.STOPPED, caller.actor, clock)
    return _run(row)


def ended(tx: Tx, row: DryRunRow, state: RunState, actor: audit.Actor, clock: Clock) -> None:
    """Note that a locked dry run is over. The log is read by whoever may read it, and says how many would change in steps."""
    row.state, row.ended_at = state.value, clock.now()
    tx.flush()
    outcome = audit.Outcome.FAILURE if state is RunState.FAILED else audit.Outcome.SUCCESS
    audit.record(tx, actor, Event.DLP_DRY_RUN_ENDED, subject=row.run_id, outcome=outcome, state=row.state, looked=row.looked,
                 changed=row.changed // FEWEST * FEWEST, unread=row.unread)  # fmt: skip


def get_dry_run(tx: Tx, caller: Caller, run_id: UUID) -> DryRun:
    """Return a dry run with exact numbers. Doors ask `knowledge.rehearsing`, which knows who may be told them. Raises DryRunMissing."""
    identity.require_granted(caller, Permission.DLP_POLICY_CHANGE)
    return _run(_row(tx, run_id))


def list_dry_runs(tx: Tx, caller: Caller) -> list[DryRun]:
    """Return the latest with exact numbers, the newest first; see `get_dry_run`."""
    identity.require_granted(caller, Permission.DLP_POLICY_CHANGE)
    ours = DryRunRow.tenant_id == tx.tenant_id
    return [_run(row) for row in tx.scalars(select(DryRunRow).where(ours).order_by(DryRunRow.run_id.desc()).limit(_SHOWN))]


def list_dry_run_documents(
    tx: Tx, caller: Caller, run_id: UUID, *, within: Select[UUID] | None = None, after: UUID | None = None, limit: int
) -> list[DryRunDocument]:
    """Return documents that would be treated otherwise, by id; with `within`, only those that it selects. Raises DryRunMissing."""
    identity.require_granted(caller, Permission.DLP_POLICY_CHANGE)
    _row(tx, run_id)
    row = DryRunDocumentRow
    query = select(row).where(row.tenant_id == tx.tenant_id, row.run_id == run_id).order_by(row.document_id).limit(limit)
    if within is not None:
        query = query.where(row.document_id.in_(within))
    found = tx.scalars(query if after is None else query.where(row.document_id > after))
    return [
        DryRunDocument(one.document_id, Action(one.before), Action(one.after), one.counts["before"], one.counts["after"])
        for one in found
    ]


def list_dry_run_places(tx: Tx, run_id: UUID, *, after: UUID | None = None, limit: int) -> list[DryRunPlace]:
    """Return conversations and calls that would be treated otherwise, by id. Asking for permission is the caller's part."""
    _row(tx, run_id)
    row = DryRunPlaceRow
    query = select(row).where(row.tenant_id == tx.tenant_id, row.run_id == run_id).order_by(row.place_id).limit(limit)
    found = tx.scalars(query if after is None else query.where(row.place_id > after))
    return [
        DryRunPlace(one.place_id, PlaceKind.CALL if one.call_id else PlaceKind.CONVERSATION, Action(one.before), Action(one.after),
                    one.counts["before"], one.counts["after"])
        for one in found
    ]  # fmt: skip


def form_of(row: DryRunRow) -> DryRunForm:
    """Return what was asked for."""
    return DryRunForm(row.most, Direction(row.direction), row.is_local, frozenset(row.terms), row.region, row.days)


def _row(tx: Tx, run_id: UUID, *, is_locked: bool = False) -> DryRunRow:
    row = tx.get(DryRunRow, (tx.tenant_id, run_id), with_for_update=is_locked)
    if row is None:
        raise DryRunMissing
    return row


def _run(row: DryRunRow) -> DryRun:
    names = {one["rule_id"]: one["name"] for one in (*row.against_rules, *row.rules)}
    counts = row.counts or {}
    rules = [
        RuleCount(UUID(key) if key in names else None, names.get(key, ""), key == FLOOR_KEY, *counts[key])
        for key in [*names, FLOOR_KEY, NO_RULE_KEY]
        if key in counts
    ]
    moves = [_move(key, many[0]) for key, many in sorted(counts.items()) if key.startswith(MOVE)]
    changes = [_change(key, many[0]) for key, many in sorted(counts.items()) if key.startswith(WAY)]
    return DryRun(
        row.run_id, row.revision, row.against, form_of(row), row.requested_by, row.requested_at, RunState(row.state), row.looked or 0,
        row.unread or 0, row.changed or 0, row.ended_at, tuple(rules), tuple(moves), tuple(changes), row.call_days,
    )  # fmt: skip


def _move(key: str, documents: int) -> Move:
    before, _, after = key.removeprefix(MOVE).partition(">")
    return Move(Action(before), Action(after), documents)


def _change(key: str, findings: int) -> Change:
    way, category, actions = key.removeprefix(WAY).split(":")
    before, _, after = actions.partition(">")
    return Change(Direction(way), Category[category], Action(before), Action(after), findings)
