"""Groups, invitations, service accounts, API tokens, second factors, password resets. phase: expand

What is about a person wherever they belong (factors, resets, the half-finished sign-in) has no tenant and is reached
by the doors' functions alone. What is about a member of one organisation is that organisation's.
"""

from alembic import op

from migrations.rls import RUNTIME, as_doors, door, open_to_doors, platform_table, tenant_table

revision = "0007"
down_revision = "0006"

DOORS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("resolve_invitation.sql", ("resolve_invitation(bytea)",), RUNTIME),
    ("resolve_api_token.sql", ("resolve_api_token(bytea)",), RUNTIME[:1]),
    (
        "second_factors.sql",
        (
            "list_factors(uuid)",
            "add_factor(uuid, uuid, text, text, bytea, bytea, bigint, timestamptz, timestamptz)",
            "confirm_factor(uuid, uuid, timestamptz)",
            "use_factor(uuid, uuid, bigint, timestamptz)",
            "remove_factor(uuid, uuid)",
            "replace_recovery_codes(uuid, bytea[])",
            "use_recovery_code(uuid, bytea, timestamptz)",
            "count_recovery_codes(uuid)",
        ),
        RUNTIME,
    ),
    (
        "sign_in_challenges.sql",
        (
            "open_challenge(bytea, uuid, bytea, timestamptz, timestamptz)",
            "try_challenge(bytea, timestamptz, integer)",
            "close_challenge(bytea)",
        ),
        RUNTIME[:1],
    ),
    (
        "password_resets.sql",
        (
            "create_password_reset(bytea, uuid, timestamptz, timestamptz)",
            "find_password_reset(bytea, timestamptz)",
            "consume_password_reset(bytea, timestamptz)",
            "end_all_sessions(uuid)",
        ),
        RUNTIME,
    ),
    ("platform_overview.sql", ("platform_overview()",), RUNTIME),
    ("suspend_organisation.sql", ("suspend_organisation(uuid, timestamptz)",), RUNTIME),
)


def upgrade() -> None:
    """Create what people, programs and their proofs need."""
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to own functions; taken back below
    _members()
    _groups()
    _invitations()
    _tokens()
    _proofs()
    _doors()
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")


def _members() -> None:
    op.execute("ALTER TABLE memberships DROP CONSTRAINT memberships_role_check")
    op.execute(
        """ALTER TABLE memberships
           ADD CONSTRAINT memberships_role_check CHECK (role IN ('owner', 'admin', 'auditor', 'member', 'operator')),
           ADD COLUMN kind text NOT NULL DEFAULT 'person' CHECK (kind IN ('person', 'service')),
           ADD COLUMN language text CHECK (language ~ '^[a-z]{2}$'),
           ADD COLUMN zone text"""
    )
    # Who is signed in while this runs has not proved themselves lately, and is asked before a sensitive step.
    op.execute(
        """ALTER TABLE sessions
           ADD COLUMN authenticated_at timestamptz NOT NULL DEFAULT '-infinity',
           ADD COLUMN methods text[] NOT NULL DEFAULT '{password}'"""
    )
    op.execute("ALTER TABLE sessions ALTER COLUMN authenticated_at DROP DEFAULT")
    op.execute("ALTER TABLE organisations ADD COLUMN suspended_at timestamptz")
    # The platform is a place of its own: operators are its members, and row-level security shows them its rows alone.
    platform = "00000000-0000-0000-0000-000000000000"
    op.execute(f"SET LOCAL app.tenant_id = '{platform}'")
    op.execute(f"INSERT INTO organisations (tenant_id, name, created_at) VALUES ('{platform}', 'Platform', now())")
    op.execute("SET LOCAL app.tenant_id = ''")


def _groups() -> None:
    tenant_table(
        "groups",
        """group_id uuid NOT NULL,
           name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
           created_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, group_id),
           UNIQUE (tenant_id, name)""",
    )
    tenant_table(
        "group_members",
        """group_id uuid NOT NULL,
           user_id uuid NOT NULL,
           PRIMARY KEY (tenant_id, group_id, user_id),
           FOREIGN KEY (tenant_id, group_id) REFERENCES groups (tenant_id, group_id) ON DELETE CASCADE,
           FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id) ON DELETE CASCADE""",
    )
    op.execute("CREATE INDEX group_members_by_user ON group_members (tenant_id, user_id)")


