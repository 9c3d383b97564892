"""Budgets of money and tokens with counters, limits of rate, and what calls used by day. phase: expand

The table `budgets` of before is copied and read no more; it stays until the next release, so that the version before can
be put back with the limit it had.
"""

from pathlib import Path

from alembic import op

from migrations.rls import RUNTIME, every_tenant, tenant_table

revision = "0034"
down_revision = "0033"

_FUNCTIONS = Path(__file__).parents[1] / "sql" / "functions" / "budgets.sql"


def upgrade() -> None:
    """Create the tables and the two functions that keep the counters; take over what was set and used."""
    _budgets()
    _counters()
    _limits()
    _usage()
    op.execute(
        """ALTER TABLE model_calls
           ADD COLUMN reserved_micros bigint CHECK (reserved_micros >= 0),
           ADD COLUMN alias text,
           ADD COLUMN chatbot_id uuid"""
    )
    _take_over()


def _budgets() -> None:
    tenant_table(
        "budget_limits",
        """budget_id uuid NOT NULL,
           name text NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
           subject_kind text NOT NULL CHECK (subject_kind IN ('organisation', 'group', 'person', 'key', 'model')),
           subject_id uuid,
           subject_name text,
           unit text NOT NULL CHECK (unit IN ('tokens', 'money')),
           currency text CHECK (currency ~ '^[A-Z]{3}$'),
           period text NOT NULL CHECK (period IN ('day', 'month')),
           soft_limit bigint CHECK (soft_limit BETWEEN 0 AND 1000000000000000),
           hard_limit bigint CHECK (hard_limit BETWEEN 0 AND 1000000000000000),
           unpriced text NOT NULL DEFAULT 'refused' CHECK (unpriced IN ('refused', 'passed')),
           set_by uuid NOT NULL,
           set_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, budget_id),
           CHECK ((subject_kind = 'model') = (subject_name IS NOT NULL)),
           CHECK (subject_kind <> 'group' OR subject_id IS NOT NULL),
           CHECK (subject_kind NOT IN ('organisation', 'model') OR subject_id IS NULL),
           CHECK ((unit = 'money') = (currency IS NOT NULL)),
           CHECK (soft_limit IS NOT NULL OR hard_limit IS NOT NULL)""",
    )
    op.execute(
        """CREATE UNIQUE INDEX budget_limits_once ON budget_limits
             (tenant_id, subject_kind, subject_id, subject_name, unit, currency, period) NULLS NOT DISTINCT"""
    )


def _counters() -> None:
    tenant_table(
        "budget_counters",
        """budget_id uuid NOT NULL,
           subject_id uuid NOT NULL,
           period_from timestamptz NOT NULL,
           reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
           used bigint NOT NULL DEFAULT 0 CHECK (used >= 0),
           warned_by uuid,
           told_at timestamptz,
           PRIMARY KEY (tenant_id, budget_id, subject_id, period_from),
           FOREIGN KEY (tenant_id, budget_id) REFERENCES budget_limits (tenant_id, budget_id) ON DELETE CASCADE""",
    )
    # Changed with every call: room on the page for the new version, so that no index has to follow.
    op.execute("ALTER TABLE budget_counters SET (fillfactor = 50)")
    op.execute(
        "CREATE INDEX budget_counters_to_tell ON budget_counters (tenant_id) WHERE warned_by IS NOT NULL AND told_at IS NULL"
    )
    # No foreign key: a share lock on the budget's row for each call would be dearer than a row that is left over.
    tenant_table(
        "budget_reservations",
        """call_id uuid NOT NULL,
           budget_id uuid NOT NULL,
           subject_id uuid NOT NULL,
           period_from timestamptz NOT NULL,
           amount bigint NOT NULL CHECK (amount >= 0),
           PRIMARY KEY (tenant_id, call_id, budget_id, subject_id)""",
    )
    op.execute(_FUNCTIONS.read_text())
    for signature in (
        "reserve_in_budgets(uuid, text[], uuid[], text[], bigint, bigint, text, timestamptz, timestamptz)",
        "settle_in_budgets(uuid, bigint, bigint)",
    ):
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {', '.join(RUNTIME)}")


