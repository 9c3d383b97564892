from typing import Any

import anthropic
import httpx2
import pytest
from anthropic.types import Message

from appliance.gateway.dialects import AnswerUnreadable, Dialect, Untranslatable
from appliance.gateway.dialects.bodies import read_json, write_json
from appliance.gateway.dialects.crossing import CrossStream, cross_answer, cross_request
from appliance.gateway.dialects.sse import Splitter
from tests.support.upstreams import ARGUMENTS, COMPLETION, GIVEN, TEXT, chat_bytes, chat_chunks, chunk
from tests.support.vendors import anthropic_client, check_chat_request

HELLO: dict[str, Any] = {"model": "m", "max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]}
NOW = {"name": "now", "description": "The time", "input_schema": {"type": "object", "properties": {}}}


def crossed(**fields: Any) -> dict[str, Any]:
    body = cross_request(Dialect.MESSAGES, Dialect.CHAT, HELLO | fields)
    check_chat_request(body)
    return body


def saying(*blocks: dict[str, Any], role: str = "user") -> list[dict[str, Any]]:
    return list(crossed(messages=[{"role": role, "content": list(blocks)}])["messages"])


class Gpt:
    """A provider that speaks OpenAI's chat completions, behind the translation, as the gateway stands between."""

    def __init__(self, answer: dict[str, Any] | bytes) -> None:
        self.answer, self.asked = answer, dict[str, Any]()

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        body = read_json(request.content)
        self.asked = cross_request(Dialect.MESSAGES, Dialect.CHAT, body)
        check_chat_request(self.asked)
        if isinstance(self.answer, bytes):
            stream = CrossStream(Dialect.MESSAGES, Dialect.CHAT, asked=body)
            content = stream.feed(self.answer) + stream.close()
            return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=content)
        answer = cross_answer(Dialect.MESSAGES, Dialect.CHAT, self.answer, asked=body)
        return httpx2.Response(200, headers={"content-type": "application/json"}, content=write_json(answer))


def test_a_whole_conversation_arrives() -> None:
    made = crossed(
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        messages=[
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}},
                {"type": "image", "source": {"type": "url", "url": "https://example.org/a.jpg"}},
                {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}, "title": "a.pdf"},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Plain."}},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": ""},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Köln"}},
                {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_2", "content": "noon"},
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "no such city"}], "is_error": True},
                {"type": "text", "text": "And now?"},
            ]},
            {"role": "system", "content": "Answer in German."},
            {"role": "user", "content": "Go on."},
        ],
        tools=[NOW],
    )  # fmt: skip

    assert made["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}},
            {"type": "image_url", "image_url": {"url": "https://example.org/a.jpg"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
            {"type": "text", "text": "Plain."},
        ]},
        {"role": "assistant", "content": "I look.", "tool_calls": [
            {"id": "toolu_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Köln"}'}},
            {"id": "toolu_2", "type": "function", "function": {"name": "now", "arguments": "{}"}},
        ]},
        {"role": "tool", "tool_call_id": "toolu_2", "content": "noon"},
        {"role": "tool", "tool_call_id": "toolu_1", "content": "Error: no such city"},
        {"role": "user", "content": "And now?"},
        {"role": "system", "content": "Answer in German."},
        {"role": "user", "content": "Go on."},
    ]  # fmt: skip
    assert made["tools"] == [
        {"type": "function", "function": {"name": "now", "description": "The time", "parameters": NOW["input_schema"]}}
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {}),
        ({"system": "Be brief."}, {}),
        ({"stop_sequences": ["x", "y"]}, {"stop": ["x", "y"]}),
        ({"temperature": 0.5, "top_p": 0.9}, {"temperature": 0.5, "top_p": 0.9}),
        ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
        ({"thinking": {"type": "disabled"}}, {"reasoning_effort": "none"}),
        ({"thinking": {"type": "adaptive"}}, {}),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, {"reasoning_effort": "low"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 10_000}}, {"reasoning_effort": "medium"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 20_000}}, {"reasoning_effort": "high"}),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, {"reasoning_effort": "max"}),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}}, {"reasoning_effort": "none"}),
        ({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
         {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": True}}}),
        ({"metadata": {"user_id": "ada"}}, {"safety_identifier": "ada"}),
        ({"service_tier": "standard_only"}, {"service_tier": "default"}),
        ({"cache_control": {"type": "ephemeral"}, "context_management": {"edits": []}, "speed": "standard"}, {}),
    ],
)  # fmt: skip
def test_what_becomes_of_a_field(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    made = crossed(**fields)

    assert {name: value for name, value in made.items() if name not in {"model", "messages"}} == {
        "max_completion_tokens": 50
    } | expected


def test_a_server_of_the_older_chat_is_told_the_limit_under_its_name() -> None:
    made = cross_request(Dialect.MESSAGES, Dialect.CHAT, HELLO, max_tokens_name="max_tokens")

    assert (made["max_tokens"], "max_completion_tokens" in made) == (50, False)


def test_a_users_name_beyond_openais_length_becomes_its_digest() -> None:
    assert len(crossed(metadata={"user_id": "user_" + "x" * 200})["safety_identifier"]) == 64


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "any"}, {"tool_choice": "required"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        ({"type": "tool", "name": "now"}, {"tool_choice": {"type": "function", "function": {"name": "now"}}}),
        ({"type": "any", "disable_parallel_tool_use": True}, {"tool_choice": "required", "parallel_tool_calls": False}),
        (None, {}),
    ],
)
def test_the_choice_of_tools(choice: dict[str, Any] | None, expected: dict[str, Any]) -> None:
    made = crossed(tools=[NOW], tool_choice=choice)

    assert {name: made[name] for name in ("tool_choice", "parallel_tool_calls") if name in made} == expected


