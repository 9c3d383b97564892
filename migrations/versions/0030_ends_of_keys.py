"""Keys end by two owners or by a rotation that is over, and by no statement of the app's role alone. phase: expand

Besides, a rotation's wait is counted by the database in pieces, which no leap of a clock makes longer; and a membership knows
since when nobody else had a hand in it.
"""

from alembic import op

from migrations.rls import door, every_tenant, open_to_doors

revision = "0030"
down_revision = "0029"

_ROTATION = "tenant_id, rotation_id, level, state, began_at, swept_at, seen_at"
_REQUEST = "tenant_id, request_id, requested_by, reason, requested_at"


def upgrade() -> None:
    """Add what proves an end, the guards, and the door."""
    op.execute("ALTER TABLE key_encryption_keys ADD COLUMN end_proof bytea")
    op.execute("ALTER TABLE key_rotations ADD COLUMN waited interval NOT NULL DEFAULT '0', ADD COLUMN seen_at timestamptz")
    op.execute("ALTER TABLE memberships ADD COLUMN own_since timestamptz NOT NULL DEFAULT now()")
    with every_tenant("memberships"):
        op.execute("UPDATE memberships SET own_since = joined_at")
    op.execute("REVOKE INSERT, UPDATE ON key_rotations FROM cloister_app")
    op.execute(f"GRANT INSERT ({_ROTATION}) ON key_rotations TO cloister_app")
    op.execute("REVOKE INSERT, UPDATE ON key_destructions FROM cloister_app, cloister_worker")
    op.execute(f"GRANT INSERT ({_REQUEST}) ON key_destructions TO cloister_app")
    _guards()


def _guards() -> None:
    for table in ("key_encryption_keys", "key_rotations", "key_destructions"):
        open_to_doors(table, grants="SELECT, UPDATE")
    op.execute("GRANT UPDATE ON data_keys TO cloister_doors")
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to own functions; taken back below
    signature = "decide_key_destruction(uuid, uuid, boolean, timestamptz, jsonb)"
    door("key_ends.sql", signature, roles=["cloister_app"])
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")
    for table, level in (("key_encryption_keys", "kek"), ("data_keys", "dek")):
        op.execute(
            f"CREATE TRIGGER guard_key_end BEFORE INSERT OR UPDATE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION guard_key_end('{level}')"
        )
