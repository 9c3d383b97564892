"""The backup role reads what was made before its default rights were. phase: expand"""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Grant it every table and sequence."""
    op.execute("GRANT SELECT ON ALL TABLES IN SCHEMA cloister TO cloister_backup")
    op.execute("GRANT SELECT ON ALL SEQUENCES IN SCHEMA cloister TO cloister_backup")
