"""A call to a provider as it is put on record: before it is made, once it may be, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from appliance import budgets, policy
from appliance.gateway.content import Content
from appliance.gateway.dialects import TokenCount
from appliance.gateway.endpoints import Endpoint, Way
from appliance.gateway.guarding import Treated
from appliance.gateway.models import Target
from appliance.gateway.prices import Priced
from appliance.gateway.values import Asker, State
from appliance.identity import Caller
from appliance.policy import Asked, Contract
from appliance.vault.providing import Lent


@dataclass(frozen=True)
class Plan:
    """A call before it is made. `prompt_tokens` and `answer_tokens` are estimates, and what is reserved."""

    caller: Caller
    endpoint: Endpoint
    target: Target
    asked: Asked
    prompt_tokens: int
    answer_tokens: int
    prompt_digest: bytes
    verdicts: str
    attempt: int
    alias: str | None = None
    chatbot_id: UUID | None = None
    """The chatbot that is answered for, if it is one that asks."""

    @property
    def asker(self) -> Asker:
        """On whose behalf it is made."""
        return Asker.of(self.caller, chatbot_id=self.chatbot_id)

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
    contracts: tuple[Contract, ...] = ()
    labels: tuple[str, ...] = ()
    priced: Priced | None = None
    warned: tuple[budgets.Warned, ...] = ()
    is_reserved: bool = False
    """Whether a budget holds something for it."""
    treated: Treated | None = field(default=None, repr=False)
    """The request as the policy on data lets it go, and what its answer is looked through by."""
    kept_days: int = 0
    """For how long the organisation keeps what is said; 0 for not at all."""

    @property
    def host(self) -> str:
        """Where it goes."""
        return urlsplit(self.way.url).netloc

    def said(self, request: bytes, answer: bytes) -> Content | None:
        """Return what is to be kept of this request and its answer, if anything is."""
        return Content.of(request, answer) if self.kept_days else None


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
    found: Mapping[str, str | int] | None = None
    """What was done about what was found in the answer, by category and number."""
    content: Content | None = field(default=None, repr=False)
    """What was said, where the organisation keeps it."""

    def counted(self, plan: "Plan") -> TokenCount:
        """Return what is charged."""
        return self.used or TokenCount(plan.prompt_tokens, max(plan.answer_tokens, self.seen))


NOTHING: Final = TokenCount()
