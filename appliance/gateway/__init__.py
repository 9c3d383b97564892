"""The one gate: every model call, chat and embedding, is admitted, recorded and settled here.

No audit record, no call: admission and its record are one transaction, and a failure of either means that nothing
is sent. The call itself holds no transaction. Settlement follows in `finally`; what a dead process left open, the
worker's sweep settles as abandoned, at its full reservation.
"""

from appliance.gateway.flow import Gateway
from appliance.gateway.values import Asker, EmbeddingModel, Model, QueryVector, Usage
from appliance.providers.base import ChatRequest, Cited, Delta, Finish, Item, Passage, Turn, Vectors
from appliance.providers.errors import ModelMissing

__all__ = [
    "Asker", "ChatRequest", "Cited", "Delta", "EmbeddingModel", "Finish", "Gateway", "Item", "Model", "ModelMissing",
    "Passage", "QueryVector", "Turn", "Usage", "Vectors",
]  # fmt: skip
