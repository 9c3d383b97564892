"""Personal values of the log's entries, sealed beside it under a key of whom they are about. phase: expand

What was recorded before stays as it is: nothing is moved.
"""

from alembic import op

from migrations.rls import tenant_table

revision = "0045"
down_revision = "0044"


def upgrade() -> None:
    """Create the keys of those whom entries are about, and what opens the commitments of entries."""
    # A subject may have several keys: two transactions that make their first ones at once do not wait for each other.
    tenant_table(
        "audit_subject_keys",
        """key_id uuid NOT NULL,
           subject_id uuid NOT NULL,
           sealed bytea,
           created_at timestamptz NOT NULL DEFAULT now(),
           erased_at timestamptz,
           PRIMARY KEY (tenant_id, key_id),
           CHECK ((sealed IS NULL) = (erased_at IS NOT NULL))""",
        grants="SELECT, INSERT, UPDATE",
    )
    op.execute(
        """CREATE INDEX audit_subject_keys_in_force ON audit_subject_keys (tenant_id, subject_id, created_at)
           WHERE sealed IS NOT NULL"""
    )
    # No foreign keys: an entry is written at every call, and neither its key nor the entry is ever removed.
    tenant_table(
        "audit_disclosures",
        """event_id uuid NOT NULL,
           key_id uuid NOT NULL,
           sealed bytea NOT NULL,
           PRIMARY KEY (tenant_id, event_id)""",
        grants="SELECT, INSERT",
    )
