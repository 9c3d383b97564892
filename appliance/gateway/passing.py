"""What goes between a client and a provider: the request as the provider is to read it, and the stream back."""

import re
from dataclasses import dataclass
from typing import Final

from appliance.gateway.dialects import Dialect
from appliance.gateway.dialects.crossing import CrossStream, PassedStream, cross_request, stream_between, wants_usage
from appliance.gateway.dialects.sse import Splitter, read_json, write_json
from appliance.gateway.endpoints import Endpoint, Way
from appliance.gateway.errors import ProviderStoreRefused
from appliance.gateway.requests import Parsed
from appliance.vault.providing import ProviderKind

_STORES: Final = ("store", "previous_response_id", "conversation", "background", "prompt")
_NO_CHOICES: Final = re.compile(rb'"choices"\s*:\s*\[\s*\]')


@dataclass(frozen=True)
class Sent:
    """A request as it goes out. `asks_usage`: we asked what was used, the client did not."""

    body: bytes
    asks_usage: bool = False


def request_for(parsed: Parsed, endpoint: Endpoint, way: Way, model: str) -> Sent:
    """Return what the provider is sent: the client's bytes, but for the model's name; or their translation.

    A chat's stream tells what was used only to those who ask, so we ask. Raises Untranslatable.
    """
    if parsed.body.get("model") != model:
        parsed = parsed.with_value("model", model)
    if way.dialect is not endpoint.dialect:
        name = "max_tokens" if way.provider.kind is ProviderKind.OPENAI_COMPATIBLE else "max_completion_tokens"
        body = cross_request(endpoint.dialect, way.dialect, parsed.body, max_tokens_name=name)
        return Sent(write_json(body))
    if endpoint in {Endpoint.CHAT_COMPLETIONS, Endpoint.RESPONSES}:
        parsed = _unstored(parsed, endpoint)
    if endpoint is Endpoint.CHAT_COMPLETIONS and parsed.body.get("stream") is True and not wants_usage(parsed.body):
        return Sent(parsed.with_inner("stream_options", "include_usage", value=True).content, asks_usage=True)
    return Sent(parsed.content)


def _unstored(parsed: Parsed, endpoint: Endpoint) -> Parsed:
    """See that nothing is kept at the provider, where a key that others share would reach it. Raises ProviderStoreRefused.

    Responses are kept unless a request says otherwise, so it says so; chats are kept only if it says so.
    """
    for name in _STORES:
        if parsed.body.get(name):
            raise ProviderStoreRefused(field=name)
    if endpoint is Endpoint.RESPONSES and parsed.body.get("store") is not False:
        return parsed.with_value("store", False)
    return parsed


class QuietStream(PassedStream):
    """A chat's stream as it is, but for the chunk that tells what was used, which this client did not ask for."""

    def feed(self, chunk: bytes) -> bytes:
        """Return what the client is to be sent for this chunk."""
        told = super().feed(chunk)
        if not _NO_CHOICES.search(told):
            return told
        return b"".join(event.raw for event in Splitter().feed(told) if not _tells_usage_alone(event.data))


AnyStream = CrossStream | PassedStream


def stream_for(parsed: Parsed, endpoint: Endpoint, way: Way, sent: Sent) -> AnyStream:
    """Return what stands between provider and client."""
    if sent.asks_usage:
        return QuietStream(Dialect.CHAT)
    return stream_between(endpoint.dialect, way.dialect, asked=parsed.body)


def _tells_usage_alone(data: str | None) -> bool:
    try:
        body = read_json(data or "")
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("choices") == [] and isinstance(body.get("usage"), dict)
