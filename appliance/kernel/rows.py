"""Many rows in one statement: each column goes over as an array, so the statement is as short for a hundred as for one."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.dialects import postgresql

from appliance.kernel.db import Table, Tx
from appliance.kernel.questions import Question

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]


def insert_all(tx: Tx, table: type[Table], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same columns; nothing for none."""
    if rows:
        names = tuple(rows[0])
        tx.execute(_inserting(table, names), columns_of(names, rows))


def insertion(table: type[Table], rows: Sequence[Mapping[str, Any]]) -> list[Question[None]]:
    """Return what inserts the rows, to be asked with others; nothing for none."""
    if not rows:
        return []
    names = tuple(rows[0])
    return [Question(_asked(table, names), columns_of(names, rows), lambda _: None)]


def columns_of(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the rows as columns, as `unnested` takes them."""
    return {name: [row[name] for row in rows] for name in names}


def unnested(table: type[Table], names: Sequence[str]) -> str:
    """Return what stands for the rows in a statement's text."""
    types = table.__table__.columns
    return f"unnest({', '.join(f'CAST(:{name} AS {types[name].type.compile(_DIALECT)}[])' for name in names)})"


@cache
def _asked(table: type[Table], names: tuple[str, ...]) -> str:
    statement = str(_inserting(table, names))
    for name in names:
        statement = statement.replace(f"(:{name} AS", f"(%({name})s AS")
    return statement


@cache
def _inserting(table: type[Table], names: tuple[str, ...]) -> TextClause:
    return text(f"INSERT INTO {table.__tablename__} ({', '.join(names)}) SELECT * FROM {unnested(table, names)}")  # noqa: S608 - names of our own tables
