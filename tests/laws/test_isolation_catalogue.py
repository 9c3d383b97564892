import pytest

from tests.support.catalogue import faults
from tests.support.house import Server

PLANTED = {
    "row security off": ("ALTER TABLE documents DISABLE ROW LEVEL SECURITY", "documents: row security enabled=False"),
    "not forced": (
        "ALTER TABLE documents NO FORCE ROW LEVEL SECURITY",
        "documents: row security enabled=True forced=False",
    ),
    "no policy": ("DROP POLICY tenant_isolation ON chunks", "chunks: 0 tenant policies"),
    "always true": ("ALTER POLICY tenant_isolation ON chunks USING (true)", "chunks: policy tenant_isolation is not"),
    "no check": ("ALTER POLICY tenant_isolation ON chunks WITH CHECK (true)", "chunks: policy tenant_isolation is not"),
    "second policy": ("CREATE POLICY more ON chunks USING (true)", "chunks: policy more widens access"),
    "doors for the app": ("ALTER POLICY doors ON sessions TO cloister_app", "sessions: policy doors widens access"),
    "without nullif": (
        "ALTER POLICY tenant_isolation ON chunks USING (tenant_id = current_setting('app.tenant_id')::uuid)",
        "chunks: policy tenant_isolation is not",
    ),
    "new table": ("CREATE TABLE cloister.notes (body text)", "notes: no tenant_id"),
    "table in public": ("CREATE TABLE public.notes (tenant_id uuid NOT NULL)", "notes: row security enabled=False"),
    "nullable tenant": (
        "ALTER TABLE budgets DROP CONSTRAINT budgets_pkey, ALTER tenant_id DROP NOT NULL",
        "budgets: no tenant_id uuid NOT NULL",
    ),
    "global unique": ("CREATE UNIQUE INDEX oracle ON documents (content_digest)", "documents: unique"),
    "foreign key": (
        "ALTER TABLE chunks ADD UNIQUE (chunk_id); ALTER TABLE citations ADD FOREIGN KEY (chunk_id) REFERENCES chunks (chunk_id)",
        "citations: foreign key",
    ),
    "materialized view": (
        "CREATE MATERIALIZED VIEW cloister.copies AS SELECT * FROM documents",
        "copies: materialized",
    ),
    "view": ("CREATE VIEW cloister.seen AS SELECT * FROM documents", "view seen: not security_invoker"),
    "definer": (
        "CREATE FUNCTION cloister.leak() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT 1::bigint'",
        "function leak(): SECURITY DEFINER",
    ),
    "door for all": ("GRANT EXECUTE ON FUNCTION list_tenants() TO PUBLIC", "function list_tenants(): PUBLIC"),
    "door without path": ("ALTER FUNCTION list_tenants() RESET search_path", "function list_tenants(): no fixed"),
    "truncate": ("GRANT TRUNCATE ON documents TO cloister_app", "documents: cloister_app has TRUNCATE"),
    "public grant": ("GRANT SELECT ON documents TO PUBLIC", "documents: PUBLIC has SELECT"),
    "audit update": ("GRANT UPDATE ON audit_inbox TO cloister_app", "audit_inbox: cloister_app may UPDATE"),
    "audit column": ("GRANT UPDATE (body) ON audit_log TO cloister_app", "audit_log: cloister_app may UPDATE"),
    "owner": ("ALTER TABLE documents OWNER TO cloister_app", "documents: owned by cloister_app"),
    "sequence": (
        "GRANT UPDATE ON SEQUENCE procrastinate_jobs_id_seq TO cloister_app",
        "sequence procrastinate_jobs_id_seq",
    ),
    "temporary tables": ("GRANT TEMPORARY ON DATABASE {database} TO PUBLIC", "may TEMPORARY"),
    "set_config": (
        "GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text,text,boolean) TO PUBLIC",
        "may call set_config",
    ),
    "schema": ("GRANT CREATE ON SCHEMA public TO PUBLIC", "may create in schema public"),
}
PLANTED_ROLES = {
    "bypass": ("ALTER ROLE cloister_app BYPASSRLS", "ALTER ROLE cloister_app NOBYPASSRLS", "role cloister_app: dangerous"),
    "createdb": ("ALTER ROLE cloister_worker CREATEDB", "ALTER ROLE cloister_worker NOCREATEDB", "role cloister_worker: dangerous"),
    "member of the owner": ("GRANT cloister_owner TO cloister_app", "REVOKE cloister_owner FROM cloister_app", "role cloister_app: member of cloister_owner"),
    "owner signs in": ("ALTER ROLE cloister_owner LOGIN", "ALTER ROLE cloister_owner NOLOGIN", "role cloister_owner: may sign in"),
}  # fmt: skip


def test_it_finds_nothing_in_the_schema_as_it_is(server: Server, database: str) -> None:
    with server.connect("boot", database) as boot:
        assert faults(boot) == []


@pytest.mark.parametrize("fault", PLANTED, ids=str)
def test_it_finds_each_planted_fault(server: Server, database: str, fault: str) -> None:
    statement, expected = PLANTED[fault]
    with server.connect("boot", database) as boot:
        boot.execute("SET search_path = cloister, public")
        boot.execute(statement.format(database=database))

        found = faults(boot)

    assert any(expected in line for line in found), found


@pytest.mark.parametrize("fault", PLANTED_ROLES, ids=str)
def test_it_finds_each_planted_role(server: Server, database: str, fault: str) -> None:
    plant, remove, expected = PLANTED_ROLES[fault]
    with server.connect("boot", database) as boot:
        try:
            boot.execute(plant)
            found = faults(boot)
        finally:
            boot.execute(remove)

    assert any(expected in line for line in found), found
