"""Tables of text: comma, semicolon, tab or bar between the cells, found by which of them gives rows of one width."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator

from .blocks import Output, Page, Unreadable
from .rows import Cell, Row, lines

_SEPARATORS = "\t;|,"
_SAMPLE_ROWS = 200
_CELL_LENGTH = 60  # a table's cells are short; prose with a comma in each line is not
_SURE, _LIKELY = 0.6, 0.95
_DECLARED = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
_CELLS = 5_000_000


def read_text(text: str, *, is_sure: bool) -> Output | None:
    """Return the rows, each with its header, or None if this is no table. `is_sure`: its name says that it is one."""
    declared = _DECLARED.match(text)
    body = (text[declared.end() :] if declared else text).replace("\0", "")
    separator = declared[1] if declared else _separator(body, is_sure=is_sure)
    if separator is None:
        return None
    try:
        rows = list(_rows(body, separator))
    except csv.Error:
        return None
    output, page = Output(format="csv"), Page(None)
    output.pages.append(page)
    for line in lines(rows, guess=True):
        output.add(page, "table_row", line)
    return output


def _separator(text: str, *, is_sure: bool) -> str | None:
    for separator in _SEPARATORS:
        rows = [row for row in _sample(text, separator) if any(cell.strip() for cell in row)]
        if not rows or (len(rows) < 3 and not is_sure):  # noqa: PLR2004 - two lines are as often a text
            continue
        widths = Counter(len(row) for row in rows)
        width, count = max(widths.items(), key=lambda found: found[1])
        if width < 2 or count < len(rows) * (_SURE if is_sure else _LIKELY):  # noqa: PLR2004 - columns
            continue
        cells = [cell for row in rows for cell in row]
        if is_sure or (sum(len(cell) for cell in cells) <= _CELL_LENGTH * len(cells) and _has_header(rows[0])):
            return separator
    return "," if is_sure else None


def _has_header(row: list[str]) -> bool:
    names = [cell.strip() for cell in row]
    return len(set(names)) == len(names) and all(
        0 < len(name) <= _CELL_LENGTH and name[-1] not in ".!?" for name in names
    )


def _sample(text: str, separator: str) -> list[list[str]]:
    found: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text[:100_000], newline=""), delimiter=separator):
            found.append(row)
            if len(found) > _SAMPLE_ROWS:
                break
    except csv.Error:
        return []
    # The last row of the sample may be half a one.
    return found[:-1] if len(text) > 100_000 and len(found) > 1 else found  # noqa: PLR2004 - the sample's length


def _rows(text: str, separator: str) -> Iterator[Row]:
    csv.field_size_limit(len(text) + 1)
    cells = 0
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
        cells += len(row)
        if cells > _CELLS:
            raise Unreadable("too_much_text")
        yield [Cell(" ".join(cell.split()), column) for column, cell in enumerate(row) if cell.strip()]
