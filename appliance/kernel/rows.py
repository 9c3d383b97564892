"""Many rows in one statement: each column goes over as an array, so the statement is as short for a hundred as for one."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, TextClause, text
from sqlalchemy.dialects import postgresql

from appliance.kernel.db import Table, Tx

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def insert_all(tx: Tx, table: type[Table], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same columns; nothing for none."""
    if rows:
        names = tuple(rows[0])
        tx.execute(_inserting(table, names), columns_of(names, rows))


def array_text(values: Iterable[object]) -> str:
    """Return a list as Postgres writes arrays: `unnest` would take lists of lists apart, so they go over as texts."""
    quoted = (str(one).replace("\\", "\\\\").replace('"', '\\"') for one in values)
    return "{" + ",".join(f'"{one}"' for one in quoted) + "}"


def columns_of(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the rows as columns, as `unnested` takes them."""
    return {name: [_flat(row[name]) for row in rows] for name in names}


def unnested(table: type[Table], names: Sequence[str]) -> str:
    """Return what stands for the rows in a statement's text; columns of arrays are texts there."""
    return f"unnest({', '.join(f'CAST(:{name} AS {_kind(table, name)}[])' for name in names)})"


@cache
def _inserting(table: type[Table], names: tuple[str, ...]) -> TextClause:
    columns = ", ".join(names)
    values = ", ".join(f"CAST({name} AS {_type(table, name)})" if _is_array(table, name) else name for name in names)
    return text(
        f"INSERT INTO {table.__tablename__} ({columns}) SELECT {values} FROM {unnested(table, names)} AS given ({columns})"  # noqa: S608 - names of our own tables
    )


def _flat(value: Any) -> Any:
    return array_text(value) if isinstance(value, list) else value


def _kind(table: type[Table], name: str) -> str:
    return "text" if _is_array(table, name) else _type(table, name)


def _is_array(table: type[Table], name: str) -> bool:
    return isinstance(table.__table__.columns[name].type, ARRAY)


def _type(table: type[Table], name: str) -> str:
    return str(table.__table__.columns[name].type.compile(_DIALECT))
