"""Streams between dialects under everything that a network and a provider may do to them."""

from typing import Any

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as some
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk
from pydantic import TypeAdapter

from appliance.gateway.dialects import Dialect, Fault
from appliance.gateway.dialects.bodies import read_json
from appliance.gateway.dialects.crossing import CrossStream, PassedStream, stream_between
from appliance.gateway.dialects.sse import DONE, Event, Splitter, encode
from appliance.gateway.endpoints import Endpoint
from tests.support.corpus import STREAMS as STREAMS_AS_THEY_ARE
from tests.support.corpus import cut
from tests.support.corpus import stream as odd_stream
from tests.support.upstreams import chat_bytes, chat_chunks, chunk, messages_bytes, messages_events

ASKED = {"model": "m", "max_tokens": 5, "stream_options": {"include_usage": True}}
MESSAGES_EVENTS: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
PROVIDERS = [Dialect.MESSAGES, Dialect.CHAT]
CLIENT_OF = {Dialect.MESSAGES: Dialect.CHAT, Dialect.CHAT: Dialect.MESSAGES}


def pieces_of(provider: Dialect) -> list[bytes]:
    if provider is Dialect.MESSAGES:
        return [messages_bytes([event]) for event in messages_events()]
    return [chat_bytes([one], done=False) for one in chat_chunks()] + [DONE]


def through(provider: Dialect, *chunks: bytes) -> tuple[bytes, CrossStream]:
    stream = CrossStream(CLIENT_OF[provider], provider, asked=ASKED, created=5)
    return b"".join(stream.feed(one) for one in chunks) + stream.close(), stream


def check(provider: Dialect, sent: bytes, *, is_whole: bool) -> None:
    """The client's own reading: whole and ended as it should be, or ended by an error and nothing after it."""
    events = [event for event in Splitter().feed(sent) if event.data is not None and event.name != "ping"]
    assert events
    *before, last = events
    assert all(not is_error(event) for event in before)
    assert is_error(last) is not is_whole
    ends = [event for event in events if event.data == "[DONE]" or event.name == "message_stop"]
    assert len(ends) == is_whole
    accumulate(provider, events if is_whole else before)


def accumulate(provider: Dialect, events: list[Event]) -> None:
    if provider is Dialect.MESSAGES:
        state = ChatCompletionStreamState()
        for event in events:
            if event.data != "[DONE]":
                list(state.handle_chunk(ChatCompletionChunk.model_validate(read_json(event.data or ""))))
        return
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for event in events:
        said = MESSAGES_EVENTS.validate_python(read_json(event.data or ""))
        try:
            snapshot = accumulate_event(event=said, current_snapshot=snapshot, json_bufs=buffers)
        except ValueError as error:  # a lost piece of a call's arguments is the model's word against nobody's
            assert "tool parameter JSON" in str(error) or "surrogates not allowed" in str(error)
            return


def is_error(event: Event) -> bool:
    return event.data != "[DONE]" and "error" in read_json(event.data or "")


@pytest.mark.parametrize("provider", PROVIDERS)
@settings(max_examples=40)
@given(borders=some.lists(some.integers(1, 400), max_size=30))
def test_borders_change_nothing(provider: Dialect, borders: list[int]) -> None:
    sent = b"".join(pieces_of(provider))
    whole, _ = through(provider, sent)
    chunks, place = [], 0
    for size in borders:
        chunks.append(sent[place : place + size])
        place += size
    told, stream = through(provider, *chunks, sent[place:])

    assert told == whole
    assert (stream.is_finished, stream.fault) == (True, None)
    assert stream.count is not None
    assert (stream.count.input, stream.count.output, stream.count.cached) == (100, 30, 60)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_whole_stream_is_told_as_one(provider: Dialect) -> None:
    sent, _ = through(provider, *pieces_of(provider))

    check(provider, sent, is_whole=True)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("cut", range(30))
