"""Numbers and titles of a large organisation are read from indexes alone. phase: expand"""

from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Index feedback by time; put next to a conversation's time what a list of them is searched by."""
    op.execute("CREATE INDEX feedback_by_time ON feedback (tenant_id, given_at) INCLUDE (is_good)")
    op.execute("DROP INDEX conversations_by_time")
    op.execute(
        """CREATE INDEX conversations_by_time ON conversations (tenant_id, updated_at, conversation_id)
             INCLUDE (owner_id, title)"""
    )
