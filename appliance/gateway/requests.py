"""A request's body: read once, and passed on as the bytes that came.

What two programs could read in two ways is refused (RFC 8259 4: names that come twice), so that the provider obeys the
same request as the rules here judged. Where a value has to change, its span of the text is replaced and nothing else.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from json.decoder import scanstring  # type: ignore[attr-defined]  # the scanner that json itself uses
from typing import Any, Final

from appliance.gateway.attached import file_in, text_of
from appliance.gateway.dialects import write_json
from appliance.gateway.errors import RequestMalformed, RequestTooLarge

MOST_BYTES: Final = 32 * 1024 * 1024
_DEEPEST: Final = 64
_BLANKS: Final = re.compile(r"[ \t\n\r]*")
_SWITCHES: Final = ("stream", "include_usage")
Span = tuple[int, int]


@dataclass(frozen=True)
class Parsed:
    """A JSON object, where each of its values stands in the text, and where the value's name begins."""

    text: str
    body: Mapping[str, Any]
    spans: Mapping[str, Span]
    names: Mapping[str, int]

    @property
    def content(self) -> bytes:
        """The text as bytes: those that came, unless a value was replaced."""
        return self.text.encode()

    def with_value(self, name: str, value: Any) -> "Parsed":
        """Return the request with one value replaced, or added at the end; every other byte stays."""
        written = write_json(value).decode()
        body = {**self.body, name: value}
        if name in self.spans:
            start, end = self.spans[name]
            return self._with(start, end, written, body)
        end = self.text.rindex("}")
        said = json.dumps(name)
        head = f"{',' if self.spans else ''}{said}:"
        begun = end + len(head) - len(said) - 1
        added = self._with(end, end, head + written, body)
        stands = end + len(head), end + len(head) + len(written)
        return replace(added, spans={**added.spans, name: stands}, names={**added.names, name: begun})

    def with_inner(self, name: str, inner: str, *, value: Any) -> "Parsed":
        """Return the request with a value inside an object replaced or added, that object added if it is not there."""
        found = self.body.get(name)
        if not isinstance(found, dict):
            return self.with_value(name, {inner: value})
        start, end = self.spans[name]
        changed = parse(self.text[start:end].encode()).with_value(inner, value)
        return self._with(start, end, changed.text, {**self.body, name: changed.body})

    def without(self, name: str) -> "Parsed":
        """Return the request without a value, its name and one comma; every other byte stays."""
        if name not in self.spans:
            return self
        others = list(self.spans)
        at = others.index(name)
        start, end = self.names[name], self.spans[name][1]
        if at + 1 < len(others):
            end = self.names[others[at + 1]]
        elif at:
            start = self.spans[others[at - 1]][1]
        kept = {one: value for one, value in self.body.items() if one != name}
        found = self._with(start, end, "", kept)
        return replace(
            found,
            spans={one: span for one, span in found.spans.items() if one != name},
            names={one: place for one, place in found.names.items() if one != name},
        )

    def _with(self, start: int, end: int, written: str, body: Mapping[str, Any]) -> "Parsed":
        """Return it with other signs in the place of these, which are a value's, or lie around whole values."""
        longer = len(written) - (end - start)
        spans = {
            name: (first + longer * (first >= end), last + longer * (last > start))
            for name, (first, last) in self.spans.items()
        }
        names = {name: place + longer * (place >= end) for name, place in self.names.items()}
        return Parsed(self.text[:start] + written + self.text[end:], body, spans, names)


def parse(raw: bytes) -> Parsed:
    """Return a request's body. Raises RequestTooLarge, RequestMalformed."""
    if len(raw) > MOST_BYTES:
        raise RequestTooLarge(most=MOST_BYTES)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise RequestMalformed(reason="it is not UTF-8") from None
    try:
        body, spans, names = _members(text)
    except RecursionError:
        raise RequestMalformed(reason=_TOO_DEEP) from None
    except ValueError as error:
        raise RequestMalformed(reason=str(error) if isinstance(error, _Fault) else "it is not JSON") from None
    _check_depth(body)
    _check_switches(body)
    return Parsed(text, body, spans, names)


