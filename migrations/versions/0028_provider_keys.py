"""Model providers of organisations and of the platform, and the keys to them. phase: expand

A row stays when its key is revoked, without the key: calls on record name its fingerprint.
"""

from alembic import op

from migrations.rls import RUNTIME, door, open_to_doors, tenant_table

revision = "0028"
down_revision = "0027"

_KINDS = "'openai', 'anthropic', 'azure_openai', 'bedrock', 'vertex', 'openai_compatible'"
_GRANTS = "SELECT, INSERT, UPDATE"


def upgrade() -> None:
    """Create the tables, and the doors by which an organisation reaches the platform's providers, one at a time."""
    _providers()
    _keys()
    _uses()
    tenant_table("provider_rules", "own_keys text NOT NULL CHECK (own_keys IN ('forbidden', 'allowed', 'required')), PRIMARY KEY (tenant_id)",
                 grants="SELECT")  # fmt: skip
    open_to_doors("model_providers", grants="SELECT")
    open_to_doors("provider_keys", grants="SELECT")
    open_to_doors("provider_key_uses", grants="SELECT")
    open_to_doors("provider_rules", grants="SELECT, INSERT, UPDATE")
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to own functions; taken back below
    door("shared_providers.sql", "shared_providers()", "lend_shared_key(text, timestamptz)", roles=RUNTIME)
    door(
        "provider_rules.sql",
        "set_own_keys(uuid, text)",
        "list_own_keys()",
        "shared_key_uses(uuid[])",
        roles=RUNTIME,
    )
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")


def _providers() -> None:
    tenant_table(
        "model_providers",
        f"""provider_id uuid NOT NULL,
           name text NOT NULL CHECK (name ~ '^[a-z0-9]([a-z0-9-]{{0,61}}[a-z0-9])?$'),
           kind text NOT NULL CHECK (kind IN ({_KINDS})),
           base_url text NOT NULL CHECK (length(base_url) BETWEEN 1 AND 500),
           region text,
           created_by uuid,
           created_at timestamptz NOT NULL,
           changed_at timestamptz NOT NULL,
           removed_at timestamptz,
           PRIMARY KEY (tenant_id, provider_id)""",
        grants=_GRANTS,
    )
    op.execute(
        "CREATE UNIQUE INDEX model_providers_by_name ON model_providers (tenant_id, name) WHERE removed_at IS NULL"
    )


def _keys() -> None:
    tenant_table(
        "provider_keys",
        """key_id uuid NOT NULL,
           provider_id uuid NOT NULL,
           label text NOT NULL CHECK (length(label) BETWEEN 1 AND 120),
           weight integer NOT NULL CHECK (weight BETWEEN 1 AND 1000),
           sealed bytea,
           last_four text NOT NULL CHECK (length(last_four) <= 4),
           fingerprint text NOT NULL CHECK (length(fingerprint) = 32),
           created_by uuid,
           created_at timestamptz NOT NULL,
           expires_at timestamptz,
           reminded_at timestamptz,
           checked_at timestamptz,
           check_code text,
           revoked_at timestamptz,
           revoked_by uuid,
           PRIMARY KEY (tenant_id, key_id),
           FOREIGN KEY (tenant_id, provider_id) REFERENCES model_providers (tenant_id, provider_id),
           CHECK ((revoked_at IS NULL) = (sealed IS NOT NULL))""",
        grants=_GRANTS,
    )
    op.execute("CREATE INDEX provider_keys_of ON provider_keys (tenant_id, provider_id)")
    op.execute(
        "CREATE INDEX provider_keys_ending ON provider_keys (tenant_id, expires_at)"
        " WHERE expires_at IS NOT NULL AND reminded_at IS NULL AND revoked_at IS NULL"
    )
    tenant_table(
        "fingerprint_keys",
        "key_id uuid NOT NULL, sealed bytea NOT NULL, PRIMARY KEY (tenant_id, key_id)",
        grants=_GRANTS,
    )
    op.execute("CREATE UNIQUE INDEX fingerprint_keys_one ON fingerprint_keys (tenant_id)")


def _uses() -> None:
    # Of whoever used the key, also a shared one: no organisation waits for another's count. Several rows a key, one for
    # each of the connections that count at once.
    tenant_table(
        "provider_key_uses",
        """key_id uuid NOT NULL,
           slot smallint NOT NULL,
           uses bigint NOT NULL DEFAULT 0,
           last_used_at timestamptz,
           last_error text,
           last_error_at timestamptz,
           PRIMARY KEY (tenant_id, key_id, slot)""",
        grants=_GRANTS,
    )
    op.execute("CREATE INDEX provider_key_uses_of ON provider_key_uses (key_id)")
