"""Tables as text: each row carries its header, so that a row found alone still says what its numbers are."""

from collections.abc import Iterator
from dataclasses import dataclass

_LABEL_LENGTH = 60
_SIGNS_BEFORE = frozenset({"$", "€", "£", "¥", "(", "$(", "US$"})
_SIGNS_AFTER = frozenset({")", "%", ")%", "€"})


@dataclass(slots=True)
class Cell:
    """A cell's text and the column it starts in, spans counted."""

    text: str
    column: int
    is_header: bool = False


Row = list[Cell]


def lines(rows: list[Row], *, guess: bool) -> Iterator[str]:
    """Yield one line a row. `guess`: a first row of short names counts as header though nothing declares it."""
    rows = [row for row in rows if any(cell.text for cell in row)]
    depth = _header_depth(rows, guess=guess)
    labels: dict[int, str] = {}
    for row in rows[:depth]:
        for cell, following in zip(row, [*row[1:], None], strict=True):
            # A header that spans columns names each of them.
            for column in range(cell.column, following.column if following else cell.column + 4):
                labels[column] = f"{labels.get(column, '')} {cell.text}".strip()
        yield " | ".join(cell.text for cell in row if cell.text)
    for row in rows[depth:]:
        yield " | ".join(labelled(row, labels))


def _header_depth(rows: list[Row], *, guess: bool) -> int:
    depth = 0
    for row in rows[:-1]:
        is_declared = all(cell.is_header for cell in row if cell.text)
        is_above_names = len(row) > 1 and not row[0].text
        if not (is_declared or is_above_names):
            break
        depth += 1
    return 1 if depth == 0 and guess and len(rows) > 1 and _reads_as_header(rows[0]) else depth


def _reads_as_header(row: Row) -> bool:
    return len(row) > 1 and all(
        0 < len(cell.text) <= _LABEL_LENGTH and sum(sign.isdigit() for sign in cell.text) * 2 < len(cell.text)
        for cell in row
    )


def labelled(row: Row, labels: dict[int, str]) -> Iterator[str]:
    """Yield a row's cells, each behind its label."""
    cells = list(_glued(row))
    if not labels and len(cells) == 2 and cells[0].is_header and not cells[1].is_header:  # noqa: PLR2004 - name and value
        yield f"{cells[0].text}: {cells[1].text}"
        return
    for cell in cells:
        label = labels.get(cell.column, "")
        yield f"{label}: {cell.text}" if label and label != cell.text else cell.text


def _glued(row: Row) -> Iterator[Cell]:
    # Financial tables put the currency, the number and the bracket into cells of their own.
    held: Cell | None = None
    for cell in row:
        if not cell.text:
            continue
        if held and (held.text in _SIGNS_BEFORE or cell.text in _SIGNS_AFTER):
            held = Cell(held.text + cell.text, held.column, held.is_header)
            continue
        if held:
            yield held
        held = cell
    if held:
        yield held
