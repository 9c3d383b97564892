"""The only two ways to a transaction: `Database.tenant(id)` and `Database.platform()`.

A tenant transaction runs `SET LOCAL app.tenant_id` first, so that row-level security
shows this tenant's rows and no other's. A platform transaction sets it to nothing, and
row-level security shows no tenant rows at all. SET LOCAL ends with the transaction: a
pooled connection, also behind a transaction-pooling pgbouncer, never carries a tenant
into the next one.

Prepared statements are off (`prepare_threshold=None`): with a transaction pooler,
statement names collide across connections and answer for another tenant (measured).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ClassVar, cast
from uuid import UUID

import psycopg
from psycopg.pq import Format, TransactionStatus
from sqlalchemy import Connection, DateTime, Engine, create_engine, event, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import URL, ExecutionContext, make_url
from sqlalchemy.exc import (
    DBAPIError,
    DisconnectionError,
    InvalidatePoolError,
    InvalidRequestError,
    OperationalError,
    PendingRollbackError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session, SessionTransaction
from sqlalchemy.pool import ConnectionPoolEntry

from appliance.kernel.errors import Kind, Refusal, StorageFull
from appliance.kernel.exchange import Row, Statement, exchange
from appliance.kernel.ids import TenantId

NO_TENANT = ""
IN_BYTES = {"in_bytes": True}
"""Execution options of a statement whose rows are mostly bytes: they come as they are, and not in hexadecimal digits."""
_DISK_FULL = "53100"
_REST_SECONDS = 1.0
_IN_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
_TOGETHER = text("SELECT pg_advisory_xact_lock_shared(hashtextextended(:name, 0))")


class Table(DeclarativeBase):
    """Base of every room's mapped classes. Columns of datetimes have a time zone, and those of dicts are JSONB."""

    type_annotation_map: ClassVar = {datetime: DateTime(timezone=True), dict[str, Any]: JSONB, dict[str, object]: JSONB}


class DatabaseUnavailable(Refusal):
    """The database does not answer. Nothing was changed; try again in a moment."""

    kind = Kind.UNAVAILABLE
    code = "database_unavailable"


class DatabaseBusy(Refusal):
    """Too much is asked of the database at this moment. Nothing was changed; try again in a moment."""

    kind = Kind.UNAVAILABLE
    code = "database_busy"


class Tx(Session):
    """One transaction, bound to one tenant, or to none, for its whole life."""

    @property
    def tenant_id(self) -> TenantId:
        """The tenant this transaction belongs to. Raises LookupError in a platform transaction."""
        known: TenantId | None = self.info.get("tenant_id")
        if known is None:
            tenant = self.info["tenant"]
            if tenant == NO_TENANT:
                raise LookupError("a platform transaction has no tenant")
            known = self.info["tenant_id"] = TenantId(UUID(cast("str", tenant)))
        return known

    def line(self) -> tuple["psycopg.Connection[Any]", list[Statement]]:
        """Return the driver's connection, and what has to be said on it before anything else: the binding, if it was not yet, and what waits.

        Raises InvalidRequestError behind the COMMIT.
        """
        self._refuse_what_is_late()
        if not self.in_nested_transaction():  # a savepoint is set at once, and needs its transaction before it
            self.info["binds"] = list[Statement]()
        try:
            driver = self.connection().connection.driver_connection
        finally:  # where none is free, nothing is left behind: what is asked next would go out unbound
            binds = self.info.pop("binds", [])
        return cast("psycopg.Connection[Any]", driver), binds + _no_longer_waiting(self)

    def say(self, statements: Sequence[Statement]) -> list[Row]:
        """Return the first row of each statement's answer; they go over in one trip. A failure is SQLAlchemy's, as if each was executed."""
        driver, first = self.line()
        return _said(self, driver, [*first, *statements])[len(first) :]

    def end(self, statements: Sequence[Statement] = ()) -> list[Row]:
        """Say this and commit, in one trip; what is not yet written goes before. From then on the transaction refuses whatever is said."""
        if self.in_nested_transaction():
            raise InvalidRequestError("a savepoint is open: it would be committed, too")
        self.flush()
        rows = self.say([*statements, ("COMMIT", ())])
        self.info["is_over"] = True
        return rows

    def say_later(self, statements: Sequence[Statement]) -> None:
        """Say what answers nothing before whatever is said next, or with the COMMIT, in the same trip. In a savepoint it is said at once.

        What is said with the COMMIT and fails takes all of the transaction back.
        """
        self._refuse_what_is_late()
        if self.in_nested_transaction() or not _lasts(self):  # after the end, or a flush that failed: refused as whatever is said then
            self.say(statements)
        else:
            self.info.setdefault("waiting", list[Statement]()).extend(statements)

    def lose(self) -> None:
        """Use none of this pool's connections again: the server ended one, so it may have ended all."""
        lose: Callable[[], None] = self.info["lose"]
        lose()

    def _refuse_what_is_late(self) -> None:
        if "is_over" in self.info:
            raise InvalidRequestError("the transaction is committed already")


