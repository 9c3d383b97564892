"""Policies on what is found in texts: versions, the one draft, dry runs. phase: expand

A version is added and never changed, the newest is in force: what held on a day can be shown for ever.
"""

from pathlib import Path

from alembic import op

from migrations.rls import RUNTIME, tenant_table

revision = "0051"
down_revision = "0050"

_FUNCTION = Path(__file__).parents[1] / "sql" / "functions" / "dlp_policy_in_force.sql"
_SAYS = """rules jsonb NOT NULL CHECK (jsonb_typeof(rules) = 'array'),
           needs_second boolean NOT NULL,
           note text NOT NULL CHECK (length(note) <= 500),
           template text NOT NULL,
           based_on integer NOT NULL CHECK (based_on >= 0),
           drafted_by uuid NOT NULL,
           drafted_at timestamptz NOT NULL,"""


def upgrade() -> None:
    """Create the tables, and the function that is asked at every call."""
    _versions()
    _drafts()
    _dry_runs()


def _versions() -> None:
    tenant_table(
        "dlp_policies",
        f"""version integer NOT NULL CHECK (version > 0),
           {_SAYS}
           asked_by uuid NOT NULL,
           approved_by uuid NOT NULL,
           in_force_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, version),
           FOREIGN KEY (tenant_id) REFERENCES organisations (tenant_id)""",
        grants="SELECT, INSERT",
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON dlp_policies FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(_FUNCTION.read_text())
    op.execute("REVOKE ALL ON FUNCTION dlp_policy_in_force() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION dlp_policy_in_force() TO {', '.join(RUNTIME)}")


def _drafts() -> None:
    tenant_table(
        "dlp_drafts",
        f"""{_SAYS}
           revision integer NOT NULL,
           changed_by uuid NOT NULL,
           changed_at timestamptz NOT NULL,
           asked_by uuid,
           asked_at timestamptz,
           PRIMARY KEY (tenant_id),
           CHECK ((asked_by IS NULL) = (asked_at IS NULL)),
           FOREIGN KEY (tenant_id) REFERENCES organisations (tenant_id)""",
    )


def _dry_runs() -> None:
    tenant_table(
        "dlp_dry_runs",
        """run_id uuid NOT NULL,
           revision integer NOT NULL,
           rules jsonb NOT NULL CHECK (jsonb_typeof(rules) = 'array'),
           against integer NOT NULL,
           against_rules jsonb NOT NULL CHECK (jsonb_typeof(against_rules) = 'array'),
           most integer CHECK (most > 0),
           direction text NOT NULL CHECK (direction IN ('upload', 'passage')),
           is_local boolean NOT NULL,
           terms text[] NOT NULL,
           region text,
           requested_by uuid NOT NULL,
           requested_at timestamptz NOT NULL,
           state text NOT NULL CHECK (state IN ('waiting', 'done', 'failed', 'stopped')),
           reached uuid,
           looked integer NOT NULL DEFAULT 0,
           unread integer NOT NULL DEFAULT 0,
           changed integer NOT NULL DEFAULT 0,
           counts jsonb NOT NULL DEFAULT '{}',
           ended_at timestamptz,
           PRIMARY KEY (tenant_id, run_id)""",
    )
    tenant_table(
        "dlp_dry_run_documents",
        """run_id uuid NOT NULL,
           document_id uuid NOT NULL,
           before text NOT NULL,
           after text NOT NULL,
           counts jsonb NOT NULL,
           PRIMARY KEY (tenant_id, run_id, document_id),
           FOREIGN KEY (tenant_id, run_id) REFERENCES dlp_dry_runs (tenant_id, run_id) ON DELETE CASCADE,
           FOREIGN KEY (tenant_id, document_id) REFERENCES documents (tenant_id, document_id) ON DELETE CASCADE""",
    )
