"""Where a passage stands on its pages. phase: expand

Both columns are flat arrays (`knowledge.places`): a row for each line or word would be ten times the table.
"""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Add them; passages indexed before have none, and are marked by their page alone until they are read again."""
    op.execute("ALTER TABLE chunks ADD COLUMN ranges integer[] NOT NULL DEFAULT '{}'")
    op.execute("ALTER TABLE chunks ADD COLUMN boxes integer[] NOT NULL DEFAULT '{}'")
