"""Which models may answer for an organisation's chatbots: those of this host, its aliases, and what it allows of providers."""

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.gateway.models import BOT, aliases, allowed_models, find_target
from appliance.kernel.db import Tx
from appliance.policy import EVERY_MODEL, Allowed


@dataclass(frozen=True)
class ModelChoices:
    """The models that may be chosen. `open_providers`: each of their models may be, by its own name."""

    here: tuple[str, ...]
    aliases: tuple[str, ...]
    allowed: frozenset[Allowed]

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are known by name: of this host, then aliases, then providers' models."""
        named = sorted(f"{one.provider}/{one.model}" for one in self.allowed if one.model != EVERY_MODEL)
        return (*self.here, *self.aliases, *named)

    @property
    def open_providers(self) -> tuple[str, ...]:
        """The providers of which any model may be named."""
        return tuple(sorted(one.provider for one in self.allowed if one.model == EVERY_MODEL))

    def __contains__(self, name: object) -> bool:
        """Say whether a model may be chosen. A chatbot, which another appliance may have behind its door, answers for none."""
        if name in self.here or name in self.aliases:
            return True
        target = find_target(name) if isinstance(name, str) else None
        if target is None or target.model.startswith(BOT):
            return False
        return not self.allowed.isdisjoint({Allowed(target.provider, target.model), Allowed(target.provider, EVERY_MODEL)})


def choices(tx: Tx, here: Sequence[str]) -> ModelChoices:
    """Return what an organisation may choose from. Asking for permission is the caller's part."""
    return ModelChoices(tuple(here), tuple(one.name for one in aliases(tx)), allowed_models(tx))
