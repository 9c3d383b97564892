"""Sign-on by an organisation's own identity providers: connections, who came by them, and what is on its way. phase: expand

A person whom a provider brings has no address in `users`: there the address is unique on the host, and an
organisation's provider may say whatever it likes of it. Their membership holds the address, as that organisation's word.
"""

from alembic import op

from migrations.rls import RUNTIME, door, open_to_doors, tenant_table

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    """Create the tables, and say of memberships, groups and sessions by whom they came."""
    _connections()
    _arrivals()
    _origins()
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to own functions; taken back below
    door("sign_on.sql", "resolve_connection(uuid)", roles=RUNTIME)
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")


def _connections() -> None:
    tenant_table(
        "sso_connections",
        """connection_id uuid NOT NULL,
           kind text NOT NULL CHECK (kind IN ('oidc', 'saml')),
           name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
           state text NOT NULL CHECK (state IN ('draft', 'tested', 'active', 'enforced', 'off')),
           settings jsonb NOT NULL,
           sealed_secret bytea,
           provisions boolean NOT NULL DEFAULT true,
           default_role text NOT NULL DEFAULT 'member' CHECK (default_role IN ('admin', 'auditor', 'member')),
           created_by uuid,
           created_at timestamptz NOT NULL,
           changed_at timestamptz NOT NULL,
           tested_by uuid,
           tested_at timestamptz,
           PRIMARY KEY (tenant_id, connection_id),
           FOREIGN KEY (tenant_id) REFERENCES organisations (tenant_id)""",
    )
    open_to_doors("sso_connections", grants="SELECT (tenant_id, connection_id)")
    tenant_table(
        "sso_mappings",
        """mapping_id uuid NOT NULL,
           connection_id uuid NOT NULL,
           said text NOT NULL CHECK (length(said) BETWEEN 1 AND 300),
           role text CHECK (role IN ('owner', 'admin', 'auditor', 'member')),
           group_id uuid,
           PRIMARY KEY (tenant_id, mapping_id),
           CHECK ((role IS NULL) <> (group_id IS NULL)),
           FOREIGN KEY (tenant_id, connection_id) REFERENCES sso_connections (tenant_id, connection_id) ON DELETE CASCADE,
           FOREIGN KEY (tenant_id, group_id) REFERENCES groups (tenant_id, group_id) ON DELETE CASCADE""",
    )
    op.execute(
        "CREATE UNIQUE INDEX sso_mappings_once ON sso_mappings (tenant_id, connection_id, said, coalesce(role, ''), group_id) NULLS NOT DISTINCT"
    )


def _arrivals() -> None:
    tenant_table(
        "sso_identities",
        """connection_id uuid NOT NULL,
           subject text NOT NULL CHECK (length(subject) BETWEEN 1 AND 1000),
           user_id uuid NOT NULL,
           created_at timestamptz NOT NULL,
           last_at timestamptz,
           PRIMARY KEY (tenant_id, connection_id, subject),
           FOREIGN KEY (tenant_id, connection_id) REFERENCES sso_connections (tenant_id, connection_id) ON DELETE CASCADE,
           FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id) ON DELETE CASCADE""",
    )
    op.execute("CREATE INDEX sso_identities_by_user ON sso_identities (tenant_id, user_id)")
    tenant_table(
        "sso_transactions",
        """digest bytea NOT NULL CHECK (octet_length(digest) = 32),
           connection_id uuid NOT NULL,
           purpose text NOT NULL CHECK (purpose IN ('sign_in', 'test', 'confirm', 'link')),
           user_id uuid,
           sealed bytea NOT NULL,
           created_at timestamptz NOT NULL,
           expires_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, digest),
           FOREIGN KEY (tenant_id, connection_id) REFERENCES sso_connections (tenant_id, connection_id) ON DELETE CASCADE""",
    )
    op.execute("CREATE INDEX sso_transactions_that_end ON sso_transactions (tenant_id, expires_at)")
    tenant_table(
        "sso_seen",
        """connection_id uuid NOT NULL,
           digest bytea NOT NULL CHECK (octet_length(digest) = 32),
           expires_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, connection_id, digest),
           FOREIGN KEY (tenant_id, connection_id) REFERENCES sso_connections (tenant_id, connection_id) ON DELETE CASCADE""",
        grants="SELECT, INSERT, DELETE",
    )
    op.execute("CREATE INDEX sso_seen_that_end ON sso_seen (tenant_id, expires_at)")


def _origins() -> None:
    op.execute("ALTER TABLE users ALTER COLUMN email DROP NOT NULL")
    op.execute(
        """ALTER TABLE memberships
             ADD COLUMN role_source text NOT NULL DEFAULT 'manual' CHECK (role_source IN ('manual', 'idp', 'scim')),
             ADD COLUMN connection_id uuid"""
    )
    op.execute("ALTER TABLE group_members ADD COLUMN connection_id uuid")
    op.execute("ALTER TABLE sessions ADD COLUMN connection_id uuid, ADD COLUMN idp_session text")
    op.execute(
        "CREATE INDEX sessions_by_connection ON sessions (tenant_id, connection_id, idp_session) WHERE connection_id IS NOT NULL"
    )
