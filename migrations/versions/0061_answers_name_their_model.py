"""Answers name the model that gave them. phase: expand"""

from alembic import op

revision = "0061"
down_revision = "0060"


def upgrade() -> None:
    """Add the name; of earlier answers it is not known."""
    op.execute("ALTER TABLE messages ADD COLUMN model text CHECK (length(model) BETWEEN 1 AND 264)")
