"""The door for Anthropic's clients: only base URL and key change. What is asked here passes the gate."""

from flask import Blueprint, Response

from appliance.api import doors
from appliance.gateway import Endpoint

blueprint = Blueprint("anthropic", __name__)


@blueprint.post(Endpoint.MESSAGES.value)
def messages() -> Response:
    """Answer a conversation."""
    return doors.asked(Endpoint.MESSAGES)


@blueprint.post(Endpoint.COUNT_TOKENS.value)
def count_tokens() -> Response:
    """Say how many tokens a conversation has, where its provider counts them."""
    return doors.asked(Endpoint.COUNT_TOKENS)
