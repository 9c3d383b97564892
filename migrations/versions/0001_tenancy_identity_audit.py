"""Organisations, people, sessions, the audit inbox, and the doors before the tenant is known. phase: expand

No migration goes down: rollback is the previous image on the newer schema, or the backup
taken before the upgrade. A way down would drop people's rows.
"""

from alembic import op

from migrations.rls import RUNTIME, door, open_to_doors, platform_table, tenant_table

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the first tables, top-down: who, where, and what was done."""
    op.execute(
        "GRANT USAGE ON SCHEMA cloister TO cloister_app, cloister_worker, cloister_sealer, cloister_auditor, cloister_doors, cloister_backup"
    )
    op.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA cloister REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC")
    op.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA cloister GRANT SELECT ON TABLES TO cloister_backup")
    op.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA cloister GRANT SELECT ON SEQUENCES TO cloister_backup")
    # The schema's number alone, so that each process can refuse a database that is not its own version's.
    op.execute("GRANT SELECT ON alembic_version TO cloister_migrator, cloister_app, cloister_worker")
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to own functions; taken back below
    _tenancy()
    _identity()
    _sessions()
    _audit()
    _doors()
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")


def _tenancy() -> None:
    tenant_table(
        "organisations",
        """name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
           created_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id)""",
        grants="SELECT, INSERT, UPDATE",
    )
    open_to_doors("organisations", grants="SELECT")


def _identity() -> None:
    platform_table(
        "users",
        """user_id uuid PRIMARY KEY,
           email text NOT NULL UNIQUE CHECK (email = lower(email)),
           password_hash text,
           created_at timestamptz NOT NULL,
           disabled_at timestamptz""",
    )
    tenant_table(
        "memberships",
        """user_id uuid NOT NULL REFERENCES users,
           role text NOT NULL CHECK (role IN ('owner', 'admin', 'auditor', 'member')),
           display_name text NOT NULL,
           email text NOT NULL,
           joined_at timestamptz NOT NULL,
           suspended_at timestamptz,
           PRIMARY KEY (tenant_id, user_id),
           FOREIGN KEY (tenant_id) REFERENCES organisations (tenant_id)""",
    )
    open_to_doors("memberships", grants="SELECT")


def _sessions() -> None:
    tenant_table(
        "sessions",
        """digest bytea NOT NULL,
           user_id uuid NOT NULL,
           created_at timestamptz NOT NULL,
           last_seen_at timestamptz NOT NULL,
           expires_at timestamptz NOT NULL,
           address text NOT NULL,
           agent text NOT NULL,
           PRIMARY KEY (tenant_id, digest),
           FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id) ON DELETE CASCADE""",
    )
    op.execute("CREATE INDEX sessions_by_digest ON sessions (digest)")
    op.execute("CREATE INDEX sessions_by_user ON sessions (tenant_id, user_id)")
    open_to_doors("sessions", grants="SELECT")
    platform_table(
        "setup_links",
        "digest bytea PRIMARY KEY, created_at timestamptz NOT NULL, expires_at timestamptz NOT NULL, used_at timestamptz",
    )
    platform_table(
        "sign_in_attempts",
        """attempt_id uuid PRIMARY KEY,
           email_digest bytea NOT NULL,
           address text NOT NULL,
           at timestamptz NOT NULL,
           succeeded boolean NOT NULL""",
    )
    op.execute("CREATE INDEX sign_in_attempts_by_email ON sign_in_attempts (email_digest, at)")
    op.execute("CREATE INDEX sign_in_attempts_by_address ON sign_in_attempts (address, at)")


def _audit() -> None:
    # Insert-only for those who act; the sealer alone takes entries out, into the log.
    tenant_table(
        "audit_inbox",
        """event_id uuid NOT NULL,
           event text NOT NULL,
           body bytea NOT NULL,
           recorded_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, event_id)""",
        grants="SELECT, INSERT",
        roles=(*RUNTIME,),
    )
    op.execute("GRANT SELECT ON audit_inbox TO cloister_auditor")
    op.execute("GRANT SELECT, DELETE ON audit_inbox TO cloister_sealer")
    op.execute("CREATE POLICY sealer ON audit_inbox TO cloister_sealer USING (true)")
    op.execute(
        """CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = cloister, pg_temp AS $$
           BEGIN RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = '42501'; END $$"""
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON audit_inbox FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def _doors() -> None:
    app, worker = RUNTIME
    door("find_credentials.sql", "find_credentials(text)", roles=[app])
    door("resolve_session.sql", "resolve_session(bytea)", roles=[app])
    door("list_memberships.sql", "list_memberships(uuid)", roles=[app, worker])
    door("create_user.sql", "create_user(uuid, text, text, timestamptz)", roles=[app, worker])
    door("change_password.sql", "change_password(uuid, text)", roles=[app])
    door("find_user.sql", "find_user(text)", roles=[worker])
    door("record_sign_in_attempt.sql", "record_sign_in_attempt(uuid, bytea, text, timestamptz, boolean)", roles=[app])
    door("count_failed_sign_ins.sql", "count_failed_sign_ins(bytea, text, timestamptz)", roles=[app])
    door("create_setup_link.sql", "create_setup_link(bytea, timestamptz, timestamptz)", roles=[worker])
    door("setup_link_is_open.sql", "setup_link_is_open(bytea, timestamptz)", roles=[app])
    door("consume_setup_link.sql", "consume_setup_link(bytea, timestamptz)", roles=[app])
    door("count_organisations.sql", "count_organisations()", roles=[app, worker])
    door("list_tenants.sql", "list_tenants()", roles=[worker])