def written(body: Mapping[str, Any]) -> Parsed:
    """Return a request that was made here."""
    return parse(write_json(body))


def texts(value: Any, name: str = "") -> Iterator[str]:
    """Yield every text in a body that says something, numbers and names too; pictures and other files in it are none."""
    if isinstance(value, str):
        found = file_in(value, name)
        yield from _in_file(found["kind"], found["said"], value) if found else (value,)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one, name)
    elif isinstance(value, Mapping):
        is_file = value.get("type") == "base64"
        for inner, one in value.items():
            yield str(inner)
            if is_file and inner == "data" and isinstance(one, str):
                yield from _in_file(str(value.get("media_type")), one, one)
            else:
                yield from texts(one, inner)


def _in_file(kind: str, said: str, value: str) -> Iterator[str]:
    try:
        text = text_of(kind, said)
    except ValueError:
        text = value
    if text is not None:
        yield text


def read_once(text: str) -> Any:
    """Return what a JSON text says in which no name comes twice. Raises ValueError."""
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error


def has_tokens(value: Any) -> bool:
    """Say whether an input is tokens by their numbers, or lists of them, in the place of texts."""
    return isinstance(value, list) and any(isinstance(one, int | float) or has_tokens(one) for one in value)


_TOO_DEEP: Final = f"it is nested more than {_DEEPEST} deep"


class _Fault(ValueError):
    """What is wrong, in our own words."""


def _members(text: str) -> tuple[dict[str, Any], dict[str, Span], dict[str, int]]:
    body: dict[str, Any] = {}
    spans: dict[str, Span] = {}
    names: dict[str, int] = {}
    at = _after_blanks(text, 0)
    if text[at : at + 1] != "{":
        raise _Fault("it is no JSON object")
    at = _after_blanks(text, at + 1)
    is_first = True
    while text[at : at + 1] != "}":
        if not is_first:
            at = _after_blanks(text, _expect(text, at, ","))
        is_first = False
        begun = at
        name, at = scanstring(text, _expect(text, at, '"'), True)
        if name in body:
            raise _Fault("a name comes twice in it")
        start = _after_blanks(text, _expect(text, _after_blanks(text, at), ":"))
        try:
            body[name], end = _DECODER.raw_decode(text, start)
        except StopIteration:
            raise ValueError(text[start : start + 1]) from None
        spans[name], names[name] = (start, end), begun
        at = _after_blanks(text, end)
    if _after_blanks(text, at + 1) != len(text):
        raise ValueError(at)
    return body, spans, names


def _expect(text: str, at: int, sign: str) -> int:
    if text[at : at + 1] != sign:
        raise ValueError(at)
    return at + 1


def _after_blanks(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found else at


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Fault("a name comes twice in it")
    return found


def _no_number(name: str) -> float:
    raise _Fault(f"{name} is no number of JSON")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)


def _check_switches(body: Mapping[str, Any]) -> None:
    """What one server takes for yes and another for no would be counted by one and not by the other."""
    options = body.get("stream_options")
    for place in (body, options if isinstance(options, Mapping) else {}):
        for name in _SWITCHES:
            if place.get(name) not in (None, True, False) or type(place.get(name)) in {int, float}:
                raise RequestMalformed(reason=f"`{name}` is neither true nor false")


def _check_depth(body: Mapping[str, Any]) -> None:
    waiting: list[tuple[Any, int]] = [(body, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > _DEEPEST:
            raise RequestMalformed(reason=_TOO_DEEP)
        inner = value.values() if isinstance(value, Mapping) else value
        waiting += [(one, depth + 1) for one in inner if isinstance(one, dict | list)]
