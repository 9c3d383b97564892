"""What an organisation's policy on data makes of calls, at the vendors' own clients: the provider never sees what it forbids."""

import base64
import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

import anthropic
import openai
import pytest
from sqlalchemy import text

from appliance import dlp, gateway
from appliance.dlp import Action, Category, Direction, PolicyRule
from appliance.kernel.ids import new_id
from appliance.providers.errors import ModelMissing
from tests.support.door import Door, door
from tests.support.house import Member, Server
from tests.support.model_host import Reply, said, streamed
from tests.support.policies import put_in_force
from tests.support.upstreams import COMPLETION, MESSAGE, chat_bytes, chat_chunks, chunk, messages_bytes, messages_events

MAIL, OTHER, IBAN = "anna.schmidt@example.org", "bo.larsen@example.com", "DE89 3704 0044 0532 0130 00"
ASKED = [{"role": "user", "content": f"Write to {MAIL} about Friday, and tell {OTHER}."}]
CARD = "4111 1111 1111 1111"


@pytest.fixture(scope="module")
def at(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with door(server, tmp_path_factory.mktemp("door")) as found:
        yield found


def rule(action: Action, *categories: Category, **more: Any) -> PolicyRule:
    return PolicyRule(new_id(), action, frozenset(categories), **more)


def says(at: Door, *rules: PolicyRule, member: Member | None = None) -> None:
    put_in_force(at.house, (member or at.ada).tenant_id, rules)


def facts(at: Door, event: str = "gateway:call_text:treated") -> dict[str, Any]:
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        asked = text("SELECT convert_from(body, 'UTF8')::jsonb -> 'facts' FROM audit_inbox WHERE event = :event ORDER BY event_id DESC LIMIT 1")
        return dict(tx.scalars(asked, {"event": event}).one())


def asks(at: Door, messages: Sequence[Any] = ASKED, *, model: str = "openai/gpt-6", **more: Any) -> Any:
    return at.openai().chat.completions.with_raw_response.create(model=model, messages=messages, **more)


def answers(*texts: str, **more: Any) -> Any:
    message = {"role": "assistant", "content": "".join(texts), "refusal": None} | more
    return said(COMPLETION | {"choices": [{"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}]})


def test_who_has_said_nothing_sends_what_came_and_gets_what_was_said(at: Door) -> None:
    at.upstream.says(answers(f"Your card is {CARD}."))
    found = at.openai(at.key_of_bo)
    with pytest.raises(openai.APIStatusError):  # Bo has no provider: nothing is asked for him
        found.chat.completions.create(model="openai/gpt-6", messages=ASKED)
    told = asks(at)

    assert MAIL in at.upstream.asked[-1].body.decode()
    assert told.parse().choices[0].message.content == f"Your card is {CARD}."
    assert at.calls()[0]["verdicts"] == "dlp=clear"


def test_a_warning_is_told_and_on_record_and_the_bytes_are_those_that_came(at: Door) -> None:
    says(at, rule(Action.WARN, Category.EMAIL))
    at.upstream.says(answers("Gladly."))
    body = b'{ "model" : "gpt-6",\n"messages":' + json.dumps(ASKED).encode() + b' ,"seed":1}'
    told = at.openai().post("/chat/completions", body=json.loads(body.replace(b"gpt-6", b"openai/gpt-6")), cast_to=object, options={"headers": {}})

    assert told
    assert MAIL in at.upstream.asked[-1].body.decode()
    at.upstream.says(answers("Gladly."))
    assert asks(at).headers["cloister-data-warning"] == "e-mail%20address;count=2"
    assert "warn:EMAIL=2" in at.calls()[0]["verdicts"]
    assert facts(at) == {"way": "prompt", "policy": facts(at)["policy"], "done": "warn:EMAIL=2"}


def test_what_is_replaced_never_arrives_and_the_rest_stays_as_it_came(at: Door) -> None:
    says(at, rule(Action.REDACT, Category.EMAIL, Category.IBAN))
    at.upstream.says(answers("Gladly."))
    tool = {"type": "function", "function": {"name": "mail", "description": f"Mails to {OTHER}", "parameters": {"type": "object", "properties": {}}}}
    file = "data:text/plain;base64," + base64.b64encode(f"Pay to {IBAN} please".encode()).decode()
    messages = [
        {"role": "system", "content": f"You are the assistant of {MAIL}."}, *ASKED,
        {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "mail", "arguments": json.dumps({"to": MAIL, "then\n": [1]})}}]},
        {"role": "tool", "tool_call_id": "call_1", "content": f"sent to {MAIL}"},
        {"role": "user", "content": [{"type": "text", "text": "See"}, {"type": "file", "file": {"filename": "a.txt", "file_data": file}}]},
    ]  # fmt: skip
    told = asks(at, messages, tools=[tool], temperature=0.5)

    sent = at.upstream.asked[-1]
    for value in (MAIL, OTHER, IBAN, base64.b64encode(IBAN.encode()).decode()[:12]):
        assert value not in sent.body.decode()
    assert json.loads(sent.json["messages"][2]["tool_calls"][0]["function"]["arguments"]) == {"to": "[EMAIL]", "then\n": [1]}
    assert base64.b64decode(sent.json["messages"][4]["content"][1]["file"]["file_data"].partition(",")[2]) == b"Pay to [IBAN] please"
    assert sent.json["messages"][1] == {"role": "user", "content": "Write to [EMAIL] about Friday, and tell [EMAIL]."}
    assert told.headers["cloister-data-replaced"] == "IBAN;count=1, e-mail%20address;count=6"
    call = at.calls()[0]
    assert "redact:EMAIL=6" in call["verdicts"]
    assert not any(value in str(call) + str(facts(at)) for value in (MAIL, OTHER, IBAN))


def test_what_is_blocked_is_refused_in_both_dialects_names_the_rule_and_costs_nothing(at: Door) -> None:
    says(at, rule(Action.BLOCK, Category.EMAIL))
    asked = len(at.upstream.asked)
    with pytest.raises(openai.APIStatusError) as refused:
        at.openai().chat.completions.create(model="openai/gpt-6", messages=ASKED)
    assert (refused.value.code, "Rule 1" in str(refused.value)) == ("data_refused", True)
    with pytest.raises(anthropic.APIStatusError, match="Rule 1"):
        at.anthropic().messages.create(model="anthropic/claude-opus-5", max_tokens=9, messages=ASKED)
    assert len(at.upstream.asked) == asked
    assert facts(at, "gateway:call:refused")["code"] == "data_refused"


def test_a_provider_that_may_not_have_it_is_passed_over_for_one_that_may(at: Door) -> None:
    says(at, rule(Action.BLOCK, Category.EMAIL, unless_regions=frozenset({"eu-*"})))
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        gateway.set_alias(tx, at.ada.caller, "near", ["anthropic/claude-opus-5", "bedrock/anthropic.claude-opus-5"])
    at.upstream.says(said(MESSAGE))
    told = at.anthropic().messages.create(model="near", max_tokens=9, messages=ASKED)

    assert told.content
    assert "/model/" in at.upstream.asked[-1].path
    assert at.calls()[0]["provider"] == "bedrock"


def test_surrogates_go_out_and_values_come_back_in_texts_and_arguments(at: Door) -> None:
    says(at, rule(Action.TOKENISE, Category.EMAIL))
    at.upstream.says(answers("Gladly."))
    asks(at)
    sent = at.upstream.asked[-1].json["messages"][0]["content"]
    assert MAIL not in sent
    assert "[EMAIL_" in sent
    first = sent.split()[2]
    # The key is made for each call, so that the upstream has to answer with what it was sent.
    at.upstream.chooses = lambda asked: answers(f"I wrote to {asked.json['messages'][0]['content'].split()[2]}.")
    told = asks(at)
    assert told.parse().choices[0].message.content == f"I wrote to {MAIL}."
    assert at.upstream.asked[-1].json["messages"][0]["content"].split()[2] != first


def _cut(raw: bytes, seed: int) -> list[bytes]:
    chance, pieces, at = random.Random(seed), list[bytes](), 0
    while at < len(raw):
        length = chance.randint(1, 400)
        pieces.append(raw[at : at + length])
        at += length
    return pieces


def _words(told: str, seed: int) -> list[str]:
    chance, pieces, at = random.Random(seed), list[str](), 0
    while at < len(told):
        length = chance.randint(1, 7)
        pieces.append(told[at : at + length])
        at += length
    return pieces


LONG = "The third quarter went well, and all of the numbers are in the report that you were sent on Monday. "
TOLD = f"{LONG}Write to {MAIL} soon. {LONG}Or pay by {CARD}, or to {IBAN} if you like. {LONG}"
REPLACED = TOLD.replace(MAIL, "[EMAIL]").replace(CARD, "[PAYMENT_CARD]").replace(IBAN, "[IBAN]")


@pytest.mark.parametrize("seed", range(3))
def test_a_chats_stream_is_rewritten_whatever_its_borders(at: Door, seed: int) -> None:
    says(at, rule(Action.REDACT, Category.EMAIL, Category.IBAN, directions=frozenset({Direction.ANSWER})))
    arguments = json.dumps({"to": MAIL, "card": 4111111111111111, "text": LONG})
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "mail", "arguments": ""}}
    chunks = [
        chunk({"role": "assistant", "content": ""}), *(chunk({"reasoning_content": one}) for one in _words(TOLD, seed + 9)),
        *(chunk({"content": one}) for one in _words(TOLD, seed)), chunk({"tool_calls": [call]}),
        *(chunk({"tool_calls": [{"index": 0, "function": {"arguments": one}}]}) for one in _words(arguments, seed)), chunk({}, finish="tool_calls"),
    ]  # fmt: skip
    at.upstream.says(streamed(*_cut(chat_bytes(chunks), seed)))
    found = list(at.openai().chat.completions.create(model="openai/gpt-6", messages=[{"role": "user", "content": "Go on"}], stream=True))

    deltas = [one.choices[0].delta for one in found if one.choices]
    assert "".join(one.content or "" for one in deltas) == REPLACED
    assert "".join(getattr(one, "reasoning_content", None) or "" for one in deltas) == REPLACED
    told = "".join(one.function.arguments or "" for delta in deltas for one in delta.tool_calls or ())
    assert json.loads(told) == {"to": "[EMAIL]", "card": "[PAYMENT_CARD]", "text": LONG}
    assert found[-1].choices[0].finish_reason == "tool_calls"
    assert facts(at) == {"way": "answer", "policy": facts(at)["policy"], "done": "redact:EMAIL=3 redact:IBAN=2 redact:PAYMENT_CARD=3"}
    assert at.calls()[0]["state"] == "completed"


