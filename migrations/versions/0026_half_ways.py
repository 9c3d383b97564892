"""What was begun with an old password, or by somebody who may no longer, ends. phase: expand"""

from alembic import op

from migrations.rls import RUNTIME, door

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Create the doors."""
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to own functions; taken back below
    signatures = ("close_challenges_of(uuid)", "close_password_resets(uuid[])")
    door("half_ways.sql", *signatures, roles=RUNTIME[:1])
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")
