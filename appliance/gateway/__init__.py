"""The one gate: every model call, chat and embedding, is admitted, recorded and settled here.

No audit record, no call: admission and its record are one transaction, and a failure of either means that nothing
is sent. The call itself holds no transaction. Settlement follows in `finally`; what a dead process left open, the
worker's sweep settles as abandoned, at its full reservation.
"""

from appliance.gateway.answering import Answering, ClientGone
from appliance.gateway.endpoints import Endpoint, Patience
from appliance.gateway.flow import Gateway
from appliance.gateway.gate import Asking, Gate
from appliance.gateway.hooks import DataLoss
from appliance.gateway.models import (
    Alias,
    Target,
    allow_model,
    callable_names,
    forbid_model,
    list_aliases,
    list_allowed_models,
    remove_alias,
    set_alias,
)
from appliance.gateway.prices import Prices
from appliance.gateway.reading import Reading
from appliance.gateway.trying import Check, Step, Tried, Trying
from appliance.gateway.values import Asker, Bot, EmbeddingModel, Model, QueryVector, Source, Usage
from appliance.providers.base import ChatRequest, Cited, Delta, Finish, Item, Passage, Turn, Vectors
from appliance.providers.errors import ModelMissing

__all__ = [
    "Alias", "Answering", "Asker", "Asking", "Bot", "ChatRequest", "Check", "Cited", "ClientGone", "DataLoss", "Delta",
    "EmbeddingModel", "Endpoint", "Finish", "Gate", "Gateway", "Item", "Model", "ModelMissing", "Passage", "Patience",
    "Prices", "QueryVector", "Reading", "Source", "Step", "Target", "Tried", "Trying", "Turn", "Usage", "Vectors", "allow_model",
    "callable_names", "forbid_model", "list_aliases", "list_allowed_models", "remove_alias", "set_alias",
]  # fmt: skip