@pytest.mark.parametrize("seed", range(3))
def test_a_messages_stream_is_rewritten_too(at: Door, seed: int) -> None:
    says(at, rule(Action.REDACT, Category.EMAIL, Category.IBAN, directions=frozenset({Direction.ANSWER})))
    events = messages_events()
    place = next(number for number, one in enumerate(events) if one.get("delta", {}).get("type") == "text_delta")
    texts = [{"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": one}} for one in _words(TOLD, seed)]
    at.upstream.says(streamed(*_cut(messages_bytes([*events[:place], *texts, *events[place:]]), seed)))
    with at.anthropic().messages.stream(model="anthropic/claude-opus-5", max_tokens=100, messages=[{"role": "user", "content": "Go on"}]) as stream:
        told = stream.get_final_message()

    plain = "".join(one.text for one in told.content if one.type == "text")
    assert plain.startswith(REPLACED)
    assert [one.type for one in told.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert told.stop_reason == "tool_use"


def test_a_stream_without_findings_passes_with_the_bytes_it_came_with(at: Door) -> None:
    says(at, rule(Action.REDACT, Category.EMAIL))
    raw = chat_bytes([chunk({"content": one}) | {"of": "ours"} for one in _words(LONG * 3, 5)] + chat_chunks()[-2:])
    at.upstream.says(streamed(*_cut(raw, 5)))
    with at.openai().chat.completions.with_streaming_response.create(
        model="openai/gpt-6", messages=[{"role": "user", "content": "Go on"}], stream=True, stream_options={"include_usage": True}
    ) as told:
        assert b"".join(told.iter_bytes()) == raw


def test_an_answer_that_may_not_go_on_ends_as_an_error_and_nothing_of_it_was_told(at: Door) -> None:
    says(at, rule(Action.BLOCK, Category.EMAIL, directions=frozenset({Direction.ANSWER})))
    at.upstream.says(streamed(chat_bytes([*(chunk({"content": one}) for one in _words(TOLD, 1)), chunk({}, finish="stop")])))
    heard = ""
    with pytest.raises(openai.APIError, match="Rule 1"):
        for one in at.openai().chat.completions.create(model="openai/gpt-6", messages=[{"role": "user", "content": "Go on"}], stream=True):
            heard += one.choices[0].delta.content or ""
    assert "anna" not in heard
    assert at.calls()[0]["code"] == "data_refused"
    at.upstream.says(answers(TOLD))
    with pytest.raises(openai.APIStatusError, match="Rule 1"):
        asks(at, [{"role": "user", "content": "Go on"}])


def test_whole_answers_are_rewritten_and_what_holds_nothing_is_not_touched(at: Door) -> None:
    says(at, rule(Action.REDACT, Category.EMAIL))
    call = {"id": "call_1", "type": "function", "function": {"name": "mail", "arguments": json.dumps({"to": MAIL, "n": 1})}}
    at.upstream.says(answers(TOLD, tool_calls=[call]))
    message = asks(at, [{"role": "user", "content": "Go on"}]).parse().choices[0].message
    assert message.content == TOLD.replace(MAIL, "[EMAIL]").replace(CARD, "[PAYMENT_CARD]")
    assert json.loads(message.tool_calls[0].function.arguments) == {"to": "[EMAIL]", "n": 1}
    raw = json.dumps(COMPLETION, indent=3).encode()
    at.upstream.says(Reply(raw))
    assert asks(at, [{"role": "user", "content": "Go on"}]).content == raw


def test_embeddings_are_looked_through_too(at: Door) -> None:
    says(at, rule(Action.TOKENISE, Category.EMAIL))
    at.upstream.says(said({"object": "list", "model": "e", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "usage": {"prompt_tokens": 1, "total_tokens": 1}}))
    at.openai().embeddings.create(model="openai/text-embedding-3", input=f"Write to {MAIL}", encoding_format="float")
    assert at.upstream.asked[-1].json["input"] == "Write to [EMAIL]"


def test_names_are_found_by_the_model_and_without_it_nothing_is_sent(at: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    says(at, rule(Action.REDACT, Category.PERSON))
    at.upstream.says(answers("Gladly. Margaret Okonkwo said so, and she lives in London."))
    told = asks(at, [{"role": "user", "content": "Please write a letter to Margaret Okonkwo today."}])
    assert at.upstream.asked[-1].json["messages"][0]["content"] == "Please write a letter to [PERSON] today."
    assert "Okonkwo" not in told.parse().choices[0].message.content

    def missing(*_: object, **__: object) -> None:
        raise ModelMissing(model="rampart")

    monkeypatch.setattr(dlp.Engine, "inspect", missing)
    asked = len(at.upstream.asked)
    with pytest.raises(openai.APIStatusError) as refused:
        asks(at)
    assert refused.value.code == "model_missing"
    assert len(at.upstream.asked) == asked
    assert facts(at, "gateway:call:refused")["code"] == "model_missing"