def test_a_stream_that_is_cut_short_is_never_told_as_finished(provider: Dialect, cut: int) -> None:
    pieces = pieces_of(provider)
    if cut >= len(pieces):
        return
    sent, stream = through(provider, *pieces[:cut], pieces[cut][: len(pieces[cut]) // 2])

    check(provider, sent, is_whole=False)
    assert stream.fault is not None
    assert "not whole" in stream.fault.message


@pytest.mark.parametrize("provider", PROVIDERS)
@settings(max_examples=60)
@given(data=some.data())
def test_whatever_is_lost_doubled_or_out_of_order_no_client_is_confused(
    provider: Dialect, data: some.DataObject
) -> None:
    pieces = pieces_of(provider)
    order = data.draw(
        some.one_of(
            some.permutations(range(len(pieces))),
            some.lists(some.integers(0, len(pieces) - 1), max_size=40),
            some.integers(0, len(pieces) - 1).map(lambda lost: [n for n in range(len(pieces)) if n != lost]),
            some.integers(0, len(pieces) - 1).map(lambda twice: sorted([*range(len(pieces)), twice])),
        )
    )
    sent, stream = through(provider, *(pieces[number] for number in order))

    check(provider, sent, is_whole=stream.is_finished)
    assert stream.is_finished is (stream.fault is None)


ODD: some.SearchStrategy[Any] = some.sampled_from([
    None, True, -1, 10**40, 1.5, "", "x", "\ud83d", "{", [], [None], {}, {"a": 1}, {"type": "text"}, {"index": 0},
    {"type": "server_tool_use"}, [{"index": 0}], [{"delta": {}}],
])  # fmt: skip


@pytest.mark.parametrize("provider", PROVIDERS)
@settings(max_examples=60)
@given(data=some.data())
def test_whatever_a_field_is_no_client_is_confused(provider: Dialect, data: some.DataObject) -> None:
    bodies: list[Any] = messages_events() if provider is Dialect.MESSAGES else chat_chunks()
    number = data.draw(some.integers(0, len(bodies) - 1))
    names = [str(one.get("type", "")) for one in bodies]
    bodies[number] = changed(bodies[number], data)
    named = [encode(one, name=name) for one, name in zip(bodies, names, strict=True)]
    sent, stream = through(provider, *named, *([DONE] if provider is Dialect.CHAT else []))

    assert stream.is_finished is (stream.fault is None)
    check(provider, sent, is_whole=stream.is_finished)


def changed(body: dict[str, Any], data: some.DataObject) -> dict[str, Any]:
    name = data.draw(some.sampled_from(sorted(body)))
    value = body[name]
    if isinstance(value, dict) and value and data.draw(some.booleans()):
        return body | {name: changed(value, data)}
    if isinstance(value, list) and value and isinstance(value[0], dict) and data.draw(some.booleans()):
        return body | {name: [changed(value[0], data), *value[1:]]}
    return body | {name: data.draw(ODD)}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "noise",
    [b": a comment\n\n", b'event: ping\ndata: {"type": "ping"}\n\n', b'event: new\ndata: {"type": "a_new_event", "choices": []}\n\n',
     b"id: 7\nretry: 10\n\n", b"\n\n\n"],
)  # fmt: skip
def test_noise_and_news_change_no_answer(provider: Dialect, noise: bytes) -> None:
    calm, _ = through(provider, *pieces_of(provider))
    noisy, stream = through(provider, *(piece for one in pieces_of(provider) for piece in (noise, one)))

    def told(sent: bytes) -> list[str | None]:
        return [event.data for event in Splitter().feed(sent) if event.data is not None and event.name != "ping"]

    assert told(noisy) == told(calm)
    assert stream.is_finished


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "bad",
    [b"data: {\n\n", b"data: [1]\n\n", b"data: 7\n\n", b'data: {"a": 1e999}\n\n', b"data: \xff\n\n", b"data: NaN\n\n"],
)
def test_what_is_no_event_breaks_the_stream(provider: Dialect, bad: bytes) -> None:
    pieces = pieces_of(provider)
    sent, stream = through(provider, *pieces[:3], bad, *pieces[3:])

    check(provider, sent, is_whole=False)
    assert stream.fault is not None


def test_the_last_of_two_equal_keys_counts_as_with_the_vendors_clients() -> None:
    sent, _ = through(
        Dialect.CHAT, *pieces_of(Dialect.CHAT)[:1], b'data: {"choices":[{"delta":{"content":"a","content":"b"}}]}\n\n'
    )

    assert b'"text":"b"' in sent
    assert b'"text":"a"' not in sent


def test_half_of_a_surrogate_pair_is_passed_on_as_it_came() -> None:
    sent, _ = through(
        Dialect.CHAT, *pieces_of(Dialect.CHAT)[:1], b'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\n'
    )

    assert b'"text":"\\ud83d"' in sent


def test_signs_of_life_reach_the_client() -> None:
    sent, _ = through(Dialect.MESSAGES, b'event: ping\ndata: {"type": "ping"}\n\n')

    assert sent.startswith(b": \n\n")


