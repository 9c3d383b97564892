"""Calls that ended, added up by day, so that a page of a year costs what a page of a week does.

Nothing of it is on the way of a call. The worker folds what is old enough to be over: up to the oldest call under way, and
no later than the time after which the sweep takes a process for dead. What is younger, readers add up themselves.
"""

from datetime import timedelta
from typing import Final

from sqlalchemy import text

from appliance.gateway.ledger import ABANDONED_AFTER
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx, in_turn

_MARGIN: Final = ABANDONED_AFTER + timedelta(minutes=1)
_FOLD: Final = text(
    """WITH since AS (SELECT coalesce((SELECT until FROM usage_folded WHERE tenant_id = :tenant), '-infinity') AS at),
       until AS (
         SELECT greatest((SELECT at FROM since), least(:old, coalesce(
           (SELECT min(admitted_at) FROM model_calls WHERE tenant_id = :tenant AND state = 'admitted'), 'infinity'))) AS at
       ), ended AS (
         SELECT (admitted_at AT TIME ZONE 'UTC')::date AS day, model, kind, actor_kind, actor_id, token_id, chatbot_id, currency,
                count(*) AS calls, count(*) FILTER (WHERE state IN ('failed', 'unknown', 'abandoned')) AS failed_calls,
                count(*) FILTER (WHERE is_priced) AS priced_calls, sum(prompt_tokens) AS prompt_tokens,
                sum(answer_tokens) AS answer_tokens, sum(cost_micros) AS cost_micros
         FROM model_calls
         WHERE tenant_id = :tenant AND admitted_at >= (SELECT at FROM since) AND admitted_at < (SELECT at FROM until)
         GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
       ), days AS (
         INSERT INTO usage_days AS u (tenant_id, day, model, kind, actor_kind, actor_id, token_id, chatbot_id, currency, calls,
                                      failed_calls, priced_calls, prompt_tokens, answer_tokens, cost_micros)
         SELECT :tenant, ended.* FROM ended
         ON CONFLICT (tenant_id, day, model, kind, actor_kind, actor_id, token_id, chatbot_id, currency) DO UPDATE
           SET calls = u.calls + excluded.calls, failed_calls = u.failed_calls + excluded.failed_calls,
               priced_calls = u.priced_calls + excluded.priced_calls, prompt_tokens = u.prompt_tokens + excluded.prompt_tokens,
               answer_tokens = u.answer_tokens + excluded.answer_tokens, cost_micros = u.cost_micros + excluded.cost_micros
       ), parts AS (
         INSERT INTO usage_parts AS u (tenant_id, day, part, model, id, currency, calls, failed_calls, priced_calls, prompt_tokens,
                                       answer_tokens, cost_micros)
         SELECT :tenant, e.day, p.part, p.model, p.id, e.currency, sum(e.calls), sum(e.failed_calls), sum(e.priced_calls),
                sum(e.prompt_tokens), sum(e.answer_tokens), sum(e.cost_micros)
         FROM ended e CROSS JOIN LATERAL (VALUES ('model', e.model, NULL::uuid), ('person', NULL, e.actor_id),
                                                 ('key', NULL, e.token_id), ('chatbot', NULL, e.chatbot_id)) AS p (part, model, id)
         GROUP BY e.day, p.part, p.model, p.id, e.currency
         ON CONFLICT (tenant_id, day, part, model, id, currency) DO UPDATE
           SET calls = u.calls + excluded.calls, failed_calls = u.failed_calls + excluded.failed_calls,
               priced_calls = u.priced_calls + excluded.priced_calls, prompt_tokens = u.prompt_tokens + excluded.prompt_tokens,
               answer_tokens = u.answer_tokens + excluded.answer_tokens, cost_micros = u.cost_micros + excluded.cost_micros
       )
       INSERT INTO usage_folded (tenant_id, until) SELECT :tenant, at FROM until WHERE at > '-infinity'
       ON CONFLICT (tenant_id) DO UPDATE SET until = excluded.until"""
)


def fold(tx: Tx, *, clock: Clock) -> None:
    """Add up what ended since the last time."""
    in_turn(tx, "usage")
    tx.execute(_FOLD, {"tenant": tx.tenant_id, "old": clock.now() - _MARGIN})
