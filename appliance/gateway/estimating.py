"""How much a call may use, before it is made: generous guesses, which the settlement replaces by the provider's count."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from appliance.gateway.endpoints import Endpoint
from appliance.gateway.errors import RequestMalformed
from appliance.gateway.requests import Parsed

_OCTETS_PER_TOKEN: Final = 3
_TOKENS_PER_PICTURE: Final = 1_600
_UNBOUNDED_ANSWER: Final = 1_000
_MOST: Final = 10**7
_BOUNDS: Final = ("max_completion_tokens", "max_output_tokens", "max_tokens")
_PICTURES: Final = {"input_image", "input_file", "image", "image_url", "document", "file", "input_audio"}


def prompt_tokens(endpoint: Endpoint, parsed: Parsed, said: Sequence[str]) -> int:
    """Return about how many tokens will be read."""
    if endpoint is Endpoint.COUNT_TOKENS:
        return 0
    octets = sum(len(one.encode(errors="surrogatepass")) for one in said)  # a sign of Chinese is a token or more
    pictures = sum(1 for _ in _files(parsed.body)) if endpoint is not Endpoint.EMBEDDINGS else 0
    return min(_MOST, octets // _OCTETS_PER_TOKEN + 1 + pictures * _TOKENS_PER_PICTURE)


def answer_tokens(endpoint: Endpoint, parsed: Parsed) -> int:
    """Return how many tokens may be written: what the request allows, or a guess where it sets no bound."""
    if endpoint in {Endpoint.COUNT_TOKENS, Endpoint.EMBEDDINGS}:
        return 0
    body = parsed.body
    return min(_MOST, (_bound(body) or _UNBOUNDED_ANSWER) * (_number(body, "n") or 1))


def answer_bound(endpoint: Endpoint, parsed: Parsed) -> int | None:
    """Return how many tokens a request lets be written, None if it sets no bound, and -1 where nothing is written."""
    if endpoint in {Endpoint.COUNT_TOKENS, Endpoint.EMBEDDINGS}:
        return -1
    bound = _bound(parsed.body)
    return bound * (_number(parsed.body, "n") or 1) if bound else None


def _bound(body: Mapping[str, Any]) -> int:
    return max(_number(body, name) for name in _BOUNDS)  # a provider may obey any of them


def _number(body: Mapping[str, Any], name: str) -> int:
    value = body.get(name)
    if value is not None and (type(value) is not int or value < 0):
        raise RequestMalformed(reason=f"`{name}` is no whole number")
    return min(_MOST, value or 0)


def _files(value: Any) -> Iterable[None]:
    if isinstance(value, list):
        for one in value:
            yield from _files(one)
    elif isinstance(value, dict):
        if value.get("type") in _PICTURES:
            yield None
        else:
            for one in value.values():
                yield from _files(one)
