"""A new password ends what was begun with the old one. phase: expand"""

from alembic import op

from migrations.rls import RUNTIME, door

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Create the door."""
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to own functions; taken back below
    door("close_half_ways.sql", "close_half_ways(uuid, timestamptz)", roles=RUNTIME[:1])
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")
