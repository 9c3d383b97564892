"""Each pitfall of row-level security that we know of, as a promise, on the real roles."""

import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors

from appliance.kernel.db import Database
from tests.support.house import House, Member, Server

Connection = psycopg.Connection[Any]


@pytest.fixture
def ada(house: House) -> Member:
    ada = house.founds("Harrow", "ada@harrow.example")
    ada.uploads("a.txt", "Ada's text")
    return ada


@pytest.fixture
def bo(house: House) -> Member:
    bo = house.founds("Birch", "bo@birch.example")
    bo.uploads("b.txt", "Bo's text")
    return bo


@pytest.fixture
def app(server: Server, database: str) -> Iterator[Connection]:
    with server.connect("app", database) as connection:
        yield connection


def bound(connection: Connection, tenant: uuid.UUID) -> None:
    connection.execute(f"SET LOCAL app.tenant_id = '{tenant}'")


def test_it_shows_the_owner_nothing_without_a_tenant(server: Server, database: str, ada: Member) -> None:
    with server.connect("migrator", database) as migrator:
        migrator.execute("SET ROLE cloister_owner")

        assert migrator.execute("SELECT count(*) FROM cloister.documents").fetchone() == (0,)


def test_it_reads_an_unset_and_an_emptied_tenant_as_no_rows(app: Connection, ada: Member) -> None:
    assert app.execute("SELECT count(*) FROM documents").fetchone() == (0,)
    with app.transaction():
        bound(app, ada.tenant_id)
        assert app.execute("SELECT count(*) FROM documents").fetchone() == (1,)

    assert app.execute("SELECT current_setting('app.tenant_id', true)").fetchone() == ("",)
    assert app.execute("SELECT count(*) FROM documents").fetchone() == (0,)


def test_it_does_not_let_a_query_rebind_the_tenant(app: Connection, ada: Member, bo: Member) -> None:
    with pytest.raises(errors.InsufficientPrivilege), app.transaction():
        bound(app, ada.tenant_id)
        app.execute("SELECT set_config('app.tenant_id', %s, true)", [str(bo.tenant_id)])


def test_it_does_not_write_a_row_of_another_tenant(app: Connection, ada: Member, bo: Member) -> None:
    with pytest.raises(errors.InsufficientPrivilege, match="row-level security"), app.transaction():
        bound(app, ada.tenant_id)
        app.execute("INSERT INTO budgets VALUES (%s, 1, %s, now())", [bo.tenant_id, bo.caller.user_id])


def test_it_keeps_the_tenant_through_savepoints(house: House, ada: Member) -> None:
    with house.app.db.tenant(ada.tenant_id) as tx:
        with tx.begin_nested() as inner:
            assert tx.tenant_id == ada.tenant_id
            inner.rollback()
        with tx.begin_nested():
            count = tx.connection().exec_driver_sql("SELECT count(*) FROM documents").scalar()

    assert count == 1


def test_it_has_no_unique_key_that_tells_of_other_tenants(ada: Member, bo: Member) -> None:
    of_ada = ada.uploads("same.txt", "the very same bytes")
    of_bo = bo.uploads("same.txt", "the very same bytes")

    assert of_ada.document_id != of_bo.document_id


def test_it_does_not_let_a_row_refer_to_another_tenants(app: Connection, ada: Member, bo: Member) -> None:
    document = ada.uploads("x.txt", "x")
    with pytest.raises(errors.ForeignKeyViolation), app.transaction():
        bound(app, bo.tenant_id)
        app.execute(
            "INSERT INTO chunks VALUES (%s, %s, %s, 0, '', 'x', NULL, NULL, 0, 1, 1)",
            [bo.tenant_id, uuid.uuid4(), document.document_id],
        )


@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE documents",
        "CREATE TEMP TABLE kept (x int)",
        "CREATE TABLE cloister.t (x int)",
        "CREATE FUNCTION cloister.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SELECT * FROM users",
        "SELECT * FROM setup_links",
        "SELECT * FROM sign_in_attempts",
        "SELECT * FROM list_tenants()",
        "ALTER TABLE documents DISABLE ROW LEVEL SECURITY",
        "SET ROLE cloister_owner",
        "SET ROLE cloister_doors",
        "UPDATE audit_inbox SET event = 'x'",
        "DELETE FROM audit_inbox",
        "SELECT * FROM procrastinate_events",
    ],
)
def test_it_refuses_the_app_what_it_never_needs(app: Connection, ada: Member, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege), app.transaction():
        bound(app, ada.tenant_id)
        app.execute(statement)


