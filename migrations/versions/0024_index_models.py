"""From one embedding model to another: how far the filling of the second one's vectors is. phase: expand

A row of `vector_indexes` is the model that is searched by (active), one whose vectors are made beside it (filling,
failed), or one whose vectors are no longer needed and go (retiring).
"""

from alembic import op

from migrations.rls import as_doors, door

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Add what a change has to remember."""
    op.execute(
        """ALTER TABLE vector_indexes DROP CONSTRAINT vector_indexes_state_check,
             ADD CONSTRAINT vector_indexes_state_check CHECK (state IN ('active', 'filling', 'failed', 'retiring')),
             ADD COLUMN embedded bigint NOT NULL DEFAULT 0,
             ADD COLUMN began_at timestamptz,
             ADD COLUMN began_with bigint NOT NULL DEFAULT 0,
             ADD COLUMN filled_at timestamptz,
             ADD COLUMN reason_code text"""
    )
    op.execute(
        "CREATE UNIQUE INDEX vector_indexes_changing ON vector_indexes (tenant_id) WHERE state IN ('filling', 'failed')"
    )
    op.execute("GRANT CREATE ON SCHEMA cloister TO cloister_doors")  # needed to own functions; taken back below
    as_doors("DROP FUNCTION count_passages(bigint)")
    door("count_passages_2.sql", "count_passages(bigint)", roles=["cloister_migrator"])
    door("models_in_use.sql", "models_in_use()", roles=["cloister_worker"])
    op.execute("REVOKE CREATE ON SCHEMA cloister FROM cloister_doors")
