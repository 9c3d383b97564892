"""Provisioning (SCIM 2.0): what an identity provider keeps of people and groups in an organisation. phase: expand

What a provider said of a person lies in `doc`; `keys` is the same with its texts as comparisons take them. A token has one
of two places, so that its successor works before it ends.
"""

from alembic import op

from migrations.rls import RUNTIME, door, open_to_doors, tenant_table

revision = "0049"
down_revision = "0048"

_CONNECTION = "FOREIGN KEY (tenant_id, connection_id) REFERENCES sso_connections (tenant_id, connection_id) ON DELETE CASCADE"


def upgrade() -> None:
    """Create the tables, and the door by which a token is found."""
    _services()
    _people()
    _groups()
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to own functions; taken back below
    door("provisioning.sql", "resolve_scim_token(bytea)", roles=RUNTIME)
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")


def _services() -> None:
    tenant_table(
        "scim_services",
        f"""connection_id uuid NOT NULL,
           is_on boolean NOT NULL,
           subject_of text NOT NULL CHECK (subject_of IN ('externalId', 'userName', 'email')),
           needs_group boolean NOT NULL,
           created_at timestamptz NOT NULL,
           changed_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, connection_id),
           {_CONNECTION}""",
    )
    tenant_table(
        "scim_tokens",
        """connection_id uuid NOT NULL,
           place smallint NOT NULL CHECK (place IN (1, 2)),
           token_id uuid NOT NULL,
           digest bytea NOT NULL CHECK (octet_length(digest) = 32),
           hint text NOT NULL,
           networks text[] NOT NULL,
           created_by uuid NOT NULL,
           created_at timestamptz NOT NULL,
           expires_at timestamptz NOT NULL,
           last_used_at timestamptz,
           misplaced_at timestamptz,
           PRIMARY KEY (tenant_id, connection_id, place),
           UNIQUE (tenant_id, token_id),
           FOREIGN KEY (tenant_id, connection_id) REFERENCES scim_services (tenant_id, connection_id) ON DELETE CASCADE""",
    )
    op.execute("CREATE INDEX scim_tokens_by_digest ON scim_tokens (digest)")
    open_to_doors("scim_tokens", grants="SELECT (tenant_id, token_id, digest)")


def _people() -> None:
    tenant_table(
        "scim_users",
        f"""resource_id uuid NOT NULL,
           connection_id uuid NOT NULL,
           user_id uuid NOT NULL,
           user_name_key text NOT NULL,
           subject text,
           has_access boolean NOT NULL,
           doc jsonb NOT NULL,
           keys jsonb NOT NULL,
           version integer NOT NULL,
           created_at timestamptz NOT NULL,
           changed_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, resource_id),
           UNIQUE (tenant_id, connection_id, user_name_key),
           UNIQUE (tenant_id, connection_id, user_id),
           {_CONNECTION},
           FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id) ON DELETE CASCADE""",
    )
    op.execute("CREATE INDEX scim_users_by_external_id ON scim_users (tenant_id, connection_id, (doc ->> 'externalId'))")
    op.execute("CREATE INDEX scim_users_by_member ON scim_users (tenant_id, user_id)")


def _groups() -> None:
    tenant_table(
        "scim_groups",
        f"""resource_id uuid NOT NULL,
           connection_id uuid NOT NULL,
           doc jsonb NOT NULL,
           keys jsonb NOT NULL,
           version integer NOT NULL,
           created_at timestamptz NOT NULL,
           changed_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, resource_id),
           {_CONNECTION}""",
    )
    op.execute("CREATE INDEX scim_groups_by_connection ON scim_groups (tenant_id, connection_id, (keys ->> 'displayName'))")
    tenant_table(
        "scim_group_members",
        """group_id uuid NOT NULL,
           member_id uuid NOT NULL,
           PRIMARY KEY (tenant_id, group_id, member_id),
           FOREIGN KEY (tenant_id, group_id) REFERENCES scim_groups (tenant_id, resource_id) ON DELETE CASCADE,
           FOREIGN KEY (tenant_id, member_id) REFERENCES scim_users (tenant_id, resource_id) ON DELETE CASCADE""",
    )
    op.execute("CREATE INDEX scim_group_members_by_member ON scim_group_members (tenant_id, member_id)")
