"""Sign-on: until when a provider's last certificate is good, so that people are warned before nobody comes in. phase: expand"""

from alembic import op

from migrations.rls import RUNTIME, door

revision = "0048"
down_revision = "0047"


def upgrade() -> None:
    """Add the columns, and what the doctor counts."""
    op.execute("ALTER TABLE sso_connections ADD COLUMN good_until timestamptz, ADD COLUMN warned_until timestamptz")
    op.execute("GRANT SELECT (good_until) ON sso_connections TO cloister_doors")
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to own functions; taken back below
    door("sign_on_certificates.sql", "sign_on_certificates()", roles=RUNTIME)
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")
