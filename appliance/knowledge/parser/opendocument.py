"""What of an OpenDocument text is on its way while it is read: a paragraph, a table; and how they are counted."""

from dataclasses import dataclass, field

from .rows import Row
from .sheets import Sheet


@dataclass
class Text:
    """A paragraph on its way."""

    kind: str
    level: int
    hidden: str | None
    seen: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)


@dataclass
class Table:
    """A table on its way: of a text, or a sheet."""

    sheet: Sheet | None
    rows: list[Row] = field(default_factory=list)
    row: Row = field(default_factory=list)
    cell: list[str] = field(default_factory=list)
    comments: list[tuple[str, str, str]] = field(default_factory=list)
    column: int = 0
    number: int = 0
    repeats: int = 1
    row_repeats: int = 1
    is_header: bool = False
    is_hidden_row: bool = False
    is_number: bool = False
    hidden_columns: set[int] = field(default_factory=set)
    columns: int = 0


def count(given: dict[str, str], name: str, *, most: int) -> int:
    """Return a number among the attributes, from 1 to `most`."""
    value = given.get(name, "1")
    return max(1, min(int(value), most)) if value.isascii() and value.isdigit() and len(value) < 9 else 1  # noqa: PLR2004 - no table has more


def reference(row: int, column: int) -> str:
    """Return "B4" for the cell in the second column of the fourth row, both counted from 0."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return f"{letters}{row + 1}"
