"""A session knows which second factor was shown when its person last proved who they are. phase: expand

Sessions from before know none: they link no account where sign-on is enforced until their person says again who is there.
"""

from alembic import op

from migrations.rls import RUNTIME, door

revision = "0059"
down_revision = "0058"


def upgrade() -> None:
    """Add the factor that was shown, and the question where it was added."""
    op.execute("ALTER TABLE sessions ADD COLUMN factor_id uuid")
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to own functions; taken back below
    door("place_of_factor.sql", "place_of_factor(uuid, uuid)", roles=RUNTIME)
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")
