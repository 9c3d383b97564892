"""Weights of the models behind a name, and how many requests tokens made, by process. phase: expand"""

from pathlib import Path

from alembic import op

from migrations.rls import RUNTIME, tenant_table

revision = "0043"
down_revision = "0042"

_FUNCTION = Path(__file__).parents[1] / "sql" / "functions" / "token_rates.sql"
_SIGNATURE = "share_token_rates(uuid[], integer[], text, bigint)"


def upgrade() -> None:
    """Add the column, the counts, and the function by which processes tell each other of them."""
    # Without a weight a model is tried in its turn, as before.
    op.execute("ALTER TABLE model_aliases ADD COLUMN weight integer CHECK (weight BETWEEN 1 AND 1000)")
    tenant_table(
        "token_rates",
        """token_id uuid NOT NULL,
           process text NOT NULL,
           minute bigint NOT NULL,
           requests integer NOT NULL CHECK (requests >= 0),
           PRIMARY KEY (tenant_id, token_id, process)""",
    )
    # Changed once a second: room on the page, so that no index has to follow.
    op.execute("ALTER TABLE token_rates SET (fillfactor = 50)")
    op.execute(_FUNCTION.read_text())
    op.execute(f"REVOKE ALL ON FUNCTION {_SIGNATURE} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {_SIGNATURE} TO {', '.join(RUNTIME)}")
