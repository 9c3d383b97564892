"""What is on record of a call to a provider: admitted in one transaction before a byte leaves, settled once.

The admission asks policy and budget, borrows the key and writes the audit entry; if any of them refuses, or the
database does, nothing is sent. The settlement is written before the last bytes of the answer go out. Calls of an
organisation that come while another's transaction is under way share the next one (`admitting.py`, `settling.py`).
"""

import time
from typing import Final

from appliance.gateway.admitting import Admission, Asked, Check
from appliance.gateway.ledger import record_refusal
from appliance.gateway.plans import NOTHING, Admitted, Plan, Settlement
from appliance.gateway.prices import Prices
from appliance.gateway.settling import Settling
from appliance.gateway.values import Asker
from appliance.identity import Tally
from appliance.kernel.batches import Batches
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, DatabaseBusy, DatabaseUnavailable
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import TenantId
from appliance.vault import Vault

__all__ = ["NOTHING", "Admitted", "Plan", "Record", "Settlement"]
_AGAIN_AFTER: Final = (0.05, 0.2, 0.5, 1.0, 2.0)
"""Seconds. An answer has been paid for: a database that is back in a moment is waited for, before it is thrown away."""


class Record:
    """Opens its own transactions, none of them over a call."""

    def __init__(self, db: Database, vault: Vault, prices: Prices, *, clock: Clock, tally: Tally) -> None:
        self._db = db
        self._admitting: Batches[TenantId, Asked, Admitted] = Batches(Admission(db, vault, prices, clock=clock, tally=tally))
        self._settling: Batches[TenantId, tuple[Admitted, Settlement], None] = Batches(Settling(db, vault, clock=clock))

    def admit(self, plan: Plan, check: Check) -> Admitted:
        """Return the call once it is on record. Raises a Refusal, which is on record then.

        `check` is asked last, with the key, the way and what holds for its texts, and may raise a Refusal.
        """
        return self._admitting.do(plan.caller.tenant_id, Asked(plan, check))

    def refuse(self, asker: Asker, refusal: Refusal, *, model: str) -> None:
        """Record that nothing was sent."""
        record_refusal(self._db, asker, refusal, model=model)

    def settle(self, call: Admitted, end: Settlement) -> None:
        """Replace the reservation by what was used, and keep what went wrong with the key. The second changes nothing.

        So it is tried again while the database is away or busy, for some seconds. Raises DatabaseUnavailable, DatabaseBusy after that.
        """
        for seconds in _AGAIN_AFTER:
            try:
                return self._settling.do(call.plan.caller.tenant_id, (call, end))
            except (DatabaseBusy, DatabaseUnavailable):
                time.sleep(seconds)
        return self._settling.do(call.plan.caller.tenant_id, (call, end))
