"""GET /v1/models, as each vendor's clients read it."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from appliance import policy
from appliance.gateway.answering import JSON, Answering
from appliance.gateway.dialects import Dialect
from appliance.gateway.dialects.sse import write_json
from appliance.gateway.errors import ModelNotFound
from appliance.gateway.models import BOT, aliases
from appliance.gateway.values import Bot, EmbeddingModel
from appliance.identity import Caller
from appliance.kernel.db import Tx
from appliance.policy import EVERY_MODEL, LOCAL

# When a model was made is known to its provider; the vendors' clients need a number there, and read nothing into 0.
_NO_TIME: Final = 0
_NO_DATE: Final = "1970-01-01T00:00:00Z"


def listed(
    tx: Tx, caller: Caller, dialect: Dialect, bots: Sequence[Bot], embedders: Sequence[EmbeddingModel], *, name: str | None
) -> Answering:
    """Return the list, or the model of this name. Raises ModelNotFound.

    A provider whose models are all allowed is not listed: which models it has, it knows itself. What the key, or a rule
    on models or providers, lets nobody ask for is not listed either.
    """
    rules = policy.load(tx)

    def may_ask(names: Collection[str], provider: str | None = None) -> bool:
        return policy.may_ask(names, provider, rules, groups=caller.groups, limits=caller.limits)

    found = {
        one.name: (one.name, "cloister") for one in aliases(tx)
        if any(may_ask((one.name, str(target)), target.provider) for target in one.targets)
    }  # fmt: skip
    found |= {
        f"{one.provider}/{one.model}": (one.model, one.provider)
        for one in sorted(rules.allowed, key=lambda one: (one.provider, one.model))
        if one.model != EVERY_MODEL and may_ask((f"{one.provider}/{one.model}",), one.provider)
    }
    found |= {one.name: (one.name, "cloister") for one in embedders if one.is_installed and may_ask((one.name, f"{LOCAL}/{one.name}"))}
    found |= {f"{BOT}{one.slug}": (one.name, "cloister") for one in bots if may_ask((f"{BOT}{one.slug}",))}
    if name is not None:
        if name not in found:
            raise ModelNotFound
        return Answering(200, write_json(_entry(dialect, name, *found[name])), {"Content-Type": JSON})
    entries = [_entry(dialect, model, *told) for model, told in found.items()]
    return Answering(200, write_json(_list(dialect, entries)), {"Content-Type": JSON})


def _entry(dialect: Dialect, name: str, shown: str, owner: str) -> dict[str, Any]:
    if dialect is Dialect.MESSAGES:
        return {"type": "model", "id": name, "display_name": shown, "created_at": _NO_DATE}
    return {"id": name, "object": "model", "created": _NO_TIME, "owned_by": owner}


def _list(dialect: Dialect, entries: list[dict[str, Any]]) -> dict[str, Any]:
    if dialect is Dialect.MESSAGES:
        ids = [str(one["id"]) for one in entries]
        ends = {"first_id": ids[0] if ids else None, "last_id": ids[-1] if ids else None}
        return {"data": entries, "has_more": False} | ends
    return {"object": "list", "data": entries}
