"""Evidence in a reader's words. Whoever shows it hands over what translates a message of the catalogues."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from appliance.evidence.items import CODED, GAPS, MEASURES, VALUES
from appliance.evidence.values import Cell, Evidence, Gap

Say = Callable[[str], str]
TITLE: Final = "Evidence for the controls"
WORDS: Final[dict[str, str]] = {
    "about": "What {organisation} can show of its Cloister on {day} (UTC), version {version}. It is made of the audit log, the settings and the database's catalogue, and says what is missing.",
    "signature": "This file has no signature inside. It is signed beside it, in the package: README.txt says how that is checked.",
    "control": "Control",
    "controls": "{framework}: controls with evidence",
    "evidence": "Evidence",
    "further": "{number} further rows are in the package, in items/{item}.csv.",
    "missing": "Missing: {what} {remedy}",
    "of": "As of {day} (UTC)",
    "page": "Page {number} of {total}",
    "standing": "How it stands",
    "words": "What it is about",
}


@dataclass(frozen=True)
class Cover:
    """Whose evidence it is, and when it was gathered."""

    organisation: str
    made_at: datetime
    version: str
    language: str


def gap_words(gap: Gap, say: Say) -> tuple[str, str]:
    """Return what is missing, and what to do."""
    what, remedy = GAPS[gap.code]
    return say(what).format(**gap.facts), say(remedy)


def cell_words(name: str, cell: Cell, say: Say) -> str:
    """Return a cell as text: moments in UTC, codes in words."""
    if cell is None:
        return "–"
    if isinstance(cell, datetime):
        return f"{cell.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if name in CODED:
        known = MEASURES.get(str(cell)) or VALUES.get(str(cell))
        return say(known) if known else str(cell)
    return str(cell)


def plain_cell(cell: Cell) -> str | int | None:
    """Return a cell as programs read it: moments as ISO 8601 in UTC."""
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).isoformat(timespec="seconds")
    return str(cell) if isinstance(cell, UUID) else cell


def plain_rows(one: Evidence) -> list[list[str | int | None]]:
    """Return the rows as programs read them."""
    return [[plain_cell(cell) for cell in row] for row in one.rows]


def word_rows(one: Evidence, say: Say, most: int) -> Sequence[Sequence[str]]:
    """Return the first rows as people read them."""
    return [[cell_words(name, cell, say) for name, cell in zip(one.about.columns, row, strict=True)] for row in one.rows[:most]]
