"""The door for OpenAI's clients: only base URL and key change. What is asked here passes the gate."""

from flask import Blueprint, Response

from appliance.api import doors
from appliance.api.errors import NoSuchEndpoint
from appliance.gateway import Endpoint

blueprint = Blueprint("openai", __name__)


@blueprint.post(Endpoint.CHAT_COMPLETIONS.value)
def chat_completions() -> Response:
    """Answer a chat."""
    return doors.asked(Endpoint.CHAT_COMPLETIONS)


@blueprint.post(Endpoint.RESPONSES.value)
def responses() -> Response:
    """Answer a chat of the newer form; nothing is stored."""
    return doors.asked(Endpoint.RESPONSES)


@blueprint.post(Endpoint.EMBEDDINGS.value)
def embeddings() -> Response:
    """Return vectors of texts."""
    return doors.asked(Endpoint.EMBEDDINGS)


@blueprint.get("/v1/models")
def models() -> Response:
    """List what can be asked; Anthropic's clients read it in their own form."""
    return doors.models()


@blueprint.route("/v1/<path:_rest>", methods=["DELETE", "GET", "PATCH", "POST", "PUT"])
def nothing(_rest: str) -> Response:
    """Say what there is, in the form that the client reads."""
    return doors.refused(NoSuchEndpoint())


@blueprint.get("/v1/models/<path:name>")
def model(name: str) -> Response:
    """Tell of one model."""
    return doors.models(name)
