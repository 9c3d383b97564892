"""Many rows in one statement: they go over as one JSON text, so the statement is as short for a hundred rows as for one.

Columns as arrays would do the same; to write fifty of them for one row took longer than all else of the statement.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from appliance.kernel.db import Table, Tx
from appliance.kernel.questions import Question, ask


def insert_all(tx: Tx, table: type[Table], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same columns; nothing for none."""
    ask(tx, *insertion(table, rows))


def insertion(table: type[Table], rows: Sequence[Mapping[str, Any]]) -> list[Question[None]]:
    """Return what inserts the rows, to be asked with others; nothing for none."""
    if not rows:
        return []
    return [Question(_inserting(table, tuple(rows[0])), {"rows": as_text(rows)}, lambda _: None)]


def as_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows as `recordset` reads them."""
    return json.dumps(rows, default=_as_text, ensure_ascii=False, separators=(",", ":"))


def recordset(table: type[Table]) -> str:
    """Return what stands for the rows in a statement's text; their value is called `rows`."""
    return f"json_populate_recordset(NULL::{table.__tablename__}, %(rows)s::json)"


def _as_text(value: object) -> str:
    """Return a value in the form that Postgres reads of its type."""
    match value:
        case UUID():
            return str(value)
        case datetime():
            return value.isoformat()
        case bytes():
            return f"\\x{value.hex()}"
    raise TypeError(f"no column holds a {type(value).__name__}")


@cache
def _inserting(table: type[Table], names: tuple[str, ...]) -> str:
    columns = ", ".join(names)
    return f"INSERT INTO {table.__tablename__} ({columns}) SELECT {columns} FROM {recordset(table)}"  # noqa: S608 - names of our own tables
