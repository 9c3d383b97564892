"""Which models an organisation allows and how it calls them, and what is on record of a call to one. phase: expand"""

from alembic import op

from migrations.rls import tenant_table

revision = "0031"
down_revision = "0030"

_PROVIDER = "provider text NOT NULL CHECK (provider ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$')"
_MODEL = "model text NOT NULL CHECK (length(model) BETWEEN 1 AND 200)"
_STATES = "'admitted', 'completed', 'failed', 'cancelled', 'abandoned', 'unknown'"


def upgrade() -> None:
    """Create the two lists, and widen the record."""
    tenant_table("allowed_models", f"{_PROVIDER}, {_MODEL}, PRIMARY KEY (tenant_id, provider, model)")
    tenant_table(
        "model_aliases",
        f"""name text NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9._-]{{0,62}}$'),
           place smallint NOT NULL CHECK (place BETWEEN 1 AND 8),
           {_PROVIDER}, {_MODEL}, PRIMARY KEY (tenant_id, name, place)""",
    )
    op.execute(
        f"""ALTER TABLE model_calls
           DROP CONSTRAINT model_calls_kind_check,
           ADD CONSTRAINT model_calls_kind_check CHECK (kind IN ('chat', 'embedding', 'count')),
           DROP CONSTRAINT model_calls_state_check,
           ADD CONSTRAINT model_calls_state_check CHECK (state IN ({_STATES})),
           ADD COLUMN token_id uuid,
           ADD COLUMN request_id text,
           ADD COLUMN attempt smallint NOT NULL DEFAULT 1,
           ADD COLUMN dialect text,
           ADD COLUMN upstream_model text,
           ADD COLUMN host text,
           ADD COLUMN region text,
           ADD COLUMN key_id uuid,
           ADD COLUMN key_fingerprint text,
           ADD COLUMN verdicts text,
           ADD COLUMN prompt_digest bytea,
           ADD COLUMN answer_digest bytea,
           ADD COLUMN status smallint,
           ADD COLUMN code text,
           ADD COLUMN cached_tokens bigint NOT NULL DEFAULT 0,
           ADD COLUMN reasoning_tokens bigint NOT NULL DEFAULT 0,
           ADD COLUMN is_estimated boolean NOT NULL DEFAULT false,
           ADD COLUMN is_priced boolean NOT NULL DEFAULT false,
           ADD COLUMN currency text,
           ADD COLUMN first_byte_ms integer,
           ADD COLUMN total_ms integer"""
    )
