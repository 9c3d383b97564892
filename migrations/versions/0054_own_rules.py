"""An organisation's own rules on data: dictionaries, expressions, digests of exact values, and what it allows. phase: expand"""

from alembic import op

from migrations.rls import tenant_table

revision = "0054"
down_revision = "0053"


def upgrade() -> None:
    """Create the tables."""
    tenant_table(
        "dlp_own_rules",
        """key_id uuid NOT NULL,
           sealed bytea NOT NULL,
           version bigint NOT NULL CHECK (version > 0),
           PRIMARY KEY (tenant_id, key_id),
           UNIQUE (tenant_id),
           FOREIGN KEY (tenant_id) REFERENCES organisations (tenant_id)""",
    )
    tenant_table(
        "dlp_own_lists",
        """list_id uuid NOT NULL,
           kind text NOT NULL CHECK (kind IN ('dictionary', 'exact', 'pattern')),
           name text NOT NULL CHECK (length(name) BETWEEN 1 AND 40),
           category text NOT NULL,
           entries integer NOT NULL CHECK (entries > 0),
           sealed bytea NOT NULL,
           changed_by uuid,
           changed_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, list_id),
           FOREIGN KEY (tenant_id) REFERENCES organisations (tenant_id)""",
    )
    op.execute("CREATE UNIQUE INDEX dlp_own_lists_by_name ON dlp_own_lists (tenant_id, kind, name)")
    tenant_table(
        "dlp_allowances",
        """allowance_id uuid NOT NULL,
           value bytea,
           rule text CHECK (length(rule) <= 120),
           document_id uuid,
           collection_id uuid,
           reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
           created_by uuid,
           created_at timestamptz NOT NULL,
           expires_at timestamptz NOT NULL,
           ended_at timestamptz,
           ended_by uuid,
           CHECK (num_nonnulls(value, rule, document_id, collection_id) > 0),
           PRIMARY KEY (tenant_id, allowance_id),
           FOREIGN KEY (tenant_id) REFERENCES organisations (tenant_id)""",
    )
    # Rows stay when what they are about is deleted: those that are over are counted, and the count never falls.
    op.execute("CREATE INDEX dlp_allowances_that_end ON dlp_allowances (tenant_id, expires_at)")
