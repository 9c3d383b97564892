"""Second factors know in which organisation they were added; an operator may stand in for a record that is missing. phase: expand

Of those from before nobody knows: they open what they opened, but prove nothing where only a factor of the organisation does.
"""

from pathlib import Path

from alembic import op

from migrations.rls import RUNTIME, as_doors, door

revision = "0058"
down_revision = "0057"

_FUNCTIONS = Path(__file__).parents[1] / "sql" / "functions"


def upgrade() -> None:
    """Add where a factor was added, and widen what an operator's word does."""
    op.execute("ALTER TABLE second_factors ADD COLUMN added_in uuid")
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to own functions; taken back below
    as_doors((_FUNCTIONS / "second_factors_2.sql").read_text())
    as_doors((_FUNCTIONS / "sign_on_domains_3.sql").read_text())
    as_doors("GRANT EXECUTE ON FUNCTION close_password_resets(uuid[]) TO cloister_worker")  # the console lets people in, too
    door("factors_by_place.sql", "factors_by_place(uuid)", roles=RUNTIME)
    door("has_been_elsewhere.sql", "has_been_elsewhere(uuid)", roles=RUNTIME)
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")
