"""What can be asked at the door, and what each kind of provider is asked for it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from appliance.gateway.clouds import check_endpoint, dialect_of
from appliance.gateway.dialects import Dialect
from appliance.gateway.errors import EndpointUnsupported, ModelNotFound
from appliance.gateway.values import Kind
from appliance.kernel.egress import Timeouts
from appliance.vault.providing import ModelProvider, ProviderKind
from appliance.vault.providing.credentials import SIGN_IN

MOST_ANSWER_BYTES: Final = 64 * 1024 * 1024
# Shorter than the time after which the sweep takes a call's process for dead.
_WHOLE: Final = 840
_AZURE_VERSION: Final = "2024-10-21"


@dataclass(frozen=True)
class Patience:
    """For how many seconds a provider is waited for: until its answer begins, and in the middle of it."""

    first_byte: float = 300
    pause: float = 120

    @property
    def timeouts(self) -> Timeouts:
        """The same for each stage of a call."""
        return Timeouts(connect=10, write=60, first_byte=self.first_byte, between=self.pause, whole=_WHOLE)


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
    """How a provider is asked: where, and in which dialect. A cloud's path hangs on the request, and is not in `url`."""

    url: str
    dialect: Dialect
    provider: ModelProvider

    @property
    def urls(self) -> tuple[str, ...]:
        """Every address that a call touches, as far as it can be told without the key."""
        return (self.url, SIGN_IN) if self.provider.kind is ProviderKind.VERTEX else (self.url,)


def way_to(provider: ModelProvider, model: str, endpoint: Endpoint) -> Way:
    """Return how this provider is asked. Raises EndpointUnsupported, ModelNotFound."""
    base = provider.base_url
    if model in {".", ".."}:  # steps of a path, whoever joins them
        raise ModelNotFound
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
        case ProviderKind.BEDROCK | ProviderKind.VERTEX:
            is_embedding, is_counting = endpoint is Endpoint.EMBEDDINGS, endpoint is Endpoint.COUNT_TOKENS
            check_endpoint(provider.kind, model, is_embedding=is_embedding, is_counting=is_counting)
            return Way(base, Dialect.CHAT if is_embedding else dialect_of(provider.kind, model), provider)
