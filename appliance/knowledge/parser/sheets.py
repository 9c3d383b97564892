"""Sheets as text: lone cells as paragraphs, tables as rows that carry their header."""

import re
from dataclasses import dataclass

from .blocks import ALTERNATIVE, HIDDEN, Output, Page
from .inlaid import Shown
from .rows import Cell, labelled

HIDDEN_SHEET = "hidden sheet"
_NAME_LENGTH = 100
_YEARS = range(1900, 2101)
_MOST_CELLS = 1_000
_REFERENCE = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})$")


@dataclass(slots=True)
class Value:
    """A filled cell: where it stands, what people see, and whether that is a number or a date."""

    column: int
    text: str
    is_number: bool = False


def place(reference: str) -> tuple[int, int]:
    """Return row and column of "B4", from 0. (0, 0) for what is no reference."""
    match = _REFERENCE.match(reference)
    if match is None:
        return 0, 0
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - 64
    return int(match[2]) - 1, column - 1


class Sheet:
    """Writes one sheet, row by row; a row waits until the next one is known."""

    def __init__(self, output: Output, page: Page, name: str, *, is_hidden: bool) -> None:
        self._output, self._page = output, page
        self._hidden = HIDDEN_SHEET if is_hidden else None
        self._labels: dict[int, str] = {}
        self._pictures: list[tuple[Shown, str, str | None]] = []
        self._first = ""  # how the names begin: a second table often repeats them
        self._held: list[Value] = []
        self._was_blank = self._is_after_blank = True  # before the row that waits; before the one that comes
        self._is_group = self._is_under_group = self._is_named = False
        if is_hidden:
            output.warn("hidden_text")
        self.add("heading", name, level=1)

    def add(self, kind: str, text: str, *, level: int = 0, hidden: str | None = None) -> None:
        self._output.add(self._page, kind, text, level=level, hidden=self._hidden or hidden)

    def show(self, shown: Shown, name: str, *, is_alternative: bool = False) -> None:
        """Take a picture, which comes behind the rows."""
        self._pictures.append((shown, name, ALTERNATIVE if is_alternative else self._hidden))

    def row(self, values: list[Value], *, is_header: bool = False, spans: bool = False) -> None:
        """Take the next row; an empty one ends a table. `spans`: some of its cells are merged across columns."""
        if not values:
            self._is_after_blank = True
            return
        self._release(values)
        self._was_blank, self._is_after_blank = self._is_after_blank, False
        if is_header:
            self._name(values)
        else:
            self._held, self._is_group = values, spans

    def unseen(self, values: list[Value]) -> None:
        """Take what a hidden row or column holds."""
        self.add("table_row", " | ".join(value.text for value in values[:_MOST_CELLS]), hidden=HIDDEN)
        self._add_beyond(values, hidden=HIDDEN)

    def close(self, comments: list[tuple[str, str, str]]) -> None:
        """Write the last row, pictures, and comments as (place, author, text)."""
        self._release([])
        for shown, name, hidden in self._pictures:
            shown.show(self._page, name, hidden=hidden)
        if comments:
            self.add("heading", "Comments", level=2)
        for reference, author, text in comments:
            self.add("paragraph", f"{' '.join(part for part in (reference, author) if part)}: {text}")

    def _release(self, following: list[Value]) -> None:
        values, self._held = self._held, []
        if not values:
            return
        if len(values) == 1:
            if self._was_blank:
                self._labels = {}
            self.add("table_row" if self._labels else "paragraph", self._said(values))
        elif self._is_header(values, following):
            self._name(values)
            self._is_under_group, self._is_named = self._is_group, True
            return
        else:
            self.add("table_row", self._said(values))
            self._add_beyond(values)
        self._is_under_group = self._is_named = False

    def _is_header(self, values: list[Value], following: list[Value]) -> bool:
        if len(following) < 2 or not all(_is_name(value) for value in values):  # noqa: PLR2004 - a table has columns
            return False
        if not self._labels or self._is_under_group:
            return True
        # A second table, or a second line of names, is believed when it stands above numbers.
        if self._was_blank and values[0].text == self._first:
            return True
        is_apart = self._was_blank or (self._is_named and len(values) > len(self._labels))
        return is_apart and any(value.is_number for value in following)

    def _name(self, values: list[Value]) -> None:
        above = self._labels if self._is_under_group or self._is_named else {}
        self._first = self._first if above else values[0].text
        self._labels = above | {
            value.column: f"{above.get(value.column, '')} {value.text}".strip() for value in values[:_MOST_CELLS]
        }
        self._is_under_group = False
        self.add("table_row", " | ".join(value.text for value in values[:_MOST_CELLS]))
        self._add_beyond(values)

    def _add_beyond(self, values: list[Value], *, hidden: str | None = None) -> None:
        """Write the cells of a very long row that have no room in one line, without their names."""
        for begin in range(_MOST_CELLS, len(values), _MOST_CELLS):
            text = " | ".join(value.text for value in values[begin : begin + _MOST_CELLS])
            self.add("table_row", text, hidden=hidden)

    def _said(self, values: list[Value]) -> str:
        cells = [Cell(value.text, value.column) for value in values[:_MOST_CELLS]]
        return " | ".join(labelled(cells, self._labels))


def _is_name(value: Value) -> bool:
    if value.is_number:
        return value.text.isdigit() and int(value.text) in _YEARS
    return len(value.text) <= _NAME_LENGTH
