"""The sealed log: entries leave the inbox for a tree per organisation, with signed checkpoints. phase: expand

What the inbox holds is sealed in pieces by the sequencer after the upgrade, not here. Grants and triggers are hygiene:
a superuser passes them. The evidence is the tree and its signatures.
"""

from alembic import op

from migrations.rls import RUNTIME, isolate, tenant_table

revision = "0032"
down_revision = "0031"

_READERS = "cloister_app, cloister_worker, cloister_auditor"
_KEPT_FOR_EVER = ("audit_log", "audit_nodes", "audit_checkpoints")


def upgrade() -> None:
    """Create the log, its nodes, heads and checkpoints, the keys that sign them, and exports."""
    _log()
    _tree()
    _rights()
    _signing_keys()
    _exports()


def _log() -> None:
    op.execute(
        """CREATE TABLE audit_log (
             tenant_id uuid NOT NULL,
             position bigint NOT NULL CHECK (position >= 0),
             event_id uuid NOT NULL,
             event text NOT NULL,
             actor_id uuid,
             subject uuid,
             leaf bytea NOT NULL CHECK (octet_length(leaf) = 32),
             body bytea NOT NULL,
             recorded_at timestamptz NOT NULL,
             PRIMARY KEY (tenant_id, position))"""
    )
    op.execute("CREATE INDEX audit_log_by_id ON audit_log (tenant_id, event_id)")
    op.execute("CREATE INDEX audit_log_by_event ON audit_log (tenant_id, event, event_id)")
    op.execute(
        "CREATE INDEX audit_log_by_actor ON audit_log (tenant_id, actor_id, event_id) WHERE actor_id IS NOT NULL"
    )
    op.execute(
        "CREATE INDEX audit_log_by_subject ON audit_log (tenant_id, subject, event_id) WHERE subject IS NOT NULL"
    )


def _tree() -> None:
    op.execute(
        """CREATE TABLE audit_nodes (
             tenant_id uuid NOT NULL,
             level smallint NOT NULL,
             place bigint NOT NULL,
             hash bytea NOT NULL CHECK (octet_length(hash) = 32),
             PRIMARY KEY (tenant_id, level, place))"""
    )
    op.execute(
        """CREATE TABLE audit_heads (
             tenant_id uuid NOT NULL PRIMARY KEY,
             origin text NOT NULL,
             size bigint NOT NULL,
             peaks bytea NOT NULL,
             note text NOT NULL,
             sealed_at timestamptz NOT NULL,
             kept_size bigint NOT NULL DEFAULT 0,
             kept_at timestamptz)"""
    )
    op.execute(
        """CREATE TABLE audit_checkpoints (
             tenant_id uuid NOT NULL,
             size bigint NOT NULL,
             note text NOT NULL,
             kept_at timestamptz NOT NULL,
             logs_position bigint,
             PRIMARY KEY (tenant_id, size))"""
    )


def _rights() -> None:
    for table in (*_KEPT_FOR_EVER, "audit_heads"):
        isolate(table)
        op.execute(f"CREATE POLICY sealer ON {table} TO cloister_sealer USING (true) WITH CHECK (true)")
        op.execute(f"GRANT SELECT ON {table} TO {_READERS}")
        op.execute(f"GRANT SELECT, INSERT ON {table} TO cloister_sealer")
    op.execute("GRANT UPDATE ON audit_heads TO cloister_sealer")
    for table in _KEPT_FOR_EVER:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(
        "CREATE TRIGGER never_removed BEFORE DELETE OR TRUNCATE ON audit_heads FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute("GRANT SELECT ON alembic_version TO cloister_sealer")


def _signing_keys() -> None:
    tenant_table(
        "signing_keys",
        """key_id uuid NOT NULL,
           number integer NOT NULL CHECK (number > 0),
           public bytea NOT NULL CHECK (octet_length(public) = 32),
           endorsement bytea,
           sealed bytea,
           created_at timestamptz NOT NULL,
           retired_at timestamptz,
           PRIMARY KEY (tenant_id, key_id)""",
        grants="SELECT, INSERT, UPDATE",
        roles=("cloister_worker",),
    )
    op.execute("CREATE UNIQUE INDEX signing_keys_by_number ON signing_keys (tenant_id, number)")
    op.execute("CREATE UNIQUE INDEX signing_keys_in_force ON signing_keys (tenant_id) WHERE retired_at IS NULL")
    # The public halves, with each organisation's log: who reads it needs no more than its own rows.
    tenant_table(
        "audit_log_keys",
        """number integer NOT NULL,
           public bytea NOT NULL CHECK (octet_length(public) = 32),
           endorsement bytea,
           since_size bigint NOT NULL,
           PRIMARY KEY (tenant_id, number)""",
        grants="SELECT",
        roles=(*RUNTIME, "cloister_auditor"),
    )
    op.execute("GRANT SELECT, INSERT ON audit_log_keys TO cloister_sealer")
    op.execute("CREATE POLICY sealer ON audit_log_keys TO cloister_sealer USING (true) WITH CHECK (true)")
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log_keys FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def _exports() -> None:
    tenant_table(
        "audit_exports",
        """export_id uuid NOT NULL,
           requested_by uuid,
           requested_at timestamptz NOT NULL,
           asked jsonb NOT NULL,
           state text NOT NULL CHECK (state IN ('waiting', 'writing', 'ready', 'failed', 'expired')),
           done bigint NOT NULL DEFAULT 0,
           total bigint NOT NULL DEFAULT 0,
           size bigint,
           digest bytea,
           byte_count bigint,
           ready_at timestamptz,
           PRIMARY KEY (tenant_id, export_id)""",
        grants="SELECT, INSERT, UPDATE",
    )
    op.execute("CREATE INDEX audit_exports_by_size ON audit_exports (tenant_id, size) WHERE size IS NOT NULL")
