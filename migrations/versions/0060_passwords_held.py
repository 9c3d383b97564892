"""A sign-in locks the password that it was proved by until its session is there: one that is changed meanwhile opens nothing. phase: expand"""

from alembic import op

from migrations.rls import RUNTIME, door

revision = "0060"
down_revision = "0059"


def upgrade() -> None:
    """Add the function that reads a password and locks it."""
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to own functions; taken back below
    door("password_now.sql", "password_now(uuid)", roles=RUNTIME)
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")
