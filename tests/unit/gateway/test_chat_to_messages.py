from typing import Any

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from appliance.gateway.dialects import AnswerUnreadable, Dialect, Untranslatable
from appliance.gateway.dialects.bodies import read_json, write_json
from appliance.gateway.dialects.crossing import CrossStream, cross_answer, cross_request
from tests.support.upstreams import ARGUMENTS, GIVEN, MESSAGE, TEXT, messages_bytes, messages_events
from tests.support.vendors import check_messages_request, openai_client

HELLO = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
NOW = {"type": "function", "function": {"name": "now"}}


def crossed(**fields: Any) -> dict[str, Any]:
    body = cross_request(Dialect.CHAT, Dialect.MESSAGES, HELLO | fields)
    check_messages_request(body)
    return body


def turns(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    return list(crossed(messages=list(messages))["messages"])


class Claude:
    """A provider that speaks Anthropic's messages, behind the translation, as the gateway stands between."""

    def __init__(self, answer: dict[str, Any] | bytes) -> None:
        self.answer, self.asked = answer, dict[str, Any]()

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        body = read_json(request.content)
        self.asked = cross_request(Dialect.CHAT, Dialect.MESSAGES, body)
        check_messages_request(self.asked)
        if isinstance(self.answer, bytes):
            stream = CrossStream(Dialect.CHAT, Dialect.MESSAGES, asked=body)
            content = stream.feed(self.answer) + stream.close()
            return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=content)
        answer = cross_answer(Dialect.CHAT, Dialect.MESSAGES, self.answer, asked=body)
        return httpx2.Response(200, headers={"content-type": "application/json"}, content=write_json(answer))


def test_a_whole_conversation_arrives() -> None:
    made = crossed(
        messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO", "detail": "high"}},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.jpg"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
            ]},
            {"role": "assistant", "content": "I look.", "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Köln"}'}},
                {"id": "call_2", "type": "function", "function": {"name": "now", "arguments": ""}},
            ]},
            {"role": "tool", "tool_call_id": "call_2", "content": "noon"},
            {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "rain"}]},
            {"role": "system", "content": "Answer in German."},
            {"role": "user", "content": "And now?"},
        ],
        tools=[WEATHER, NOW],
    )  # fmt: skip

    assert made["system"] == [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Answer in German."}]
    assert made["messages"] == [
        {"role": "user", "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}},
            {"type": "image", "source": {"type": "url", "url": "https://example.org/a.jpg"}},
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}, "title": "a.pdf"},
        ]},
        {"role": "assistant", "content": [
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Köln"}},
            {"type": "tool_use", "id": "call_2", "name": "now", "input": {}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "call_2", "content": "noon"},
            {"type": "tool_result", "tool_use_id": "call_1", "content": [{"type": "text", "text": "rain"}]},
            {"type": "text", "text": "And now?"},
        ]},
    ]  # fmt: skip
    assert made["tools"] == [
        {"name": "weather", "input_schema": {"type": "object", "properties": {}}},
        {"name": "now", "input_schema": {"type": "object", "properties": {}}},
    ]


def test_ids_that_anthropic_does_not_take_still_fit_together() -> None:
    call = {"id": "functions.now:0", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    made = turns(
        HELLO["messages"][0],  # type: ignore[arg-type]  # a sample
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "functions.now:0", "content": "noon"},
    )

    assert made[1]["content"][0]["id"] == made[2]["content"][0]["tool_use_id"]
    assert made[1]["content"][0]["id"].replace("_", "").isalnum()


