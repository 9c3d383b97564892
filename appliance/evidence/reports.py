"""Reports on the whole house: each is added once, with its digest in the platform's log, and never changed.

They name files, counts and times, and no organisation: every organisation's auditor may read them.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import func, select

from appliance import audit
from appliance.audit import PLATFORM, Actor, ActorKind, Event, Outcome
from appliance.evidence import isolation
from appliance.evidence.tables import ReportRow
from appliance.kernel.canonical import canonical
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId, new_id
from appliance.kernel.log import logger

NIGHT: Final = range(1, 5)
"""The hours (UTC) in which the house looks at its isolation, unless that is long ago."""
_AFTER, _AT_THE_LATEST = timedelta(hours=12), timedelta(hours=24)
_MOST_FAULTS: Final = 50
_SALT_BYTES: Final = 16
Facts = Mapping[str, str | int | list[str]]
log = logger("evidence")


class ReportKind(StrEnum):
    """What a report is about."""

    ISOLATION = "isolation"
    BACKUP = "backup"
    BACKUP_CHECK = "backup_check"
    RESTORE = "restore"
    RESTORE_DRILL = "restore_drill"


# What organisations see of a report. How much there is in the whole house is the operators' business: a number that
# grows would tell of others.
_FOR_ALL: Final = frozenset({"doors", "fault", "faults", "made_at", "named", "policies", "schema", "seconds", "tables"})


@dataclass(frozen=True)
class Report:
    """What was done or looked at, and what came of it. `digest` is the SHA-256 of the rest, which the log holds too."""

    report_id: UUID
    kind: ReportKind
    is_good: bool
    made_at: datetime
    facts: Facts
    digest: str

    def seen_by(self, tenant_id: TenantId) -> "Report":
        """Return the report as somebody of this tenant may see it."""
        if tenant_id == PLATFORM:
            return self
        return replace(self, facts={name: value for name, value in self.facts.items() if name in _FOR_ALL})


def file_report(
    tx: Tx, actor: Actor, kind: ReportKind, facts: Facts, *, is_good: bool, clock: Clock
) -> Report:
    """Add a report. `tx` is the platform's; facts are names of files, counts and times, never content.

    A salt is among them: organisations see the digest, and would find out by trying what of the rest they are not shown.
    """
    now, kept = clock.now(), {**facts, "salt": secrets.token_hex(_SALT_BYTES)}
    digest = report_digest(kind, now, kept, is_good=is_good)
    row = ReportRow(
        tenant_id=tx.tenant_id, report_id=new_id(), kind=kind.value, is_good=is_good, made_at=now, facts=kept, digest=digest,
    )  # fmt: skip
    tx.add(row)
    tx.flush()
    outcome = Outcome.SUCCESS if is_good else Outcome.FAILURE
    audit.record(tx, actor, Event.REPORT_FILED, subject=row.report_id, outcome=outcome, kind=kind.value, digest=digest.hex())
    return _report(row)


def report_digest(
    kind: ReportKind, made_at: datetime, facts: Facts, *, is_good: bool
) -> bytes:
    """Return the SHA-256 of the canonical JSON of a report."""
    at = made_at.astimezone(UTC).isoformat(timespec="microseconds")
    said = {"facts": dict(facts), "is_good": is_good, "kind": kind.value, "made_at": at}
    return hashlib.sha256(canonical(said)).digest()


def newest_report(tx: Tx, kind: ReportKind) -> Report | None:
    """Return the newest report of a kind, None where there is none. `tx` is the platform's."""
    return next(iter(list_reports(tx, kind, limit=1)), None)


def list_reports(
    tx: Tx, kind: ReportKind | None = None, *, before: UUID | None = None, limit: int = 50
) -> list[Report]:
    """Return reports, the newest first, or those before one of them. `tx` is the platform's."""
    query = select(ReportRow).where(ReportRow.tenant_id == tx.tenant_id)
    if kind is not None:
        query = query.where(ReportRow.kind == kind.value)
    if before is not None:
        query = query.where(ReportRow.report_id < before)
    return [_report(row) for row in tx.scalars(query.order_by(ReportRow.report_id.desc()).limit(limit))]


def newest_of_each(tx: Tx, most: int) -> dict[ReportKind, list[Report]]:
    """Return the newest reports of each kind, in one statement. `tx` is the platform's."""
    place = func.row_number().over(partition_by=ReportRow.kind, order_by=ReportRow.report_id.desc())
    ranked = select(ReportRow.report_id, place.label("place")).where(ReportRow.tenant_id == tx.tenant_id).subquery()
    query = (
        select(ReportRow)
        .join(ranked, ranked.c.report_id == ReportRow.report_id)
        .where(ReportRow.tenant_id == tx.tenant_id, ranked.c.place <= most)
        .order_by(ReportRow.report_id.desc())
    )
    found: dict[ReportKind, list[Report]] = {}
    for row in tx.scalars(query):
        found.setdefault(ReportKind(row.kind), []).append(_report(row))
    return found


def attest(db: Database, actor: Actor, *, clock: Clock) -> Report:
    """Look at the isolation of the tenants, and file what was found."""
    with db.tenant(PLATFORM) as tx:
        found = isolation.look(tx)
        facts: dict[str, str | int | list[str]] = {
            "schema": found.schema, "tables": found.tables, "policies": found.policies, "doors": found.doors, "faults": len(found.faults),
            "named": [one[:300] for one in found.faults[:_MOST_FAULTS]],
        }  # fmt: skip
        report = file_report(tx, actor, ReportKind.ISOLATION, facts, is_good=not found.faults, clock=clock)
    if found.faults:
        log.error("isolation_broken", faults=len(found.faults), first=found.faults[0])
    return report


def attest_nightly(db: Database, *, clock: Clock) -> Report | None:
    """Look at the isolation once a night, or when nobody did for a day; return what was found, None where it is not due."""
    now = clock.now()
    with db.tenant(PLATFORM) as tx:
        last = newest_report(tx, ReportKind.ISOLATION)
    age = now - last.made_at if last else None
    is_due = age is None or age >= _AT_THE_LATEST or (age >= _AFTER and now.hour in NIGHT)
    return attest(db, Actor(ActorKind.SYSTEM), clock=clock) if is_due else None


def _report(row: ReportRow) -> Report:
    return Report(row.report_id, ReportKind(row.kind), row.is_good, row.made_at, row.facts, row.digest.hex())
