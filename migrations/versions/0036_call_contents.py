"""Contents of model calls, kept sealed where an organisation says so, who opened them, and counts behind limits of speed. phase: expand

Requests to open a call stand in a table of their own: the version before takes a request without a conversation for one to
end the works-council mode.
"""

from alembic import op

from migrations.rls import tenant_table

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    """Create the tables; nothing is kept until an administrator says for how long."""
    _contents()
    _paces()


def _contents() -> None:
    op.execute(
        """ALTER TABLE organisation_settings
           ADD COLUMN call_content_days integer NOT NULL DEFAULT 0 CHECK (call_content_days BETWEEN 0 AND 3650)"""
    )
    tenant_table(
        "call_contents",
        """call_id uuid NOT NULL,
           owner_id uuid NOT NULL,
           sealed bytea NOT NULL,
           kept_at timestamptz NOT NULL,
           ends_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, call_id)""",
    )
    op.execute("CREATE INDEX call_contents_by_end ON call_contents (tenant_id, ends_at)")
    op.execute("CREATE INDEX call_contents_by_owner ON call_contents (tenant_id, owner_id, call_id)")
    tenant_table(
        "call_openings",
        """opening_id uuid NOT NULL,
           call_id uuid NOT NULL,
           asked_by uuid NOT NULL,
           sealed_reason bytea NOT NULL,
           asked_at timestamptz NOT NULL,
           decided_by uuid,
           decided_at timestamptz,
           is_granted boolean,
           expires_at timestamptz,
           opened_at timestamptz,
           PRIMARY KEY (tenant_id, opening_id),
           FOREIGN KEY (tenant_id, call_id) REFERENCES call_contents ON DELETE CASCADE,
           CHECK ((decided_at IS NULL) = (is_granted IS NULL))""",
    )
    op.execute("CREATE INDEX call_openings_of_calls ON call_openings (tenant_id, call_id)")
    op.execute("CREATE INDEX call_openings_by_time ON call_openings (tenant_id, asked_at)")


def _paces() -> None:
    subject = """subject_kind text NOT NULL CHECK (subject_kind IN ('organisation', 'person', 'key')),
           subject_id uuid NOT NULL,"""
    tenant_table(
        "call_paces",
        f"""{subject}
           minute bigint NOT NULL,
           requests bigint NOT NULL CHECK (requests >= 0),
           tokens bigint NOT NULL CHECK (tokens >= 0),
           PRIMARY KEY (tenant_id, subject_kind, subject_id)""",
    )
    tenant_table(
        "call_places",
        f"""{subject}
           process text NOT NULL,
           held integer NOT NULL CHECK (held >= 0),
           seen_at double precision NOT NULL,
           PRIMARY KEY (tenant_id, subject_kind, subject_id, process)""",
    )
    for table in ("call_paces", "call_places"):  # changed with every call: room on the page, so that no index has to follow
        op.execute(f"ALTER TABLE {table} SET (fillfactor = 50)")
