"""Dry runs over recent conversations and calls. phase: expand

`days` says how far back; without it a dry run is over documents, as before. Places are named as long as they are there.
"""

from alembic import op

from migrations.rls import every_tenant, tenant_table

revision = "0057"
down_revision = "0056"


def upgrade() -> None:
    """Widen dry runs, and name the conversations and calls that would be treated otherwise."""
    # Allowances for one document are counted by document from now on: what was looked at under the old count is looked at once more.
    with every_tenant("document_scans", "dlp_allowances"):
        op.execute(
            """UPDATE document_scans SET policy_version = -1
               WHERE tenant_id IN (SELECT tenant_id FROM dlp_allowances WHERE document_id IS NOT NULL)"""
        )
    op.execute(
        """ALTER TABLE dlp_dry_runs DROP CONSTRAINT dlp_dry_runs_direction_check,
             ADD COLUMN days integer CHECK (days BETWEEN 1 AND 90), ADD COLUMN call_days integer, ADD COLUMN reached_kind text,
             ADD CONSTRAINT dlp_dry_runs_direction_check CHECK (direction IN ('upload', 'passage', 'prompt')),
             ADD CONSTRAINT dlp_dry_runs_days_check2 CHECK ((direction = 'prompt') = (days IS NOT NULL))"""
    )
    tenant_table(
        "dlp_dry_run_places",
        """run_id uuid NOT NULL,
           place_id uuid NOT NULL,
           conversation_id uuid,
           call_id uuid,
           before text NOT NULL,
           after text NOT NULL,
           counts jsonb NOT NULL,
           PRIMARY KEY (tenant_id, run_id, place_id),
           CHECK (num_nonnulls(conversation_id, call_id) = 1 AND place_id = coalesce(conversation_id, call_id)),
           FOREIGN KEY (tenant_id, run_id) REFERENCES dlp_dry_runs (tenant_id, run_id) ON DELETE CASCADE,
           FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, conversation_id) ON DELETE CASCADE,
           FOREIGN KEY (tenant_id, call_id) REFERENCES call_contents (tenant_id, call_id) ON DELETE CASCADE""",
    )
    op.execute("CREATE INDEX dlp_dry_run_places_conversation ON dlp_dry_run_places (tenant_id, conversation_id)")
    op.execute("CREATE INDEX dlp_dry_run_places_call ON dlp_dry_run_places (tenant_id, call_id)")
