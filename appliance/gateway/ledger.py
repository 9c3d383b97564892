"""The rows behind the gate: admitted once, settled once."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select, update

from appliance import audit, budgets, policy
from appliance.audit import Actor, ActorKind, Event, NewEntry, Outcome
from appliance.gateway import metrics, usage
from appliance.gateway.tables import CallRow
from appliance.gateway.usage import Span
from appliance.gateway.values import Asker, Kind, LabelsOf, State, Usage
from appliance.kernel.clock import Clock
from appliance.kernel.days import Days
from appliance.kernel.db import Database, Tx
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import new_id

ABANDONED_AFTER = timedelta(minutes=15)


def admit(
    db: Database, asker: Asker, *, kind: Kind, call: policy.Call, tokens: int, clock: Clock,
    labels: LabelsOf = lambda _tx, _known: (),
) -> UUID:  # fmt: skip
    """Record the call and reserve its tokens in one transaction, or raise a Refusal, which is recorded too."""
    try:
        with db.tenant(asker.tenant_id) as tx:
            rules = policy.load(tx) if kind == "chat" else policy.Rules()
            borne = tuple(dict.fromkeys(rules.named(labels(tx, list(rules.labels))))) if rules.labels else ()
            call = replace(call, asked=replace(call.asked, labels=borne))
            policy.decide(policy.judge(call, rules, groups=asker.payer.group_ids, now=clock.now()), call)
            call_id = new_id()
            tx.add(
                CallRow(
                    tenant_id=tx.tenant_id,
                    call_id=call_id,
                    kind=kind,
                    model=call.model,
                    provider="local" if call.is_local else "remote",
                    actor_kind=asker.actor.kind,
                    actor_id=asker.actor.id,
                    state="admitted",
                    reserved_tokens=tokens,
                    reserved_micros=0,
                    admitted_at=clock.now(),
                    labels=list(borne),
                    token_id=asker.payer.token_id,
                    chatbot_id=asker.chatbot_id,
                )
            )
            tx.flush()
            audit.record(tx, asker.actor, Event.CALL_ADMITTED, subject=call_id, kind=kind, model=call.model)
            charge = budgets.Charge(call_id, asker.payer, (call.model,), tokens, micros=0)
            budgets.reserve(tx, asker.actor, charge, clock=clock)
    except Refusal as refusal:
        record_refusal(db, asker, refusal, model=call.model)
        raise
    metrics.began(call_id)
    return call_id


def record_refusal(db: Database, asker: Asker, refusal: Refusal, *, model: str) -> None:
    """Record that a call was refused, in a transaction of its own: the refused one rolled back."""
    with db.tenant(asker.tenant_id) as tx:
        audit.record_all(tx, [refusal_entry(asker, refusal, model=model)])
    metrics.refused(refusal)


def refusal_entry(asker: Asker, refusal: Refusal, *, model: str) -> NewEntry:
    """Return what is recorded of a refusal."""
    facts = {"code": refusal.code, "model": model[:100], "rule": str(refusal.facts.get("rule", ""))[:120]}
    return NewEntry(asker.actor, Event.CALL_REFUSED, outcome=Outcome.REFUSED, facts=facts)


def settle(
    db: Database, asker: Asker, call_id: UUID, *, state: State, prompt_tokens: int, answer_tokens: int, clock: Clock
) -> None:
    """Replace the reservation by what was used. The second of two settlements changes nothing."""
    with db.tenant(asker.tenant_id) as tx:
        settled = tx.execute(
            update(CallRow)
            .where(CallRow.tenant_id == tx.tenant_id, CallRow.call_id == call_id, CallRow.state == "admitted")
            .values(state=state, prompt_tokens=prompt_tokens, answer_tokens=answer_tokens, settled_at=clock.now())
            .returning(
                CallRow.kind, CallRow.model,
                budgets.settling(CallRow.call_id, tokens=prompt_tokens + answer_tokens, micros=0),
            )
        ).first()  # fmt: skip
        if settled is None:
            metrics.left(call_id)
            return  # The sweep got there first.
        audit.record(
            tx,
            asker.actor.unplaced,
            Event.CALL_SETTLED,
            subject=call_id,
            outcome=Outcome.FAILURE if state == "failed" else Outcome.SUCCESS,
            state=state,
            prompt_tokens=prompt_tokens,
            answer_tokens=answer_tokens,
        )
    metrics.ended(
        metrics.Ended(
            asker.tenant_id, call_id, settled.kind, state, metrics.LOCAL, settled.model, prompt_tokens, answer_tokens,
            request_id=asker.actor.request_id,
        )
    )  # fmt: skip


def sweep(tx: Tx, *, clock: Clock) -> int:
    """Settle calls whose process died, at their full reservation; return how many."""
    now = clock.now()
    left = tx.scalars(
        select(CallRow.call_id)
        .where(
            CallRow.tenant_id == tx.tenant_id, CallRow.state == "admitted", CallRow.admitted_at < now - ABANDONED_AFTER
        )
        .order_by(CallRow.call_id)
        .with_for_update(skip_locked=True)  # who holds one is settling it
    ).all()
    if not left:
        return 0
    budgets.hold_still(tx, left)
    settled = tx.execute(
        update(CallRow)
        .where(CallRow.tenant_id == tx.tenant_id, CallRow.call_id.in_(left))
        .values(
            state="abandoned", prompt_tokens=CallRow.reserved_tokens, is_estimated=True, settled_at=now,
            cost_micros=func.coalesce(CallRow.reserved_micros, 0), is_priced=CallRow.currency.is_not(None),
        )
        .returning(
            CallRow.call_id, CallRow.prompt_tokens, CallRow.cost_micros, CallRow.is_priced,
            budgets.settling(CallRow.call_id, tokens=None, micros=None),
        )
    ).all()  # fmt: skip
    for call in settled:
        audit.record(
            tx, Actor(ActorKind.SYSTEM), Event.CALL_SETTLED, subject=call.call_id, outcome=Outcome.FAILURE,
            state="abandoned", prompt_tokens=call.prompt_tokens, answer_tokens=0,
            cost_micros=call.cost_micros if call.is_priced else -1,
        )  # fmt: skip
    return len(left)


def month_usage(tx: Tx, *, clock: Clock) -> Usage:
    """Return what ended calls of this calendar month used (UTC)."""
    total = usage.total(tx, Span.of_month(clock))
    return Usage(total.calls, total.prompt_tokens, total.answer_tokens)


def tokens_by_day(tx: Tx, *, days: int, clock: Clock) -> Days:
    """Return how many tokens were used on each of the last days. Asking for permission is the caller's part."""
    found = usage.by_day(tx, Span.of_last(days, clock=clock))
    return tuple((day, used.tokens) for day, used in found)


def people_by_day(tx: Tx, *, days: int, clock: Clock) -> Days:
    """Return for how many different people a model answered on each of the last days; who only searched is none."""
    span = Span.of_last(days, clock=clock)
    counted = dict(usage.askers_by_day(tx, span))
    return tuple((day, counted.get(day, 0)) for day in span.days)


def count_people(tx: Tx, *, days: int, clock: Clock) -> int:
    """Return for how many different people a model answered in the last days: fewer than the sum of the days."""
    return usage.count_askers(tx, Span.of_last(days, clock=clock))
