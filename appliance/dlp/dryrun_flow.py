"""A dry run, piece by piece: a document is read, looked at once, and decided by both policies; only numbers are kept.

The worker's part. A piece takes some seconds of its turn in the queue, like a document of some size, and names where it came
to in the transaction that adds its numbers: a killed worker's document is looked at again and counted once. Texts are in
memory alone, and no transaction is open while one is looked at. Where a detector fails, the run fails: what was not looked at is
not "nothing found".
"""

import time
from collections import Counter
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from appliance.audit import Actor, ActorKind
from appliance.dlp.decisions import FLOOR, Decision, Direction, Policy, decide
from appliance.dlp.dryrun import FLOOR_KEY, MOVE, NO_RULE_KEY, ended, enqueue
from appliance.dlp.dryrun_tables import DryRunDocumentRow, DryRunRow
from appliance.dlp.dryrun_values import DryRunForm, Kept, Library, RunState
from appliance.dlp.engine import Engine
from appliance.dlp.values import LIKELY
from appliance.dlp.wording import rules_of
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import TenantId
from appliance.kernel.log import logger

log = logger("dry_run")
_SECONDS: Final = 10.0
_SYSTEM: Final = Actor(ActorKind.SYSTEM)


@dataclass(frozen=True)
class _Piece:
    """What is asked, of whom, and the document whose turn it is."""

    before: Policy
    after: Policy
    form: DryRunForm
    kept: Kept


def rehearse(
    db: Database, library: Library, engine: Engine, tenant_id: TenantId, run_id: UUID, *, clock: Clock
) -> None:
    """Do a piece of a dry run, and leave the rest to another job. A run that was stopped, or is over, is left alone."""
    until = time.monotonic() + _SECONDS
    while True:
        with db.tenant(tenant_id) as tx:
            piece = _next(tx, library, run_id, clock)
        if piece is None:
            return
        try:
            decisions = _decided(library, engine, tenant_id, piece)
        except Refusal as refusal:  # a detector that is not there
            log.warning("dry_run_failed", tenant_id=str(tenant_id), run_id=str(run_id), code=refusal.code)
            with db.tenant(tenant_id) as tx:
                _fail(tx, run_id, clock)
            return
        with db.tenant(tenant_id) as tx:
            is_under_way = _count(tx, run_id, piece.kept, decisions)
            is_over_time = time.monotonic() >= until
            if is_under_way and is_over_time:
                enqueue(tx, run_id)
        if is_over_time or not is_under_way:
            return


def _next(tx: Tx, library: Library, run_id: UUID, clock: Clock) -> _Piece | None:
    row = tx.get(DryRunRow, (tx.tenant_id, run_id), with_for_update=True)
    if row is None or row.state != RunState.WAITING:
        return None
    is_enough = row.most is not None and row.looked >= row.most
    kept = None if is_enough else library.following(tx, row.reached)
    if kept is None:
        ended(tx, row, RunState.DONE, _SYSTEM, clock)
        return None
    form = DryRunForm(row.most, Direction(row.direction), row.is_local, frozenset(row.terms), row.region)
    return _Piece(
        Policy(row.against, rules_of(row.against_rules)), Policy(row.against + 1, rules_of(row.rules)), form, kept
    )


def _decided(library: Library, engine: Engine, tenant_id: TenantId, piece: _Piece) -> tuple[Decision, Decision] | None:
    least = min([LIKELY, *(one.least for one in (*piece.before.rules, *piece.after.rules))])
    found = library.findings(tenant_id, piece.kept, engine, least)
    if found is None:
        return None
    now = piece.form.circumstances(piece.kept.labels, piece.kept.groups)
    return decide(piece.before, found, now), decide(piece.after, found, now)


def _count(tx: Tx, run_id: UUID, kept: Kept, decisions: tuple[Decision, Decision] | None) -> bool:
    """Add a document's numbers to those of the run; return whether it goes on."""
    row = tx.get(DryRunRow, (tx.tenant_id, run_id), with_for_update=True)
    if row is None or row.state != RunState.WAITING:
        return False
    row.looked, row.reached = row.looked + 1, kept.document_id
    if decisions is None:
        row.unread += 1
        return True
    before, after = decisions
    counts = {key: list(many) for key, many in row.counts.items()}
    for at, decision in enumerate(decisions):
        for key, times in _by_rule(decision).items():
            many = counts.setdefault(key, [0, 0, 0, 0])
            many[at], many[at + 2] = many[at] + 1, many[at + 2] + times
    told = {"before": _by_action(before), "after": _by_action(after)}
    if told["before"] != told["after"]:
        row.changed += 1
        counts.setdefault(f"{MOVE}{before.action.value}>{after.action.value}", [0])[0] += 1
        _note(tx, run_id, kept.document_id, before, after, told)
    row.counts = counts
    return True


def _note(
    tx: Tx, run_id: UUID, document_id: UUID, before: Decision, after: Decision, told: dict[str, dict[str, int]]
) -> None:
    values = {
        "tenant_id": tx.tenant_id, "run_id": run_id, "document_id": document_id, "before": before.action.value,
        "after": after.action.value, "counts": told,
    }  # fmt: skip
    try:
        with tx.begin_nested():
            tx.execute(insert(DryRunDocumentRow).values(values))
    except IntegrityError:
        return  # It was deleted while it was looked at.


def _fail(tx: Tx, run_id: UUID, clock: Clock) -> None:
    row = tx.get(DryRunRow, (tx.tenant_id, run_id), with_for_update=True)
    if row is not None and row.state == RunState.WAITING:
        ended(tx, row, RunState.FAILED, _SYSTEM, clock)


def _by_rule(decision: Decision) -> dict[str, int]:
    return Counter(
        str(one.rule_id) if one.rule_id else FLOOR_KEY if one.finding.category in FLOOR else NO_RULE_KEY
        for one in decision.decided
    )


def _by_action(decision: Decision) -> dict[str, int]:
    return dict(Counter(one.action.value for one in decision.decided))
