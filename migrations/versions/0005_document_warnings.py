"""Which parts of a document were not read. phase: expand"""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the codes; a document indexed before has none noted, and gets them when it is indexed anew."""
    op.execute("ALTER TABLE documents ADD COLUMN warnings text[] NOT NULL DEFAULT '{}'")
