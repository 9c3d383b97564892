"""When a job was queued; a request to end the works-council mode is about no conversation. phase: expand"""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Note the time on each job, and let a request stand for the organisation as a whole."""
    op.execute("ALTER TABLE procrastinate_jobs ADD COLUMN queued_at timestamptz NOT NULL DEFAULT now()")
    op.execute("ALTER TABLE review_requests ALTER COLUMN conversation_id DROP NOT NULL")
    op.execute("CREATE INDEX review_requests_by_time ON review_requests (tenant_id, requested_at DESC)")
    op.execute("CREATE INDEX review_requests_by_conversation ON review_requests (tenant_id, conversation_id)")
