"""What a call may do: limits of keys, rules of organisations and groups, data labels, contracts. phase: expand

A contract's row stays when it has ended: calls on record name the contracts that they ran under.
"""

from alembic import op

from migrations.rls import tenant_table

revision = "0033"
down_revision = "0032"

_TEXTS = "text[] NOT NULL DEFAULT '{}'"
_TERMS = "ARRAY['dpa', 'baa', 'zero_retention', 'no_training']"


def upgrade() -> None:
    """Create the lists, and say on each call what it ran under."""
    op.execute(
        f"""ALTER TABLE api_tokens
           ADD COLUMN models {_TEXTS}, ADD COLUMN endpoints {_TEXTS}, ADD COLUMN networks {_TEXTS},
           ADD COLUMN misplaced_at timestamptz"""
    )
    _rules()
    tenant_table(
        "data_labels",
        f"""label text NOT NULL CHECK (length(label) BETWEEN 1 AND 40),
           terms text[] NOT NULL CHECK (terms <@ {_TERMS}),
           stays boolean NOT NULL,
           PRIMARY KEY (tenant_id, label)""",
    )
    op.execute("CREATE UNIQUE INDEX data_labels_folded ON data_labels (tenant_id, lower(label))")
    op.execute("CREATE INDEX documents_labelled ON documents (tenant_id, collection_id) WHERE labels <> '{}'")
    _contracts()
    tenant_table("rules_versions", "version bigint NOT NULL, PRIMARY KEY (tenant_id)", grants="SELECT, INSERT, UPDATE")
    op.execute(
        f"ALTER TABLE model_calls ADD COLUMN labels {_TEXTS}, ADD COLUMN contract_terms {_TEXTS},"
        " ADD COLUMN contract_ids uuid[] NOT NULL DEFAULT '{}'"
    )


def _rules() -> None:
    tenant_table(
        "call_rules",
        f"""rule_id uuid NOT NULL,
           name text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
           group_id uuid,
           providers {_TEXTS}, models {_TEXTS}, regions {_TEXTS}, tools {_TEXTS}, labels {_TEXTS},
           most_answer_tokens bigint CHECK (most_answer_tokens BETWEEN 1 AND 10000000),
           weekdays smallint[] NOT NULL DEFAULT '{{}}' CHECK (weekdays <@ ARRAY[1, 2, 3, 4, 5, 6, 7]::smallint[]),
           starts text CHECK (starts ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'),
           ends text CHECK (ends ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'),
           zone text,
           created_by uuid,
           created_at timestamptz NOT NULL,
           changed_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, rule_id),
           FOREIGN KEY (tenant_id, group_id) REFERENCES groups ON DELETE CASCADE,
           CHECK ((starts IS NULL) = (ends IS NULL)),
           CHECK (zone IS NOT NULL OR (starts IS NULL AND weekdays = '{{}}'))""",
    )
    op.execute("CREATE INDEX call_rules_of_groups ON call_rules (tenant_id, group_id)")


def _contracts() -> None:
    tenant_table(
        "provider_contracts",
        f"""contract_id uuid NOT NULL,
           provider_id uuid NOT NULL,
           provider text NOT NULL,
           base_url text NOT NULL,
           terms text[] NOT NULL CHECK (terms <@ {_TERMS}),
           region text CHECK (length(region) BETWEEN 1 AND 60),
           reference text NOT NULL CHECK (length(reference) BETWEEN 1 AND 500),
           expires_at timestamptz,
           created_by uuid,
           created_at timestamptz NOT NULL,
           ended_at timestamptz,
           reminded_at timestamptz,
           PRIMARY KEY (tenant_id, contract_id)""",
        grants="SELECT, INSERT, UPDATE",
    )
    op.execute("CREATE INDEX contracts_in_force ON provider_contracts (tenant_id) WHERE ended_at IS NULL")
