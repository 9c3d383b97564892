"""Gathers evidence: what is the house's in the platform's transaction, then what is the organisation's in its own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from uuid import UUID

from appliance import audit, identity
from appliance.audit import PLATFORM, Event
from appliance.evidence.collectors import COLLECTORS
from appliance.evidence.controls import FRAMEWORKS
from appliance.evidence.items import ITEMS
from appliance.evidence.reports import Report, ReportKind, list_reports, newest_of_each
from appliance.evidence.sources import HouseState, Sources
from appliance.evidence.values import Cell, Control, Evidence, Found, Framework, Gap, Item, Standing
from appliance.identity import Caller, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx

_REPORTS: Final = 30
Gathered = Mapping[Item, Evidence]


@dataclass(frozen=True)
class Summary:
    """How many of a framework's controls stand in which way."""

    framework: Framework
    good: int
    gap: int
    absent: int


def gather(
    db: Database, caller: Caller, items: Iterable[Item] = tuple(Item), *, clock: Clock, in_brief: bool = False,
    weaknesses: Path | None = None,
) -> Gathered:
    """Return evidence for who may see it, in brief without its rows. Looking is an event in the log.

    `weaknesses` is the file of known weaknesses that the operator brings, if any.
    """
    identity.require_granted(caller, Permission.AUDIT_READ)
    wanted, house = list(items), house_state(db, caller)
    # Who may see the evidence sees all of it: a token's further scopes are about other doors.
    reader = replace(caller, scopes=None)
    with db.tenant(caller.tenant_id) as tx:
        sources = Sources(tx, reader, clock.now(), house, in_brief, weaknesses)
        found = {item: COLLECTORS[item](sources) for item in wanted}
        names = {} if in_brief else _names(tx, found.values())
        audit.record(tx, caller.actor, Event.EVIDENCE_READ, items=" ".join(wanted))
    return {item: _judged(item, one, sources, names) for item, one in found.items()}


def read_reports(
    db: Database, caller: Caller, kind: ReportKind | None = None, *, before: UUID | None = None, limit: int = 50
) -> list[Report]:
    """Return the house's reports, the newest first, or those before one of them."""
    identity.require_granted(caller, Permission.AUDIT_READ)
    with db.tenant(PLATFORM) as tx:
        found = list_reports(tx, kind, before=before, limit=limit)
    return [one.seen_by(caller.tenant_id) for one in found]


def house_state(db: Database, caller: Caller) -> HouseState:
    """Return what is true of the whole house, and no organisation's: its newest reports, as the caller may see them."""
    with db.tenant(PLATFORM) as tx:
        found = newest_of_each(tx, _REPORTS)
    return {kind: [one.seen_by(caller.tenant_id) for one in reports] for kind, reports in found.items()}


def summaries(gathered: Gathered) -> list[Summary]:
    """Return how each framework stands."""
    found = []
    for framework in FRAMEWORKS.values():
        standings = [standing_of(control, gathered) for control in framework.controls]
        found.append(Summary(framework, *(standings.count(one) for one in Standing)))
    return found


def standing_of(control: Control, gathered: Gathered) -> Standing:
    """Return how a control stands: as its worst item does."""
    standings = {gathered[item].standing for item in control.items}
    if standings == {Standing.ABSENT}:
        return Standing.ABSENT
    return Standing.GOOD if standings == {Standing.GOOD} else Standing.GAP


def _judged(item: Item, found: Found, sources: Sources, names: Mapping[UUID, str]) -> Evidence:
    about, gaps = ITEMS[item], found.gaps
    if found.as_of is not None and about.may_be_old is not None and sources.now - found.as_of > about.may_be_old:
        gaps = (*gaps, Gap("too_old", {"days": round(about.may_be_old.total_seconds() / 86_400) or 1}))
    standing = Standing.ABSENT if found.is_absent else Standing.GAP if gaps else Standing.GOOD
    rows = [] if sources.in_brief else [tuple(_named(cell, names) for cell in row) for row in found.rows]
    return Evidence(item, about, standing, found.as_of, rows, gaps)


def _names(tx: Tx, found: Iterable[Found]) -> dict[UUID, str]:
    return identity.names_of(tx, {cell for one in found for row in one.rows for cell in row if isinstance(cell, UUID)})


def _named(cell: Cell, names: Mapping[UUID, str]) -> Cell:
    return names.get(cell, str(cell)) if isinstance(cell, UUID) else cell
