"""What the second step of a sign-in needs to be shown and counted. phase: expand."""

from alembic import op

from migrations.rls import RUNTIME, door

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Create the doors."""
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to own functions; taken back below
    door("find_challenge.sql", "find_challenge(bytea, timestamptz)", roles=RUNTIME[:1])
    door("email_of.sql", "email_of(uuid)", roles=RUNTIME[:1])
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")
