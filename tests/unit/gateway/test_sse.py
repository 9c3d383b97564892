import json
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from appliance.gateway.dialects import EventTooLarge
from appliance.gateway.dialects.bodies import read_json, write_json
from appliance.gateway.dialects.sse import Event, Splitter, encode

LINE_ENDS = some.sampled_from([b"\n", b"\r\n", b"\r"])
LINES = some.sampled_from(
    [b"data: one", b"data:two", b"data: ", b"data", b"event: ping", b": a comment", b"", b"", b"id: 7", b"nonsense",
     "data: größer 😀".encode(), b"data: \xff\xfe broken"]
)  # fmt: skip


ODD_TEXTS = ["", "\n\ndata: x\r\n", "\ud83d", "größer 😀", "\u2028", '"']


@some.composite
def streams(draw: some.DrawFn) -> bytes:
    lines = draw(some.lists(some.tuples(LINES, LINE_ENDS), max_size=30))
    mark = b"\xef\xbb\xbf" if draw(some.booleans()) else b""
    return mark + b"".join(line + end for line, end in lines)


def cut(stream: bytes, borders: list[int]) -> list[bytes]:
    places = sorted({0, len(stream), *(one % (len(stream) + 1) for one in borders)})
    return [stream[a:b] for a, b in pairwise(places)]


def told(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.name, event.data) for event in events if event.data is not None]


def by_the_standard(stream: bytes) -> list[tuple[str, str]]:
    """The standard's own algorithm, line by line over the whole."""
    text = stream.decode("utf-8", errors="replace").removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    found: list[tuple[str, str]] = []
    name, data = "", None
    for line in text.split("\n")[:-1]:
        if not line:
            if data is not None:
                found.append((name, data))
            name, data = "", None
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data = value if data is None else f"{data}\n{value}"
    return found


@given(streams(), some.lists(some.integers(0, 10_000), max_size=40))
@example(b"data: one\r\r\n\ndata: two\n\n", [9, 10, 11, 12])
@example(b"data: one\n\r\ndata: two\r\n\r\n", list(range(40)))
def test_it_finds_the_same_events_wherever_the_borders_are(stream: bytes, borders: list[int]) -> None:
    splitter = Splitter()
    events = [event for chunk in cut(stream, borders) for event in splitter.feed(chunk)]

    assert told(events) == by_the_standard(stream)
    assert b"".join(event.raw for event in events) + splitter.close() == stream


def test_what_has_no_end_is_no_event() -> None:
    splitter = Splitter()

    assert splitter.feed(b'data: {"half": ') == []
    assert splitter.close() == b'data: {"half": '


@pytest.mark.parametrize("step", [1, 7, 64, 1000])
def test_an_event_beyond_all_measure_is_refused_after_those_before_it(step: int) -> None:
    stream = b"data: first\n\ndata: " + b"x" * 300 + b"\n\n"
    splitter, events = Splitter(largest=100), []

    with pytest.raises(EventTooLarge):
        for place in range(0, len(stream) + step, step):
            events += splitter.feed(stream[place : place + step])
    assert told(events) == [("", "first")]


def test_many_events_may_be_more_than_one_may_be() -> None:
    assert len(Splitter(largest=20).feed(b"data: 123456\n\n" * 1000)) == 1000


def test_a_slow_large_event_is_not_searched_again_and_again() -> None:
    splitter = Splitter()
    for _ in range(20_000):
        assert splitter.feed(b"x" * 100) == []

    assert len(splitter.feed(b"\n\n")[0].raw) == 2_000_002


@given(
    some.recursive(
        some.none() | some.booleans() | some.integers() | some.sampled_from(ODD_TEXTS), some.lists, max_leaves=5
    )
)
def test_what_is_encoded_is_read_again(body: object) -> None:
    (event,) = Splitter().feed(encode(body, name="some.name"))

    assert (event.name, read_json(event.data or "")) == ("some.name", body)


def test_half_of_a_surrogate_pair_stays_what_it_is() -> None:
    assert write_json({"a": "\ud83d"}) == b'{"a":"\\ud83d"}'
    assert write_json({"a": "ü😀"}) == '{"a":"ü😀"}'.encode()


@pytest.mark.parametrize(
    "text", ["NaN", "[Infinity]", "-Infinity", "1e999", "9" * 5000, "[" * 200_000, "{", "", '"\ud800', b"\xff"]
)
def test_json_that_cannot_be_held_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_json(text)


def test_nothing_is_written_that_json_cannot_say() -> None:
    with pytest.raises(ValueError, match=r".*"):
        write_json(json.loads("1e999"))
