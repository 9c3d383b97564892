from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from appliance.gateway.dialects import AnswerUnreadable, Dialect, Untranslatable
from appliance.gateway.dialects.bodies import read_json, write_json
from appliance.gateway.dialects.crossing import CrossStream, cross_answer, cross_request
from appliance.gateway.dialects.sse import DONE, Splitter
from tests.support.upstreams import (
    ARGUMENTS,
    COMPLETION,
    GIVEN,
    MESSAGE,
    TEXT,
    chat_bytes,
    chat_chunks,
    chunk,
    messages_bytes,
    messages_events,
)
from tests.support.vendors import (
    check_chat_request,
    check_messages_request,
    check_responses_request,
    openai_client,
)

HELLO: dict[str, Any] = {"model": "m", "input": "Hello"}
WEATHER = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}, "strict": False}
EVENTS: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
PROVIDERS = [Dialect.CHAT, Dialect.MESSAGES]
ANSWERS: dict[Dialect, dict[str, Any]] = {Dialect.CHAT: COMPLETION, Dialect.MESSAGES: MESSAGE}
STREAMS = {Dialect.CHAT: chat_bytes(chat_chunks()), Dialect.MESSAGES: messages_bytes(messages_events())}
CONVERSATION = [
    {"role": "developer", "content": "Be brief."},
    {"type": "message", "role": "user", "content": [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": "data:image/png;base64,iVBO", "detail": "low"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"},
    ]},
    {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [
        {"type": "output_text", "text": "I look.", "annotations": []},
    ]},
    {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "weather", "arguments": '{"city":"Köln"}'},
    {"type": "function_call", "call_id": "call_2", "name": "now", "arguments": "{}", "status": "completed"},
    {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
    {"type": "function_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "noon"}]},
    {"role": "user", "content": "And now?"},
]  # fmt: skip


def crossed(target: Dialect = Dialect.CHAT, **fields: Any) -> dict[str, Any]:
    body = HELLO | fields
    check_responses_request(body)
    made = cross_request(Dialect.RESPONSES, target, body)
    (check_chat_request if target is Dialect.CHAT else check_messages_request)(made)
    return made


class Provider:
    def __init__(self, dialect: Dialect, answer: dict[str, Any] | bytes) -> None:
        self.dialect, self.answer = dialect, answer

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        body = read_json(request.content)
        crossed(self.dialect, **body)
        if isinstance(self.answer, bytes):
            stream = CrossStream(Dialect.RESPONSES, self.dialect, asked=body)
            content = stream.feed(self.answer) + stream.close()
            return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=content)
        answer = cross_answer(Dialect.RESPONSES, self.dialect, self.answer, asked=body)
        return httpx2.Response(200, headers={"content-type": "application/json"}, content=write_json(answer))


def test_a_whole_conversation_arrives_at_a_chat() -> None:
    made = crossed(instructions="You are Ada.", input=CONVERSATION)

    assert made["messages"] == [
        {"role": "system", "content": "You are Ada."},
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO", "detail": "low"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
        ]},
        {"role": "assistant", "content": "I look.", "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Köln"}'}},
            {"id": "call_2", "type": "function", "function": {"name": "now", "arguments": "{}"}},
        ]},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
        {"role": "tool", "tool_call_id": "call_2", "content": "noon"},
        {"role": "user", "content": "And now?"},
    ]  # fmt: skip