def test_thoughts_come_back_with_their_signature() -> None:
    answer = cross_answer(Dialect.CHAT, Dialect.MESSAGES, MESSAGE, asked=HELLO)
    made = turns(HELLO["messages"][0], answer["choices"][0]["message"])  # type: ignore[arg-type]  # a sample

    assert made[1]["content"] == MESSAGE["content"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"max_tokens": 16_384}),
        ({"max_tokens": 7}, {"max_tokens": 7}),
        ({"max_tokens": 7, "max_completion_tokens": 9}, {"max_tokens": 9}),
        ({"stop": "x"}, {"stop_sequences": ["x"]}),
        ({"stop": ["x", "y"]}, {"stop_sequences": ["x", "y"]}),
        ({"stop": None}, {}),
        ({"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}),
        ({"temperature": 1, "top_p": 1.0, "n": 1, "presence_penalty": 0.0, "logit_bias": {}, "store": False}, {}),
        ({"reasoning_effort": "high"}, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        ({"reasoning_effort": "minimal"}, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}),
        ({"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ({"safety_identifier": "a", "user": "b"}, {"metadata": {"user_id": "a"}}),
        ({"user": "b"}, {"metadata": {"user_id": "b"}}),
        ({"service_tier": "auto"}, {"service_tier": "auto"}),
        ({"stream": True, "stream_options": {"include_usage": True}}, {"stream": True}),
        ({"response_format": {"type": "text"}, "metadata": {"a": "b"}, "prompt_cache_key": "k", "tool_choice": "auto"}, {}),
        ({"tools": [], "tool_choice": "none", "parallel_tool_calls": False}, {}),
    ],
)  # fmt: skip
def test_what_becomes_of_a_field(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    made = crossed(**fields)

    assert {name: value for name, value in made.items() if name not in {"model", "messages"}} == {
        "max_tokens": 16_384
    } | expected


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({}, None),
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": {"type": "function", "function": {"name": "now"}}}, {"type": "tool", "name": "now"}),
        ({"parallel_tool_calls": True}, None),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"parallel_tool_calls": False, "tool_choice": "required"}, {"type": "any", "disable_parallel_tool_use": True}),
        ({"parallel_tool_calls": False, "tool_choice": "none"}, {"type": "none"}),
    ],
)
def test_the_choice_of_tools(choice: dict[str, Any], expected: dict[str, Any] | None) -> None:
    assert crossed(tools=[WEATHER, NOW], **choice).get("tool_choice") == expected


def test_tools_that_are_not_allowed_are_not_offered() -> None:
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "now"}}]}
    made = crossed(tools=[WEATHER, NOW], tool_choice={"type": "allowed_tools", "allowed_tools": allowed})

    assert ([tool["name"] for tool in made["tools"]], made["tool_choice"]) == (["now"], {"type": "any"})


def test_a_model_that_must_call_is_not_told_to_think_first() -> None:
    made = crossed(tools=[NOW], tool_choice="required", reasoning_effort="high")

    assert ("thinking" in made, made["output_config"]) == (False, {"effort": "high"})


def test_a_schema_for_the_answer_arrives() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    made = crossed(
        response_format={"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": schema}}
    )

    assert made["output_config"] == {"format": {"type": "json_schema", "schema": schema}}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"seed": 7}, "seed"),
        ({"n": 2}, "n"),
        ({"n": True}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"temperature": 1.5}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"response_format": {"type": "json_object"}}, "response_format.type"),
        ({"some_new_field": 1}, "some_new_field"),
        ({"reasoning_effort": "absurd"}, "reasoning_effort"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "alone"}]}, "messages"),
        ({"messages": [{"role": "user", "content": ""}]}, "messages"),
        ({"messages": [{"role": "function", "name": "f", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "name": "Ada", "content": "x"}]}, "messages[0].name"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]}, "messages[0].content[0].file.file_id"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/tiff;base64,AA"}}]}]},
         "messages[0].content[0].image_url.url"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png,raw"}}]}]},
         "messages[0].content[0].image_url.url"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{"}}]}]},
         "messages[0].tool_calls[0].function.arguments"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "[1]"}}]}]},
         "messages[0].tool_calls[0].function.arguments"),
        ({"messages": [{"role": "system", "content": [{"type": "image_url", "image_url": {"url": "https://x"}}]}]}, "messages[0].content[0].type"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused_by_name(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Untranslatable) as refused:
        cross_request(Dialect.CHAT, Dialect.MESSAGES, HELLO | fields)
    assert refused.value.field == field
    assert str(refused.value).startswith(f"{field} cannot be said")


def test_a_refusal_quotes_nothing_that_could_forge() -> None:
    with pytest.raises(Untranslatable) as refused:
        cross_request(Dialect.CHAT, Dialect.MESSAGES, HELLO | {"a{x}\r\n" + "b" * 500: 1})
    assert "\n" not in refused.value.field
    assert len(refused.value.field) <= 64


def test_openais_client_gets_claudes_answer() -> None:
    claude = Claude(MESSAGE)
    answer = openai_client(claude).chat.completions.create(model="m", messages=[{"role": "user", "content": "Hello"}])

    ChatCompletion.model_validate(answer.model_dump())
    message = answer.choices[0].message
    assert (answer.id, answer.model, message.content) == ("chatcmpl-01A", "claude-opus-5", "".join(TEXT))
    assert answer.choices[0].finish_reason == "tool_calls"
    assert message.tool_calls is not None
    first, second = message.tool_calls
    assert first.type == second.type == "function"
    assert (first.id, first.function.name, read_json(first.function.arguments)) == ("toolu_01", "weather", GIVEN)
    assert (second.id, second.function.arguments) == ("toolu_02", "{}")
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (100, 30, 130)
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.prompt_tokens_details.cached_tokens == 60


@pytest.mark.parametrize("with_usage", [True, False])
def test_openais_client_gets_claudes_stream(with_usage: bool) -> None:
    client = openai_client(Claude(messages_bytes(messages_events())))
    tools: Any = [WEATHER, NOW]
    options: Any = {"stream_options": {"include_usage": True}} if with_usage else {}
    with client.chat.completions.stream(
        model="m", messages=[{"role": "user", "content": "x"}], tools=tools, **options
    ) as stream:
        chunks = [event.chunk for event in stream if event.type == "chunk"]
        answer = stream.get_final_completion()

    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk.model_dump())
    message = answer.choices[0].message
    assert (message.content, answer.choices[0].finish_reason) == ("".join(TEXT), "tool_calls")
    assert message.tool_calls is not None
    assert [(call.id, call.function.name, read_json(call.function.arguments)) for call in message.tool_calls] == [
        ("toolu_01", "weather", GIVEN), ("toolu_02", "now", {}),
    ]  # fmt: skip
    assert message.model_extra is not None
    assert message.model_extra["reasoning_content"] == "They ask for weather."
    assert message.model_extra["thinking_blocks"][0]["signature"] == "c2lnbg=="
    assert (answer.usage.total_tokens if answer.usage else None) == (130 if with_usage else None)
    pieces = [
        call.function.arguments
        for one in chunks
        if one.choices
        for call in one.choices[0].delta.tool_calls or []
        if call.function
    ]
    assert pieces == ["", *ARGUMENTS, "", "{}"]


