"""What goes between a client and a provider: the request as the provider is to read it, and the stream back."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from appliance.gateway.cloud_embeddings import Family, embedding_request, family_of
from appliance.gateway.clouds import (
    CLOUDS,
    chat_path,
    converse_request,
    message_request,
    speaks_converse,
    upstream_name,
)
from appliance.gateway.dialects import Dialect, Untranslatable
from appliance.gateway.dialects.crossing import CrossStream, PassedStream, cross_request, stream_between, wants_usage
from appliance.gateway.dialects.eventstream import UnwrappedStream
from appliance.gateway.dialects.messages_to_converse.stream import ConverseEvents
from appliance.gateway.dialects.sse import Splitter, read_json, write_json
from appliance.gateway.endpoints import Endpoint, Way
from appliance.gateway.errors import ElsewhereRefused, ProviderStoreRefused
from appliance.gateway.requests import Parsed, written
from appliance.vault.providing import ProviderKind

_STORES: Final = ("store", "previous_response_id", "conversation", "background", "prompt")
_ELSEWHERE: Final = ("api_base", "base_url", "data_sources", "fallbacks", "mcp_servers", "models", "route")
_KEPT: Final = {"skill_id", "file_id", "file_ids", "container_id", "vector_store_id", "vector_store_ids"}
_BOUNDS: Final = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_IN_CHAT: Final = {
    "stop_sequences": "stop", "thinking": "reasoning_effort", "tool_choice.disable_parallel_tool_use": "parallel_tool_calls",
    "tool_choice.type": "tool_choice",
}  # fmt: skip
_NO_CHOICES: Final = re.compile(rb'"choices"\s*:\s*\[\s*\]')


@dataclass(frozen=True)
class Sent:
    """A request as it goes out. `asks_usage`: we asked what was used, the client did not.

    `path` goes behind the way's URL. `is_wrapped`: a stream comes back in AWS's event stream. `converse` names the model that
    is asked in AWS's own form, and answers in it.
    """

    body: bytes
    asks_usage: bool = False
    path: str = ""
    is_wrapped: bool = False
    converse: str | None = None
    family: Family | None = None
    """Whose form of embeddings it has."""


def request_for(
    parsed: Parsed, endpoint: Endpoint, way: Way, model: str, *, version: str | None = None, beta: str | None = None
) -> Sent:
    """Return what the provider is sent: the client's bytes, but for the model's name; or their translation.

    A chat's stream tells what was used only to those who ask, so we ask. Raises Untranslatable.
    """
    _refuse_strays(parsed, is_shared=way.provider.is_shared)
    kind = way.provider.kind
    if endpoint is Endpoint.EMBEDDINGS and (family := family_of(kind, model)):
        asked = embedding_request(family, model, parsed.body)
        return Sent(asked.body, path=asked.path, family=family)
    model = upstream_name(kind, model)
    if parsed.body.get("model") != model:
        parsed = parsed.with_value("model", model)
    said, asks_usage = parsed.body, False
    if way.dialect is not endpoint.dialect:
        name = "max_tokens" if kind is ProviderKind.OPENAI_COMPATIBLE else "max_completion_tokens"
        body = cross_request(endpoint.dialect, way.dialect, parsed.body, max_tokens_name=name)
        if kind not in CLOUDS:
            return Sent(write_json(body))
        parsed = written(body)
    elif endpoint in {Endpoint.CHAT_COMPLETIONS, Endpoint.RESPONSES}:
        parsed = _unstored(parsed, endpoint)
        if endpoint is Endpoint.CHAT_COMPLETIONS and parsed.body.get("stream") is True and not wants_usage(parsed.body):
            parsed, asks_usage = parsed.with_inner("stream_options", "include_usage", value=True), True
    if way.dialect is Dialect.CHAT or kind not in CLOUDS:
        return Sent(parsed.content, asks_usage, chat_path(kind) if kind in CLOUDS else "")
    if speaks_converse(kind, model):
        return _conversed(parsed.body, model, said, is_said=way.dialect is endpoint.dialect)
    is_counting = endpoint is Endpoint.COUNT_TOKENS
    said_so = message_request(kind, parsed, model, is_counting=is_counting, version=version, beta=beta)
    return Sent(said_so.body, path=said_so.path, is_wrapped=said_so.is_wrapped)


def _refuse_strays(parsed: Parsed, *, is_shared: bool) -> None:
    if name := leads_elsewhere(parsed.body):
        raise ElsewhereRefused(field=name)
    if is_shared and (name := kept_there(parsed.body)):
        raise ProviderStoreRefused(field=name)


def _conversed(body: Mapping[str, Any], model: str, said: Mapping[str, Any], *, is_said: bool) -> Sent:
    """Return a request to Converse; what cannot be said is named as the client said it. Raises Untranslatable.

    A bound that the client did not set, which Anthropic demands and Converse does not, is not made up: it may be above the model's.
    """
    if not is_said and all(said.get(name) is None for name in _BOUNDS):
        body = {name: value for name, value in body.items() if name != "max_tokens"}
    try:
        asked = converse_request(body)
    except Untranslatable as refusal:
        if is_said:
            raise
        raise Untranslatable(_IN_CHAT.get(refusal.field, refusal.field), refusal.reason) from refusal
    return Sent(asked.body, path=asked.path, is_wrapped=asked.is_wrapped, converse=model)


def _unstored(parsed: Parsed, endpoint: Endpoint) -> Parsed:
    """See that nothing is kept at the provider, where a key that others share would reach it. Raises ProviderStoreRefused.

    Responses are kept unless a request says otherwise, so it says so; chats are kept only if it says so.
    """
    for name in _STORES:
        if parsed.body.get(name):
            raise ProviderStoreRefused(field=name)
    if endpoint is not Endpoint.RESPONSES:
        return parsed
    items = parsed.body.get("input")
    if isinstance(items, list) and any(isinstance(one, dict) and one.get("type") == "item_reference" for one in items):
        raise ProviderStoreRefused(field="item_reference")
    return parsed if parsed.body.get("store") is False else parsed.with_value("store", False)


def leads_elsewhere(body: Mapping[str, Any]) -> str | None:
    """Return the name of what has a provider ask another model or host than the one that was allowed, or None."""
    tools = body.get("tools")
    named = [name for name in _ELSEWHERE if body.get(name)]
    for tool in tools if isinstance(tools, list) else []:
        if isinstance(tool, Mapping):
            named += [name for name in ("server_url", "connector_id", "model") if tool.get(name)]
    return named[0] if named else None


def kept_there(value: Any) -> str | None:
    """Return the name of what a request points to in a provider's store, or None.

    Behind a shared key, that store holds what other organisations left there.
    """
    if isinstance(value, list):
        return next((name for one in value if (name := kept_there(one))), None)
    if not isinstance(value, dict):
        return None
    if value.get("type") == "item_reference" or set(value) == {"id"}:
        return "item_reference"
    for name, one in value.items():
        is_told = name in _KEPT and bool(one) and (isinstance(one, str) or _are_texts(one))
        if is_told or (name == "container" and one) or (name == "audio" and isinstance(one, dict) and "id" in one):
            return str(name)
        if not (name == "input" and value.get("type") == "tool_use") and (found := kept_there(one)):
            return found
    return None


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


class QuietStream(PassedStream):
    """A chat's stream as it is, but for the chunk that tells what was used, which this client did not ask for."""

    def feed(self, chunk: bytes) -> bytes:
        """Return what the client is to be sent for this chunk."""
        told = super().feed(chunk)
        if not _NO_CHOICES.search(told):
            return told
        return b"".join(event.raw for event in Splitter().feed(told) if not _tells_usage_alone(event.data))


AnyStream = CrossStream | PassedStream | UnwrappedStream


def stream_for(parsed: Parsed, endpoint: Endpoint, way: Way, sent: Sent, *, is_wrapped: bool = False) -> AnyStream:
    """Return what stands between provider and client."""
    conceals = way.provider.is_shared
    if sent.asks_usage:
        return QuietStream(Dialect.CHAT, conceals=conceals)
    inner = stream_between(endpoint.dialect, way.dialect, asked=parsed.body, conceals=conceals)
    if not is_wrapped:
        return inner
    return UnwrappedStream(inner, take=ConverseEvents(sent.converse).take if sent.converse else None)


def _tells_usage_alone(data: str | None) -> bool:
    try:
        body = read_json(data or "")
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("choices") == [] and isinstance(body.get("usage"), dict)