def test_the_same_conversation_arrives_at_claude() -> None:
    made = crossed(Dialect.MESSAGES, instructions="You are Ada.", input=CONVERSATION)

    assert [block["text"] for block in made["system"]] == ["You are Ada.", "Be brief."]
    assert [(turn["role"], [block["type"] for block in turn["content"]]) for turn in made["messages"]] == [
        ("user", ["text", "image", "document"]),
        ("assistant", ["text", "tool_use", "tool_use"]),
        ("user", ["tool_result", "tool_result", "text"]),
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {}),
        ({"max_output_tokens": 9, "temperature": 0.5, "top_p": 0.5}, {"max_completion_tokens": 9, "temperature": 0.5, "top_p": 0.5}),
        ({"reasoning": {"effort": "high", "summary": "auto"}}, {"reasoning_effort": "high"}),
        ({"text": {"verbosity": "low"}}, {"verbosity": "low"}),
        ({"text": {"format": {"type": "json_object"}}}, {"response_format": {"type": "json_object"}}),
        ({"text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}}},
         {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True}}}),
        ({"tools": [WEATHER], "tool_choice": "required"},
         {"tools": [{"type": "function", "function": {"name": "weather", "parameters": WEATHER["parameters"]}}], "tool_choice": "required"}),
        ({"tool_choice": {"type": "function", "name": "f"}}, {"tool_choice": {"type": "function", "function": {"name": "f"}}}),
        ({"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]}},
         {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]}}}),
        ({"parallel_tool_calls": False}, {"parallel_tool_calls": False}),
        ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
        ({"store": False, "background": False, "truncation": "disabled", "include": ["reasoning.encrypted_content"], "metadata": {"a": "b"}}, {}),
    ],
)  # fmt: skip
def test_what_becomes_of_a_field(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    made = crossed(**fields)

    assert {name: value for name, value in made.items() if name not in {"model", "messages"}} == expected


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"store": True}, "store"),
        ({"background": True}, "background"),
        ({"include": ["file_search_call.results"]}, "include[0]"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
        ({"input": [{"type": "reasoning", "id": "x", "summary": [], "encrypted_content": "gAAAA"}]}, "input[0].encrypted_content"),
        ({"input": [{"type": "reasoning", "summary": [], "encrypted_content": "claude-signature:x"}]}, "input[0].encrypted_content"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]}, "input[0].content[0].file_id"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": [{"type": "input_image", "image_url": "https://x"}]}]},
         "input[0].output"),
        ({"input": None}, "input"),
        ({"input": [7]}, "input[0]"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused_by_name(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Untranslatable) as refused:
        cross_request(Dialect.RESPONSES, Dialect.CHAT, HELLO | fields)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"text": {"format": {"type": "json_object"}}}, "text.format.type"),
        ({"text": {"verbosity": "low"}}, "text.verbosity"),
        ({"reasoning": {"effort": "absurd"}}, "reasoning.effort"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:image/tiff;base64,AA"}]}]}, "input"),
    ],
)  # fmt: skip
def test_what_claude_cannot_be_told_is_refused_in_the_clients_words(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Untranslatable) as refused:
        cross_request(Dialect.RESPONSES, Dialect.MESSAGES, HELLO | fields)
    assert refused.value.field == field


@pytest.mark.parametrize("provider", PROVIDERS)
def test_openais_client_gets_the_answer(provider: Dialect) -> None:
    answer = openai_client(Provider(provider, ANSWERS[provider])).responses.create(model="m", input="Hello")

    whole = Response.model_validate(answer.model_dump())
    check_whole(whole, provider)


def check_whole(whole: Response, provider: Dialect) -> None:
    assert (whole.status, whole.output_text) == ("completed", "".join(TEXT))
    calls = [item for item in whole.output if item.type == "function_call"]
    ids = ["call_1", "call_2"] if provider is Dialect.CHAT else ["toolu_01", "toolu_02"]
    assert [(call.call_id, call.name, read_json(call.arguments)) for call in calls] == [
        (ids[0], "weather", GIVEN),
        (ids[1], "now", {}),
    ]
    assert whole.usage is not None
    assert (whole.usage.input_tokens, whole.usage.output_tokens, whole.usage.total_tokens) == (100, 30, 130)
    assert whole.usage.input_tokens_details.cached_tokens == 60
    assert len({item.id for item in whole.output}) == len(whole.output)
    if provider is Dialect.MESSAGES:
        thought = whole.output[0]
        assert thought.type == "reasoning"
        assert (thought.summary[0].text, thought.encrypted_content) == (
            "They ask for weather.",
            "claude-signature:c2lnbg==",
        )


