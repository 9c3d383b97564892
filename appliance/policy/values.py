from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal
from uuid import UUID

from appliance.identity import GroupId

LOCAL: Final = "local"
EVERY_MODEL: Final = "*"
NO_TOOLS: Final = "none"
"""As a rule's only tool: none may be used."""
TYPED: Final = "type:"
"""Before the type of a tool that is no function of the program's: what the provider runs itself, such as a web search."""


class Term(StrEnum):
    """What a contract with a provider grants."""

    DPA = "dpa"
    BAA = "baa"
    ZERO_RETENTION = "zero_retention"
    NO_TRAINING = "no_training"


class Source(StrEnum):
    """Whose word a verdict is."""

    KEY = "key"
    ALLOWED = "allowed"
    RULE = "rule"
    LABEL = "label"


class Aspect(StrEnum):
    """What of a call a verdict is about."""

    ENDPOINT = "endpoint"
    HOURS = "hours"
    LABELS = "labels"
    MODELS = "models"
    PROVIDERS = "providers"
    REGIONS = "regions"
    TERMS = "terms"
    TOKENS = "answer tokens"
    TOOLS = "tools"


@dataclass(frozen=True)
class Allowed:
    """A provider's model that an organisation lets its people call; `EVERY_MODEL` stands for all of the provider's."""

    provider: str
    model: str


@dataclass(frozen=True)
class Asked:
    """What a request asks for, whichever model it leads to.

    `name` is what it calls the model, `endpoint` where it asks, as keys name both. `answer_tokens` None: it sets no bound;
    -1: nothing is written. `labels` were said by the program, or follow from a chatbot's collections.
    """

    name: str = ""
    endpoint: str = ""
    tools: tuple[str, ...] = ()
    answer_tokens: int | None = -1
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Call:
    """A model call before it is made. `model` is the provider's own name of it."""

    kind: Literal["chat", "embedding", "count"]
    model: str
    is_known: bool
    is_local: bool
    provider: str = LOCAL
    asked: Asked = Asked()


@dataclass(frozen=True)
class Place:
    """Where a call goes: known once a provider's key is borrowed."""

    provider_id: UUID
    base_url: str
    region: str | None


@dataclass(frozen=True)
class Hours:
    """When calls may be made. No weekday named (1 is Monday): on each. Without times: all day. Over midnight if `ends` is the earlier."""

    weekdays: tuple[int, ...] = ()
    starts: str | None = None
    ends: str | None = None
    zone: str | None = None

    @property
    def are_limited(self) -> bool:
        """Say whether there is any time at which nothing may be called."""
        return bool(self.weekdays or self.starts)


@dataclass(frozen=True)
class Limits:
    """What a rule lets pass. An empty list, and None, do not limit."""

    providers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    most_answer_tokens: int | None = None
    hours: Hours = Hours()


@dataclass(frozen=True)
class Rule:
    """Limits of everybody's calls, or of those of a group's people."""

    rule_id: UUID
    name: str
    group_id: GroupId | None
    limits: Limits


@dataclass(frozen=True)
class DataLabel:
    """What is demanded of a provider that is to see what bears this label; `stays`: no provider may."""

    label: str
    terms: tuple[Term, ...] = ()
    stays: bool = False


@dataclass(frozen=True)
class Contract:
    """What a provider grants the organisation, as an administrator read it in a document: `reference` says which."""

    contract_id: UUID
    provider_id: UUID
    provider: str
    base_url: str
    terms: tuple[Term, ...]
    region: str | None
    reference: str
    expires_at: datetime | None
    created_at: datetime | None = None
    created_by: UUID | None = None
    ended_at: datetime | None = None

    def is_in_force(self, now: datetime) -> bool:
        """Return whether it counts now."""
        return self.ended_at is None and (self.expires_at is None or self.expires_at > now)

    def covers(self, place: Place) -> bool:
        """Return whether it is about this provider, at the address that it had when the contract was written down."""
        return (self.provider_id, self.base_url) == (place.provider_id, place.base_url)


@dataclass(frozen=True)
class Rules:
    """All that an organisation says of calls, at once. It changes whenever `version` does, and holds no secret."""

    version: int = 0
    allowed: frozenset[Allowed] = frozenset()
    rules: tuple[Rule, ...] = ()
    labels: Mapping[str, DataLabel] = field(default_factory=dict)
    """By the label in small letters."""
    contracts: tuple[Contract, ...] = ()

    def named(self, labels: Iterable[str]) -> list[str]:
        """Return labels as they were written down here, those of which something is said."""
        return [self.labels[one.casefold()].label for one in labels if one.casefold() in self.labels]

    def in_force(self, place: Place, now: datetime) -> tuple[Contract, ...]:
        """Return the contracts that a call to this place runs under."""
        return tuple(one for one in self.contracts if one.is_in_force(now) and one.covers(place))


@dataclass(frozen=True)
class Verdict:
    """What one rule says of a call, and why: a sentence of `reasons`, with the facts that fill it."""

    source: Source
    aspect: Aspect
    passes: bool
    reason: str
    facts: Mapping[str, str | int] = field(default_factory=dict)
    rule: str = ""

    def __str__(self) -> str:
        return self.reason.format(**self.facts)
