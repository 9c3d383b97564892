"""Streams of the sealed log to where it is watched: where to, how far, and what was not taken. phase: expand"""

from alembic import op

from migrations.rls import RUNTIME, door, open_to_doors, tenant_table

revision = "0039"
down_revision = "0038"

_KINDS = "'syslog', 'cef', 'webhook', 'splunk', 'elastic', 's3', 'folder'"

# What the functions count with, and nothing else: no secret, and of an entry no more than when it was.
_COUNTED = {
    "audit_sinks": "tenant_id, sink_id, scope, since, is_paused, next_try_at, leased_until, failures, alarmed_at",
    "audit_sink_cursors": "tenant_id, sink_id, log_id, position",
    "audit_sink_letters": "tenant_id, sink_id, log_id, is_again",
    "audit_heads": "tenant_id, size",
    "audit_log": "tenant_id, position, recorded_at",
}


def upgrade() -> None:
    """Create the three tables, and the functions that look over all organisations."""
    _sinks()
    _places()
    for table, columns in _COUNTED.items():
        open_to_doors(table, grants=f"SELECT ({columns})")
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to own functions; taken back below
    door("audit_sinks.sql", "due_streams(timestamptz)", "stream_lags()", roles=["cloister_worker"])
    door("audit_sinks_own.sql", "own_stream_lags()", "stream_sums()", roles=RUNTIME)
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")


def _sinks() -> None:
    tenant_table(
        "audit_sinks",
        f"""sink_id uuid NOT NULL,
           name text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
           kind text NOT NULL CHECK (kind IN ({_KINDS})),
           url text NOT NULL,
           region text,
           retain_days integer CHECK (retain_days BETWEEN 1 AND 36500),
           scope text NOT NULL CHECK (scope IN ('own', 'all')),
           since timestamptz,
           sealed bytea,
           last_four text NOT NULL DEFAULT '',
           is_paused boolean NOT NULL DEFAULT false,
           created_by uuid,
           created_at timestamptz NOT NULL,
           sent bigint NOT NULL DEFAULT 0,
           sent_at timestamptz,
           failures integer NOT NULL DEFAULT 0,
           failed_at timestamptz,
           failure text,
           next_try_at timestamptz NOT NULL,
           leased_until timestamptz,
           alarmed_at timestamptz,
           PRIMARY KEY (tenant_id, sink_id),
           CHECK (scope = 'own' OR tenant_id = '00000000-0000-0000-0000-000000000000'),
           CHECK (kind <> 'folder' OR tenant_id = '00000000-0000-0000-0000-000000000000')""",
    )
    op.execute("CREATE UNIQUE INDEX audit_sinks_by_name ON audit_sinks (tenant_id, lower(name))")


def _places() -> None:
    tenant_table(
        "audit_sink_cursors",
        """sink_id uuid NOT NULL,
           log_id uuid NOT NULL,
           position bigint NOT NULL CHECK (position >= 0),
           PRIMARY KEY (tenant_id, sink_id, log_id),
           FOREIGN KEY (tenant_id, sink_id) REFERENCES audit_sinks (tenant_id, sink_id) ON DELETE CASCADE""",
    )
    op.execute("ALTER TABLE audit_sink_cursors SET (fillfactor = 50)")
    tenant_table(
        "audit_sink_letters",
        """letter_id uuid NOT NULL,
           sink_id uuid NOT NULL,
           log_id uuid NOT NULL,
           position bigint NOT NULL,
           event_id uuid NOT NULL,
           event text NOT NULL,
           reason text NOT NULL,
           kept_at timestamptz NOT NULL,
           is_again boolean NOT NULL DEFAULT false,
           PRIMARY KEY (tenant_id, letter_id),
           FOREIGN KEY (tenant_id, sink_id) REFERENCES audit_sinks (tenant_id, sink_id) ON DELETE CASCADE""",
    )
    op.execute(
        "CREATE UNIQUE INDEX audit_sink_letters_once ON audit_sink_letters (tenant_id, sink_id, log_id, position)"
    )
