"""A call to a provider as it is put on record: before it is made, once it may be, and how it ended."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from appliance.gateway.dialects import TokenCount
from appliance.gateway.endpoints import Endpoint, Way
from appliance.gateway.models import Target
from appliance.gateway.prices import Cost
from appliance.gateway.values import Asker, State
from appliance.identity import Caller
from appliance.vault.providing import Lent


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

    @property
    def asker(self) -> Asker:
        """On whose behalf it is made."""
        return Asker(self.caller.tenant_id, self.caller.actor)


@dataclass(frozen=True)
class Admitted:
    """A call that is on record and may be made, with the key for it."""

    plan: Plan
    call_id: UUID
    lent: Lent
    way: Way
    at: datetime

    @property
    def host(self) -> str:
        """Where it goes."""
        return urlsplit(self.way.url).netloc


@dataclass(frozen=True)
class Settlement:
    """How a call ended. `used` None: the provider did not say, and the reservation stands in its place, or what was `seen`."""

    state: State
    used: TokenCount | None
    status: int | None = None
    code: str | None = None
    answer_digest: bytes | None = None
    cost: Cost | None = None
    first_byte_ms: int | None = None
    total_ms: int = 0
    seen: int = 0
    """At least so many tokens were answered, as far as can be told from the stream."""

    def counted(self, plan: "Plan") -> TokenCount:
        """Return what is charged."""
        return self.used or TokenCount(plan.prompt_tokens, max(plan.answer_tokens, self.seen))

    def priced(self, cost: Cost | None) -> "Settlement":
        """Return it with what the call cost."""
        return replace(self, cost=cost)


NOTHING: Final = TokenCount()
