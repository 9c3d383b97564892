"""What is on record of a call to a provider: admitted in one transaction before a byte leaves, settled once.

The admission asks policy and budget, borrows the key and writes the audit entry; if any of them refuses, or the
database does, nothing is sent. The settlement is written before the last bytes of the answer go out.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import update

from appliance import audit, budgets, policy
from appliance.audit import Event, Outcome
from appliance.gateway import metrics
from appliance.gateway.dialects import TokenCount
from appliance.gateway.endpoints import Endpoint, Way, way_to
from appliance.gateway.ledger import record_refusal
from appliance.gateway.models import Target, allowed_models
from appliance.gateway.prices import Priced, Prices
from appliance.gateway.tables import CallRow
from appliance.gateway.values import Asker, State
from appliance.identity import Caller
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import new_id
from appliance.vault import Vault
from appliance.vault.providing import Lent, lend, note_error

_LONGEST_CODE: Final = 64


@dataclass(frozen=True)
class Plan:
    """A call before it is made. `prompt_tokens` and `answer_tokens` are estimates, and what is reserved."""

    caller: Caller
    endpoint: Endpoint
    target: Target
    prompt_tokens: int
    answer_tokens: int
    prompt_digest: bytes
    verdicts: str
    attempt: int
    alias: str | None = None

    @property
    def asker(self) -> Asker:
        """On whose behalf it is made."""
        return Asker.of(self.caller)

    @property
    def models(self) -> tuple[str, ...]:
        """The names under which its model may have a budget."""
        target = self.target
        named = (str(target), f"{target.provider}/{policy.EVERY_MODEL}", self.alias)
        return tuple(dict.fromkeys(one for one in named if one))


@dataclass(frozen=True)
class Admitted:
    """A call that is on record and may be made, with the key for it. What it costs goes by the price of this moment."""

    plan: Plan
    call_id: UUID
    lent: Lent
    way: Way
    at: datetime
    priced: Priced | None = None
    warned: tuple[budgets.Warned, ...] = ()


@dataclass(frozen=True)
class Settlement:
    """How a call ended. `used` None: the provider did not say, and the reservation stands in its place, or what was `seen`."""

    state: State
    used: TokenCount | None
    status: int | None = None
    code: str | None = None
    answer_digest: bytes | None = None
    first_byte_ms: int | None = None
    total_ms: int = 0
    seen: int = 0
    """At least so many tokens were answered, as far as can be told from the stream."""

    def counted(self, plan: "Plan") -> TokenCount:
        """Return what is charged."""
        return self.used or TokenCount(plan.prompt_tokens, max(plan.answer_tokens, self.seen))


NOTHING: Final = TokenCount()


class Record:
    """Opens its own transactions, none of them over a call."""

    def __init__(self, db: Database, vault: Vault, prices: Prices, *, clock: Clock) -> None:
        self._db, self._vault, self._prices, self._clock = db, vault, prices, clock

    def admit(self, plan: Plan, check: Callable[[Lent, Way], None]) -> Admitted:
        """Return the call once it is on record. Raises a Refusal, which is on record then.

        `check` is asked last, with the key and the way, and may raise a Refusal.
        """
        try:
            with self._db.tenant(plan.caller.tenant_id) as tx:
                call = self._admitted(tx, plan, check)
        except Refusal as refusal:
            self.refuse(plan.asker, refusal, model=str(plan.target))
            raise
        metrics.began(call.call_id)
        return call

    def refuse(self, asker: Asker, refusal: Refusal, *, model: str) -> None:
        """Record that nothing was sent."""
        record_refusal(self._db, asker, refusal, model=model)

    def settle(self, call: Admitted, end: Settlement) -> None:
        """Replace the reservation by what was used, and keep what went wrong with the key. The second changes nothing."""
        plan = call.plan
        used = end.counted(plan)
        micros = call.priced.price.of(used) if call.priced else None
        with self._db.tenant(plan.caller.tenant_id) as tx:
            # In the order of an admission, so that neither waits for the other: the key's row, then the budgets' counters.
            if end.code and end.state in {"failed", "unknown"}:
                note_error(tx, call.lent.key_id, end.code, clock=self._clock)
            settled = tx.execute(
                update(CallRow)
                .where(CallRow.tenant_id == tx.tenant_id, CallRow.call_id == call.call_id, CallRow.state == "admitted")
                .values(
                    state=end.state, prompt_tokens=used.input, answer_tokens=used.output, cached_tokens=used.cached,
                    reasoning_tokens=used.reasoning, is_estimated=end.used is None, status=end.status,
                    code=end.code and end.code[:_LONGEST_CODE], answer_digest=end.answer_digest,
                    cost_micros=micros or 0, is_priced=micros is not None, first_byte_ms=end.first_byte_ms,
                    total_ms=end.total_ms, settled_at=self._clock.now(),
                )
                .returning(CallRow.call_id, budgets.settling(CallRow.call_id, tokens=used.input + used.output, micros=micros))
            ).first()  # fmt: skip
            if settled is None:
                metrics.left(call.call_id)
                return  # The sweep got there first.
            audit.record(
                tx, plan.caller.actor, Event.CALL_SETTLED, subject=call.call_id, state=end.state,
                outcome=Outcome.SUCCESS if end.state in {"completed", "cancelled"} else Outcome.FAILURE,
                prompt_tokens=used.input, answer_tokens=used.output, cost_micros=-1 if micros is None else micros,
            )  # fmt: skip
        metrics.ended(_ended(call, end, micros))

    def _admitted(self, tx: Tx, plan: Plan, check: Callable[[Lent, Way], None]) -> Admitted:
        target, kind = plan.target, plan.endpoint.kind
        asked = policy.Call(kind, target.model, is_known=True, is_local=False, provider=target.provider)
        policy.decide(asked, allowed_models(tx))
        lent = lend(tx, self._vault, target.provider, clock=self._clock)
        try:
            way = way_to(lent.provider, target.model, plan.endpoint)
            check(lent, way)
            call = Admitted(plan, new_id(), lent, way, self._clock.now(), self._prices.find(target))
            charge = _charge(call)
            tx.add(_row(tx, call, charge))
            tx.flush()
            audit.record(
                tx, plan.caller.actor, Event.CALL_ADMITTED, subject=call.call_id, kind=kind, model=str(target),
                host=_host(way), key=lent.fingerprint, token=str(plan.caller.token_id or ""),
            )  # fmt: skip
            reserved = budgets.reserve(tx, plan.caller.actor, charge, clock=self._clock)
        except BaseException:
            lent.secret.wipe()
            raise
        return replace(call, warned=reserved.warned)


def _charge(call: Admitted) -> budgets.Charge:
    plan, priced = call.plan, call.priced
    micros = priced.price.at_most(plan.prompt_tokens, plan.answer_tokens) if priced else None
    currency = priced.currency if priced else None
    tokens = plan.prompt_tokens + plan.answer_tokens
    return budgets.Charge(call.call_id, plan.asker.payer, plan.models, tokens, micros, currency)


def _ended(call: Admitted, end: Settlement, micros: int | None) -> metrics.Ended:
    plan, used = call.plan, end.counted(call.plan)
    return metrics.Ended(
        plan.caller.tenant_id, call.call_id, plan.endpoint.kind, end.state, call.lent.provider.kind.value,
        plan.target.model, used.input, used.output, plan.endpoint.dialect.value, _host(call.way), end.status, end.code,
        micros, end.first_byte_ms, end.total_ms, plan.caller.request_id,
    )  # fmt: skip


def _row(tx: Tx, call: Admitted, charge: budgets.Charge) -> CallRow:
    plan, lent = call.plan, call.lent
    return CallRow(
        tenant_id=tx.tenant_id, call_id=call.call_id, kind=plan.endpoint.kind, model=str(plan.target)[:200],
        provider=plan.target.provider, actor_kind=plan.caller.actor.kind, actor_id=plan.caller.actor.id,
        state="admitted", reserved_tokens=charge.tokens, reserved_micros=charge.micros, currency=charge.currency,
        alias=plan.alias, admitted_at=call.at, token_id=plan.caller.token_id,
        request_id=plan.caller.request_id, attempt=plan.attempt, dialect=call.way.dialect.value,
        upstream_model=plan.target.model, host=_host(call.way), region=lent.provider.region, key_id=lent.key_id,
        key_fingerprint=lent.fingerprint, verdicts=plan.verdicts, prompt_digest=plan.prompt_digest,
    )  # fmt: skip


def _host(way: Way) -> str:
    return urlsplit(way.url).netloc
