"""A dry run, piece by piece: a document, a conversation or a call is read, looked at once, and decided by both policies; only numbers are kept.

The worker's part. A piece takes some seconds of its turn in the queue, like a document of some size, and names where it came
to in the transaction that adds its numbers: a killed worker's document is looked at again and counted once. Texts are in
memory alone, and no transaction is open while one is looked at. Where a detector fails, the run fails: what was not looked at is
not "nothing found".
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from appliance.audit import Actor, ActorKind
from appliance.dlp.decisions import FLOOR, Circumstances, Decision, Direction, Policy, decide, decide_in_file
from appliance.dlp.dryrun import FLOOR_KEY, MOVE, NO_RULE_KEY, WAY, ended, enqueue, form_of
from appliance.dlp.dryrun_tables import DryRunDocumentRow, DryRunPlaceRow, DryRunRow
from appliance.dlp.dryrun_values import DryRunForm, Heard, Kept, Library, PlaceKind, RunState, Traffic
from appliance.dlp.engine import Engine
from appliance.dlp.values import LIKELY, UNREADABLE_PART, Finding
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
class Sources:
    """Where documents, and where conversations and calls, come from."""

    library: Library
    traffic: Traffic


@dataclass(frozen=True)
class _Piece:
    """What is asked, of whom, and the document, conversation or call whose turn it is."""

    before: Policy
    after: Policy
    form: DryRunForm
    item: Kept | Heard


@dataclass(frozen=True)
class _Outcome:
    """What both policies decide, by way."""

    ways: tuple[tuple[Direction, Decision, Decision], ...]

    @property
    def both(self) -> tuple[Decision, Decision]:
        """Both decisions on all of it."""
        before = tuple(one for _, now, _ in self.ways for one in now.decided)
        after = tuple(one for _, _, then in self.ways for one in then.decided)
        return Decision(before), Decision(after)


def rehearse(
    db: Database, sources: Sources, engine: Engine, tenant_id: TenantId, run_id: UUID, *, clock: Clock
) -> None:
    """Do a piece of a dry run, and leave the rest to another job. A run that was stopped, or is over, is left alone."""
    until = time.monotonic() + _SECONDS
    while True:
        with db.tenant(tenant_id) as tx:
            piece = _next(tx, sources, run_id, clock)
        if piece is None:
            return
        try:
            outcome = _decided(sources, engine, tenant_id, piece)
        except Refusal as refusal:  # a detector that is not there
            log.warning("dry_run_failed", tenant_id=str(tenant_id), run_id=str(run_id), code=refusal.code)
            with db.tenant(tenant_id) as tx:
                _fail(tx, run_id, clock)
            return
        with db.tenant(tenant_id) as tx:
            is_under_way = _count(tx, run_id, piece.item, outcome)
            is_over_time = time.monotonic() >= until
            if is_under_way and is_over_time:
                enqueue(tx, run_id)
        if is_over_time or not is_under_way:
            return


def _next(tx: Tx, sources: Sources, run_id: UUID, clock: Clock) -> _Piece | None:
    row = tx.get(DryRunRow, (tx.tenant_id, run_id), with_for_update=True)
    if row is None or row.state != RunState.WAITING:
        return None
    is_enough = row.most is not None and row.looked >= row.most
    item = None if is_enough else _following(tx, sources, row)
    if item is None:
        ended(tx, row, RunState.DONE, _SYSTEM, clock)
        return None
    form = form_of(row)
    return _Piece(
        Policy(row.against, rules_of(row.against_rules)), Policy(row.against + 1, rules_of(row.rules)), form, item
    )


def _following(tx: Tx, sources: Sources, row: DryRunRow) -> Kept | Heard | None:
    if row.days is None:
        return sources.library.following(tx, row.reached)
    kind = PlaceKind(row.reached_kind) if row.reached_kind else None
    return sources.traffic.following(tx, row.requested_at - timedelta(days=row.days), kind, row.reached)


def _decided(sources: Sources, engine: Engine, tenant_id: TenantId, piece: _Piece) -> _Outcome | None:
    least = min([LIKELY, *(one.least for one in (*piece.before.rules, *piece.after.rules))])
    item = piece.item
    if isinstance(item, Kept):
        found = sources.library.findings(tenant_id, item, engine, least)
        if found is None:
            return None
        return _Outcome((_by_both(piece, piece.form.direction, found, piece.form.circumstances(item.labels, item.groups)),))
    if item.said is None:
        return None
    looking = engine.for_one_document()
    ways = [
        _by_both(piece, way, looking.inspect(text, least=least, own=item.own), item.on(way, piece.form)) for way, text in item.said
    ]
    if item.sent_along:
        ways.append(_sent_along(sources.traffic, looking, piece, item, least))
    return _Outcome(tuple(ways))


def _sent_along(traffic: Traffic, looking: Engine, piece: _Piece, item: Heard, least: float) -> tuple[Direction, Decision, Decision]:
    """Decide what a call sent along as the gateway does: documents are read, and of the rest nobody can say what it holds."""
    read = traffic.read(item.sent_along)
    found = [one for text, _ in read for one in looking.inspect(text, least=least, own=item.own)]
    found += [UNREADABLE_PART for _, is_whole in read if not is_whole]
    now = item.on(Direction.PROMPT, piece.form)
    return Direction.PROMPT, decide_in_file(piece.before, found, now), decide_in_file(piece.after, found, now)


def _by_both(piece: _Piece, way: Direction, found: Sequence[Finding], now: Circumstances) -> tuple[Direction, Decision, Decision]:
    return way, decide(piece.before, found, now), decide(piece.after, found, now)


def _count(tx: Tx, run_id: UUID, item: Kept | Heard, outcome: _Outcome | None) -> bool:
    """Add the numbers of a document, conversation or call to those of the run; return whether it goes on."""
    row = tx.get(DryRunRow, (tx.tenant_id, run_id), with_for_update=True)
    if row is None or row.state != RunState.WAITING:
        return False
    row.looked += 1
    if isinstance(item, Heard):
        row.reached, row.reached_kind = item.place_id, item.kind.value
    else:
        row.reached = item.document_id
    if outcome is None:
        row.unread += 1
        return True
    before, after = outcome.both
    counts = {key: list(many) for key, many in row.counts.items()}
    for at, decision in enumerate((before, after)):
        for key, times in _by_rule(decision).items():
            many = counts.setdefault(key, [0, 0, 0, 0])
            many[at], many[at + 2] = many[at] + 1, many[at + 2] + times
    for key, times in _by_way(outcome).items():
        counts.setdefault(key, [0])[0] += times
    told = {"before": _by_action(before), "after": _by_action(after)}
    if told["before"] != told["after"]:
        row.changed += 1
        counts.setdefault(f"{MOVE}{before.action.value}>{after.action.value}", [0])[0] += 1
        _note(tx, run_id, item, {"before": before.action.value, "after": after.action.value, "counts": told})
    row.counts = counts
    return True


def _note(tx: Tx, run_id: UUID, item: Kept | Heard, told: dict[str, Any]) -> None:
    values = {"tenant_id": tx.tenant_id, "run_id": run_id} | told
    if isinstance(item, Kept):
        noting = insert(DryRunDocumentRow).values(values | {"document_id": item.document_id})
    else:
        noting = insert(DryRunPlaceRow).values(values | {"place_id": item.place_id, f"{item.kind.value}_id": item.place_id})
    try:
        with tx.begin_nested():
            tx.execute(noting)
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


def _by_way(outcome: _Outcome) -> dict[str, int]:
    return Counter(
        f"{WAY}{way.value}:{old.finding.category.name}:{old.action.value}>{new.action.value}"
        for way, before, after in outcome.ways
        for old, new in zip(before.decided, after.decided, strict=True)
    )


def _by_action(decision: Decision) -> dict[str, int]:
    return dict(Counter(one.action.value for one in decision.decided))
