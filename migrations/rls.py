"""Row-level security: policies are spelled here only.

The policy is inline, not a subquery: it costs what a plain WHERE costs and keeps
tenant-aware estimates. `nullif` matters: after the first SET LOCAL a new transaction
reads '' and not NULL, and ''::uuid is an error instead of no rows. FORCE binds the owner.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from alembic import op

TENANT_IS_BOUND = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid"
READ_WRITE = "SELECT, INSERT, UPDATE, DELETE"
RUNTIME = ("cloister_app", "cloister_worker")


def tenant_table(name: str, columns: str, *, grants: str = READ_WRITE, roles: Sequence[str] = RUNTIME) -> None:
    """Create a table whose rows only their tenant sees. `columns` starts after tenant_id."""
    op.execute(f"CREATE TABLE {name} (tenant_id uuid NOT NULL, {columns})")
    isolate(name)
    op.execute(f"GRANT {grants} ON {name} TO {', '.join(roles)}")


def isolate(name: str) -> None:
    """Enable and force row-level security with the one tenant policy."""
    _force(name)
    op.execute(f"CREATE POLICY tenant_isolation ON {name} USING ({TENANT_IS_BOUND}) WITH CHECK ({TENANT_IS_BOUND})")


def platform_table(name: str, columns: str) -> None:
    """Create a table that no runtime role may touch: only the doors' functions do."""
    op.execute(f"CREATE TABLE {name} ({columns})")
    _force(name)
    open_to_doors(name)


def open_to_doors(name: str, *, grants: str = READ_WRITE) -> None:
    """Let the SECURITY DEFINER functions, and nobody else, see a table across tenants."""
    op.execute(f"GRANT {grants} ON {name} TO cloister_doors")
    op.execute(f"CREATE POLICY doors ON {name} TO cloister_doors USING (true) WITH CHECK (true)")


def door(file: str, *signatures: str, roles: Iterable[str]) -> None:
    """Create the SECURITY DEFINER functions of a file in sql/functions, owned by the doors, callable by these roles."""
    op.execute((Path(__file__).parent / "sql" / "functions" / file).read_text())
    for signature in signatures:
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {', '.join(roles)}")
        # Last: once it belongs to the doors, its grants are no longer ours to change, and a REVOKE would only warn.
        op.execute(f"ALTER FUNCTION {signature} OWNER TO cloister_doors")


@contextmanager
def every_tenant(*tables: str) -> Iterator[None]:
    """Let the migration, inside its own transaction, change rows of every tenant in these tables."""
    for table in tables:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    yield
    for table in tables:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def as_doors(statement: str) -> None:
    """Run a statement as the doors: for functions that are theirs already."""
    op.execute("SET LOCAL ROLE cloister_doors")
    op.execute(statement)
    op.execute("SET LOCAL ROLE cloister_owner")


def _force(name: str) -> None:
    op.execute(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
