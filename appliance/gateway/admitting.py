"""The admission of calls: all that an organisation's programs ask at a moment, in one transaction.

Each call is judged by itself, in the order in which they came: policy, budget, key, way, and what the caller of `admit` has
to say. A refusal is on record in the same transaction and takes nobody with it; nothing is sent before the commit.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from appliance import audit, budgets, identity, policy
from appliance.audit import Event, NewEntry, Outcome
from appliance.gateway.endpoints import Way, way_to
from appliance.gateway.ledger import refusal_entry
from appliance.gateway.models import allowed_asked
from appliance.gateway.plans import Admitted, Plan
from appliance.gateway.tables import CallRow
from appliance.identity import Caller, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import TenantId, new_id
from appliance.kernel.questions import ask
from appliance.kernel.rows import insertion
from appliance.policy import Allowed
from appliance.vault import Vault
from appliance.vault.providing import Lender, Lent

Check = Callable[[Lent, Way], None]


@dataclass(frozen=True)
class Asked:
    """A call that is to be admitted. `check` is asked last, with the key and the way, and may raise a Refusal."""

    plan: Plan
    check: Check


class Admission:
    """Admits lots of calls."""

    def __init__(self, db: Database, vault: Vault, *, clock: Clock) -> None:
        self._db, self._vault, self._clock = db, vault, clock

    def __call__(self, tenant_id: TenantId, asked: Sequence[Asked]) -> list[Admitted | Exception]:
        """Return for each call that it is admitted, or why not."""
        found: list[Admitted | Exception] = []
        try:
            with self._db.tenant(tenant_id) as tx, Lender(tx, self._vault, clock=self._clock) as lender:
                lot = self._begun(tx, lender, asked)
                found += map(lot.judged, asked)
                ask(tx, *insertion(CallRow, lot.rows), *audit.recording(tenant_id, lot.entries), *lender.counted())
        except BaseException:
            for one in found:
                if isinstance(one, Admitted):
                    one.lent.secret.wipe()
            raise
        return found


    def _begun(self, tx: Tx, lender: Lender, asked: Sequence[Asked]) -> "_Lot":
        now = self._clock.now()
        standing, allowed, limit, used, *_ = ask(
            tx, identity.standing_of(tx.tenant_id, _tokens(asked), now), allowed_asked(tx.tenant_id),
            *budgets.Purse.asked(tx.tenant_id, now), *lender.asked(one.plan.target.provider for one in asked),
        )  # fmt: skip
        standing.touch(tx)
        return _Lot(standing.callers, allowed, budgets.Purse(limit, used), lender, self._clock)


@dataclass
class _Lot:
    """Calls that are admitted together, and what is to be written of them."""

    callers: Mapping[UUID, Caller | Exception]
    allowed: frozenset[Allowed]
    purse: budgets.Purse
    lender: Lender
    clock: Clock
    rows: list[dict[str, Any]] = field(default_factory=list)
    entries: list[NewEntry] = field(default_factory=list)

    def judged(self, asked: Asked) -> Admitted | Exception:
        """Return the call as admitted, or what speaks against it. Raises what stops the database."""
        plan = asked.plan
        try:
            plan = self._as_now(plan)
            call, reserved = self._admitted(plan, asked.check)
        except SQLAlchemyError:
            raise
        except Refusal as refusal:
            self.entries.append(refusal_entry(plan.asker, refusal, model=str(plan.target)))
            return refusal
        except Exception as error:  # noqa: BLE001 - it is told to this call's program alone
            return error
        self.rows.append(_row(call, reserved))
        self.entries.append(_entry(call))
        return call

    def _as_now(self, plan: Plan) -> Plan:
        """Return the plan with its caller as the database says now. Raises what says that nobody may ask any more."""
        asked = plan.caller
        if asked.token_id is None:
            return plan
        caller = self.callers[asked.token_id]
        if isinstance(caller, Exception):
            raise caller
        identity.require(caller, Permission.MODEL_CALL)
        return replace(plan, caller=replace(caller, address=asked.address, request_id=asked.request_id))

    def _admitted(self, plan: Plan, check: Check) -> tuple[Admitted, int]:
        target, kind = plan.target, plan.endpoint.kind
        asked = policy.Call(kind, target.model, is_known=True, is_local=False, provider=target.provider)
        policy.decide(asked, self.allowed)
        reserved = self.purse.take(plan.prompt_tokens + plan.answer_tokens)
        try:
            lent = self.lender.lend(target.provider)
            try:
                way = way_to(lent.provider, target.model, plan.endpoint)
                check(lent, way)
            except BaseException:
                self.lender.give_back(lent)
                raise
        except BaseException:
            self.purse.give_back(reserved)
            raise
        return Admitted(plan, new_id(), lent, way, self.clock.now()), reserved


def _tokens(asked: Sequence[Asked]) -> set[UUID]:
    return {one.plan.caller.token_id for one in asked if one.plan.caller.token_id is not None}


def _row(call: Admitted, reserved: int) -> dict[str, Any]:
    plan, lent = call.plan, call.lent
    return {
        "tenant_id": plan.caller.tenant_id, "call_id": call.call_id, "kind": plan.endpoint.kind,
        "model": str(plan.target)[:200], "provider": plan.target.provider, "actor_kind": plan.caller.actor.kind.value,
        "actor_id": plan.caller.actor.id, "state": "admitted", "reserved_tokens": reserved, "admitted_at": call.at,
        "token_id": plan.caller.token_id, "request_id": plan.caller.request_id, "attempt": plan.attempt,
        "dialect": call.way.dialect.value, "upstream_model": plan.target.model, "host": call.host,
        "region": lent.provider.region, "key_id": lent.key_id, "key_fingerprint": lent.fingerprint,
        "verdicts": plan.verdicts, "prompt_digest": plan.prompt_digest,
    }  # fmt: skip


def _entry(call: Admitted) -> NewEntry:
    plan = call.plan
    facts = {
        "kind": plan.endpoint.kind, "model": str(plan.target), "host": call.host, "key": call.lent.fingerprint,
        "token": str(plan.caller.token_id or ""),
    }  # fmt: skip
    return NewEntry(plan.caller.actor, Event.CALL_ADMITTED, call.call_id, Outcome.SUCCESS, facts)
