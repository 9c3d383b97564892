"""Many rows in one statement: they go over as one JSON text, so the statement is as short for a hundred rows as for one.

Columns as arrays would do the same; to write fifty of them for one row took longer than all else of the statement.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, any_, literal
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute

from appliance.kernel.db import Table, Tx
from appliance.kernel.questions import Saying, ask


def insert_all(tx: Tx, table: type[Table], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same columns; nothing for none."""
    ask(tx, *insertion(table, rows))


def insertion(table: type[Table], rows: Sequence[Mapping[str, Any]]) -> list[Saying]:
    """Return what inserts the rows, to be asked with others; nothing for none."""
    if not rows:
        return []
    return [Saying(_inserting(table, tuple(rows[0])), [as_text(rows)])]


def as_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows as `json_populate_recordset` reads them."""
    return _ENCODER.encode(rows)


def from_hex(told: str) -> bytes:
    """Return the bytes of a column that came within JSON."""
    return bytes.fromhex(told.removeprefix("\\x"))


def among(
    column: InstrumentedAttribute[UUID] | InstrumentedAttribute[UUID | None], ids: Iterable[UUID]
) -> ColumnElement[bool]:
    """Return the condition that a column is one of these ids: as one value, as a statement of hundreds is compiled anew each time."""
    return column == any_(literal(list(ids), ARRAY(Uuid)))


def _as_text(value: object) -> str:
    """Return a value in the form that Postgres reads of its type."""
    spell = _SPELLED.get(type(value))
    if spell is None:
        raise TypeError(f"no column holds a {type(value).__name__}")
    return spell(value)


@cache
def _inserting(table: type[Table], names: tuple[str, ...]) -> str:
    columns, name = ", ".join(names), table.__tablename__
    return f"INSERT INTO {name} ({columns}) SELECT {columns} FROM json_populate_recordset(NULL::{name}, $1::json)"  # noqa: S608 - names of our own tables


_SPELLED: Final[dict[type, Callable[[Any], str]]] = {
    UUID: UUID.__str__,
    datetime: datetime.isoformat,
    bytes: lambda value: f"\\x{value.hex()}",
}
_ENCODER: Final = json.JSONEncoder(default=_as_text, ensure_ascii=False, separators=(",", ":"))
