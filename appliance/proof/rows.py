"""An entry as a line of CSV. Made here for the package and for its check alike, so that a table cannot say something else."""

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

COLUMNS = (
    "position", "time", "event", "outcome", "actor_kind", "actor_id", "address", "subject", "request_id", "event_id", "facts",
)  # fmt: skip
_FACTS = json.JSONEncoder(sort_keys=True, ensure_ascii=False)
NOT_DISCLOSED = "(not disclosed)"
"""In the place of an address that was recorded, and is not shown here."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")


def csv_head() -> str:
    """Return the first line."""
    return _line(COLUMNS)


def csv_line(position: int, body: Mapping[str, Any]) -> str:
    """Return an entry's line. No cell begins as a spreadsheet's formula does: an apostrophe stands before it."""
    actor = body["actor"]
    is_held_back = actor["address"] is None and "actor.address" in body.get("commitments", {})
    cells = (
        position, body["at"], body["event"], body["outcome"], actor["kind"], actor["id"],
        NOT_DISCLOSED if is_held_back else actor["address"], body["subject"],
        body["request_id"], body["event_id"], _FACTS.encode(body["facts"]),
    )  # fmt: skip
    return _line(tuple("" if one is None else _safe(str(one)) for one in cells))


def _safe(cell: str) -> str:
    return "'" + cell if cell.startswith(_FORMULA) else cell


def _line(cells: tuple[str, ...]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(cells)
    return written.getvalue()
