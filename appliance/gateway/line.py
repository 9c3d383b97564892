"""The line to providers, which programs and chatbots share: who waits, what is on record, and whom to leave alone for a moment."""

from collections.abc import Sequence

from appliance.gateway.attempts import Attempts
from appliance.gateway.breaker import Breaker
from appliance.gateway.calls import Calls
from appliance.gateway.endpoints import Patience
from appliance.gateway.hooks import Hook
from appliance.gateway.inspecting import Inspector
from appliance.gateway.naming import Naming
from appliance.gateway.pacing import Pacing
from appliance.gateway.prices import Prices
from appliance.gateway.record import Record
from appliance.gateway.signing import Signer
from appliance.identity import Tally
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database
from appliance.kernel.egress import Egress
from appliance.vault import Vault


class Line:
    """One of a process. `process` names whoever serves here, now and after a restart."""

    def __init__(
        self, db: Database, vault: Vault, egress: Egress, *, hooks: Sequence[Hook], prices: Prices, clock: Clock,
        patience: Patience, tally: Tally, inspector: Inspector, process: str,
    ) -> None:  # fmt: skip
        self.hooks = tuple(hooks)
        self.prices, self.inspector = prices, inspector
        self.naming, self.pacing = Naming(db), Pacing(db, process=process)
        self.record = Record(db, vault, prices, clock=clock, tally=tally)
        attempts = Attempts(self.record, egress, Breaker(), Signer(egress, clock, patience))
        self.calls = Calls(self.record, attempts, self.hooks, inspector)
