"""Embeds a question by the model that its organisation is searched by, and searches by that, whatever changes meanwhile."""

from collections.abc import Callable
from typing import TypeVar

from appliance.gateway import Asker, Gateway, QueryVector
from appliance.kernel.db import Database, Tx
from appliance.knowledge.indexes import active_model

_Found = TypeVar("_Found")


def ask_index(
    db: Database,
    gateway: Gateway,
    asker: Asker,
    question: str,
    look: Callable[[Tx, QueryVector], _Found],
    *,
    model: str | None = None,
) -> _Found:
    """Return what `look` finds with the question's vector, in a transaction in which that is of the model in force.

    No transaction is open while a model computes. If the index changed its model in between, the question is embedded
    once more. `model` is what was in force a moment ago, where that is known. Raises ModelMissing.
    """
    if model is None:
        with db.tenant(asker.tenant_id) as tx:
            model = active_model(tx).name
    while True:
        vector = gateway.embed_query(asker, question, model=model)
        with db.tenant(asker.tenant_id) as tx:
            model = active_model(tx).name
            if model == vector.model:
                return look(tx, vector)
