"""Several statements to Postgres in one trip, without what a driver's cursor does for each of them.

libpq's pipeline mode (https://www.postgresql.org/docs/current/libpq-pipeline-mode.html) by psycopg's `pq`: all that is
said goes out at once, then all answers are read. Values go and come as text; the statement names their types.
"""

from collections.abc import Generator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg import errors
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.waiting import Ready, Wait

Statement = tuple[str, Sequence[bytes | None]]
"""A statement with `$1`, `$2`… in the places of its values, which are `spelled`."""
Row = list[bytes | None]
_ABORTED = (ExecStatus.PIPELINE_ABORTED, ExecStatus.PIPELINE_SYNC)


def exchange(driver: "psycopg.Connection[Any]", statements: Sequence[Statement]) -> list[Row]:
    """Return the first row of each statement's answer, none for what answers nothing. Raises psycopg.Error.

    The first that fails ends all: those behind it are not run. A connection that is left in between is closed.
    """
    is_over = False
    try:
        driver.pgconn.enter_pipeline_mode()
        results = driver.wait(_exchanged(driver.pgconn, statements))
        driver.pgconn.exit_pipeline_mode()
        is_over = True
    finally:
        if not is_over:
            driver.close()
    for result in results:
        if result.status == ExecStatus.FATAL_ERROR:
            raise errors.error_from_result(result)
    return [[one.get_value(0, place) for place in range(one.nfields)] if one.ntuples else [] for one in results]


def spelled(values: Sequence[Any]) -> list[bytes | None]:
    """Return values as they go over. Raises ValueError for a text that would not arrive as it is."""
    return [_as_text(value) for value in values]


def _exchanged(line: Any, statements: Sequence[Statement]) -> Generator[Wait, Ready | int, list[Any]]:
    for statement, values in statements:
        line.send_query_params(statement.encode(), list(values), result_format=Format.TEXT)
    line.pipeline_sync()
    while line.flush():
        if (yield Wait.RW) & Ready.R:
            line.consume_input()
    results = list[Any]()
    while True:
        while line.is_busy():
            yield Wait.R
            line.consume_input()
        result = line.get_result()
        if result is not None and result.status == ExecStatus.PIPELINE_SYNC:
            return results
        if result is not None and result.status not in _ABORTED:
            results.append(result)
        if line.status == ConnStatus.BAD:
            raise errors.OperationalError("the connection is lost")


def _as_text(value: object) -> bytes | None:
    """Return a value in the form that Postgres reads of the type that its statement names."""
    match value:
        case None:
            return None
        case str():
            if "\0" in value:
                raise ValueError("a text has a NUL: libpq would leave out what is behind it")
            return value.encode()
        case bool():
            return b"true" if value else b"false"
        case int() | UUID():
            return str(value).encode()
        case bytes():
            return b"\\x" + value.hex().encode()
        case datetime():
            return value.isoformat().encode()
        case list():
            return b"{" + b",".join(_as_text(one) or b"NULL" for one in value) + b"}"  # of ids and numbers alone
    raise TypeError(f"no statement has a {type(value).__name__}")
