"""Functions of what is asked and written at every call. phase: expand"""

from pathlib import Path

from alembic import op

from migrations.rls import RUNTIME

revision = "0041"
down_revision = "0040"

_FUNCTIONS = Path(__file__).parents[1] / "sql" / "functions" / "calls_in_few_trips.sql"
_SIGNATURES = (
    "callers_of_tokens(uuid[])", "own_provider(text, timestamptz)", "own_data_key(integer)", "call_rules_in_force()",
    "days_calls_are_kept()",
    "reserve_all_in_budgets(jsonb, timestamptz, timestamptz, boolean)",
    "settle_all_in_budgets(uuid[], bigint[], bigint[])", "settle_calls(json, boolean)",
    "count_key_uses(uuid[], bigint[], integer, timestamptz)",
)  # fmt: skip


def upgrade() -> None:
    """Create them, for the roles that serve."""
    op.execute(_FUNCTIONS.read_text())
    for signature in _SIGNATURES:
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {', '.join(RUNTIME)}")
