"""What is on record of a call to a provider: admitted in one transaction before a byte leaves, settled once.

The admission asks policy and budget, borrows the key and writes the audit entry; if any of them refuses, or the
database does, nothing is sent. The settlement is written before the last bytes of the answer go out. Calls of an
organisation that come while another's transaction is under way share the next one (`admitting.py`, `settling.py`).
"""

from appliance.gateway.admitting import Admission, Asked, Check
from appliance.gateway.ledger import record_refusal
from appliance.gateway.plans import NOTHING, Admitted, Plan, Settlement
from appliance.gateway.prices import Prices
from appliance.gateway.settling import Settling
from appliance.gateway.values import Asker
from appliance.kernel.batches import Batches
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import TenantId
from appliance.vault import Vault

__all__ = ["NOTHING", "Admitted", "Plan", "Record", "Settlement"]


class Record:
    """Opens its own transactions, none of them over a call."""

    def __init__(self, db: Database, vault: Vault, prices: Prices, *, clock: Clock) -> None:
        self._db = db
        self._admitting: Batches[TenantId, Asked, Admitted] = Batches(Admission(db, vault, prices, clock=clock))
        self._settling: Batches[TenantId, tuple[Admitted, Settlement], None] = Batches(Settling(db, clock=clock))

    def admit(self, plan: Plan, check: Check) -> Admitted:
        """Return the call once it is on record. Raises a Refusal, which is on record then.

        `check` is asked last, with the key and the way, and may raise a Refusal.
        """
        return self._admitting.do(plan.caller.tenant_id, Asked(plan, check))

    def refuse(self, asker: Asker, refusal: Refusal, *, model: str) -> None:
        """Record that nothing was sent."""
        record_refusal(self._db, asker, refusal, model=model)

    def settle(self, call: Admitted, end: Settlement) -> None:
        """Replace the reservation by what was used, and keep what went wrong with the key. The second changes nothing."""
        self._settling.do(call.plan.caller.tenant_id, (call, end))
