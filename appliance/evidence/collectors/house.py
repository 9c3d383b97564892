"""What is the house's own: its isolation, its keys, its backups, its version. Reports are read for every organisation alike."""

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import appliance
from appliance.evidence.reports import Report, ReportKind
from appliance.evidence.sbom import components
from appliance.evidence.sources import MONTH, YEAR, Sources
from appliance.evidence.values import Cell, Found, Gap
from appliance.vault import KeyState, Level
from appliance.vault.inventory import all_keys

_RESTORES: Final = (ReportKind.BACKUP_CHECK, ReportKind.RESTORE, ReportKind.RESTORE_DRILL)


def isolation(sources: Sources) -> Found:
    """Return the newest looks at the database's catalogue."""
    found = sources.house.get(ReportKind.ISOLATION, ())
    if not found:
        return Found(None, (), (Gap("never_done"),))
    number = found[0].facts.get("faults", 0)
    broken = () if found[0].is_good else (Gap("isolation_broken", {"number": number if isinstance(number, int) else 0}),)
    return Found(found[0].made_at, [_row(one) for one in found], broken)


def backups(sources: Sources) -> Found:
    """Return the newest backups."""
    return _reported(sources.house.get(ReportKind.BACKUP, ()))


def restore_drills(sources: Sources) -> Found:
    """Return the newest checks, restores and drills. A check restores nothing, so it practises nothing."""
    found = [one for kind in _RESTORES for one in sources.house.get(kind, ())]
    return _reported(sorted(found, key=lambda one: one.made_at, reverse=True))


def keys(sources: Sources) -> Found:
    """Return the organisation's keys: everything but the keys."""
    found = all_keys(sources.tx)
    rows: list[tuple[Cell, ...]] = [
        (f"{one.level.value} {one.number}", one.state.value, one.created_at, one.retired_at, one.destroyed_at) for one in found
    ]
    is_old = any(
        one.level is Level.DEK and one.state is KeyState.ACTIVE and sources.now - one.created_at > YEAR for one in found
    )
    return Found(sources.now, rows, (Gap("old_data_key"),) if is_old else ())


def versions(sources: Sources) -> Found:
    """Return the versions of what runs, and the date of the file of known weaknesses. The weaknesses are in the list of components."""
    brought = _brought(sources)
    looks = sources.house.get(ReportKind.ISOLATION, ())
    rows: list[tuple[Cell, ...]] = [
        ("product", appliance.__version__),
        ("schema", str(looks[0].facts.get("schema", "")) if looks else None),
        ("platform", platform.python_version()),
        ("components", len(components())),
        ("weaknesses", brought),
    ]
    if brought is None:
        return Found(sources.now, rows, (Gap("no_vulnerability_feed"),))
    is_old = sources.now - brought > MONTH
    return Found(sources.now, rows, (Gap("too_old", {"days": MONTH.days}),) if is_old else ())


def _brought(sources: Sources) -> datetime | None:
    """Return when the file of known weaknesses was last brought; None where none can be read."""
    file = sources.weaknesses
    if file is None or not os.access(file, os.R_OK):
        return None
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)


def _reported(found: Sequence[Report]) -> Found:
    good = next((one for one in found if one.is_good and one.kind is not ReportKind.BACKUP_CHECK), None)
    gaps = [] if good else [Gap("never_done")]
    if found and not found[0].is_good:
        gaps.append(Gap("backup_failed"))
    return Found(good.made_at if good else None, [_row(one) for one in found], tuple(gaps))


def _row(one: Report) -> tuple[Cell, ...]:
    return one.made_at, one.kind.value, "good" if one.is_good else "failed", _said(one.facts), one.digest


def _said(facts: Mapping[str, str | int | list[str]]) -> str:
    return ", ".join(
        f"{name}={'; '.join(value) if isinstance(value, list) else value}" for name, value in sorted(facts.items()) if value
    )
