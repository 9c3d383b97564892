from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

from appliance.policy.errors import ModelNotAllowed

LOCAL: Final = "local"
EVERY_MODEL: Final = "*"


@dataclass(frozen=True)
class Allowed:
    """A provider's model that an organisation lets its people call; `EVERY_MODEL` stands for all of the provider's."""

    provider: str
    model: str


@dataclass(frozen=True)
class Call:
    """A model call before it is made. `model` is the provider's own name of it."""

    kind: Literal["chat", "embedding", "count"]
    model: str
    is_known: bool
    is_local: bool
    provider: str = LOCAL


def decide(call: Call, allowed: Collection[Allowed] = ()) -> None:
    """Raise ModelNotAllowed unless every rule lets the call pass; the refusal names the rule.

    Deny by default: a model that is not in the catalogue does not pass, nor one that would leave this host unless the
    organisation allows that provider's model.
    """
    if not call.is_known:
        raise ModelNotAllowed(model=call.model, rule="no such model is configured")
    if call.is_local:
        return
    if {Allowed(call.provider, call.model), Allowed(call.provider, EVERY_MODEL)}.isdisjoint(allowed):
        rule = f"{call.provider}/{call.model} is not among the models that the organisation allows"
        raise ModelNotAllowed(model=call.model, rule=rule)