def test_calls_that_come_whole_and_without_a_number_are_taken() -> None:
    calls = [{"id": f"c{n}", "function": {"name": "f", "arguments": f'{{"n":{n}}}'}} for n in range(2)]
    chunks = [chunk({"role": "assistant", "tool_calls": calls}), chunk({}, finish="tool_calls")]
    sent, stream = through(Dialect.CHAT, chat_bytes(chunks))

    assert stream.is_finished
    assert sent.count(b'"type":"tool_use"') == 2
    assert b'"partial_json":"{\\"n\\":1}"' in sent


def test_arguments_that_are_interleaved_are_not_mixed_up() -> None:
    def piece(index: int) -> dict[str, Any]:
        return chunk({"tool_calls": [{"index": index, "id": f"c{index}", "function": {"name": "f", "arguments": "{"}}]})

    sent, stream = through(Dialect.CHAT, chat_bytes([piece(0), piece(1), piece(0)]))

    check(Dialect.CHAT, sent, is_whole=False)
    assert stream.fault is not None


def test_a_whole_input_at_the_blocks_beginning_is_kept() -> None:
    events = messages_events()
    begun = next(n for n, one in enumerate(events) if one.get("content_block", {}).get("name") == "now")
    events[begun] = events[begun] | {"content_block": events[begun]["content_block"] | {"input": {"zone": "CET"}}}
    sent, _ = through(Dialect.MESSAGES, messages_bytes(events))

    assert b'{\\"zone\\":\\"CET\\"}' in sent


@pytest.mark.parametrize("dialect", Dialect)
def test_whoever_breaks_a_stream_off_ends_it_as_an_error_once(dialect: Dialect) -> None:
    other = CLIENT_OF.get(dialect, Dialect.CHAT)
    for stream in (
        PassedStream(dialect),
        CrossStream(dialect, other, asked=ASKED) if dialect in CLIENT_OF else PassedStream(dialect),
    ):
        assert b"blocked by a rule" in stream.fail(Fault(403, "dlp", "blocked by a rule"))
        assert (stream.fail(Fault(500, "x", "y")), stream.feed(b"data: {}\n\n"), stream.close()) == (b"", b"", b"")
        assert stream.fault == Fault(403, "dlp", "blocked by a rule")


@pytest.mark.parametrize("provider", PROVIDERS)
@given(
    borders=some.lists(some.integers(1, 400), max_size=30),
    tail=some.sampled_from([b"", b"\n", b": bye\n\n", b": half"]),
)
def test_the_same_dialect_passes_byte_for_byte(provider: Dialect, borders: list[int], tail: bytes) -> None:
    sent = b"\xef\xbb\xbf" + b": hello\r\n\r\n".join(pieces_of(provider)) + tail
    stream, told, place = stream_between(provider, provider, asked=ASKED), b"", 0
    for size in borders:
        told += stream.feed(sent[place : place + size])
        place += size
    told += stream.feed(sent[place:]) + stream.close()

    assert told == sent
    assert (stream.is_finished, stream.fault) == (True, None)
    assert stream.count is not None
    assert stream.count.input == 100


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_same_dialect_cut_short_ends_as_an_error(provider: Dialect) -> None:
    pieces = pieces_of(provider)
    stream = stream_between(provider, provider, asked=ASKED)
    told = stream.feed(b"".join(pieces[:4]) + pieces[4][:9]) + stream.close()

    assert told.startswith(
        b"".join(pieces[:4]) + (b"event: error" if provider is Dialect.MESSAGES else b'data: {"error"')
    )
    assert stream.fault is not None


def test_the_providers_own_error_is_passed_as_it_came() -> None:
    stream = PassedStream(Dialect.CHAT)
    sent = b'data: {"error": {"message": "gone",  "odd": 1.50}}\n\n'

    assert stream.feed(sent) + stream.close() == sent
    assert (stream.is_finished, stream.fault) == (False, Fault(502, "provider_error", "gone"))


@pytest.mark.parametrize("path", STREAMS_AS_THEY_ARE)
@settings(max_examples=40)
@given(seed=some.integers(0, 2**32), pieces=some.integers(1, 200))
def test_what_passes_is_the_same_bytes_wherever_it_is_cut(path: str, seed: int, pieces: int) -> None:
    raw = odd_stream(path, seed=seed)
    passed = PassedStream(Endpoint(path).dialect)
    told = b"".join(passed.feed(piece) for piece in cut(raw, seed=seed, pieces=pieces)) + passed.close()

    assert told == raw
    assert passed.is_finished
    assert passed.count is not None
