"""What several rooms want to know in one transaction, asked in one trip.

A room says what it asks and how it reads the answer; whoever holds the transaction asks for all of them at once. The
order is kept, and each sees what those before it did.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy.exc import DBAPIError

from appliance.kernel.db import Tx

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Question(Generic[Answer]):
    """A statement with `%(name)s` in the places of its values, and what is made of its rows."""

    statement: str
    values: Mapping[str, Any]
    read: Callable[[Sequence[Any]], Answer] = field(repr=False)


def ask(tx: Tx, *questions: Question[Any]) -> list[Any]:
    """Return the answers in order. A failure is SQLAlchemy's, as if each had been asked by itself."""
    if not questions:
        return []
    driver: psycopg.Connection[Any] = tx.connection().connection.driver_connection  # type: ignore[assignment]
    statement = ""
    try:
        with driver.pipeline():
            cursors = []
            for one in questions:
                statement = one.statement
                cursors.append(driver.cursor(row_factory=namedtuple_row).execute(one.statement, one.values))
        rows = [cursor.fetchall() if cursor.description else [] for cursor in cursors]
    except psycopg.Error as error:
        raise DBAPIError.instance(
            statement, {}, error, psycopg.Error, hide_parameters=True, connection_invalidated=driver.closed,
        ) from error  # fmt: skip
    return [one.read(found) for one, found in zip(questions, rows, strict=True)]
