"""Whatever a request holds: it is translated, or refused with a name, and nothing else happens."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from appliance.gateway.dialects import Dialect, Untranslatable
from appliance.gateway.dialects.bodies import write_json
from appliance.gateway.dialects.crossing import cross_request, fields_left_out
from appliance.gateway.errors import RequestMalformed
from appliance.gateway.requests import parse
from tests.support.dialect_samples import HOLDERS, KINDS, OF_KIND, TABLES, VALUES

PAIRS = [*TABLES, (Dialect.RESPONSES, Dialect.MESSAGES)]
ODD: some.SearchStrategy[Any] = some.sampled_from([
    None, True, False, 0, -1, 10**40, 1.5, "", "x", "\ud83d", "auto", "{", "data:", [], [None], [[]], [{}], {},
    {"type": "text"}, {"type": {}}, {"type": "function"}, {"role": "user"}, {"a": {"b": []}},
])  # fmt: skip


def bodies(source: Dialect) -> list[dict[str, Any]]:
    whole = [embed(dict(held)) for (dialect, _), (held, embed) in HOLDERS.items() if dialect is source]
    full = []
    for (dialect, title), (held, embed) in HOLDERS.items():
        if dialect is source:
            rules = next(sections[title] for (one, _), sections in TABLES.items() if one is source)
            full.append(embed(dict(held) | {name: VALUES.get(name) for name in rules if name not in held}))
    kinds = [
        embed({"type": kind} | dict(OF_KIND.get(kind, {})))
        for (dialect, title), embed in KINDS.items()
        if dialect is source
        for kind in next(sections[title] for (one, _), sections in TABLES.items() if one is source)
    ]
    return [*whole, *full, *kinds]


def changed(value: Any, data: some.DataObject) -> Any:
    if isinstance(value, Mapping) and value and data.draw(some.integers(0, 4)):
        name = data.draw(some.sampled_from(sorted(value)))
        return {**value, name: changed(value[name], data)}
    if isinstance(value, list) and value and data.draw(some.integers(0, 4)):
        place = data.draw(some.integers(0, len(value) - 1))
        return [*value[:place], changed(value[place], data), *value[place + 1 :]]
    return data.draw(ODD)


@pytest.mark.parametrize("pair", PAIRS)
@settings(max_examples=60)
@given(data=some.data())
def test_nothing_else_happens(pair: tuple[Dialect, Dialect], data: some.DataObject) -> None:
    body = changed(data.draw(some.sampled_from(bodies(pair[0]))), data)
    try:
        made = cross_request(*pair, body)
    except Untranslatable as refusal:
        assert refusal.field
        assert len(str(refusal)) < 400
        return
    assert isinstance(made["messages"], list)
    parse(write_json(made))


@pytest.mark.parametrize("pair", PAIRS)
def test_depth_and_size_are_refused_or_borne(pair: tuple[Dialect, Dialect]) -> None:
    deep: Any = {}
    for _ in range(20_000):
        deep = {"a": deep}
    with pytest.raises(Untranslatable):
        cross_request(
            *pair, {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": deep}], "input": deep}
        )
    call = {"type": "tool_use", "id": "t", "name": "f", "input": deep}
    with pytest.raises(Untranslatable):
        cross_request(*pair, {"model": "m", "max_tokens": 5, "messages": [{"role": "assistant", "content": [call]}]})


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"7", b"null", b"{", b'{"a": 1, "a": 2}', b'{"a": {"b": 1, "c": 2, "b": 3}}', b'{"a": NaN}', b"\xff{}",
     b"[" * 100_000, b'{"a":' * 100_000, b'{"a": ' + b"9" * 5000 + b"}"],
)  # fmt: skip
def test_a_request_that_two_readers_would_read_in_two_ways_is_refused(raw: bytes) -> None:
    with pytest.raises(RequestMalformed):
        parse(raw)


def test_a_request_is_read_whole() -> None:
    raw = '{"model": "m", "größer": ["😀", "\\ud83d", 12345678901234567890, 1.5e3, null, true]}'.encode()

    assert parse(raw).body == {"model": "m", "größer": ["😀", "\ud83d", 12345678901234567890, 1500.0, None, True]}


def test_a_client_can_be_told_what_was_left_out() -> None:
    body: dict[str, Any] = {
        "model": "m",
        "messages": [],
        "metadata": {"a": "b"},
        "prediction": None,
        "prompt_cache_key": "k",
    }

    assert fields_left_out(Dialect.CHAT, body) == ("metadata", "prompt_cache_key")
