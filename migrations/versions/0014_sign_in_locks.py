"""Locks that strangers cannot put on somebody else's account; old attempts are forgotten. phase: expand"""

from alembic import op

from migrations.rls import door

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Count failures by person and address together, and let the worker delete old attempts."""
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to own functions; taken back below
    op.execute("GRANT DELETE ON sign_in_attempts TO cloister_doors")
    door(
        "count_sign_in_failures.sql", "count_sign_in_failures(bytea, text, timestamptz, timestamptz)",
        roles=["cloister_app"],
    )  # fmt: skip
    door("forget_sign_in_attempts.sql", "forget_sign_in_attempts(timestamptz)", roles=["cloister_worker"])
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")
