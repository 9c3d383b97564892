"""Rows as CSV that nobody's spreadsheet takes for formulas."""

import csv
import io
from collections.abc import Sequence
from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def sheet(columns: Sequence[str], rows: Sequence[Sequence[str | int | None]]) -> str:
    """Return rows as CSV (RFC 4180). No cell begins as a spreadsheet's formula does: an apostrophe stands before it."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    return file.getvalue()


def _harmless(cell: str | int | None) -> str:
    text = "" if cell is None else str(cell)
    return f"'{text}" if isinstance(cell, str) and text.startswith(_FORMULA) else text
