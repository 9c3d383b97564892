"""What was found in documents, by which policy it was decided, and who decided what on it. phase: expand

A file that a policy blocks is not kept: its row stays as `blocked`, and says what it held and not how it read.
"""

from alembic import op

from migrations.rls import READ_WRITE, tenant_table

revision = "0052"
down_revision = "0051"

_STATES = "'received', 'parsing', 'embedding', 'ready', 'failed', 'quarantined', 'cancelled', 'incomplete', 'blocked'"
_OF_A_DOCUMENT = "FOREIGN KEY (tenant_id, document_id) REFERENCES documents (tenant_id, document_id) ON DELETE CASCADE"
_ACTIONS = "'allow', 'warn', 'tokenise', 'redact', 'quarantine', 'block'"


def upgrade() -> None:
    """Create the tables, and let documents be blocked."""
    for table in ("documents", "document_versions"):
        op.execute(
            f"ALTER TABLE {table} DROP CONSTRAINT {table}_status_check,"
            f" ADD CONSTRAINT {table}_status_check CHECK (status IN ({_STATES}))"
        )
    _scans()
    _findings()
    _choices()


def _scans() -> None:
    tenant_table(
        "document_scans",
        f"""file_id uuid NOT NULL,
            document_id uuid NOT NULL,
            policy_version integer NOT NULL,
            own_version integer NOT NULL,
            engine_version text NOT NULL,
            action text NOT NULL CHECK (action IN ({_ACTIONS})),
            found integer NOT NULL,
            removed integer NOT NULL,
            is_checked boolean NOT NULL,
            cuts text NOT NULL,
            sealed_name bytea,
            scanned_at timestamptz NOT NULL,
            PRIMARY KEY (tenant_id, file_id),
            {_OF_A_DOCUMENT}""",
        grants=READ_WRITE,
    )
    op.execute("CREATE INDEX document_scans_by_document ON document_scans (tenant_id, document_id)")
    op.execute("CREATE INDEX document_scans_by_version ON document_scans (tenant_id, policy_version, own_version, engine_version)")


def _findings() -> None:
    tenant_table(
        "document_findings",
        f"""finding_id uuid NOT NULL,
            file_id uuid NOT NULL,
            document_id uuid NOT NULL,
            category text NOT NULL,
            rule text NOT NULL,
            place text NOT NULL CHECK (place IN ('name', 'title', 'part', 'text', 'hidden', 'rest')),
            page integer,
            start_at integer NOT NULL,
            end_at integer NOT NULL,
            times integer NOT NULL DEFAULT 1,
            confidence real NOT NULL,
            through text NOT NULL,
            action text NOT NULL CHECK (action IN ({_ACTIONS})),
            policy_rule uuid,
            policy_version integer NOT NULL,
            engine_version text NOT NULL,
            sealed_excerpt bytea,
            found_at timestamptz NOT NULL,
            resolution text CHECK (resolution IN ('release', 'redact', 'reject')),
            resolved_by uuid,
            resolved_at timestamptz,
            confirmed_by uuid,
            confirmed_at timestamptz,
            sealed_reason bytea,
            is_mistaken boolean NOT NULL DEFAULT false,
            PRIMARY KEY (tenant_id, finding_id),
            CHECK ((resolution IS NULL) = (resolved_by IS NULL)),
            CHECK (confirmed_by IS NULL OR resolution IS NOT NULL),
            {_OF_A_DOCUMENT}""",
    )
    op.execute("CREATE INDEX document_findings_by_document ON document_findings (tenant_id, document_id)")
    op.execute("CREATE INDEX document_findings_by_file ON document_findings (tenant_id, file_id)")
    op.execute(
        "CREATE INDEX document_findings_open ON document_findings (tenant_id, finding_id) WHERE confirmed_by IS NULL"
    )


def _choices() -> None:
    tenant_table(
        "upload_attestations",
        f"""file_id uuid NOT NULL,
            document_id uuid NOT NULL,
            attested_by uuid NOT NULL,
            attested_at timestamptz NOT NULL,
            statement text NOT NULL,
            PRIMARY KEY (tenant_id, file_id),
            {_OF_A_DOCUMENT}""",
    )
    op.execute(
        "ALTER TABLE uploads ADD COLUMN is_attested boolean NOT NULL DEFAULT false,"
        " ADD COLUMN labels text[] NOT NULL DEFAULT '{}'"
    )
    op.execute("CREATE INDEX upload_attestations_by_document ON upload_attestations (tenant_id, document_id)")
    tenant_table(
        "screening_settings",
        """attestation text NOT NULL CHECK (attestation IN ('off', 'asked', 'required')),
           needs_second boolean NOT NULL,
           PRIMARY KEY (tenant_id),
           FOREIGN KEY (tenant_id) REFERENCES organisations (tenant_id)""",
    )
