"""Each organisation's data keys, wrapped by a key that is kept outside of the database. phase: expand

A row stays when its key is destroyed, without the key: the history of keys is evidence.
"""

from alembic import op

from migrations.rls import RUNTIME, as_doors, door, open_to_doors, tenant_table

revision = "0027"
down_revision = "0026"

_TIMES = "created_at timestamptz NOT NULL, retired_at timestamptz, destroyed_at timestamptz"
_STATES = "state text NOT NULL CHECK (state IN ('active', 'retiring', 'destroyed'))"
_GRANTS = "SELECT, INSERT, UPDATE"


def upgrade() -> None:
    """Create the tables of keys, of their rotations and of requests to destroy them, and the doors to the platform's."""
    _keys()
    _rotations()
    _destructions()
    open_to_doors("data_keys", grants="SELECT")
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to own functions; taken back below
    door("platform_data_key.sql", "platform_data_key(integer)", roles=RUNTIME)
    door(
        "sealed_factors.sql", "list_sealed_factors(uuid, integer)", "count_sealed_factors()",
        "reseal_factor(uuid, bytea, bytea)", roles=["cloister_worker"],
    )  # fmt: skip
    _root()
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")


def _root() -> None:
    op.execute("ALTER TABLE root_key ADD COLUMN following bytea CHECK (octet_length(following) = 32)")
    as_doors("DROP FUNCTION claim_root_key(bytea)")
    as_doors("DROP FUNCTION root_key_is(bytea)")
    signatures = "claim_root_key(bytea)", "announce_root_key(bytea)", "settle_root_key(bytea)"
    door("root_key_2.sql", *signatures, roles=["cloister_worker"])
    door("root_key_is_2.sql", "root_key_is(bytea)", roles=RUNTIME)


def _keys() -> None:
    tenant_table(
        "key_encryption_keys",
        f"kek_id uuid NOT NULL, {_STATES}, {_TIMES}, PRIMARY KEY (tenant_id, kek_id)",
        grants=_GRANTS,
    )
    tenant_table(
        "data_keys",
        f"""version integer NOT NULL CHECK (version > 0),
           kek_id uuid NOT NULL,
           wrapped bytea,
           {_STATES},
           {_TIMES},
           PRIMARY KEY (tenant_id, version),
           FOREIGN KEY (tenant_id, kek_id) REFERENCES key_encryption_keys (tenant_id, kek_id),
           CHECK ((state = 'destroyed') = (wrapped IS NULL))""",
        grants=_GRANTS,
    )
    op.execute("CREATE UNIQUE INDEX data_keys_in_force ON data_keys (tenant_id) WHERE state = 'active'")
    op.execute(
        "CREATE UNIQUE INDEX key_encryption_keys_in_force ON key_encryption_keys (tenant_id) WHERE state = 'active'"
    )


def _rotations() -> None:
    tenant_table(
        "key_rotations",
        """rotation_id uuid NOT NULL,
           level text NOT NULL CHECK (level IN ('dek', 'kek')),
           state text NOT NULL CHECK (state IN ('sweeping', 'waiting', 'done')),
           shelf integer NOT NULL DEFAULT 0,
           reached text NOT NULL DEFAULT '',
           done bigint NOT NULL DEFAULT 0,
           total bigint NOT NULL DEFAULT 0,
           damaged bigint NOT NULL DEFAULT 0,
           began_at timestamptz NOT NULL,
           swept_at timestamptz,
           ended_at timestamptz,
           PRIMARY KEY (tenant_id, rotation_id)""",
        grants=_GRANTS,
    )
    op.execute("CREATE UNIQUE INDEX key_rotations_running ON key_rotations (tenant_id) WHERE state <> 'done'")


def _destructions() -> None:
    tenant_table(
        "key_destructions",
        """request_id uuid NOT NULL,
           requested_by uuid NOT NULL,
           reason text NOT NULL CHECK (length(reason) BETWEEN 3 AND 500),
           requested_at timestamptz NOT NULL,
           decided_by uuid,
           decided_at timestamptz,
           is_granted boolean,
           PRIMARY KEY (tenant_id, request_id),
           CHECK (is_granted IS NOT TRUE OR coalesce(decided_by <> requested_by, false))""",
        grants=_GRANTS,
    )
