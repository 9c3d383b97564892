"""Packages of the audit log that go elsewhere, streams that choose, and alarms of the log. phase: expand"""

from pathlib import Path

from alembic import op

from migrations.rls import RUNTIME, as_doors, door, open_to_doors, tenant_table

revision = "0046"
down_revision = "0045"

_FUNCTIONS = Path(__file__).parents[1] / "sql" / "functions" / "audit_sinks_2.sql"


def upgrade() -> None:
    """Say of a schedule where its packages go, of a package how often it was tried, of a stream what it chooses."""
    _places()
    op.execute(
        """ALTER TABLE audit_sinks
           ADD COLUMN events text[] NOT NULL DEFAULT '{}',
           ADD COLUMN least_severity smallint NOT NULL DEFAULT 1 CHECK (least_severity BETWEEN 1 AND 4),
           ADD COLUMN organisations uuid[],
           ADD CHECK (organisations IS NULL OR scope = 'all')"""
    )
    op.execute("GRANT SELECT (organisations) ON audit_sinks TO cloister_doors")
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to replace functions; taken back below
    as_doors(_FUNCTIONS.read_text())
    _alarms()
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")


def _alarms() -> None:
    tenant_table(
        "audit_alarms",
        """kind text NOT NULL CHECK (kind IN ('anchor', 'stream', 'unsealed', 'verification')),
           since timestamptz NOT NULL,
           detail text NOT NULL,
           PRIMARY KEY (tenant_id, kind)""",
    )
    open_to_doors("audit_alarms", grants="SELECT (tenant_id, kind)")
    door("log_alarms.sql", "log_alarms()", roles=RUNTIME)


def _places() -> None:
    op.execute(
        """ALTER TABLE audit_schedules
           ADD COLUMN kind text NOT NULL DEFAULT 'folder' CHECK (kind IN ('folder', 's3', 'sftp')),
           ADD COLUMN url text,
           ADD COLUMN account text,
           ADD COLUMN host_key text,
           ADD COLUMN region text,
           ADD COLUMN retain_days integer CHECK (retain_days BETWEEN 1 AND 36500),
           ADD COLUMN sealed bytea,
           ADD COLUMN last_four text,
           ADD COLUMN public_key text,
           ADD CHECK (kind = 'folder' OR (url IS NOT NULL AND sealed IS NOT NULL))"""
    )
    op.execute(
        """ALTER TABLE audit_exports
           ADD COLUMN tries integer NOT NULL DEFAULT 0,
           ADD COLUMN failure text,
           ADD COLUMN next_try_at timestamptz"""
    )
