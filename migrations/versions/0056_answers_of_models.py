"""Answers of models that write: how many of their sentences no passage bore out. phase: expand"""

from alembic import op

revision = "0056"
down_revision = "0055"


def upgrade() -> None:
    """Add the number; what answered before only quoted."""
    op.execute("ALTER TABLE messages ADD COLUMN untraced integer NOT NULL DEFAULT 0 CHECK (untraced >= 0)")
