"""Sign-in policies and history, break-glass accounts, custom roles, support by the platform's operators, proxies that vouch. phase: expand

A membership's role may be `custom`, whose permissions a row of custom_roles says, or one of an operator who was asked for
support; that one ends by itself, as an auditor's does.
"""

from pathlib import Path

from alembic import op

from migrations.rls import RUNTIME, door, open_to_doors, tenant_table

revision = "0050"
down_revision = "0049"

_FUNCTIONS = Path(__file__).parents[1] / "sql" / "functions"
_LATER = "access_until IS NULL OR role IN ('auditor', 'support', 'support_admin')"
_ROLES = "role IN ('owner', 'admin', 'auditor', 'member', 'operator', 'custom', 'support', 'support_admin')"


def upgrade() -> None:
    """Create the tables, and let memberships be of the new roles."""
    _policies()
    _history()
    _roles()
    _break_glass()
    _support()
    _proxies()
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to own functions; taken back below
    door("failed_sign_ins.sql", "note_failed_sign_in(uuid, text, timestamptz, text, text, text)", roles=RUNTIME)
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")
    op.execute((_FUNCTIONS / "callers_of_tokens_2.sql").read_text())


def _policies() -> None:
    tenant_table(
        "session_policies",
        """idle_minutes integer CHECK (idle_minutes BETWEEN 1 AND 100000),
           lifetime_minutes integer CHECK (lifetime_minutes BETWEEN 5 AND 1000000),
           proof_minutes integer CHECK (proof_minutes BETWEEN 1 AND 60),
           most_sessions integer CHECK (most_sessions BETWEEN 1 AND 100),
           networks text[] NOT NULL DEFAULT '{}',
           needs_second_factor boolean NOT NULL DEFAULT false,
           PRIMARY KEY (tenant_id),
           FOREIGN KEY (tenant_id) REFERENCES organisations (tenant_id)""",
    )
    op.execute("ALTER TABLE sessions ADD COLUMN misplaced_at timestamptz")


def _history() -> None:
    tenant_table(
        "sign_ins",
        """sign_in_id uuid NOT NULL,
           at timestamptz NOT NULL,
           user_id uuid,
           succeeded boolean NOT NULL,
           method text NOT NULL,
           reason text NOT NULL DEFAULT '',
           connection_id uuid,
           address text NOT NULL,
           agent text NOT NULL,
           PRIMARY KEY (tenant_id, sign_in_id),
           FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id) ON DELETE CASCADE""",
        grants="SELECT, INSERT, DELETE",
    )
    open_to_doors("sign_ins", grants="INSERT")
    op.execute("CREATE INDEX sign_ins_of_a_person ON sign_ins (tenant_id, user_id, sign_in_id)")
    op.execute("CREATE INDEX sign_ins_that_end ON sign_ins (tenant_id, at)")


def _roles() -> None:
    tenant_table(
        "custom_roles",
        """role_id uuid NOT NULL,
           name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
           description text NOT NULL CHECK (length(description) <= 500),
           permissions text[] NOT NULL,
           created_at timestamptz NOT NULL,
           changed_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, role_id),
           FOREIGN KEY (tenant_id) REFERENCES organisations (tenant_id)""",
    )
    op.execute("CREATE UNIQUE INDEX custom_roles_by_name ON custom_roles (tenant_id, lower(name))")
    op.execute("ALTER TABLE memberships DROP CONSTRAINT memberships_role_check")
    op.execute("ALTER TABLE memberships DROP CONSTRAINT memberships_check")
    op.execute(
        f"""ALTER TABLE memberships
             ADD COLUMN custom_role_id uuid,
             ADD CONSTRAINT memberships_role_check CHECK ({_ROLES}),
             ADD CONSTRAINT memberships_check CHECK ({_LATER}),
             ADD CONSTRAINT memberships_custom_check CHECK ((role = 'custom') = (custom_role_id IS NOT NULL)),
             ADD CONSTRAINT memberships_custom_role FOREIGN KEY (tenant_id, custom_role_id)
               REFERENCES custom_roles (tenant_id, role_id)"""
    )
    op.execute(
        "CREATE INDEX memberships_custom ON memberships (tenant_id, custom_role_id) WHERE custom_role_id IS NOT NULL"
    )


def _break_glass() -> None:
    tenant_table(
        "break_glass_accounts",
        """user_id uuid NOT NULL,
           made_by uuid,
           made_at timestamptz NOT NULL,
           used_at timestamptz,
           told_at timestamptz,
           PRIMARY KEY (tenant_id, user_id),
           FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id) ON DELETE CASCADE""",
    )


def _proxies() -> None:
    op.execute("ALTER TABLE sso_connections DROP CONSTRAINT sso_connections_kind_check")
    op.execute(
        "ALTER TABLE sso_connections ADD CONSTRAINT sso_connections_kind_check CHECK (kind IN ('oidc', 'saml', 'proxy'))"
    )


def _support() -> None:
    tenant_table(
        "support_grants",
        """grant_id uuid NOT NULL,
           user_id uuid NOT NULL,
           level text NOT NULL CHECK (level IN ('read', 'admin')),
           reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
           granted_by uuid NOT NULL,
           granted_at timestamptz NOT NULL,
           expires_at timestamptz NOT NULL CHECK (expires_at <= granted_at + interval '72 hours'),
           ended_at timestamptz,
           ended_by uuid,
           PRIMARY KEY (tenant_id, grant_id),
           FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id) ON DELETE CASCADE""",
    )
    op.execute(
        "CREATE INDEX memberships_of_support ON memberships (tenant_id, access_until)"
        " WHERE role IN ('support', 'support_admin') AND suspended_at IS NULL"
    )
