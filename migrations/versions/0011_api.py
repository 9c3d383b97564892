"""What a program's repeated request is answered with. phase: expand

A key belongs to its token's person and ends after a day. The answer is sealed: it may hold a secret that is shown once.
"""

from alembic import op

from migrations.rls import tenant_table

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Create the table."""
    tenant_table(
        "idempotency_keys",
        """user_id uuid NOT NULL,
           key_digest bytea NOT NULL,
           request_digest bytea NOT NULL,
           began_at timestamptz NOT NULL,
           status integer,
           sealed bytea,
           PRIMARY KEY (tenant_id, user_id, key_digest)""",
    )
    op.execute("CREATE INDEX idempotency_keys_by_time ON idempotency_keys (tenant_id, began_at)")