def test_the_first_chunk_has_the_role_and_the_last_event_says_done() -> None:
    stream = CrossStream(Dialect.CHAT, Dialect.MESSAGES, asked=HELLO, created=5)
    sent = stream.feed(messages_bytes(messages_events())).decode().split("\n\n")

    assert read_json(sent[0].removeprefix("data: ")) == {
        "id": "chatcmpl-01A", "object": "chat.completion.chunk", "created": 5, "model": "claude-opus-5",
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": "", "refusal": None}, "logprobs": None, "finish_reason": None}],
    }  # fmt: skip
    assert sent[-2:] == ["data: [DONE]", ""]
    assert stream.close() == b""


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("end_turn", "stop"), ("max_tokens", "length"), ("stop_sequence", "stop"), ("tool_use", "tool_calls"),
     ("refusal", "content_filter"), ("model_context_window_exceeded", "length")],
)  # fmt: skip
def test_reasons(reason: str, finish: str) -> None:
    answer = cross_answer(Dialect.CHAT, Dialect.MESSAGES, MESSAGE | {"stop_reason": reason}, asked=HELLO)

    assert answer["choices"][0]["finish_reason"] == finish


@pytest.mark.parametrize(
    "answer",
    [[], {}, MESSAGE | {"stop_reason": "pause_turn"}, MESSAGE | {"stop_reason": None}, MESSAGE | {"content": "text"},
     MESSAGE | {"content": [{"type": "server_tool_use", "id": "x"}]}, MESSAGE | {"content": [{"type": "text"}]},
     MESSAGE | {"usage": None}, MESSAGE | {"content": [None]}],
)  # fmt: skip
def test_an_answer_that_is_none_is_not_passed_off_as_one(answer: Any) -> None:
    with pytest.raises(AnswerUnreadable):
        cross_answer(Dialect.CHAT, Dialect.MESSAGES, answer, asked=HELLO)


def test_an_error_in_claudes_stream_is_raised_by_openais_client() -> None:
    failing = messages_bytes(
        [*messages_events()[:9], {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}]
    )
    stream = openai_client(Claude(failing)).chat.completions.create(
        model="m", messages=[{"role": "user", "content": "x"}], stream=True
    )

    with pytest.raises(openai.APIError, match="Overloaded"):
        list(stream)