@event.listens_for(Tx, "after_begin")
def _bind_tenant(tx: Tx, transaction: SessionTransaction, connection: Connection) -> None:
    # The value is the text of a parsed UUID or empty, never input: SET takes no parameters.
    if transaction.nested:
        return  # A savepoint stays inside the binding of its transaction; rebinding is not offered.
    # The driver's own BEGIN is off (`Database`), so that both go over in one trip, and with what is asked first if that can be.
    binding = ["BEGIN", f"SET LOCAL app.tenant_id = '{tx.info['tenant']}'"]
    if "binds" in tx.info:
        tx.info["binds"] += [(one, ()) for one in binding]
    else:
        connection.exec_driver_sql("; ".join(binding))
    connection.info["tx"] = tx


@event.listens_for(Tx, "before_commit")
def _say_the_last(tx: Tx) -> None:
    if not tx.info.get("waiting"):
        return
    if tx.in_nested_transaction():  # one that the end of its transaction closes: what waits was before it
        tx.say(())
    else:
        tx.end()  # SQLAlchemy's own COMMIT finds nothing to do


@event.listens_for(Tx, "after_transaction_end")
def _forget_what_waits(tx: Tx, transaction: SessionTransaction) -> None:
    if transaction.parent is None:  # a savepoint's end takes back nothing that was said before it
        _no_longer_waiting(tx)


def _no_longer_waiting(tx: Tx) -> list[Statement]:
    waiting: list[Statement] = tx.info.pop("waiting", [])
    return waiting


def _lasts(tx: Tx) -> bool:
    """Say whether there is a transaction to be committed, and no flush that failed has taken it back."""
    transaction = tx.get_transaction()
    return transaction is not None and transaction.is_active


def _said(tx: Tx, driver: "psycopg.Connection[Any]", statements: Sequence[Statement]) -> list[Row]:
    try:
        return exchange(driver, statements)
    except psycopg.Error as error:
        if driver.closed:
            tx.lose()
        named = "; ".join(statement for statement, _ in statements)
        raise DBAPIError.instance(
            named, {}, error, psycopg.Error, hide_parameters=True, connection_invalidated=driver.closed
        ) from error


class Database:
    """A pool of connections as one Postgres role, and the two doors to it."""

    def __init__(self, url: str, *, pool_size: int = 8, application: str = "cloister") -> None:
        self.engine = make_engine(url, pool_size=pool_size, application=application)
        self._given: dict[str, object] = {"lose": _Generations(self.engine).lose}
        event.listen(self.engine, "connect", _begin_ourselves)

    def give(self, name: str, thing: object) -> None:
        """Let every transaction from now on have something at hand, as `Tx.info[name]`. Whoever assembles the house does."""
        self._given[name] = thing

    @contextmanager
    def tenant(self, tenant_id: TenantId) -> Iterator[Tx]:
        """Open a transaction that sees this tenant. Commits on a clean exit, else rolls back."""
        if not isinstance(tenant_id, UUID):
            raise TypeError("a tenant is opened by its UUID, never by text")
        with self._open(str(tenant_id)) as tx:
            yield tx

    @contextmanager
    def platform(self) -> Iterator[Tx]:
        """Open a transaction without a tenant: row-level security shows it no tenant's rows."""
        with self._open(NO_TENANT) as tx:
            yield tx

    def ping(self) -> None:
        """Raise DatabaseUnavailable unless the database answers."""
        with self.platform() as tx:
            tx.execute(text("SELECT 1"))

    def close(self) -> None:
        """Close the pool."""
        self.engine.dispose()

    @contextmanager
    def _open(self, tenant: str) -> Iterator[Tx]:
        try:
            with Tx(self.engine, info={**self._given, "tenant": tenant}, expire_on_commit=False) as tx, tx.begin():
                yield tx
                if tx.in_transaction() and not _lasts(tx):  # SQLAlchemy ends it in silence; whoever thinks it was kept is told
                    tx.connection()
        except PoolTimeout as error:
            raise DatabaseBusy from error
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) == _DISK_FULL:
                raise StorageFull from error
            if _is_outage(error):
                raise DatabaseUnavailable from error
            raise