def test_it_filters_copy_out_and_refuses_copy_in(app: Connection, ada: Member, bo: Member) -> None:
    with app.transaction():
        bound(app, ada.tenant_id)
        with app.cursor().copy("COPY documents (tenant_id) TO STDOUT") as copy:
            tenants = {bytes(row).decode().strip() for row in copy}
    assert tenants == {str(ada.tenant_id)}

    with pytest.raises(errors.FeatureNotSupported), app.transaction():
        bound(app, ada.tenant_id)
        app.execute("COPY documents FROM STDIN")


def test_it_queues_no_job_without_a_tenant_and_none_for_another(app: Connection, ada: Member, bo: Member) -> None:
    insert = "INSERT INTO procrastinate_jobs (task_name, queue_name{}) VALUES ('t', 'q'{})"
    with pytest.raises((errors.NotNullViolation, errors.InsufficientPrivilege)), app.transaction():
        app.execute(insert.format("", ""))
    with pytest.raises(errors.InsufficientPrivilege), app.transaction():
        bound(app, ada.tenant_id)
        app.execute(insert.format(", tenant_id", f", '{bo.tenant_id}'"))


def test_it_shows_the_app_only_its_own_tenants_jobs(app: Connection, ada: Member, bo: Member) -> None:
    with app.transaction():
        bound(app, ada.tenant_id)
        rows = app.execute("SELECT DISTINCT tenant_id FROM procrastinate_jobs").fetchall()

    assert rows == [(ada.tenant_id,)]


def test_it_dumps_nothing_by_mistake_as_the_app(server: Server, database: str, ada: Member) -> None:
    with server.connect("backup", database) as backup:
        assert backup.execute("SELECT count(*) FROM cloister.documents").fetchone() == (1,)
    with server.connect("backup", database) as backup, pytest.raises(errors.InsufficientPrivilege):
        backup.execute("DELETE FROM cloister.documents")


def test_it_does_not_open_a_transaction_for_text(house: House) -> None:
    with pytest.raises(TypeError), house.app.db.tenant("' OR true --"):  # type: ignore[arg-type]
        pass


def test_it_has_no_tenant_in_a_platform_transaction(house: House, ada: Member) -> None:
    with house.app.db.platform() as tx:
        assert tx.connection().exec_driver_sql("SELECT count(*) FROM organisations").scalar() == 0
        with pytest.raises(LookupError):
            _ = tx.tenant_id


def test_it_rolls_back_document_job_and_audit_together(
    server: Server, database: str, house: House, ada: Member
) -> None:
    with server.connect("boot", database) as boot:
        before = _counts(boot)
        boot.execute("REVOKE INSERT ON cloister.audit_inbox FROM cloister_app")

        with pytest.raises(Exception, match="audit_inbox"):
            ada.uploads("lost.txt", "no audit record, no document")

        assert _counts(boot) == before


def _counts(boot: Connection) -> Any:
    return boot.execute(
        "SELECT (SELECT count(*) FROM cloister.documents), (SELECT count(*) FROM cloister.procrastinate_jobs)"
    ).fetchone()


def test_it_uses_no_prepared_statements(server: Server, database: str, house: House, ada: Member) -> None:
    db = Database(server.url("cloister_app", database), pool_size=1)
    for _ in range(10):
        with db.tenant(ada.tenant_id) as tx:
            tx.connection().exec_driver_sql("SELECT count(*) FROM documents")
    with db.platform() as tx:
        assert tx.connection().exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar() == 0
    db.close()


def test_it_lets_go_of_a_dead_worker_that_had_put_a_job_back(server: Server, database: str, ada: Member) -> None:
    # PostgreSQL 18 runs AFTER triggers as the role that queued them: here the tables' owner, by ON DELETE SET NULL.
    with server.connect("worker", database) as worker:
        (number,) = worker.execute("SELECT worker_id FROM procrastinate_register_worker_v1()").fetchone() or (0,)
        (job,) = worker.execute("SELECT id FROM procrastinate_fetch_job_v2(NULL, %s)", [number]).fetchone() or (0,)
        worker.execute("SELECT procrastinate_retry_job_v1(%s, now(), NULL, NULL, NULL)", [job])
        worker.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")

        worker.execute("SELECT procrastinate_prune_stalled_workers_v1(12)")

        left = worker.execute("SELECT status::text, worker_id FROM procrastinate_jobs WHERE id = %s", [job])
        assert left.fetchone() == ("todo", None)