@pytest.mark.parametrize("provider", PROVIDERS)
def test_openais_client_gets_the_stream(provider: Dialect) -> None:
    client = openai_client(Provider(provider, STREAMS[provider]))
    with client.responses.stream(model="m", input="Hello") as stream:
        events = list(stream)
        answer = stream.get_final_response()

    check_whole(
        Response.model_validate(
            answer.model_dump(
                exclude={"output": {"__all__": {"content": {"__all__": {"parsed"}}, "parsed_arguments": True}}}
            )
        ),
        provider,
    )
    pieces = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    assert pieces == [*ARGUMENTS, "{}"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_event_is_the_references(provider: Dialect) -> None:
    stream = CrossStream(Dialect.RESPONSES, provider, asked=HELLO, created=5)
    events = Splitter().feed(stream.feed(STREAMS[provider]))
    said = [EVENTS.validate_python(read_json(event.data or "")) for event in events if event.data]

    assert [event.sequence_number for event in said] == list(range(len(said)))
    assert [event.name for event in events if event.data] == [event.type for event in said]
    assert said[0].type == "response.created"
    last = said[-1]
    assert last.type == "response.completed"
    whole = cross_answer(Dialect.RESPONSES, provider, ANSWERS[provider], asked=HELLO, created=5)
    assert shown(last.response) == shown(Response.model_validate(whole))


def shown(response: Response) -> dict[str, Any]:
    """All of it; arguments by what they say, since a stream keeps the spaces that they came with."""
    for item in response.output:
        if item.type == "function_call":
            item.arguments = write_json(read_json(item.arguments)).decode()
    return response.model_dump(exclude_unset=True)


def test_claudes_thoughts_come_back_to_claude() -> None:
    answer = cross_answer(Dialect.RESPONSES, Dialect.MESSAGES, MESSAGE, asked=HELLO)
    asked = [
        {"role": "user", "content": "x"},
        *answer["output"],
        {"type": "function_call_output", "call_id": "toolu_01", "output": "y"},
    ]
    made = cross_request(Dialect.RESPONSES, Dialect.MESSAGES, HELLO | {"input": asked})

    assert made["messages"][1]["content"] == MESSAGE["content"]


def test_redacted_thoughts_come_back_to_claude() -> None:
    block = {"type": "redacted_thinking", "data": "c2VjcmV0"}
    answer = cross_answer(
        Dialect.RESPONSES, Dialect.MESSAGES, MESSAGE | {"content": [block, *MESSAGE["content"][1:]]}, asked=HELLO
    )
    made = cross_request(Dialect.RESPONSES, Dialect.MESSAGES, HELLO | {"input": answer["output"]})

    assert made["messages"][0]["content"][0] == block


@pytest.mark.parametrize(("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_an_answer_that_is_not_complete_says_so(finish: str, reason: str) -> None:
    stream = CrossStream(Dialect.RESPONSES, Dialect.CHAT, asked=HELLO)
    told = stream.feed(chat_bytes([chunk({"content": "I am"}), chunk({}, finish=finish)]))
    last = EVENTS.validate_python(read_json(Splitter().feed(told)[-1].data or ""))

    assert last.type == "response.incomplete"
    assert last.response.incomplete_details is not None
    assert last.response.incomplete_details.reason == reason
    assert last.response.output_text == "I am"


def test_a_refusal_and_a_thought_are_told_as_such() -> None:
    chunks = [
        chunk({"reasoning_content": "Hm."}),
        chunk({"refusal": "I can"}),
        chunk({"refusal": "not."}),
        chunk({}, finish="stop"),
    ]
    stream = CrossStream(Dialect.RESPONSES, Dialect.CHAT, asked=HELLO)
    events = [
        EVENTS.validate_python(read_json(event.data or ""))
        for event in Splitter().feed(stream.feed(chat_bytes(chunks)))
    ]

    last = events[-1]
    assert last.type == "response.completed"
    thought, message = last.response.output
    assert thought.type == "reasoning"
    assert message.type == "message"
    assert thought.summary[0].text == "Hm."
    assert message.content[0].type == "refusal"
    assert message.content[0].refusal == "I cannot."


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9, 0.99])
def test_a_stream_that_is_cut_short_is_raised(provider: Dialect, share: float) -> None:
    sent = STREAMS[provider]
    client = openai_client(Provider(provider, sent[: int(len(sent) * share)]))

    with pytest.raises(openai.APIError, match="not whole"), client.responses.stream(model="m", input="Hello") as stream:
        stream.get_final_response()


@settings(max_examples=40)
@given(borders=some.lists(some.integers(1, 400), max_size=30))
def test_borders_change_nothing(borders: list[int]) -> None:
    for provider in PROVIDERS:
        whole = CrossStream(Dialect.RESPONSES, provider, asked=HELLO, created=5).feed(STREAMS[provider])
        stream, told, place = CrossStream(Dialect.RESPONSES, provider, asked=HELLO, created=5), b"", 0
        for size in borders:
            told += stream.feed(STREAMS[provider][place : place + size])
            place += size
        assert told + stream.feed(STREAMS[provider][place:]) + stream.close() == whole


@settings(max_examples=60)
@given(some.permutations(range(len(chat_chunks()))).map(list))
def test_whatever_is_out_of_order_no_client_is_confused(order: list[int]) -> None:
    pieces = [chat_bytes([one], done=False) for one in chat_chunks()]
    stream = CrossStream(Dialect.RESPONSES, Dialect.CHAT, asked=HELLO)
    told = b"".join(stream.feed(pieces[number]) for number in order) + stream.feed(DONE) + stream.close()
    events = [EVENTS.validate_python(read_json(event.data or "")) for event in Splitter().feed(told)]

    assert events[-1].type == ("response.completed" if stream.is_finished else "error")
    assert [event.sequence_number for event in events] == list(range(len(events)))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_answer_that_is_none_is_not_passed_off_as_one(provider: Dialect) -> None:
    with pytest.raises(AnswerUnreadable):
        cross_answer(Dialect.RESPONSES, provider, {}, asked=HELLO)


@pytest.mark.parametrize("source", [Dialect.CHAT, Dialect.MESSAGES])
def test_nothing_is_translated_into_the_responses_api(source: Dialect) -> None:
    for call in (
        lambda: cross_request(source, Dialect.RESPONSES, {}),
        lambda: cross_answer(source, Dialect.RESPONSES, {}, asked={}),
        lambda: CrossStream(source, Dialect.RESPONSES, asked={}),
    ):
        with pytest.raises(Untranslatable, match="the dialect"):
            call()


def test_what_was_asked_for_is_repeated() -> None:
    asked = HELLO | {
        "instructions": "Be brief.", "metadata": {"a": "b"}, "tools": [WEATHER], "tool_choice": {"type": "function", "name": "weather"},
        "reasoning": {"effort": "low"}, "text": {"verbosity": "low"}, "temperature": 0.5, "parallel_tool_calls": False,
        "max_output_tokens": 9, "user": "u",
    }  # fmt: skip
    answer = Response.model_validate(cross_answer(Dialect.RESPONSES, Dialect.CHAT, COMPLETION, asked=asked, created=5))

    assert (answer.instructions, answer.metadata, answer.temperature, answer.created_at) == (
        "Be brief.",
        {"a": "b"},
        0.5,
        5,
    )
    assert answer.tools[0].type == "function"
    assert (answer.tools[0].name, answer.previous_response_id) == ("weather", None)