class _Generations:
    """Tells connections from before the server ended one. Each is closed when it comes back, or when somebody would have it.

    To put another pool in the place of the first one would leave those behind that are in use at that moment: nobody closes them.
    """

    def __init__(self, engine: Engine) -> None:
        self._number = 0
        event.listen(engine, "connect", self._opened)
        event.listen(engine, "checkin", self._returned)
        event.listen(engine, "checkout", self._wanted)

    def lose(self) -> None:
        """Let no connection that there is be used again."""
        self._number += 1

    def _opened(self, _connection: object, record: ConnectionPoolEntry) -> None:
        record.info["generation"] = self._number

    def _returned(self, connection: object | None, record: ConnectionPoolEntry) -> None:
        if connection is not None and self._is_lost(record):
            record.invalidate()

    def _wanted(self, _connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
        if self._is_lost(record):
            raise DisconnectionError

    def _is_lost(self, record: ConnectionPoolEntry) -> bool:
        return bool(record.info.get("generation") != self._number)


def _begin_ourselves(connection: Any, _record: ConnectionPoolEntry) -> None:
    """Leave the beginning of transactions to `_bind_tenant`: no statement of a Tx goes out before it."""
    connection.autocommit = True


def in_turn(tx: Tx, name: str, *, of: TenantId | None = None) -> None:
    """Wait until no other transaction of a tenant, this one's, has its turn at this name; it lasts until the end of tx."""
    tx.execute(_IN_TURN, {"name": f"{of or tx.tenant_id}/{name}"})


def together(tx: Tx, name: str, *, of: TenantId | None = None) -> None:
    """Keep a tenant's turns, this one's, at this name waiting until the end of tx; others may at the same time."""
    tx.execute(_TOGETHER, {"name": f"{of or tx.tenant_id}/{name}"})


def make_engine(url: str | URL, *, pool_size: int = 8, application: str = "cloister") -> Engine:
    """Return an engine with the settings that keep tenants apart behind any pooler."""
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=15,
        hide_parameters=True,  # values never reach a log through an error's text
        connect_args={"prepare_threshold": None, "application_name": application, "connect_timeout": 10},
    )
    event.listen(engine, "before_cursor_execute", _say_what_waits, named=True)
    event.listen(engine, "before_cursor_execute", _choose_format, named=True)
    event.listen(engine, "commit", _look_before_commit)
    event.listen(engine, "checkin", _note_rest)
    event.listen(engine, "checkout", _look_after_rest)
    return engine


def _note_rest(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info.pop("tx", None)
    record.info["resting_since"] = time.monotonic()


def _look_after_rest(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    """See that a connection that rested is still one. One that was used a moment ago is: to ask each time costs a trip."""
    if time.monotonic() - record.info.get("resting_since", time.monotonic()) < _REST_SECONDS:
        return
    try:
        connection.execute("")  # the shortest that the server answers
        connection.rollback()
    except psycopg.Error as error:
        raise InvalidatePoolError from error


def without_password(url: str | URL) -> str:
    """Return a URL that may stand on a command line. (URL.set takes None for "leave it as it is".)"""
    return make_url(url)._replace(password=None).render_as_string()


def _say_what_waits(*, conn: Connection, **_: Any) -> None:
    tx: Tx | None = conn.info.get("tx")
    if tx is not None:
        tx._refuse_what_is_late()  # noqa: SLF001 - of this module
        if waiting := _no_longer_waiting(tx):
            _said(tx, cast("psycopg.Connection[Any]", conn.connection.driver_connection), waiting)


def _look_before_commit(conn: Connection) -> None:
    """Refuse to commit what a statement that failed has ended: the server would take all of it back, and call that no error."""
    driver = cast("psycopg.Connection[Any]", conn.connection.driver_connection)
    if driver.info.transaction_status is TransactionStatus.INERROR:
        raise PendingRollbackError("a statement of this transaction failed: nothing of it can be kept")


def _choose_format(*, cursor: Any, context: ExecutionContext | None, **_: Any) -> None:
    if context is not None and context.execution_options.get("in_bytes"):
        cursor.format = Format.BINARY


def _is_outage(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return state is None or state.startswith(("08", "57P", "53"))
