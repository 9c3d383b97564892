"""The settlement of calls: what an organisation's calls used, as many as end at a moment in one transaction."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from appliance import audit, budgets
from appliance.audit import Event, NewEntry, Outcome
from appliance.gateway import metrics
from appliance.gateway.plans import Admitted, Settlement
from appliance.gateway.tables import CallRow
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database
from appliance.kernel.ids import TenantId
from appliance.kernel.questions import Question, ask
from appliance.kernel.rows import as_text, recordset
from appliance.vault.providing import note_error

_LONGEST_CODE: Final = 64
_GOOD: Final = frozenset({"completed", "cancelled"})
_OF_THE_KEY: Final = frozenset({"failed", "unknown"})
_SET: Final = (
    "state", "prompt_tokens", "answer_tokens", "cached_tokens", "reasoning_tokens", "is_estimated", "status", "code",
    "answer_digest", "cost_micros", "is_priced", "currency", "first_byte_ms", "total_ms", "settled_at",
)  # fmt: skip
Ended = tuple[Admitted, Settlement]


class Settling:
    """Settles lots of calls."""

    def __init__(self, db: Database, *, clock: Clock) -> None:
        self._db, self._clock = db, clock

    def __call__(self, tenant_id: TenantId, ended: Sequence[Ended]) -> list[Exception | None]:
        """Replace each reservation by what was used. Those that the sweep settled first are left as they are."""
        # In the order of their ids, as whoever else settles several: so nobody waits for one who waits for them.
        rows = sorted((self._row(*one) for one in ended), key=lambda row: row["call_id"].int)
        with self._db.tenant(tenant_id) as tx:
            settled: set[UUID] = ask(tx, _settling(tenant_id, rows))[0]
            entries, over, left = list[NewEntry](), list[Ended](), list[UUID]()
            for call, end in ended:
                if call.call_id not in settled:
                    left.append(call.call_id)
                    continue
                settled.discard(call.call_id)  # settled twice at once, it is on record once
                entries.append(_entry(call, end))
                over.append((call, end))
            audit.record_all(tx, entries)
            # Counters and then keys, in the order of an admission, so that neither waits for the other.
            budgets.settle_all(tx, [_used(call, end) for call, end in over if call.is_reserved])
            wrong = {call.lent.key_id: end.code for call, end in over if end.code and end.state in _OF_THE_KEY}
            for key_id in sorted(wrong):
                note_error(tx, key_id, wrong[key_id], clock=self._clock)
        for call_id in left:
            metrics.left(call_id)
        for call, end in over:
            metrics.ended(_told(call, end))
        return [None] * len(ended)

    def _row(self, call: Admitted, end: Settlement) -> dict[str, Any]:
        used, micros = end.counted(call.plan), _micros(call, end)
        return {
            "call_id": call.call_id, "state": end.state, "prompt_tokens": used.input, "answer_tokens": used.output,
            "cached_tokens": used.cached, "reasoning_tokens": used.reasoning, "is_estimated": end.used is None,
            "status": end.status, "code": end.code and end.code[:_LONGEST_CODE], "answer_digest": end.answer_digest,
            "cost_micros": micros or 0, "is_priced": micros is not None,
            "currency": call.priced.currency if call.priced else None, "first_byte_ms": end.first_byte_ms,
            "total_ms": end.total_ms, "settled_at": self._clock.now(),
        }  # fmt: skip


def _entry(call: Admitted, end: Settlement) -> NewEntry:
    used, micros = end.counted(call.plan), _micros(call, end)
    facts: dict[str, str | int] = {
        "state": end.state, "prompt_tokens": used.input, "answer_tokens": used.output,
        "cost_micros": -1 if micros is None else micros,
    }  # fmt: skip
    outcome = Outcome.SUCCESS if end.state in _GOOD else Outcome.FAILURE
    return NewEntry(call.plan.caller.actor, Event.CALL_SETTLED, call.call_id, outcome, facts)


def _micros(call: Admitted, end: Settlement) -> int | None:
    """Return what a call costs by the price at which it was admitted, None without one."""
    return call.priced.price.of(end.counted(call.plan)) if call.priced else None


def _used(call: Admitted, end: Settlement) -> budgets.Used:
    used = end.counted(call.plan)
    return budgets.Used(call.call_id, used.input + used.output, _micros(call, end))


def _told(call: Admitted, end: Settlement) -> metrics.Ended:
    plan, used = call.plan, end.counted(call.plan)
    return metrics.Ended(
        plan.caller.tenant_id, call.call_id, plan.endpoint.kind, end.state, call.lent.provider.kind.value,
        plan.target.model, used.input, used.output, plan.endpoint.dialect.value, call.host, end.status, end.code,
        _micros(call, end), end.first_byte_ms, end.total_ms, plan.caller.request_id,
    )  # fmt: skip


def _settling(tenant_id: TenantId, rows: Sequence[Mapping[str, Any]]) -> Question[set[UUID]]:
    """Return what settles the calls of these rows that are open, and says which those were."""
    return Question(_SETTLE, {"tenant": tenant_id, "rows": as_text(rows)}, lambda found: {row.call_id for row in found})


_SETTLE: Final = (
    f"UPDATE model_calls AS call SET {', '.join(f'{name} = ended.{name}' for name in _SET)}"  # noqa: S608 - our own names
    f" FROM {recordset(CallRow)} AS ended WHERE call.tenant_id = %(tenant)s"
    " AND call.call_id = ended.call_id AND call.state = 'admitted' RETURNING call.call_id"
)
