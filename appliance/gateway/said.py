"""The texts of a request: where each stands, and the same request with other texts in their places.

What stands in a file of text is a text, as are the values in the arguments of a tool; pictures and other files say nothing here.
"""

import base64
import re
from collections.abc import Container, Iterator, Mapping
from typing import Any, Final

from appliance.gateway.attached import file_in, text_of
from appliance.gateway.dialects import read_json, write_json
from appliance.gateway.errors import RequestMalformed
from appliance.gateway.requests import Parsed, read_once

_KNOWN: Final = re.compile(r"[A-Za-z_]{1,40}")
_OF_TOOLS: Final = "arguments"


def said_in(body: Mapping[str, Any]) -> Iterator[str]:
    """Yield every text, number and name of a request, in order."""
    for name, value in body.items():
        yield name
        yield from _said(value, name)


def with_others(parsed: Parsed, others: Iterator[str]) -> Parsed:
    """Return the request with other texts, which come in the order of `said_in`. A member in which none differs stays as it came.

    Raises RequestMalformed where the name of a member would have to be replaced, and is none that a provider could know.
    """
    for name, value in list(parsed.body.items()):
        if next(others) != name and not _KNOWN.fullmatch(name):  # what a program calls its members, the provider knows them by
            raise RequestMalformed(reason="the name of a member of it holds what must not be sent")
        other = _other(value, name, others)
        if other != value:
            parsed = parsed.with_value(name, other)
    return parsed


def _said(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, str):
        yield from _said_in_text(value, name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, list):
        for one in value:
            yield from _said(one, name)
    elif isinstance(value, Mapping):
        for inner, one in value.items():
            yield str(inner)
            if not _is_file(value, inner):
                yield from _said(one, inner)
            elif (text := _read(str(value.get("media_type")), one)) is not None:
                yield text


def _said_in_text(value: str, name: str) -> Iterator[str]:
    if (arguments := arguments_in(value, name)) is not None:
        yield from _said(arguments, "")
    elif found := file_in(value, name):
        if (text := _read(found["kind"], found["said"], whole=value)) is not None:
            yield text
    else:
        yield value


def _other(value: Any, name: str, others: Iterator[str]) -> Any:
    if isinstance(value, str):
        return _other_text(value, name, others)
    if isinstance(value, int | float) and not isinstance(value, bool):
        other = next(others)
        return value if other == str(value) else other
    if isinstance(value, list):
        return [_other(one, name, others) for one in value]
    if isinstance(value, Mapping):
        made = dict[str, Any]()
        for inner, one in value.items():
            called = free(next(others), made)
            if not _is_file(value, inner):
                made[called] = _other(one, inner, others)
            else:
                made[called] = _other_file(str(value.get("media_type")), one, others)
        return made
    return value


def _other_text(value: str, name: str, others: Iterator[str]) -> str:
    if (arguments := arguments_in(value, name)) is not None:
        told = _other(arguments, "", others)
        return value if told == arguments else write_json(told).decode()
    if found := file_in(value, name):
        head = value[: found.start("said")]
        return _other_file(found["kind"], found["said"], others, head=head)
    return next(others)


def _other_file(kind: str, said: str, others: Iterator[str], *, head: str = "") -> str:
    text = _read(kind, said, whole=head + said)
    if text is None or (other := next(others)) == text:
        return head + said
    return other if text == head + said else head + base64.b64encode(other.encode()).decode()


def _read(kind: str, said: str, *, whole: str = "") -> str | None:
    """Return the text of a file, or all of what is no file; None for a file that says nothing here."""
    try:
        return text_of(kind, said)
    except ValueError:
        return whole or said


def free(name: str, taken: Container[str]) -> str:
    """Return a name that no other one has: two that were replaced may be the same now."""
    number, free = 2, name
    while free in taken:
        number, free = number + 1, f"{name} {number}"
    return free


def _is_file(value: Mapping[str, Any], name: str) -> bool:
    return name == "data" and value.get("type") == "base64" and isinstance(value[name], str)


def arguments_in(value: str, name: str) -> Any:
    """Return what the arguments of a tool say, or None for any other text."""
    if name != _OF_TOOLS or not value.lstrip().startswith(("{", "[")):
        return None
    try:
        read_json(value)
        return read_once(value)
    except ValueError:
        return None
