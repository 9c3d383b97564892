"""The vendors' own clients on a transport of ours, and their published types as the judge of what we send."""

import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import anthropic
import httpx2
import openai
import typing_extensions
from anthropic.types import message_create_params
from openai.types.chat import completion_create_params
from openai.types.responses import response_create_params

Handler = Callable[[httpx2.Request], httpx2.Response]

# Anthropic's version 2023-06-01, which is what the gateway speaks, still has these; its newest client does not.
OLDER = {"temperature": float, "top_p": float}


def openai_client(handler: Handler) -> openai.OpenAI:
    client = httpx2.Client(transport=httpx2.MockTransport(handler))
    return openai.OpenAI(api_key="k", base_url="http://test/v1", max_retries=0, http_client=client)


def anthropic_client(handler: Handler) -> anthropic.Anthropic:
    client = httpx2.Client(transport=httpx2.MockTransport(handler))
    return anthropic.Anthropic(api_key="k", base_url="http://test", max_retries=0, http_client=client)


def check_messages_request(body: Mapping[str, Any]) -> None:
    """Fail unless Anthropic's published types take every field of it."""
    for name, kind in OLDER.items():
        assert name not in body or isinstance(body[name], kind | int)
    check({name: value for name, value in body.items() if name not in OLDER}, message_create_params.MessageCreateParams)


def check_chat_request(body: Mapping[str, Any]) -> None:
    """Fail unless OpenAI's published types take every field of it."""
    check(dict(body), completion_create_params.CompletionCreateParams)


def check_responses_request(body: Mapping[str, Any]) -> None:
    """Fail unless OpenAI's published types take every field of it."""
    check(dict(body), response_create_params.ResponseCreateParams)


def check(value: object, kind: Any) -> None:
    fault = _fault(value, kind, "body")
    assert fault is None, fault


def _fault(value: object, kind: Any, at: str) -> str | None:
    """Return what of the value is not of the kind, or None; a field that the kind does not have is a fault."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any or kind is object:
        return None
    if origin in (typing_extensions.Required, typing.Required, typing.Annotated):
        return _fault(value, inner[0], at)
    if origin in (typing.Union, types.UnionType):
        faults = [_fault(value, one, at) for one in inner]
        return None if None in faults else max((one for one in faults if one), key=lambda one: one.count("."))
    if origin in (typing.Literal, typing_extensions.Literal):
        return None if value in inner else f"{at}: {value!r} is none of {inner}"
    if typing_extensions.is_typeddict(kind):
        return _object_fault(value, kind, at)
    if origin is dict:
        return None if isinstance(value, dict) else f"{at}: no object"
    if origin in (list, Iterable, Sequence):
        if not isinstance(value, list):
            return f"{at}: no list"
        return next((fault for n, one in enumerate(value) if (fault := _fault(one, inner[0], f"{at}.{n}"))), None)
    if kind is float:
        kind = float | int
    return None if isinstance(value, origin or kind) else f"{at}: {value!r} is no {kind}"


def _object_fault(value: object, kind: Any, at: str) -> str | None:
    if not isinstance(value, dict):
        return f"{at}: no object"
    hints = _hints(kind)
    for name in value:
        if name not in hints:
            return f"{at}.{name}: {kind.__name__} has no such field"
    for name, hint in hints.items():
        if name in value:
            if fault := _fault(value[name], hint, f"{at}.{name}"):
                return fault
        elif name in kind.__required_keys__:
            return f"{at}.{name}: {kind.__name__} needs it"
    return None


@cache
def _hints(kind: Any) -> Mapping[str, Any]:
    return typing_extensions.get_type_hints(kind, include_extras=True)
