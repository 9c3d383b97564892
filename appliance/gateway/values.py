from dataclasses import dataclass
from typing import Literal

from appliance.audit import Actor
from appliance.kernel.ids import TenantId
from appliance.providers.base import Vectors

Kind = Literal["chat", "embedding"]
State = Literal["completed", "failed", "cancelled"]


@dataclass(frozen=True)
class Asker:
    """On whose behalf a model is called, and in which organisation."""

    tenant_id: TenantId
    actor: Actor


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
