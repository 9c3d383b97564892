from dataclasses import dataclass
from typing import Literal

from appliance.policy.errors import ModelNotAllowed


@dataclass(frozen=True)
class Call:
    """A model call before it is made."""

    kind: Literal["chat", "embedding"]
    model: str
    is_known: bool
    is_local: bool


def decide(call: Call) -> None:
    """Raise ModelNotAllowed unless every rule lets the call pass; the refusal names the rule.

    Deny by default: a model that is not in the catalogue, or that would leave this host, does not pass.
    """
    if not call.is_known:
        raise ModelNotAllowed(model=call.model, rule="no such model is configured")
    if not call.is_local:
        raise ModelNotAllowed(model=call.model, rule="only models on this host are allowed")
