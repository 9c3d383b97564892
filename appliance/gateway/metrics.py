"""What machines that watch are told of calls: counts by labels of a known, small number of values, and one line of log a call.

Labels never name an organisation, a person or a model: whoever may read /metrics learns nothing of one, and no name that
somebody chooses makes another series. The line has ids and numbers, under the names that OpenTelemetry's conventions for
generative AI give them, so that a collector which reads logs needs no map of ours.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from uuid import UUID

from prometheus_client import Counter, Gauge, Histogram

from appliance.kernel.errors import Refusal
from appliance.kernel.ids import TenantId
from appliance.kernel.log import logger
from appliance.vault.providing import ProviderKind

log = logger("gateway")
LOCAL: Final = "local"
_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)
_CALLS: Final = Counter("cloister_model_calls_total", "Model calls that ended", ["state", "dialect", "provider"])
_OPEN: Final = Gauge("cloister_model_calls_open", "Model calls under way in this process")
_TOKENS: Final = Counter("cloister_model_tokens_total", "Tokens of model calls that ended", ["direction", "provider"])
_WHOLE: Final = Histogram(
    "cloister_model_call_seconds", "Seconds from asking a provider to its answer's end", ["provider"], buckets=_SECONDS
)
_FIRST: Final = Histogram(
    "cloister_model_first_byte_seconds", "Seconds from asking a provider to the first byte", ["provider"], buckets=_SECONDS
)
_REFUSED: Final = Counter("cloister_model_calls_refused_total", "Model calls refused before anything was sent", ["code"])
# To find what counts for some labels takes longer than to count; there are few of them, and none is ever taken away.
_calls, _tokens = lru_cache(1024)(_CALLS.labels), lru_cache(1024)(_TOKENS.labels)
_whole, _first = lru_cache(1024)(_WHOLE.labels), lru_cache(1024)(_FIRST.labels)
_RESTS: Final = Counter("cloister_model_provider_rests_total", "Provider keys left alone after failures in a row")
_KNOWN_AS: Final = {  # https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/
    ProviderKind.AZURE_OPENAI.value: "azure.ai.openai",
    ProviderKind.BEDROCK.value: "aws.bedrock",
    ProviderKind.VERTEX.value: "gcp.vertex_ai",
}
_OPERATIONS: Final = {"embedding": "embeddings", "count": "count_tokens"}


@dataclass(frozen=True)
class Ended:
    """A call that is on record as ended. `provider` is the kind of it, or `local`; `host` None where nothing left this host."""

    tenant_id: TenantId
    call_id: UUID
    kind: str
    state: str
    provider: str
    model: str
    prompt_tokens: int
    answer_tokens: int
    dialect: str = "none"
    host: str | None = None
    status: int | None = None
    code: str | None = None
    cost_micros: int | None = None
    first_byte_ms: int | None = None
    total_ms: int | None = None
    request_id: str | None = None


_under_way: set[UUID] = set()
_OPEN.set_function(lambda: len(_under_way))


def began(call_id: UUID) -> None:
    """Count a call that was admitted."""
    _under_way.add(call_id)


def left(call_id: UUID) -> None:
    """Count a call no longer; whoever settled it, it is not under way here."""
    _under_way.discard(call_id)


def ended(call: Ended) -> None:
    """Count a call, and write its line."""
    left(call.call_id)
    _calls(call.state, call.dialect, call.provider).inc()
    _tokens("read", call.provider).inc(call.prompt_tokens)
    _tokens("written", call.provider).inc(call.answer_tokens)
    if call.total_ms is not None:
        _whole(call.provider).observe(call.total_ms / 1000)
    if call.first_byte_ms is not None:
        _first(call.provider).observe(call.first_byte_ms / 1000)
    said = {
        "gen_ai.operation.name": _OPERATIONS.get(call.kind, call.kind),
        "gen_ai.provider.name": _KNOWN_AS.get(call.provider, call.provider),
        "gen_ai.request.model": call.model,
        "gen_ai.usage.input_tokens": call.prompt_tokens,
        "gen_ai.usage.output_tokens": call.answer_tokens,
        "server.address": call.host,
        "http.response.status_code": call.status,
        "error.type": call.code or (call.state if call.state in {"failed", "unknown"} else None),
        "tenant_id": str(call.tenant_id),
        "call_id": str(call.call_id),
        "request_id": call.request_id,
        "state": call.state,
        "cost_micros": call.cost_micros,
        "first_byte_ms": call.first_byte_ms,
        "total_ms": call.total_ms,
    }
    log.info("model_call", **{name: value for name, value in said.items() if value is not None})


def refused(refusal: Refusal) -> None:
    """Count a refusal by its code, of which there are as many as classes of them."""
    _REFUSED.labels(refusal.code).inc()


def rests() -> None:
    """Count a provider's key that is left alone from now on."""
    _RESTS.inc()
