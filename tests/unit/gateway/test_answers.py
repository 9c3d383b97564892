"""Answers that are looked through while they come, event by event, without a door."""

import json
import random
from typing import Any

import pytest

from appliance import dlp
from appliance.dlp import Action, Category, Direction, Engine, Policy, PolicyRule, Surrogates
from appliance.gateway.answers import AnswerGuard, guarding
from appliance.gateway.dialects.sse import DONE, Splitter, encode
from appliance.gateway.endpoints import Endpoint
from appliance.gateway.errors import TextRefused
from appliance.gateway.guarding import Standing, Treated
from appliance.gateway.inspecting import Depth, Inspector, Need
from appliance.gateway.requests import written
from appliance.kernel.computing import here
from appliance.kernel.ids import new_id
from tests.support.upstreams import chunk

MAIL, CARD = "anna.schmidt@example.org", "4111 1111 1111 1111"
LONG = "The third quarter went well, and all of the numbers are in the report that you were sent on Monday. "
TOLD = f"{LONG}Write to {MAIL} soon. {LONG}Or pay by {CARD}. {LONG}"
REPLACED = TOLD.replace(MAIL, "[EMAIL]").replace(CARD, "[PAYMENT_CARD]")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine()


def guard(engine: Engine, dialect: Endpoint = Endpoint.CHAT_COMPLETIONS, *, action: Action = Action.REDACT, surrogates: Surrogates | None = None) -> AnswerGuard:
    rule = PolicyRule(new_id(), action, frozenset({Category.EMAIL}), directions=frozenset({Direction.ANSWER}))
    standing = Standing(Policy(1, (rule,), {rule.rule_id: "No addresses"}))
    treated = Treated(written({}), standing, surrogates=surrogates, answers=Need(Depth.RULES))
    found = guarding(Inspector(lambda: engine, here), dialect, treated)
    assert found is not None
    return found


def words(told: str, seed: int) -> list[str]:
    chance, pieces, at = random.Random(seed), list[str](), 0
    while at < len(told):
        length = chance.randint(1, 9)
        pieces.append(told[at : at + length])
        at += length
    return pieces


def bodies(raw: bytes) -> list[Any]:
    return [json.loads(one.data) for one in Splitter().feed(raw) if one.data and one.data != "[DONE]"]


def heard(raw: bytes, *names: str) -> str:
    deltas = [choice["delta"] for body in bodies(raw) for choice in body["choices"]]
    return "".join(delta.get(name) or "" for delta in deltas for name in names)


def responses_events(text: str, arguments: str, seed: int) -> list[dict[str, Any]]:
    at: dict[str, Any] = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    of: dict[str, Any] = {"item_id": "fc_1", "output_index": 1}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": text, "annotations": []}]}
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "mail", "arguments": arguments}
    made: list[dict[str, Any]] = [
        {"type": "response.created", "response": {"id": "resp_1", "output": []}},
        *({"type": "response.output_text.delta", "delta": one, "logprobs": []} | at for one in words(text, seed)),
        {"type": "response.output_text.done", "text": text} | at,
        *({"type": "response.function_call_arguments.delta", "delta": one} | of for one in words(arguments, seed)),
        {"type": "response.function_call_arguments.done", "arguments": arguments} | of,
        {"type": "response.completed", "response": {"id": "resp_1", "output": [message, call]}},
    ]
    return [one | {"sequence_number": number} for number, one in enumerate(made)]


@pytest.mark.parametrize("seed", range(3))
def test_the_responses_dialect_is_rewritten_in_whole_events(engine: Engine, seed: int) -> None:
    arguments = json.dumps({"to": MAIL, "text": LONG})
    events = responses_events(TOLD, arguments, seed)
    one = guard(engine, Endpoint.RESPONSES)
    raw = b"".join(one.feed(encode(event, name=event["type"])) for event in events) + one.close()

    told = bodies(raw)
    assert [body["sequence_number"] for body in told] == list(range(len(events)))
    assert "".join(body["delta"] for body in told if body["type"] == "response.output_text.delta") == REPLACED
    given = "".join(body["delta"] for body in told if body["type"] == "response.function_call_arguments.delta")
    assert json.loads(given) == {"to": "[EMAIL]", "text": LONG}
    message, call = told[-1]["response"]["output"]
    assert (message["content"][0]["text"], json.loads(call["arguments"])) == (REPLACED, {"to": "[EMAIL]", "text": LONG})
    assert next(body["text"] for body in told if body["type"] == "response.output_text.done") == REPLACED
    assert MAIL.encode() not in raw


