import pytest
from anthropic.types import Usage
from hypothesis import given
from hypothesis import strategies as some
from openai.types import CompletionUsage
from openai.types.responses import ResponseUsage

from appliance.gateway.dialects import Dialect, StreamReader, TokenCount, usage_of
from appliance.gateway.dialects.sse import DONE, encode

CHAT = {
    "prompt_tokens": 100, "completion_tokens": 30, "total_tokens": 130,
    "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 5, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 20},
}  # fmt: skip
RESPONSES = {
    "input_tokens": 100, "output_tokens": 30, "total_tokens": 130,
    "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 5},
    "output_tokens_details": {"reasoning_tokens": 20},
}  # fmt: skip
MESSAGES = {
    "input_tokens": 35, "cache_read_input_tokens": 60, "cache_creation_input_tokens": 5, "output_tokens": 30,
    "output_tokens_details": {"thinking_tokens": 20}, "service_tier": "standard",
}  # fmt: skip
USED = {Dialect.CHAT: CHAT, Dialect.RESPONSES: RESPONSES, Dialect.MESSAGES: MESSAGES}
WHOLE = TokenCount(input=100, output=30, cached=60, reasoning=20, cache_written=5)


def stream(dialect: Dialect) -> list[bytes]:
    if dialect is Dialect.CHAT:
        text = {"id": "c", "choices": [{"delta": {"content": 'the "usage": {'}}], "usage": None}
        return [encode(text), encode({"choices": [], "usage": CHAT}), DONE]
    if dialect is Dialect.RESPONSES:
        text = {"type": "response.output_text.delta", "delta": "response.completed"}
        end = {"type": "response.completed", "response": {"usage": RESPONSES}}
        return [encode(text, name="response.output_text.delta"), encode(end, name="response.completed")]
    start = {"type": "message_start", "message": {"usage": MESSAGES | {"output_tokens": 1}}}
    delta = {"type": "message_delta", "usage": {"output_tokens": 30, "input_tokens": None}}
    return [encode(one, name=str(one["type"])) for one in (start, delta, {"type": "message_stop"})]


def test_the_samples_are_the_vendors() -> None:
    CompletionUsage.model_validate(CHAT)
    ResponseUsage.model_validate(RESPONSES)
    Usage.model_validate(MESSAGES)


@pytest.mark.parametrize("dialect", Dialect)
def test_an_answer_tells_what_it_used(dialect: Dialect) -> None:
    assert usage_of(dialect, {"id": "x", "usage": USED[dialect]}) == WHOLE


@pytest.mark.parametrize("body", [None, [], {}, {"usage": None}, {"usage": 7}, "usage"])
def test_an_answer_that_does_not_tell_is_not_taken_for_free(body: object) -> None:
    assert usage_of(Dialect.CHAT, body) is None


@pytest.mark.parametrize("odd", [-5, True, "9", 1.5, None, {"a": 1}])
@pytest.mark.parametrize("dialect", Dialect)
def test_what_is_no_number_of_tokens_counts_nothing(dialect: Dialect, odd: object) -> None:
    assert usage_of(dialect, {"usage": dict.fromkeys(USED[dialect], odd)}) == TokenCount()


@pytest.mark.parametrize("dialect", Dialect)
@given(step=some.integers(1, 400))
def test_a_stream_tells_what_it_used_and_that_it_ended(dialect: Dialect, step: int) -> None:
    reader, sent = StreamReader(dialect), b"".join(stream(dialect))
    for place in range(0, len(sent), step):
        assert not reader.is_finished
        reader.feed(sent[place : place + step])

    assert (reader.count, reader.is_finished, reader.fault) == (WHOLE, True, None)


@pytest.mark.parametrize("dialect", Dialect)
def test_a_stream_that_stops_early_has_not_ended(dialect: Dialect) -> None:
    reader = StreamReader(dialect)
    reader.feed(stream(dialect)[0])

    assert not reader.is_finished


def test_a_stream_of_claudes_that_stops_early_tells_what_it_had_used() -> None:
    reader = StreamReader(Dialect.MESSAGES)
    reader.feed(stream(Dialect.MESSAGES)[0])

    assert reader.count == TokenCount(input=100, output=1, cached=60, reasoning=20, cache_written=5)


def test_what_is_not_json_is_passed_over() -> None:
    reader = StreamReader(Dialect.CHAT)
    reader.feed(b'data: {"usage": {\n\ndata: [1, {"error": 2}]\n\ndata: "usage"\n\n')

    assert (reader.count, reader.fault) == (None, None)


@pytest.mark.parametrize("said", [b'"usage":{', b'"usage": {', b'"usage"\t:  {', b'"usage":\ndata: {'])
def test_what_was_used_is_found_however_it_is_spaced(said: bytes) -> None:
    reader = StreamReader(Dialect.CHAT)
    reader.feed(b'data: {"usage":null}\n\ndata: {"choices":[],' + said + b'"prompt_tokens":7}}\n\n')

    assert reader.count == TokenCount(input=7)
