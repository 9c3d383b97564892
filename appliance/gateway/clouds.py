"""Models at Amazon Bedrock and at Google Vertex: where they are asked, and what of a request their form has otherwise.

Claude is asked in Anthropic's messages at both: Bedrock's InvokeModel
(https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html) and Vertex's rawPredict
(https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude). There the address names the model, and
the body says a version. Models that Bedrock offers by its own Converse alone are asked in that, into which Anthropic's messages
are put. All other models are asked in OpenAI's chat at the address that each of the two has for it.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from appliance.gateway.cloud_embeddings import family_of
from appliance.gateway.dialects import AnswerUnreadable, Dialect, write_json
from appliance.gateway.dialects.messages_to_converse.request import cross_request as messages_into_converse
from appliance.gateway.errors import EndpointUnsupported
from appliance.gateway.requests import Parsed
from appliance.vault.providing import ProviderKind

CLOUDS: Final = frozenset({ProviderKind.BEDROCK, ProviderKind.VERTEX})
_LATEST_SHARED: Final = "2023-06-01"  # what is the same at both under a name of their own
# A region's prefix may stand before the publisher: us.amazon.nova-pro-v1:0.
_CONVERSE: Final = re.compile(r"(?:[a-z-]+\.)?(?:ai21|amazon|cohere|meta|mistral|writer)\..+")
_VERSIONS: Final = {ProviderKind.BEDROCK: "bedrock-2023-05-31", ProviderKind.VERTEX: "vertex-2023-10-16"}


@dataclass(frozen=True)
class CloudRequest:
    """A request in a cloud's form: its path behind the host, or on Vertex behind project and region, and its body."""

    path: str
    body: bytes
    is_wrapped: bool = False
    """The answer's stream comes in AWS's event stream."""


def dialect_of(kind: ProviderKind, model: str) -> Dialect:
    """Return in which dialect a cloud's model is asked. Converse is what Anthropic's messages are put into at last."""
    return Dialect.MESSAGES if _is_claude(kind, model) or speaks_converse(kind, model) else Dialect.CHAT


def _is_claude(kind: ProviderKind, model: str) -> bool:
    """Say whether a model is Claude. An ARN of one's own does not say whose model it is: Claude's."""
    if kind is ProviderKind.VERTEX:
        return model.startswith("claude")
    return "anthropic." in model or model.startswith("arn:")


def speaks_converse(kind: ProviderKind, model: str) -> bool:
    """Say whether Bedrock offers a model by Converse alone."""
    return kind is ProviderKind.BEDROCK and _CONVERSE.fullmatch(model) is not None


def check_endpoint(kind: ProviderKind, model: str, *, is_embedding: bool, is_counting: bool) -> None:
    """Return if a cloud's model can be asked so. Raises EndpointUnsupported."""
    if is_embedding and family_of(kind, model) is None:
        reason = "its name is none of a model whose embeddings are known here"
        raise EndpointUnsupported(model=model, endpoint="/v1/embeddings", reason=reason)
    if is_counting and not _is_claude(kind, model):
        reason = "its provider counts no tokens beforehand, and we make no number up"
        raise EndpointUnsupported(model=model, endpoint="/v1/messages/count_tokens", reason=reason)


def chat_path(kind: ProviderKind) -> str:
    """Return where a cloud takes chats, as they are."""
    return "/openai/v1/chat/completions" if kind is ProviderKind.BEDROCK else "/endpoints/openapi/chat/completions"


def upstream_name(kind: ProviderKind, model: str) -> str:
    """Return what a chat calls the model: on Vertex, its publisher and name; whoever names none means Google's."""
    if kind is ProviderKind.VERTEX and "/" not in model and dialect_of(kind, model) is Dialect.CHAT:
        return f"google/{model}"
    return model


def message_request(
    kind: ProviderKind, parsed: Parsed, model: str, *, is_counting: bool, version: str | None, beta: str | None
) -> CloudRequest:
    """Return Anthropic's request as a cloud takes it. Every byte stays but the fields that its form has otherwise."""
    is_streamed = parsed.body.get("stream") is True
    said = version if version and version != _LATEST_SHARED else _VERSIONS[kind]
    if kind is ProviderKind.VERTEX and is_counting:
        return CloudRequest(
            "/publishers/anthropic/models/count-tokens:rawPredict", parsed.with_value("anthropic_version", said).content
        )
    parsed = parsed.without("model").with_value("anthropic_version", said)
    if kind is ProviderKind.VERTEX:
        verb = "streamRawPredict" if is_streamed else "rawPredict"
        return CloudRequest(f"/publishers/anthropic/models/{quote(model, safe='@')}:{verb}", parsed.content)
    parsed = parsed.without("stream")
    if beta:
        parsed = parsed.with_value("anthropic_beta", [one.strip() for one in beta.split(",") if one.strip()])
    where = f"/model/{quote(model, safe='')}"
    if is_counting:
        return CloudRequest(f"{where}/count-tokens", _counted(parsed))
    verb = "invoke-with-response-stream" if is_streamed else "invoke"
    return CloudRequest(f"{where}/{verb}", parsed.content, is_wrapped=is_streamed)


def converse_request(body: Mapping[str, Any]) -> CloudRequest:
    """Return Anthropic's request as Converse takes it. Raises Untranslatable."""
    made = messages_into_converse(body)
    is_streamed, model = made.pop("stream", False), made.pop("modelId")
    where = f"/model/{quote(model, safe='')}/{'converse-stream' if is_streamed else 'converse'}"
    return CloudRequest(where, write_json(made), is_wrapped=is_streamed)


def token_count(body: Mapping[str, Any]) -> bytes:
    """Return what Bedrock counted in Anthropic's form. Raises AnswerUnreadable."""
    found = body.get("inputTokens")
    if type(found) is not int or found < 0:
        raise AnswerUnreadable("it holds no number of tokens")
    return write_json({"input_tokens": found})


def _counted(parsed: Parsed) -> bytes:
    # What is counted is a whole request, which says how long the answer may be.
    if "max_tokens" not in parsed.body:
        parsed = parsed.with_value("max_tokens", 1)
    return write_json({"input": {"invokeModel": {"body": b64encode(parsed.content).decode()}}})
