from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol
from uuid import UUID

from appliance.audit import Actor
from appliance.budgets import Payer
from appliance.identity import Caller
from appliance.kernel.db import Tx
from appliance.kernel.ids import TenantId
from appliance.providers.base import Turn, Vectors

Kind = Literal["chat", "embedding", "count"]
LabelsOf = Callable[[Tx, Collection[str]], Sequence[str]]
"""Which of an organisation's data labels something has."""
State = Literal["completed", "failed", "cancelled", "unknown"]


NO_PAYER: Final = Payer()


@dataclass(frozen=True)
class Asker:
    """On whose behalf a model is called, in which organisation, and on whom it counts. A chatbot's call names the chatbot."""

    tenant_id: TenantId
    actor: Actor
    payer: Payer = NO_PAYER
    chatbot_id: UUID | None = None

    @classmethod
    def of(cls, caller: Caller, *, chatbot_id: UUID | None = None) -> "Asker":
        """Return a caller as an asker."""
        return cls(caller.tenant_id, caller.actor, Payer.of(caller), chatbot_id)


@dataclass(frozen=True)
class Model:
    """A chat model of the catalogue; what is asked of a local one stays on this host."""

    name: str
    is_local: bool


@dataclass(frozen=True)
class EmbeddingModel:
    """A model that texts can be embedded with; without its files on this host it cannot be asked."""

    name: str
    dimension: int
    is_installed: bool


@dataclass(frozen=True)
class QueryVector:
    """A question's vector, and the model that it is of: it can be compared with that model's vectors alone."""

    model: str
    values: Vectors


@dataclass(frozen=True)
class Usage:
    """What a month used."""

    calls: int
    prompt_tokens: int
    answer_tokens: int


@dataclass(frozen=True)
class Bot:
    """A chatbot as it is asked for: `bot:<slug>`."""

    slug: str
    name: str
    model: str


@dataclass(frozen=True)
class Source:
    """Where a chatbot's answer stands: characters of a document, at a page if it has pages."""

    number: int
    document_id: UUID | None
    title: str
    heading: str
    page: int | None
    quote: str


class Bots(Protocol):
    """Chatbots, asked on behalf of whoever a key belongs to. They live above the gate, which is given them."""

    def find(self, caller: Caller) -> list[Bot]:
        """Return those that the caller can ask."""
        ...

    def ask(
        self, caller: Caller, slug: str, question: str, history: Sequence[Turn], labels: tuple[str, ...] = (), counted_tokens: int = 0
    ) -> Generator[str | Source, None, None]:
        """Return pieces of the answer, and the sources as they are cited. Raises a Refusal, before anything is asked.

        `counted_tokens`: as how many tokens the call was counted at the door, among those of a minute.
        """
        ...

    def labels(self, caller: Caller, slug: str, known: Collection[str]) -> list[str]:
        """Return which of some data labels a chatbot has, by the documents that it answers somebody from."""
        ...
