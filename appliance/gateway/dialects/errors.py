"""Errors in each dialect's own form, both ways.

OpenAI: https://platform.openai.com/docs/guides/error-codes, in streams of the Responses API
https://platform.openai.com/docs/api-reference/responses-streaming/error. Anthropic:
https://platform.claude.com/docs/en/api/errors; a code that its clients do not know they take for the bare type.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from appliance.gateway.dialects.bodies import read_json, write_json
from appliance.gateway.dialects.sse import encode
from appliance.gateway.dialects.values import Dialect, Fault

_LONGEST_MESSAGE = 2000
_SHORTEST_KEY = 8  # what is shorter is no secret, but a word such as EMPTY
_OURS = 500  # from here on a status says that the client did nothing wrong
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")

# A vendor quotes the key that it refused, or most of it; here that is the customer's, which no client may see.
_KEYS = re.compile(
    r"\b(?:sk|rk|pk|ak|key|gsk|xai)[-_][\w*.\-]{4,}|\bA[KS]IA[A-Z0-9]{12,}|\bAIza[\w\-]{20,}|\beyJ[\w\-]+\.[\w.\-]+"
)


def without_keys(raw: bytes) -> bytes:
    """Return a provider's own words, byte for byte, but for what looks like a key."""
    text = raw.decode("utf-8", "surrogateescape")
    return _KEYS.sub("(a key)", text).encode("utf-8", "surrogateescape")


def without_key(raw: bytes, key: str) -> bytes:
    """Return a provider's own words without the key that it was sent, whatever form that has."""
    if len(key) < _SHORTEST_KEY:
        return raw
    quoted = json.dumps(key)[1:-1]
    for form in (key, quoted, quoted.replace("/", "\\/")):
        raw = raw.replace(form.encode(), b"(a key)")
    return raw


def concealed(fault: Fault) -> Fault:
    """Return what is told of a fault that is of everybody who shares a key; what else a request did wrong is its own."""
    if fault.status not in _OF_THE_KEY and fault.status < _OURS:
        return fault
    said = f"The provider answers with status {fault.status}. Try again later; if it stays, ask the operator."
    return Fault(fault.status, "provider_refused", said)


_OF_THE_KEY = frozenset({402, 408, 429})
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_OPENAI_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
# What the vendors, vLLM, Ollama and llama.cpp name in streams, where there is no status any more.
_STATUS = {
    "invalid_request_error": 400, "invalid_prompt": 400, "BadRequestError": 400, "authentication_error": 401,
    "billing_error": 402, "permission_error": 403, "not_found_error": 404, "NotFoundError": 404,
    "request_too_large": 413, "rate_limit_error": 429, "rate_limit_exceeded": 429, "insufficient_quota": 429,
    "tokens": 429, "requests": 429, "api_error": 500, "server_error": 500, "internal_server_error": 500,
    "InternalServerError": 500, "timeout_error": 504, "overloaded_error": 529,
}  # fmt: skip


def error_body(dialect: Dialect, fault: Fault, *, request_id: str = "") -> dict[str, Any]:
    """Return the body that answers a call which was refused or failed."""
    if dialect is Dialect.MESSAGES:
        detail = {"type": _anthropic_type(fault.status), "message": fault.message}
        body = {"type": "error", "error": detail | {"details": {"error_code": fault.code}}}
        return body | ({"request_id": request_id} if request_id else {})
    return {"error": _openai_error(fault)}


def error_bytes(dialect: Dialect, fault: Fault, *, request_id: str = "") -> bytes:
    """Return the same as JSON."""
    return write_json(error_body(dialect, fault, request_id=request_id))


def error_event(dialect: Dialect, fault: Fault, *, sequence_number: int = 0) -> bytes:
    """Return the event that ends a stream which had begun; nothing may follow it.

    OpenAI's clients raise what is below `error`; the reference has the same beside it.
    """
    if dialect is Dialect.CHAT:
        return encode(error_body(dialect, fault))
    if dialect is Dialect.MESSAGES:
        return encode(error_body(dialect, fault), name="error")
    error = _openai_error(fault)
    said = {"type": "error", "code": fault.code, "message": fault.message, "param": None}
    return encode(said | {"sequence_number": sequence_number, "error": error}, name="error")


def read_error(status: int, raw: bytes) -> Fault:
    """Return what a provider's error says, of whatever dialect; what cannot be read is told as that, without it."""
    try:
        body = read_json(raw)
    except ValueError:
        body = None
    message, code = _told(body)
    nothing = f"The provider answered with status {status} and said nothing that could be read."
    return Fault(status, code or f"status_{status}", message or nothing)


def fault_in_stream(name: str, body: Mapping[str, Any]) -> Fault | None:
    """Return why the stream breaks off, if this event says that it does."""
    kind = body.get("type")
    response = body.get("response")
    if kind == "response.failed" and isinstance(response, Mapping):
        body = response
    elif not (body.get("error") or "error" in (name, kind, body.get("object"))):
        return None
    message, code = _told(body)
    said = body.get("error")
    kinds = (said.get("type"), said.get("code")) if isinstance(said, Mapping) else (body.get("code"),)
    status = next((_STATUS[one] for one in kinds if isinstance(one, str) and one in _STATUS), 502)
    return Fault(status, code or "provider_error", message or "The provider broke the answer off and did not say why.")


def _anthropic_type(status: int) -> str:
    return _ANTHROPIC_TYPES.get(status) or _ANTHROPIC_TYPES[500 if status >= _OURS else 400]


def _openai_error(fault: Fault) -> dict[str, Any]:
    kind = _OPENAI_TYPES.get(fault.status) or ("server_error" if fault.status >= _OURS else "invalid_request_error")
    return {"message": fault.message, "type": kind, "param": None, "code": fault.code}


def _told(body: object) -> tuple[str, str]:
    """Return message and code, wherever the vendors and the servers that speak like them put them."""
    if isinstance(body, list) and body:  # Vertex
        body = body[0]
    message, code = "", ""
    for place in _places(body):
        message = message or _first(place, "message", "Message", "detail")
        code = code or _first(place, "error_code", "code", "type", "__type", "status")
    return message, "" if code == "error" else code


def _places(body: object) -> Iterator[Mapping[str, Any]]:
    if not isinstance(body, Mapping):
        return
    error = body.get("error")
    if isinstance(error, Mapping):
        details = error.get("details")
        yield from (one for one in (details, error) if isinstance(one, Mapping))
    elif isinstance(error, str):  # Ollama
        yield {"message": error}
    yield body


def _first(place: Mapping[str, Any], *names: str) -> str:
    said = (place.get(name) for name in names)
    text = next((one for one in said if isinstance(one, str) and one), "")
    return _KEYS.sub("(a key)", _UNPRINTABLE.sub("", text))[:_LONGEST_MESSAGE]
