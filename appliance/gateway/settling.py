"""The settlement of calls: what an organisation's calls used, as many as end at a moment in one transaction."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from appliance import audit, budgets
from appliance.audit import Event, NewEntry, Outcome
from appliance.gateway import keeping, metrics
from appliance.gateway.plans import Admitted, Settlement
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database
from appliance.kernel.ids import TenantId
from appliance.kernel.questions import Question, ask, is_hope_lost
from appliance.kernel.rows import as_text
from appliance.kernel.sealing import Sealer
from appliance.vault.providing import ProviderKeyId, note_error

_LONGEST_CODE: Final = 64
_GOOD: Final = frozenset({"completed", "cancelled"})
_OF_THE_KEY: Final = frozenset({"failed", "unknown"})
Ended = tuple[Admitted, Settlement]


class Settling:
    """Settles lots of calls."""

    def __init__(self, db: Database, sealer: Sealer, *, clock: Clock) -> None:
        self._db, self._sealer, self._clock = db, sealer, clock

    def __call__(self, tenant_id: TenantId, ended: Sequence[Ended]) -> list[Exception | None]:
        """Replace each reservation by what was used. Those that the sweep settled first are left as they are.

        In the hope that all of them are open, no key is to blame and nothing is kept of what they said, in one trip; else by what the database says.
        """
        over = self._settled_in_hope(tenant_id, ended) or self._settled(tenant_id, ended)
        told = {id(call) for call, _ in over}
        for call, _ in ended:
            if id(call) not in told:
                metrics.left(call.call_id)
        for call, end in over:
            metrics.ended(_told(call, end))
        return [None] * len(ended)

    def _settled_in_hope(self, tenant_id: TenantId, ended: Sequence[Ended]) -> Sequence[Ended]:
        if _to_blame(ended) or any(end.content for _, end in ended):
            return ()
        try:
            with self._db.tenant(tenant_id) as tx:
                ask(
                    tx, self._settling(ended, is_hopeful=True), *budgets.settling_all(_used_of(ended)),
                    *audit.recording(tx, _entries(ended)), ends=True,
                )  # fmt: skip
        except DBAPIError as error:
            if not is_hope_lost(error):
                raise
            return ()
        return ended

    def _settled(self, tenant_id: TenantId, ended: Sequence[Ended]) -> Sequence[Ended]:
        with self._db.tenant(tenant_id) as tx:
            settled: set[UUID] = ask(tx, self._settling(ended, is_hopeful=False))[0]
            over = list[Ended]()
            for call, end in ended:
                if call.call_id in settled:
                    settled.discard(call.call_id)  # settled twice at once, it is on record once
                    over.append((call, end))
            audit.record_all(tx, _entries(over))
            keeping.keep(tx, self._sealer, over, clock=self._clock)
            # Counters and then keys, in the order of an admission, so that neither waits for the other.
            budgets.settle_all(tx, _used_of(over))
            wrong = _to_blame(over)
            for key_id in sorted(wrong):
                note_error(tx, key_id, wrong[key_id], clock=self._clock)
        return over

    def _settling(self, ended: Sequence[Ended], *, is_hopeful: bool) -> Question[set[UUID]]:
        # In the order of their ids, as whoever else settles several: so nobody waits for one who waits for them.
        rows = sorted((self._row(*one) for one in ended), key=lambda row: row["call_id"].int)
        return Question("settle_calls(json, boolean)", (as_text(rows), is_hopeful), lambda found: {*map(UUID, found)})

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


def _entries(ended: Sequence[Ended]) -> list[NewEntry]:
    found = [_found(call, end.found) for call, end in ended if end.found]
    return [*found, *(_entry(*one) for one in ended)]


def _found(call: Admitted, facts: Mapping[str, str | int]) -> NewEntry:
    return NewEntry(call.plan.caller.actor, Event.CALL_TEXT_TREATED, call.call_id, Outcome.SUCCESS, facts)


def _entry(call: Admitted, end: Settlement) -> NewEntry:
    used, micros = end.counted(call.plan), _micros(call, end)
    facts: dict[str, str | int] = {
        "state": end.state, "prompt_tokens": used.input, "answer_tokens": used.output,
        "cost_micros": -1 if micros is None else micros,
    }  # fmt: skip
    outcome = Outcome.SUCCESS if end.state in _GOOD else Outcome.FAILURE
    # From where it was asked, the entry of its admission says, which has the same subject; see decision 0048.
    return NewEntry(call.plan.caller.actor.unplaced, Event.CALL_SETTLED, call.call_id, outcome, facts)


def _micros(call: Admitted, end: Settlement) -> int | None:
    """Return what a call costs by the price at which it was admitted, None without one."""
    return call.priced.price.of(end.counted(call.plan)) if call.priced else None


def _to_blame(ended: Sequence[Ended]) -> dict[ProviderKeyId, str]:
    """Return the keys that something went wrong with, and what."""
    return {call.lent.key_id: end.code for call, end in ended if end.code and end.state in _OF_THE_KEY}


def _used_of(ended: Sequence[Ended]) -> list[budgets.Used]:
    return [_used(call, end) for call, end in ended if call.is_reserved]


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