def _limits() -> None:
    tenant_table(
        "call_limits",
        """limit_id uuid NOT NULL,
           subject_kind text NOT NULL CHECK (subject_kind IN ('organisation', 'person', 'key')),
           subject_id uuid,
           requests_per_minute integer CHECK (requests_per_minute BETWEEN 0 AND 1000000),
           tokens_per_minute bigint CHECK (tokens_per_minute BETWEEN 0 AND 1000000000000),
           at_once integer CHECK (at_once BETWEEN 0 AND 100000),
           set_by uuid NOT NULL,
           set_at timestamptz NOT NULL,
           PRIMARY KEY (tenant_id, limit_id),
           CHECK (subject_kind <> 'organisation' OR subject_id IS NULL),
           CHECK (requests_per_minute IS NOT NULL OR tokens_per_minute IS NOT NULL OR at_once IS NOT NULL)""",
    )
    op.execute(
        "CREATE UNIQUE INDEX call_limits_once ON call_limits (tenant_id, subject_kind, subject_id) NULLS NOT DISTINCT"
    )


def _usage() -> None:
    tenant_table(
        "usage_days",
        """day date NOT NULL,
           model text NOT NULL,
           kind text NOT NULL,
           actor_kind text NOT NULL,
           actor_id uuid,
           token_id uuid,
           chatbot_id uuid,
           currency text,
           calls bigint NOT NULL,
           failed_calls bigint NOT NULL,
           priced_calls bigint NOT NULL,
           prompt_tokens bigint NOT NULL,
           answer_tokens bigint NOT NULL,
           cost_micros bigint NOT NULL""",
    )
    op.execute(
        """CREATE UNIQUE INDEX usage_days_once ON usage_days
             (tenant_id, day, model, kind, actor_kind, actor_id, token_id, chatbot_id, currency) NULLS NOT DISTINCT"""
    )
    op.execute("CREATE INDEX usage_days_by_actor ON usage_days (tenant_id, actor_id, day)")
    # The same, once for each model, person, key and chatbot: few rows for a page that shows them beside each other.
    tenant_table(
        "usage_parts",
        """day date NOT NULL,
           part text NOT NULL CHECK (part IN ('model', 'person', 'key', 'chatbot')),
           model text,
           id uuid,
           currency text,
           calls bigint NOT NULL,
           failed_calls bigint NOT NULL,
           priced_calls bigint NOT NULL,
           prompt_tokens bigint NOT NULL,
           answer_tokens bigint NOT NULL,
           cost_micros bigint NOT NULL""",
    )
    op.execute(
        """CREATE UNIQUE INDEX usage_parts_once ON usage_parts (tenant_id, day, part, model, id, currency)
             NULLS NOT DISTINCT"""
    )
    tenant_table("usage_folded", "until timestamptz NOT NULL, PRIMARY KEY (tenant_id)")
    op.execute("CREATE INDEX model_calls_by_actor ON model_calls (tenant_id, actor_id, admitted_at)")


def _take_over() -> None:
    with every_tenant("budgets", "budget_limits", "budget_counters", "model_calls"):
        op.execute(
            """INSERT INTO budget_limits (tenant_id, budget_id, name, subject_kind, unit, period, hard_limit, set_by, set_at)
               SELECT tenant_id, gen_random_uuid(), 'Organisation', 'organisation', 'tokens', 'month', monthly_tokens, set_by, set_at
               FROM budgets"""
        )
        op.execute(
            """INSERT INTO budget_counters (tenant_id, budget_id, subject_id, period_from, used)
               SELECT b.tenant_id, b.budget_id, '00000000-0000-0000-0000-000000000000', date_trunc('month', now(), 'UTC'),
                      coalesce(sum(CASE WHEN c.state = 'admitted' THEN c.reserved_tokens ELSE c.prompt_tokens + c.answer_tokens END), 0)
               FROM budget_limits b LEFT JOIN model_calls c
                 ON c.tenant_id = b.tenant_id AND c.admitted_at >= date_trunc('month', now(), 'UTC')
               GROUP BY b.tenant_id, b.budget_id"""
        )
