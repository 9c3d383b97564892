from dataclasses import dataclass
from typing import Literal

from appliance.audit import Actor
from appliance.kernel.ids import TenantId

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
class Usage:
    """What a month used."""

    calls: int
    prompt_tokens: int
    answer_tokens: int
