"""Anchors of the audit log outside the operator's reach: cosignatures, time stamps, where each stands, and epochs. phase: expand"""

from alembic import op

from migrations.rls import RUNTIME, tenant_table

revision = "0037"
down_revision = "0036"

_READERS = (*RUNTIME, "cloister_auditor", "cloister_sealer")


def upgrade() -> None:
    """Create what the anchors say, where each of them stands, and the epochs."""
    tenant_table(
        "audit_cosignatures",
        """witness text NOT NULL,
           origin text NOT NULL,
           size bigint NOT NULL CHECK (size >= 0),
           note text NOT NULL,
           seen_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, witness, origin, size)""",
        grants="SELECT",
        roles=_READERS,
    )
    tenant_table(
        "audit_time_stamps",
        """origin text NOT NULL,
           size bigint NOT NULL CHECK (size > 0),
           note text NOT NULL,
           token bytea NOT NULL,
           stamped_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, origin, size)""",
        grants="SELECT",
        roles=_READERS,
    )
    _standing()
    _rights()


def _standing() -> None:
    tenant_table(
        "audit_anchors",
        """anchor text NOT NULL,
           origin text NOT NULL,
           size bigint NOT NULL,
           seen_at timestamptz,
           fault text,
           fault_size bigint,
           fault_at timestamptz,
           PRIMARY KEY (tenant_id, anchor)""",
        grants="SELECT",
        roles=_READERS,
    )
    tenant_table(
        "audit_epochs",
        """number integer NOT NULL CHECK (number > 1),
           reason text NOT NULL,
           ordered_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, number)""",
        grants="SELECT",
        roles=_READERS,
    )


def _rights() -> None:
    for table in ("audit_cosignatures", "audit_time_stamps", "audit_anchors", "audit_epochs"):
        op.execute(f"CREATE POLICY sealer ON {table} TO cloister_sealer USING (true) WITH CHECK (true)")
    op.execute("GRANT INSERT ON audit_cosignatures, audit_time_stamps, audit_anchors TO cloister_sealer, cloister_worker")
    op.execute("GRANT UPDATE ON audit_anchors TO cloister_sealer, cloister_worker")
    op.execute("GRANT INSERT ON audit_epochs TO cloister_worker")
    for table in ("audit_cosignatures", "audit_time_stamps", "audit_epochs"):
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