def _invitations() -> None:
    tenant_table(
        "invitations",
        """invitation_id uuid NOT NULL,
           digest bytea NOT NULL,
           email text NOT NULL CHECK (email = lower(email)),
           role text NOT NULL CHECK (role IN ('owner', 'admin', 'auditor', 'member', 'operator')),
           group_ids uuid[] NOT NULL DEFAULT '{}',
           invited_by uuid,
           created_at timestamptz NOT NULL,
           expires_at timestamptz NOT NULL,
           accepted_by uuid,
           closed_at timestamptz,
           PRIMARY KEY (tenant_id, invitation_id)""",
    )
    op.execute("CREATE INDEX invitations_by_digest ON invitations (digest)")
    op.execute("CREATE UNIQUE INDEX invitations_open ON invitations (tenant_id, email) WHERE closed_at IS NULL")
    open_to_doors("invitations", grants="SELECT")


def _tokens() -> None:
    tenant_table(
        "api_tokens",
        """token_id uuid NOT NULL,
           digest bytea NOT NULL,
           user_id uuid NOT NULL,
           name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
           hint text NOT NULL,
           scopes text[] NOT NULL,
           created_by uuid NOT NULL,
           created_at timestamptz NOT NULL,
           expires_at timestamptz NOT NULL,
           last_used_at timestamptz,
           revoked_at timestamptz,
           PRIMARY KEY (tenant_id, token_id),
           FOREIGN KEY (tenant_id, user_id) REFERENCES memberships (tenant_id, user_id) ON DELETE CASCADE""",
    )
    op.execute("CREATE INDEX api_tokens_by_digest ON api_tokens (digest)")
    op.execute("CREATE INDEX api_tokens_by_user ON api_tokens (tenant_id, user_id)")
    open_to_doors("api_tokens", grants="SELECT")


def _proofs() -> None:
    platform_table(
        "second_factors",
        """factor_id uuid PRIMARY KEY,
           user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
           kind text NOT NULL CHECK (kind IN ('totp', 'passkey')),
           label text NOT NULL CHECK (length(label) BETWEEN 1 AND 120),
           credential bytea,
           sealed bytea NOT NULL,
           counter bigint NOT NULL DEFAULT 0,
           created_at timestamptz NOT NULL,
           confirmed_at timestamptz,
           last_used_at timestamptz""",
    )
    op.execute("CREATE INDEX second_factors_by_user ON second_factors (user_id)")
    platform_table(
        "recovery_codes",
        """user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
           digest bytea NOT NULL,
           used_at timestamptz,
           PRIMARY KEY (user_id, digest)""",
    )
    platform_table(
        "sign_in_challenges",
        """digest bytea PRIMARY KEY,
           user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
           nonce bytea NOT NULL,
           expires_at timestamptz NOT NULL,
           attempts integer NOT NULL DEFAULT 0""",
    )
    platform_table(
        "password_resets",
        """digest bytea PRIMARY KEY,
           user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
           expires_at timestamptz NOT NULL,
           used_at timestamptz""",
    )


def _doors() -> None:
    app, worker = RUNTIME
    for file, signatures, roles in DOORS:
        door(file, *signatures, roles=roles)
    as_doors("GRANT EXECUTE ON FUNCTION find_user(text) TO cloister_app")
    for name in ("count_organisations", "list_tenants"):
        as_doors(f"DROP FUNCTION {name}()")
    door("count_organisations_2.sql", "count_organisations()", roles=[app, worker])
    door("list_tenants_2.sql", "list_tenants()", roles=[worker])
    open_to_doors("documents", grants="SELECT (tenant_id, byte_count)")
    open_to_doors("messages", grants="SELECT (tenant_id, role, created_at)")
    op.execute("GRANT UPDATE (suspended_at) ON organisations TO cloister_doors")
    op.execute("GRANT DELETE ON sessions TO cloister_doors")