def test_a_failed_tool_without_words_is_still_told_as_failed() -> None:
    assert saying({"type": "tool_result", "tool_use_id": "t", "is_error": True}) == [
        {"role": "tool", "tool_call_id": "t", "content": "Error: "}
    ]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"top_k": 5}, "top_k"),
        ({"inference_geo": "eu"}, "inference_geo"),
        ({"container": "c"}, "container"),
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"a_new_field": 1}, "a_new_field"),
        ({"thinking": {"type": "between_tools"}}, "thinking.type"),
        ({"output_config": {"task_budget": {}}}, "output_config.task_budget"),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, "tools[0].type"),
        ({"tools": [NOW | {"input_examples": [{}]}]}, "tools[0].input_examples"),
        ({"tool_choice": {"type": "any"}}, "tool_choice"),
        ({"messages": [{"role": "assistant", "content": [{"type": "thinking", "thinking": "x", "signature": "s"}]}]}, "messages[0].content[0].signature"),
        ({"messages": [{"role": "assistant", "content": [{"type": "redacted_thinking", "data": "x"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "assistant", "content": [{"type": "image", "source": {}}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}]}, "messages[0].content[0].source.type"),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image"}]}]}]},
         "messages[0].content[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "search_result"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "document", "citations": {"enabled": True}}]}]}, "messages[0].content[0].citations"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused_by_name(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Untranslatable) as refused:
        cross_request(Dialect.MESSAGES, Dialect.CHAT, HELLO | fields)
    assert refused.value.field == field


def test_numbers_that_json_cannot_say_are_refused() -> None:
    call = {"type": "tool_use", "id": "t", "name": "n", "input": {"a": float("inf")}}
    with pytest.raises(Untranslatable):
        cross_request(Dialect.MESSAGES, Dialect.CHAT, HELLO | {"messages": [{"role": "assistant", "content": [call]}]})


def test_anthropics_client_gets_gpts_answer() -> None:
    gpt = Gpt(COMPLETION)
    answer = anthropic_client(gpt).messages.create(
        model="m", max_tokens=50, messages=[{"role": "user", "content": "x"}]
    )

    Message.model_validate(answer.model_dump())
    assert (answer.id, answer.model, answer.stop_reason) == ("msg_9", "gpt-6", "tool_use")
    text, first, second = answer.content
    assert text.type == "text"
    assert text.text == "".join(TEXT)
    assert first.type == second.type == "tool_use"
    assert (first.id, first.name, first.input) == ("call_1", "weather", GIVEN)
    assert (second.id, second.name, second.input) == ("call_2", "now", {})
    usage = answer.usage
    assert (
        usage.input_tokens,
        usage.cache_read_input_tokens,
        usage.cache_creation_input_tokens,
        usage.output_tokens,
    ) == (35, 60, 5, 30)
    assert usage.output_tokens_details is not None
    assert usage.output_tokens_details.thinking_tokens == 20


def test_anthropics_client_gets_gpts_stream() -> None:
    gpt = Gpt(chat_bytes(chat_chunks()))
    with anthropic_client(gpt).messages.stream(
        model="m", max_tokens=50, messages=[{"role": "user", "content": "x"}]
    ) as stream:
        events = list(stream)
        answer = stream.get_final_message()

    assert gpt.asked["stream_options"] == {"include_usage": True}
    Message.model_validate(answer.model_dump())
    text, first, second = answer.content
    assert text.type == "text"
    assert text.text == "".join(TEXT)
    assert first.type == second.type == "tool_use"
    assert [(call.id, call.name, call.input) for call in (first, second)] == [
        ("call_1", "weather", GIVEN),
        ("call_2", "now", {}),
    ]
    assert (answer.stop_reason, answer.usage.input_tokens, answer.usage.output_tokens) == ("tool_use", 35, 30)
    pieces = [
        e.delta.partial_json for e in events if e.type == "content_block_delta" and e.delta.type == "input_json_delta"
    ]
    assert pieces == [*ARGUMENTS, "{}"]


def test_the_events_come_in_the_order_that_anthropic_has() -> None:
    stream = CrossStream(Dialect.MESSAGES, Dialect.CHAT, asked=HELLO)
    sent = Splitter().feed(stream.feed(chat_bytes(chat_chunks())))
    told = [(event.name, read_json(event.data or "").get("index")) for event in sent]

    assert all(read_json(event.data or "")["type"] == event.name for event in sent)
    assert list(dict.fromkeys(told)) == [
        ("message_start", None),
        ("content_block_start", 0), ("content_block_delta", 0), ("content_block_stop", 0),
        ("content_block_start", 1), ("content_block_delta", 1), ("content_block_stop", 1),
        ("content_block_start", 2), ("content_block_delta", 2), ("content_block_stop", 2),
        ("message_delta", None), ("message_stop", None),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thoughts_of_a_local_model_are_told(name: str) -> None:
    chunks = [
        chunk({"role": "assistant", name: "Let me "}),
        chunk({name: "see."}),
        chunk({"content": "Yes."}),
        chunk({}, finish="stop"),
    ]
    with anthropic_client(Gpt(chat_bytes(chunks))).messages.stream(
        model="m", max_tokens=5, messages=[{"role": "user", "content": "x"}]
    ) as stream:
        answer = stream.get_final_message()
    whole = COMPLETION["choices"][0]["message"] | {name: "Let me see.", "tool_calls": None, "content": "Yes."}
    body = COMPLETION | {"choices": [{"index": 0, "finish_reason": "stop", "message": whole}]}

    thought, text = answer.content
    assert thought.type == "thinking"
    assert text.type == "text"
    assert (thought.thinking, text.text, answer.stop_reason) == ("Let me see.", "Yes.", "end_turn")
    assert cross_answer(Dialect.MESSAGES, Dialect.CHAT, body, asked=HELLO)["content"] == [
        {"type": "thinking", "thinking": "Let me see.", "signature": ""}, {"type": "text", "text": "Yes."},
    ]  # fmt: skip
    crossed(messages=[*HELLO["messages"], {"role": "assistant", "content": answer.model_dump()["content"]}])


@pytest.mark.parametrize(
    ("choice", "reason", "sequence"),
    [
        ({"finish_reason": "stop"}, "tool_use", None),
        ({"finish_reason": "length"}, "max_tokens", None),
        ({"finish_reason": "content_filter"}, "refusal", None),
        ({"finish_reason": "stop", "stop_reason": "END"}, "stop_sequence", "END"),
        ({"finish_reason": "stop", "stop_reason": 128_001}, "tool_use", None),
    ],
)
def test_reasons(choice: dict[str, Any], reason: str, sequence: str | None) -> None:
    body = COMPLETION | {"choices": [COMPLETION["choices"][0] | choice]}
    answer = cross_answer(Dialect.MESSAGES, Dialect.CHAT, body, asked=HELLO | {"stop_sequences": ["END"]})

    assert (answer["stop_reason"], answer["stop_sequence"]) == (reason, sequence)


def test_a_models_refusal_is_told_as_one() -> None:
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "message": {"role": "assistant", "content": None, "refusal": "I cannot."},
    }
    answer = cross_answer(Dialect.MESSAGES, Dialect.CHAT, COMPLETION | {"choices": [choice]}, asked=HELLO)

    assert (answer["stop_reason"], answer["content"]) == ("refusal", [{"type": "text", "text": "I cannot."}])


@pytest.mark.parametrize(
    "answer",
    [[], {}, COMPLETION | {"choices": []}, COMPLETION | {"choices": [COMPLETION["choices"][0]] * 2}, COMPLETION | {"choices": [None]},
     COMPLETION | {"choices": [COMPLETION["choices"][0] | {"finish_reason": None}]}, COMPLETION | {"model": None}],
)  # fmt: skip
def test_an_answer_that_is_none_is_not_passed_off_as_one(answer: Any) -> None:
    with pytest.raises(AnswerUnreadable):
        cross_answer(Dialect.MESSAGES, Dialect.CHAT, answer, asked=HELLO)


@pytest.mark.parametrize("arguments", ['{"a": ', "[]", "null", "7", '{"a": NaN}', '{"a": 1e999}', None, {}])
def test_arguments_that_are_no_object_are_not_made_one(arguments: Any) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
    choice = {"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "tool_calls": [call]}}
    with pytest.raises(AnswerUnreadable, match="arguments"):
        cross_answer(Dialect.MESSAGES, Dialect.CHAT, COMPLETION | {"choices": [choice]}, asked=HELLO)


def test_an_error_in_gpts_stream_is_raised_by_anthropics_client() -> None:
    failing = (
        chat_bytes(chat_chunks()[:6], done=False)
        + b'data: {"error":{"message":"Server went away","type":"server_error"}}\n\n'
    )
    with (
        pytest.raises(anthropic.APIError, match="Server went away"),
        anthropic_client(Gpt(failing)).messages.stream(
            model="m", max_tokens=5, messages=[{"role": "user", "content": "x"}]
        ) as stream,
    ):
        stream.get_final_message()
