"""The same bytes may be in two collections; a job's tenant is the one of its column. phase: expand

Recognising a file across collections would tell somebody of a document that they may not read.
"""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Widen one rule and tighten another."""
    op.execute("DROP INDEX documents_by_content")
    op.execute("CREATE UNIQUE INDEX documents_by_content ON documents (tenant_id, collection_id, content_digest)")
    op.execute(
        """ALTER TABLE procrastinate_jobs ADD CONSTRAINT jobs_of_their_tenant
           CHECK (args->>'tenant_id' IS NULL OR args->>'tenant_id' = tenant_id::text)"""
    )
