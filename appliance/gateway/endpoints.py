"""What can be asked at the door, and what each kind of provider is asked for it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from appliance.gateway.dialects import Dialect
from appliance.gateway.errors import EndpointUnsupported, ProviderUnspoken
from appliance.gateway.values import Kind
from appliance.kernel.egress import Outgoing, Timeouts
from appliance.vault.providing import Lent, ModelProvider, ProviderKind

MOST_ANSWER_BYTES: Final = 64 * 1024 * 1024
# Shorter than the time after which the sweep takes a call's process for dead.
TIMEOUTS: Final = Timeouts(connect=10, write=60, first_byte=300, between=120, whole=840)
_AZURE_VERSION: Final = "2024-10-21"
_ANTHROPIC_VERSION: Final = "2023-06-01"
_BETA: Final = "anthropic-beta"


class Endpoint(StrEnum):
    """The addresses of the door at which a model is asked."""

    CHAT_COMPLETIONS = "/v1/chat/completions"
    RESPONSES = "/v1/responses"
    EMBEDDINGS = "/v1/embeddings"
    MESSAGES = "/v1/messages"
    COUNT_TOKENS = "/v1/messages/count_tokens"

    @property
    def dialect(self) -> Dialect:
        """The dialect of its requests, answers and errors."""
        return _DIALECTS.get(self, Dialect.CHAT)

    @property
    def kind(self) -> Kind:
        """What is on record as the call's kind."""
        return _KINDS.get(self, "chat")


_DIALECTS: Final = {
    Endpoint.RESPONSES: Dialect.RESPONSES,
    Endpoint.MESSAGES: Dialect.MESSAGES,
    Endpoint.COUNT_TOKENS: Dialect.MESSAGES,
}
_KINDS: Final[dict[Endpoint, Kind]] = {Endpoint.EMBEDDINGS: "embedding", Endpoint.COUNT_TOKENS: "count"}


@dataclass(frozen=True)
class Way:
    """How a provider is asked: where, and in which dialect."""

    url: str
    dialect: Dialect
    provider: ModelProvider

    def outgoing(self, lent: Lent, body: bytes, *, version: str | None = None, beta: str | None = None) -> Outgoing:
        """Return the request. The key is in its headers; nothing of the client's headers but what is named here is."""
        secret = lent.secret
        headers = [("content-type", "application/json"), ("accept", "application/json, text/event-stream"),  ("user-agent", "cloister")]  # fmt: skip
        match self.provider.kind:
            case ProviderKind.ANTHROPIC:
                headers += [("x-api-key", secret.reveal()), ("anthropic-version", version or _ANTHROPIC_VERSION)]
                headers += [(_BETA, beta)] if beta else []
            case ProviderKind.AZURE_OPENAI:
                headers.append(("api-key", secret.reveal()))
            case _ if not secret.is_empty:
                headers.append(("authorization", f"Bearer {secret.reveal()}"))
        return Outgoing("POST", self.url, tuple(headers), body, TIMEOUTS, MOST_ANSWER_BYTES)


def way_to(provider: ModelProvider, model: str, endpoint: Endpoint) -> Way:
    """Return how this provider is asked. Raises ProviderUnspoken, EndpointUnsupported."""
    base = provider.base_url
    match provider.kind:
        case ProviderKind.ANTHROPIC:
            if endpoint is Endpoint.EMBEDDINGS:
                raise EndpointUnsupported(model=model, endpoint=endpoint.value, reason="Anthropic has no embeddings")
            path = endpoint.value if endpoint is Endpoint.COUNT_TOKENS else Endpoint.MESSAGES.value
            return Way(base + path, Dialect.MESSAGES, provider)
        case ProviderKind.OPENAI | ProviderKind.OPENAI_COMPATIBLE | ProviderKind.AZURE_OPENAI:
            if endpoint is Endpoint.COUNT_TOKENS:
                reason = "its provider counts no tokens beforehand, and we make no number up"
                raise EndpointUnsupported(model=model, endpoint=endpoint.value, reason=reason)
            path = "/embeddings" if endpoint is Endpoint.EMBEDDINGS else "/chat/completions"
            if provider.kind is ProviderKind.AZURE_OPENAI:
                place = f"/openai/deployments/{quote(model, safe='')}{path}?api-version={_AZURE_VERSION}"
                return Way(base + place, Dialect.CHAT, provider)
            if provider.kind is ProviderKind.OPENAI and endpoint is Endpoint.RESPONSES:
                return Way(f"{base}/responses", Dialect.RESPONSES, provider)
            return Way(base + path, Dialect.CHAT, provider)
        case _:
            raise ProviderUnspoken(kind=provider.kind.value)