def test_what_holds_nothing_goes_out_with_its_bytes_and_soon(engine: Engine) -> None:
    events = [b": alive\n\n".replace(b" alive", b" "), *(b'data: {"choices": [ {"index":0, "delta":{"content":' + json.dumps(word).encode() + b"}} ]}\n\n" for word in words(LONG * 5, 3)), DONE]
    one, out, behind = guard(engine), b"", list[int]()
    for number, event in enumerate(events):
        out += one.feed(event)
        behind.append(sum(map(len, events[: number + 1])) - len(out))
    out += one.close()

    assert out == b"".join(events)
    assert max(behind) < 60 * 40
    assert one.facts is None


def test_values_cannot_come_in_turns(engine: Engine) -> None:
    for names in (("content", "reasoning_content"), ("reasoning", "content")):
        for said in (CARD, "4111111111111111"):
            events = [piece for sign in f"Pay by {said} now. " for piece in (chunk({names[0]: sign}), chunk({names[1]: "x "}))]
            one = guard(engine)
            raw = b"".join(one.feed(encode(event)) for event in events) + one.close()
            assert said not in heard(raw, names[0])
            assert heard(raw, names[1]) == "x " * (len(events) // 2)


def test_fields_of_few_servers_and_parts_of_choices_are_texts_too(engine: Engine) -> None:
    half: list[dict[str, Any]] = [{"reasoning_text": "Write to anna.schmidt@exa"}, {"reasoning_text": "mple.org please"}]
    parts: list[dict[str, Any]] = [{"thinking_blocks": [{"type": "thinking", "thinking": one["reasoning_text"]}]} for one in half]
    one = guard(engine)
    raw = b"".join(one.feed(encode(chunk(delta))) for delta in (*half, *parts)) + one.feed(DONE) + one.close()

    assert b"anna" not in raw
    assert raw.count(b"[EMAIL]") == 2


def test_two_choices_are_two_texts(engine: Engine) -> None:
    one, events = guard(engine), list[bytes]()
    for first, second in zip(words(TOLD, 1), words(TOLD, 1), strict=True):
        events += [encode({"choices": [{"index": index, "delta": {"content": said}}]}) for index, said in enumerate((first, second))]
    raw = b"".join(map(one.feed, events)) + one.close()

    for index in (0, 1):
        assert "".join(c["delta"]["content"] for body in bodies(raw) for c in body["choices"] if c["index"] == index) == REPLACED


def test_tokens_beside_a_changed_text_are_left_out(engine: Engine) -> None:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": TOLD}, "logprobs": {"content": [{"token": MAIL[:8], "bytes": [1]}]}}
    body = {"choices": [choice]}
    told = guard(engine).whole(json.dumps(body).encode())
    assert json.loads(told)["choices"][0] == choice | {"message": {"role": "assistant", "content": REPLACED}, "logprobs": None}

    event = chunk({"content": f"Write to {MAIL}. "})
    event["choices"][0]["logprobs"] = {"content": [{"token": "anna"}]}
    one = guard(engine)
    assert b"anna" not in one.feed(encode(event)) + one.feed(encode(chunk({}, finish="stop"))) + one.close()


def test_what_is_blocked_ends_the_answer_before_any_of_it(engine: Engine) -> None:
    one, out = guard(engine, action=Action.BLOCK), b""
    with pytest.raises(TextRefused, match="No addresses"):
        for word in words(TOLD, 2):
            out += one.feed(encode(chunk({"content": word})))
    assert MAIL[:4] not in heard(out, "content")
    assert one.facts is not None
    assert one.facts["done"] == "block:EMAIL=1"


def test_what_is_no_json_is_not_sent(engine: Engine) -> None:
    one = guard(engine)
    assert one.feed(f"data: {MAIL}\n\n".encode()) + one.feed(b"data: [1]\n\n") + one.feed(b'data: {"choices":[]') + one.close() == b""


@pytest.mark.parametrize("seed", range(3))
def test_surrogates_come_back_as_values_in_texts_and_in_arguments(engine: Engine, seed: int) -> None:
    surrogates, value = Surrogates(), 'Anna "the \\ boss" Schmidt'
    sent = surrogates.replace(value, [dlp.Finding(Category.PERSON, "r", 0, len(value))])
    arguments = json.dumps({"who": sent, "text": LONG})
    one = guard(engine, surrogates=surrogates)
    events = [chunk({"content": word}) for word in words(f"{LONG}I wrote to {sent} today. {LONG}", seed)]
    events += [chunk({"tool_calls": [{"index": 0, "function": {"arguments": word}}]}) for word in words(arguments, seed)]
    raw = b"".join(one.feed(encode(event)) for event in [*events, chunk({}, finish="stop")]) + one.close()

    assert heard(raw, "content") == f"{LONG}I wrote to {value} today. {LONG}"
    given = "".join(call["function"]["arguments"] for body in bodies(raw) for call in body["choices"][0]["delta"].get("tool_calls", ()))
    assert json.loads(given) == {"who": value, "text": LONG}


def test_arguments_of_a_tool_are_looked_at_whatever_they_are_called(engine: Engine) -> None:
    told = {"id": MAIL, "name": MAIL, "status": MAIL, "inner": {"type": "base64", "data": MAIL}}
    use = {"type": "tool_use", "id": "toolu_1", "name": "mail", "input": told}

    found = json.loads(guard(engine, Endpoint.MESSAGES).whole(json.dumps({"type": "message", "content": [use]}).encode()))["content"][0]

    assert MAIL not in json.dumps(found)
    assert (found["id"], found["name"], found["input"]["name"]) == ("toolu_1", "mail", "[EMAIL]")


def test_names_in_a_tools_input_are_looked_at_as_well_as_what_they_hold(engine: Engine) -> None:
    told = {"to": 1, MAIL: {"bo.larsen@example.com": [{MAIL: "x"}]}, "[EMAIL]": "theirs"}
    use = {"type": "tool_use", "id": "toolu_1", "name": "mail", "input": told}
    answer = json.dumps({"type": "message", "content": [use]}).encode()

    found = json.loads(guard(engine, Endpoint.MESSAGES).whole(answer))["content"][0]
    assert found["input"] == {"to": 1, "[EMAIL] 2": {"[EMAIL]": [{"[EMAIL]": "x"}]}, "[EMAIL]": "theirs"}
    with pytest.raises(TextRefused):
        guard(engine, Endpoint.MESSAGES, action=Action.BLOCK).whole(answer)
    surrogates = Surrogates()
    surrogates.note(MAIL, [dlp.Finding(Category.EMAIL, "r", 0, len(MAIL))])
    sent = surrogates.written(MAIL, [dlp.Finding(Category.EMAIL, "r", 0, len(MAIL))]).text
    use = {"type": "tool_use", "id": "toolu_1", "name": "mail", "input": {sent: 1}}
    told = json.loads(guard(engine, Endpoint.MESSAGES, surrogates=surrogates).whole(json.dumps({"type": "message", "content": [use]}).encode()))
    assert told["content"][0]["input"] == {MAIL: 1}


def test_who_has_no_policy_has_nothing_in_the_way(engine: Engine) -> None:
    inspector = Inspector(lambda: engine, here)
    assert guarding(inspector, Endpoint.CHAT_COMPLETIONS, Treated(written({}))) is None
    assert guarding(inspector, Endpoint.CHAT_COMPLETIONS, None) is None
