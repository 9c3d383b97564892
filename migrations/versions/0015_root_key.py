"""The root key that this database's files are sealed with, by its fingerprint. phase: expand"""

from alembic import op

from migrations.rls import RUNTIME, door, platform_table

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Create the table, which holds one row, and its doors."""
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to own functions; taken back below
    platform_table(
        "root_key",
        """is_the_one boolean PRIMARY KEY DEFAULT true CHECK (is_the_one),
           fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
           claimed_at timestamptz NOT NULL DEFAULT now()""",
    )
    door("claim_root_key.sql", "claim_root_key(bytea)", roles=["cloister_worker"])
    door("root_key_is.sql", "root_key_is(bytea)", roles=RUNTIME)
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")
