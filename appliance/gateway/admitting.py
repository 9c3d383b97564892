"""The admission of calls: all that an organisation's programs ask at a moment, in one transaction.

Each call is judged by itself, in the order in which they came: rules, key, way, what the caller of `admit` has to say, and budgets last.
A refusal is on record in the same transaction and takes nobody with it; nothing is sent before the commit.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from appliance import audit, budgets, dlp, identity, policy, tenancy
from appliance.audit import Event, NewEntry, Outcome
from appliance.dlp.policies import policy_asked
from appliance.gateway import metrics
from appliance.gateway.endpoints import Way, way_to
from appliance.gateway.guarding import Standing, Treated
from appliance.gateway.ledger import refusal_entry
from appliance.gateway.plans import Admitted, Plan
from appliance.gateway.prices import Prices
from appliance.gateway.rules import admit_by, admit_place
from appliance.gateway.tables import CallRow
from appliance.identity import Caller, Permission
from appliance.identity.values import UNLIMITED
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import TenantId, new_id
from appliance.kernel.questions import ask, is_hope_lost
from appliance.kernel.rows import insertion
from appliance.policy import Rules
from appliance.vault import Vault
from appliance.vault.providing import Lender, Lent

_DOUBT_SECONDS: Final = 1.0
_MOST_DOUBTS: Final = 10_000
Check = Callable[[Lent, Way, Standing], Treated | None]


@dataclass(frozen=True)
class Asked:
    """A call that is to be admitted. `check` is asked last, with the key, the way and what holds for its texts; it may raise a Refusal."""

    plan: Plan
    check: Check


class Admission:
    """Admits lots of calls."""

    def __init__(self, db: Database, vault: Vault, prices: Prices, *, clock: Clock, tally: identity.Tally) -> None:
        self._db, self._vault, self._prices, self._clock, self._tally = db, vault, prices, clock, tally
        self._doubts: dict[TenantId, float] = {}

    def __call__(self, tenant_id: TenantId, asked: Sequence[Asked]) -> list[Admitted | Exception]:
        """Return for each call that it is admitted, or why not.

        Written in the hope that the budgets hold all of it: in two trips. If they do not, nothing was written, and who
        is refused is found out in one more; for a second the organisation's next lots are written without hope.
        """
        if time.monotonic() >= self._doubts.get(tenant_id, 0.0):
            try:
                return self._admitted(tenant_id, asked, is_hopeful=True)
            except DBAPIError as error:
                if not is_hope_lost(error):
                    raise
                if len(self._doubts) >= _MOST_DOUBTS:
                    self._doubts.clear()
                self._doubts[tenant_id] = time.monotonic() + _DOUBT_SECONDS
        return self._admitted(tenant_id, asked, is_hopeful=False)

    def _admitted(self, tenant_id: TenantId, asked: Sequence[Asked], *, is_hopeful: bool) -> list[Admitted | Exception]:
        found: list[Admitted | Exception] = []
        try:
            with self._db.tenant(tenant_id) as tx, Lender(tx, self._vault, clock=self._clock) as lender:
                lot = self._begun(tx, lender, asked)
                found += map(lot.judged, asked)
                lot.write(found, is_hopeful=is_hopeful)
        except BaseException:
            for one in found:
                if isinstance(one, Admitted):
                    one.lent.secret.wipe()
            raise
        for one in found:
            if isinstance(one, Admitted):
                metrics.began(one.call_id)
            elif isinstance(one, Refusal):
                metrics.refused(one)
        return found

    def _begun(self, tx: Tx, lender: Lender, asked: Sequence[Asked]) -> "_Lot":
        tokens = _tokens(asked)
        telling = self._tally.telling(tokens)
        standing, rules, kept_days, on_data, *_ = ask(
            tx, identity.standing_of(tx.tenant_id, tokens, self._clock.now()), policy.loading(), tenancy.days_kept(), policy_asked(),
            *lender.asked(one.plan.target.provider for one in asked), *([telling] if telling else []),
        )  # fmt: skip
        standing.touch(tx)
        return _Lot(tx, standing.callers, rules, self._prices, lender, self._clock, kept_days, on_data)


@dataclass
class _Lot:
    """Calls that are admitted together, and what is to be written of them."""

    tx: Tx
    callers: Mapping[UUID, Caller | Exception]
    rules: Rules
    prices: Prices
    lender: Lender
    clock: Clock
    kept_days: int
    on_data: dlp.Policy
    refusals: list[NewEntry] = field(default_factory=list)

    def judged(self, asked: Asked) -> Admitted | Exception:
        """Return the call as admitted, or what speaks against it. Raises what stops the database."""
        plan = asked.plan
        try:
            plan = self._as_now(plan)
            return self._admitted(plan, asked.check)
        except SQLAlchemyError:
            raise
        except Refusal as refusal:
            return self._refused(plan, refusal)
        except Exception as error:  # noqa: BLE001 - it is told to this call's program alone
            return error

    def write(self, found: list[Admitted | Exception], *, is_hopeful: bool) -> None:
        """Reserve for the calls and put them on record; a refusal takes the place of each that no budget is left for.

        In hope, all in the trip that commits: it fails if the budgets have anything else to say than that all is held.
        """
        if not is_hopeful:
            self._reserve(found)
        calls = {place: one for place, one in enumerate(found) if isinstance(one, Admitted)}
        charges = {place: _charge(call) for place, call in calls.items()}
        entries = [*self.refusals, *map(_entry, calls.values()), *filter(None, map(_treated, calls.values()))]
        rows = [_row(call, charges[place]) for place, call in calls.items()]
        answers, *_ = ask(
            self.tx, budgets.reserving(list(charges.values()) if is_hopeful else (), self.clock.now(), is_hopeful=True),
            *insertion(CallRow, rows), *audit.recording(self.tx, entries), *self.lender.counted(), ends=True,
        )  # fmt: skip
        for number, (place, call) in enumerate(calls.items() if is_hopeful else ()):
            found[place] = _reserved(call, budgets.reserved_of(answers, number))

    def _reserve(self, found: list[Admitted | Exception]) -> None:
        calls = {place: one for place, one in enumerate(found) if isinstance(one, Admitted)}
        charges = [(call.plan.caller.actor, _charge(call)) for call in calls.values()]
        answers = budgets.reserve_all(self.tx, charges, clock=self.clock)
        for (place, call), reserved in zip(calls.items(), answers, strict=True):
            if isinstance(reserved, Refusal):
                self.lender.give_back(call.lent)
                found[place] = self._refused(call.plan, reserved)
            else:
                found[place] = _reserved(call, reserved)

    def _refused(self, plan: Plan, refusal: Refusal) -> Refusal:
        self.refusals.append(refusal_entry(plan.asker, refusal, model=str(plan.target)))
        return refusal

    def _as_now(self, plan: Plan) -> Plan:
        """Return the plan with its caller as the database says now. Raises what says that nobody may ask any more."""
        asked = plan.caller
        if asked.token_id is None:
            return plan
        caller = identity.placed(self.callers[asked.token_id], asked.address or "")
        if plan.chatbot_id is None:
            identity.require(caller, Permission.MODEL_CALL)
        else:  # a key is for a chatbot, or not; which model answers for that is not the key's to say
            identity.require(caller, Permission.CHAT)
            caller = replace(caller, limits=UNLIMITED)
        return replace(plan, caller=replace(caller, address=asked.address, request_id=asked.request_id))

    def _admitted(self, plan: Plan, check: Check) -> Admitted:
        target, kind, now = plan.target, plan.endpoint.kind, self.clock.now()
        asked = policy.Call(kind, target.model, is_known=True, is_local=False, provider=target.provider, asked=plan.asked)
        admit_by(self.rules, plan.caller, asked, now)
        lent = self.lender.lend(target.provider)
        try:
            contracts = admit_place(self.rules, plan.caller, asked, lent.provider, now)
            way = way_to(lent.provider, target.model, plan.endpoint)
            labels, priced = tuple(self.rules.named(plan.asked.labels)), self.prices.find(target)
            kept_days = 0 if plan.chatbot_id else self.kept_days  # its conversations are kept, or not, by themselves
            treated = check(lent, way, _standing(self.on_data, labels, plan.caller, lent, contracts))
        except BaseException:
            self.lender.give_back(lent)
            raise
        return Admitted(plan, new_id(), lent, way, now, contracts, labels, priced, treated=treated, kept_days=kept_days)


def _standing(
    on_data: dlp.Policy, labels: Collection[str], caller: Caller, lent: Lent, contracts: Sequence[policy.Contract]
) -> Standing:
    region = lent.provider.region or next((one.region for one in contracts if one.region), None)
    terms = frozenset(term.value for one in contracts for term in one.terms)
    return Standing(on_data, frozenset(labels), frozenset(caller.groups), is_local=False, terms=terms, region=region)


def _treated(call: Admitted) -> NewEntry | None:
    facts = call.treated.facts if call.treated else None
    return NewEntry(call.plan.caller.actor, Event.CALL_TEXT_TREATED, call.call_id, Outcome.SUCCESS, facts) if facts else None


def _reserved(call: Admitted, reserved: budgets.Reserved) -> Admitted:
    return replace(call, warned=reserved.warned, is_reserved=reserved.is_held)


def _charge(call: Admitted) -> budgets.Charge:
    plan, priced = call.plan, call.priced
    micros = priced.price.at_most(plan.prompt_tokens, plan.answer_tokens) if priced else None
    currency = priced.currency if priced else None
    tokens = plan.prompt_tokens + plan.answer_tokens
    return budgets.Charge(call.call_id, plan.asker.payer, plan.models, tokens, micros, currency)


def _tokens(asked: Sequence[Asked]) -> set[UUID]:
    return {one.plan.caller.token_id for one in asked if one.plan.caller.token_id is not None}


def _row(call: Admitted, charge: budgets.Charge) -> dict[str, Any]:
    plan, lent = call.plan, call.lent
    return {
        "tenant_id": plan.caller.tenant_id, "call_id": call.call_id, "kind": plan.endpoint.kind,
        "model": str(plan.target)[:200], "provider": plan.target.provider, "actor_kind": plan.caller.actor.kind.value,
        "actor_id": plan.caller.actor.id, "state": "admitted", "reserved_tokens": charge.tokens, "reserved_micros": charge.micros,
        "currency": charge.currency, "alias": plan.alias, "admitted_at": call.at,
        "token_id": plan.caller.token_id, "chatbot_id": plan.chatbot_id, "request_id": plan.caller.request_id, "attempt": plan.attempt,
        "dialect": call.way.dialect.value, "upstream_model": plan.target.model, "host": call.host,
        "region": lent.provider.region, "key_id": lent.key_id, "key_fingerprint": lent.fingerprint,
        "verdicts": (call.treated and call.treated.verdict) or plan.verdicts, "prompt_digest": plan.prompt_digest, "labels": list(call.labels),
        "contract_ids": [one.contract_id for one in call.contracts],
        "contract_terms": sorted({term.value for one in call.contracts for term in one.terms}),
    }  # fmt: skip


def _entry(call: Admitted) -> NewEntry:
    plan = call.plan
    facts = {
        "kind": plan.endpoint.kind, "model": str(plan.target), "host": call.host, "key": call.lent.fingerprint,
        "token": str(plan.caller.token_id or ""), "labels": ", ".join(call.labels),
        "contracts": " ".join(str(one.contract_id) for one in call.contracts),
    }  # fmt: skip
    if plan.chatbot_id:
        facts["chatbot"] = str(plan.chatbot_id)
    return NewEntry(plan.caller.actor, Event.CALL_ADMITTED, call.call_id, Outcome.SUCCESS, facts)
