"""Evidence for the controls: reports, reviews of access, packages; and memberships that end by themselves. phase: expand

What proves something is added and never changed: grants and triggers see to it, and the log holds each one's digest.
"""

from alembic import op

from migrations.rls import RUNTIME, as_doors, door, tenant_table

revision = "0040"
down_revision = "0039"

_KEPT_FOR_EVER = ("evidence_reports", "access_review_items", "access_review_decisions")


def upgrade() -> None:
    """Create the tables, and let a membership and an invitation have an end."""
    _ends()
    _reports()
    _reviews()
    _packages()
    for table in _KEPT_FOR_EVER:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _ends() -> None:
    op.execute(
        "ALTER TABLE memberships ADD COLUMN access_until timestamptz CHECK (access_until IS NULL OR role = 'auditor')"
    )
    op.execute(
        "ALTER TABLE invitations ADD COLUMN access_until timestamptz CHECK (access_until IS NULL OR role = 'auditor')"
    )
    op.execute(
        "CREATE INDEX memberships_that_end ON memberships (tenant_id, access_until) WHERE access_until IS NOT NULL AND suspended_at IS NULL"
    )
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to own functions; taken back below
    as_doors("DROP FUNCTION list_memberships(uuid)")
    door("list_memberships_2.sql", "list_memberships(uuid)", roles=RUNTIME)
    door("count_factors.sql", "count_factors(uuid[])", roles=RUNTIME)
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")


def _reports() -> None:
    tenant_table(
        "evidence_reports",
        """report_id uuid NOT NULL,
           kind text NOT NULL CHECK (kind IN ('isolation', 'backup', 'backup_check', 'restore', 'restore_drill')),
           is_good boolean NOT NULL,
           made_at timestamptz NOT NULL,
           facts jsonb NOT NULL,
           digest bytea NOT NULL CHECK (octet_length(digest) = 32),
           PRIMARY KEY (tenant_id, report_id)""",
        grants="SELECT, INSERT",
    )
    op.execute("CREATE INDEX evidence_reports_by_kind ON evidence_reports (tenant_id, kind, report_id)")


def _reviews() -> None:
    tenant_table(
        "access_reviews",
        """review_id uuid NOT NULL,
           name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
           started_by uuid NOT NULL,
           started_at timestamptz NOT NULL,
           due_at timestamptz NOT NULL,
           reminded_at timestamptz,
           closed_by uuid,
           closed_at timestamptz,
           digest bytea CHECK (octet_length(digest) = 32),
           PRIMARY KEY (tenant_id, review_id),
           CHECK ((closed_at IS NULL) = (closed_by IS NULL) AND (closed_at IS NULL) = (digest IS NULL))""",
        grants="SELECT, INSERT, UPDATE (reminded_at, closed_by, closed_at, digest)",
    )
    op.execute("CREATE UNIQUE INDEX access_reviews_open ON access_reviews (tenant_id) WHERE closed_at IS NULL")
    # A snapshot by ids: who looks at it later finds the names where people are, and an erased person's nowhere.
    tenant_table(
        "access_review_items",
        """review_id uuid NOT NULL,
           item_id uuid NOT NULL,
           kind text NOT NULL CHECK (kind IN ('person', 'service', 'token')),
           subject_id uuid NOT NULL,
           owner_id uuid NOT NULL,
           facts jsonb NOT NULL,
           PRIMARY KEY (tenant_id, review_id, item_id),
           FOREIGN KEY (tenant_id, review_id) REFERENCES access_reviews (tenant_id, review_id)""",
        grants="SELECT, INSERT",
    )
    tenant_table(
        "access_review_decisions",
        """review_id uuid NOT NULL,
           item_id uuid NOT NULL,
           verdict text NOT NULL CHECK (verdict IN ('keep', 'change', 'remove')),
           reason text NOT NULL CHECK (length(reason) <= 500 AND (verdict = 'keep' OR length(reason) > 0)),
           decided_by uuid NOT NULL,
           decided_at timestamptz NOT NULL,
           is_own boolean NOT NULL,
           is_done boolean NOT NULL,
           PRIMARY KEY (tenant_id, review_id, item_id),
           FOREIGN KEY (tenant_id, review_id, item_id) REFERENCES access_review_items (tenant_id, review_id, item_id)""",
        grants="SELECT, INSERT",
    )


def _packages() -> None:
    tenant_table(
        "evidence_packages",
        """package_id uuid NOT NULL,
           requested_by uuid NOT NULL,
           requested_at timestamptz NOT NULL,
           language text NOT NULL CHECK (language ~ '^[a-z]{2}$'),
           state text NOT NULL CHECK (state IN ('waiting', 'ready', 'failed', 'expired')),
           digest bytea,
           byte_count bigint,
           ready_at timestamptz,
           PRIMARY KEY (tenant_id, package_id)""",
        grants="SELECT, INSERT, UPDATE",
    )
