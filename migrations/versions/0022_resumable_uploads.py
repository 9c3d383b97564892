"""Uploads that come in parts: what has arrived so far, each part sealed as a file of its own. phase: expand"""

from alembic import op

from migrations.rls import tenant_table

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Create uploads and their parts."""
    tenant_table(
        "uploads",
        """upload_id uuid NOT NULL,
           user_id uuid NOT NULL,
           file_name text NOT NULL,
           byte_count bigint NOT NULL CHECK (byte_count > 0),
           received_count bigint NOT NULL DEFAULT 0,
           collection_id uuid,
           batch_id uuid,
           document_id uuid,
           is_separate boolean NOT NULL,
           began_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, upload_id),
           CHECK (received_count BETWEEN 0 AND byte_count),
           FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id),
           FOREIGN KEY (tenant_id, document_id) REFERENCES documents (tenant_id, document_id) ON DELETE CASCADE""",
    )
    op.execute("CREATE INDEX uploads_by_time ON uploads (tenant_id, began_at)")
    tenant_table(
        "upload_parts",
        """part_id uuid NOT NULL,
           upload_id uuid NOT NULL,
           start_at bigint NOT NULL,
           byte_count bigint NOT NULL,
           content_digest bytea NOT NULL,
           PRIMARY KEY (tenant_id, part_id),
           UNIQUE (tenant_id, upload_id, start_at),
           FOREIGN KEY (tenant_id, upload_id) REFERENCES uploads (tenant_id, upload_id) ON DELETE CASCADE""",
    )
