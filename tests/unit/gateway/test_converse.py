"""Anthropic's messages as Bedrock's Converse: every row of its table, held against AWS's own library, and back."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from appliance.gateway.clouds import converse_request, speaks_converse
from appliance.gateway.dialects import AnswerUnreadable, Dialect, Untranslatable
from appliance.gateway.dialects.crossing import CrossStream, PassedStream
from appliance.gateway.dialects.eventstream import UnwrappedStream
from appliance.gateway.dialects.messages_to_converse.answer import REASONS, cross_answer
from appliance.gateway.dialects.messages_to_converse.request import cross_request
from appliance.gateway.dialects.messages_to_converse.rules import SECTIONS
from appliance.gateway.dialects.messages_to_converse.stream import ConverseEvents
from appliance.gateway.dialects.rules import Fate, Rule
from appliance.gateway.dialects.sse import Splitter, read_json
from appliance.vault.providing import ProviderKind
from tests.support.converse import (
    ANSWER,
    GIVES,
    HOLDERS,
    KINDS,
    KNOWN,
    USAGE,
    WHOLE,
    WITH,
    asked,
    check_with_aws,
    events,
    wrapped_events,
)
from tests.support.upstreams import GIVEN, TEXT, wrapped_exception

Row = tuple[str, str, Rule]
NOVA = "us.amazon.nova-pro-v1:0"


def rows(holders: Any) -> Iterator[Any]:
    for title, rules in SECTIONS.items():
        for name, rule in rules.items() if title in holders else ():
            yield pytest.param((title, name, rule), id=f"{title}/{name}")


def test_every_section_is_proved() -> None:
    assert set(SECTIONS) == set(HOLDERS) | set(KINDS)


@pytest.mark.parametrize("row", list(rows(HOLDERS)))
def test_a_field_becomes_what_its_row_says(row: Row) -> None:
    title, name, rule = row
    path = f"{title}/{name}"
    whole, embed = HOLDERS[title]
    whole = whole | WITH.get(path, {})
    before = cross_request(embed(whole))
    for fine in rule.fine:
        assert cross_request(embed(whole | {name: fine})) == before
    if name in {"type", "role"} and path not in GIVES:
        return
    request = embed(whole | {name: GIVES[path] if path in GIVES else GIVES[name]})
    if rule.fate is Fate.REFUSED:
        with pytest.raises(Untranslatable) as refused:
            cross_request(request)
        assert (refused.value.field.split(".")[-1], refused.value.reason) == (name, rule.words)
        return
    assert (cross_request(request) != before) is (rule.fate is Fate.TRANSLATED)


@pytest.mark.parametrize("row", list(rows(KINDS)))
def test_a_kind_becomes_what_its_row_says(row: Row) -> None:
    title, kind, rule = row
    path = f"{title}/{kind}"
    request = KINDS[title]({"type": kind} | (KNOWN[path] if path in KNOWN else KNOWN.get(kind, {})))
    if rule.fate is Fate.TRANSLATED:
        assert cross_request(request)
        return
    with pytest.raises(Untranslatable) as refused:
        cross_request(request)
    assert refused.value.reason == f"“{kind}”: {rule.words}"


def test_awss_own_library_takes_requests_answers_and_events() -> None:
    made = cross_request(WHOLE)
    again: list[dict[str, Any]] = [
        {"operation": "ConverseStream", "way": "out", "inside": ["stream", name], "value": body} for name, body in events()
    ]
    check_with_aws(
        {"operation": "Converse", "way": "in", "value": made}, {"operation": "ConverseStream", "way": "in", "value": made},
        {"operation": "Converse", "way": "out", "value": ANSWER}, *again,
    )  # fmt: skip


def test_what_names_the_model_stands_in_the_address() -> None:
    found = converse_request(asked(model=NOVA, stream=True))
    assert (found.path, found.is_wrapped) == ("/model/us.amazon.nova-pro-v1%3A0/converse-stream", True)
    assert not {b"modelId", b"stream"} & set(found.body.split(b'"'))
    assert converse_request(asked(model=NOVA)).path.endswith("/converse")


@pytest.mark.parametrize(
    ("model", "does"),
    [(NOVA, True), ("amazon.nova-lite-v1:0", True), ("meta.llama4-scout-17b-instruct-v1:0", True), ("mistral.pixtral-large-2502-v1:0", True),
     ("openai.gpt-oss-120b-1:0", False), ("eu.anthropic.claude-opus-5-v1:0", False), ("arn:aws:bedrock:eu-central-1:4711:x/y", False)],
)  # fmt: skip
def test_it_is_known_by_its_name_who_speaks_converse(model: str, does: bool) -> None:
    assert speaks_converse(ProviderKind.BEDROCK, model) is does
    assert not speaks_converse(ProviderKind.VERTEX, model)


def test_none_of_the_tools_cannot_be_said() -> None:
    with pytest.raises(Untranslatable) as refused:
        cross_request(asked(tools=[{"name": "f", "input_schema": {}}], tool_choice={"type": "none"}))
    assert refused.value.field == "tool_choice.type"


def test_an_answer_is_anthropics() -> None:
    found = cross_answer(ANSWER, model=NOVA)

    assert [one["type"] for one in found["content"]] == ["thinking", "text", "tool_use", "tool_use"]
    assert found["content"][0]["signature"] == "c2lnbg=="
    assert (found["content"][1]["text"], found["content"][2]["input"]) == ("".join(TEXT), GIVEN)
    assert (found["stop_reason"], found["model"]) == ("tool_use", NOVA)
    assert found["usage"] == {
        "input_tokens": 35, "output_tokens": 30, "cache_read_input_tokens": 60, "cache_creation_input_tokens": 5,
    }  # fmt: skip


@pytest.mark.parametrize(
    "odd", [{"stopReason": "malformed_tool_use"}, {"stopReason": None}, {"output": {}}, {"output": {"message": {"content": [{"video": {}}]}}}],
)  # fmt: skip
def test_what_converse_does_not_say_is_no_answer(odd: dict[str, Any]) -> None:
    with pytest.raises(AnswerUnreadable):
        cross_answer(ANSWER | odd, model=NOVA)


def test_a_stream_is_anthropics_wherever_it_is_cut() -> None:
    chance, raw = random.Random(4711), b"".join(wrapped_events(events()))
    for _ in range(10):
        cuts = sorted(chance.sample(range(1, len(raw)), 30))
        stream = UnwrappedStream(PassedStream(Dialect.MESSAGES), take=ConverseEvents(NOVA).take)
        told = b"".join(stream.feed(raw[a:b]) for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True))
        told += stream.close()
        found = [read_json(one.data or "") for one in Splitter().feed(told)]
        kinds = [one["content_block"]["type"] for one in found if one["type"] == "content_block_start"]
        assert kinds == ["thinking", "text", "tool_use", "tool_use"]
        assert [one["index"] for one in found if one["type"] == "content_block_stop"] == [0, 1, 2, 3]
        assert stream.is_finished
        assert stream.count is not None
        assert (stream.count.input, stream.count.output, stream.count.cached) == (100, 30, 60)


def test_a_stream_is_openais_too() -> None:
    stream = UnwrappedStream(CrossStream(Dialect.CHAT, Dialect.MESSAGES, asked={}), take=ConverseEvents(NOVA).take)
    told = b"".join(stream.feed(one) for one in wrapped_events(events())) + stream.close()
    found = [read_json(one.data or "") for one in Splitter().feed(told) if one.data != "[DONE]"]
    said = [one["choices"][0] for one in found if one["choices"]]

    assert "".join(one["delta"].get("content") or "" for one in said) == "".join(TEXT)
    assert said[-1]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("odd", [
    ("metadata", {"usage": USAGE}), ("contentBlockDelta", {"contentBlockIndex": 9, "delta": {"toolUse": {"input": "{}"}}}),
    ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"image": {}}}), ("contentBlockDelta", {"delta": {"text": "x"}}),
    ("messageStop", {"stopReason": "malformed_model_output"}),
])  # fmt: skip
def test_a_stream_that_is_not_converses_is_broken_off(odd: tuple[str, dict[str, Any]]) -> None:
    stream = UnwrappedStream(PassedStream(Dialect.MESSAGES), take=ConverseEvents(NOVA).take)
    told = b"".join(stream.feed(one) for one in wrapped_events([*events()[:6], odd]))

    assert b"event: error" in told
    assert stream.fault is not None
    assert not stream.is_finished


def test_a_stream_that_throttles_or_ends_early_is_told() -> None:
    stream = UnwrappedStream(PassedStream(Dialect.MESSAGES), take=ConverseEvents(NOVA).take)
    pieces = [*wrapped_events(events()[:6]), wrapped_exception("throttlingException", "Wait.")]
    assert b"Wait." in b"".join(stream.feed(one) for one in pieces)
    cut = UnwrappedStream(PassedStream(Dialect.MESSAGES), take=ConverseEvents(NOVA).take)
    assert b"event: error" in b"".join(cut.feed(one) for one in wrapped_events(events()[:-1])) + cut.close()


def test_every_reason_is_one_of_awss() -> None:
    check_with_aws(*(
        {"operation": "Converse", "way": "out", "value": ANSWER | {"stopReason": reason}} for reason in REASONS
    ))  # fmt: skip
