"""The vendors' own clients at our door: only base URL and key are changed."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from appliance import gateway
from appliance.identity import Role, Scope
from appliance.identity.people import remove_member
from tests.support.door import KEYS, Door, door, key_of, posts
from tests.support.house import Server
from tests.support.model_host import Reply, said, streamed
from tests.support.upstreams import (
    COMPLETION,
    GIVEN,
    MESSAGE,
    TEXT,
    chat_bytes,
    chat_chunks,
    messages_bytes,
    messages_events,
)
from tests.support.vendors import check_chat_request, check_messages_request

ASKED = [{"role": "user", "content": "What is the weather in Köln?"}]
CHAT = {"model": "openai/gpt-6", "messages": ASKED}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture(scope="module")
def at(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with door(server, tmp_path_factory.mktemp("door")) as found:
        yield found


def test_openai_client_gets_an_answer_and_the_call_is_on_record(at: Door) -> None:
    at.upstream.says(said(COMPLETION))
    found = at.openai().chat.completions.create(model="openai/gpt-6", messages=ASKED, tools=[TOOL])

    assert found.choices[0].message.content == "".join(TEXT)
    assert json.loads(found.choices[0].message.tool_calls[0].function.arguments) == GIVEN
    (asked,) = at.upstream.asked
    assert (asked.path, asked.headers["authorization"]) == ("/v1/chat/completions", f"Bearer {KEYS['openai']}")
    assert at.key.encode() not in b"".join([asked.body, str(asked.headers).encode()])
    check_chat_request(asked.json)
    call = at.calls()[0]
    assert {name: call[name] for name in ("state", "provider", "upstream_model", "prompt_tokens", "answer_tokens", "cached_tokens")} == {
        "state": "completed", "provider": "openai", "upstream_model": "gpt-6", "prompt_tokens": 100, "answer_tokens": 30, "cached_tokens": 60,
    }  # fmt: skip
    assert at.events()[:2] == ["gateway:call:settled", "gateway:call:admitted"]


def test_openai_client_streams_and_is_told_no_usage_that_it_did_not_ask_for(at: Door) -> None:
    at.upstream.says(streamed(chat_bytes(chat_chunks())))
    chunks = list(at.openai().chat.completions.create(model="openai/gpt-6", messages=ASKED, stream=True))

    assert "".join(one.choices[0].delta.content or "" for one in chunks) == "".join(TEXT)
    assert at.upstream.asked[0].json["stream_options"] == {"include_usage": True}
    call = at.calls()[0]
    assert (call["state"], call["prompt_tokens"], call["is_estimated"]) == ("completed", 100, False)


def test_openai_client_that_asks_for_usage_gets_it(at: Door) -> None:
    at.upstream.says(streamed(chat_bytes(chat_chunks())))
    options = {"include_usage": True}
    chunks = list(
        at.openai().chat.completions.create(model="openai/gpt-6", messages=ASKED, stream=True, stream_options=options)
    )

    assert chunks[-1].usage.total_tokens == 130


def test_anthropic_client_gets_an_answer(at: Door) -> None:
    at.upstream.says(said(MESSAGE))
    found = at.anthropic().messages.create(model="anthropic/claude-opus-5", max_tokens=100, messages=ASKED)

    assert [one.type for one in found.content] == ["thinking", "text", "tool_use", "tool_use"]
    (asked,) = at.upstream.asked
    assert (asked.path, asked.headers["x-api-key"]) == ("/v1/messages", KEYS["anthropic"])
    check_messages_request(asked.json)
    assert at.calls()[0]["prompt_tokens"] == 100


def test_anthropic_client_streams(at: Door) -> None:
    at.upstream.says(streamed(messages_bytes(messages_events())))
    with at.anthropic().messages.stream(model="anthropic/claude-opus-5", max_tokens=100, messages=ASKED) as stream:
        final = stream.get_final_message()

    assert final.content[2].input == GIVEN
    assert at.calls()[0]["answer_tokens"] == 30


def test_openai_client_reaches_claude(at: Door) -> None:
    at.upstream.says(said(MESSAGE))
    found = at.openai().chat.completions.create(model="anthropic/claude-opus-5", messages=ASKED, tools=[TOOL])

    assert found.choices[0].message.content == "".join(TEXT)
    assert found.usage.prompt_tokens == 100
    check_messages_request(at.upstream.asked[0].json)


def test_openai_client_streams_from_claude(at: Door) -> None:
    at.upstream.says(streamed(messages_bytes(messages_events())))
    chunks = list(at.openai().chat.completions.create(model="anthropic/claude-opus-5", messages=ASKED, stream=True))

    assert "".join(one.choices[0].delta.content or "" for one in chunks) == "".join(TEXT)
    calls = [call for one in chunks for call in one.choices[0].delta.tool_calls or [] if call.index == 0]
    assert json.loads("".join(call.function.arguments or "" for call in calls)) == GIVEN
    assert at.calls()[0]["state"] == "completed"


def test_anthropic_client_streams_from_another_vendor(at: Door) -> None:
    at.upstream.says(streamed(chat_bytes(chat_chunks())))
    with at.anthropic().messages.stream(model="vllm/qwen", max_tokens=100, messages=ASKED) as stream:
        final = stream.get_final_message()

    assert final.content[0].text == "".join(TEXT)
    assert at.upstream.asked[0].json["max_tokens"] == 100
    assert at.calls()[0]["prompt_tokens"] == 100


def test_a_picture_goes_along(at: Door) -> None:
    at.upstream.says(said(MESSAGE))
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    content = [{"type": "text", "text": "What is this?"}, picture]
    at.openai().chat.completions.create(
        model="anthropic/claude-opus-5", messages=[{"role": "user", "content": content}]
    )

    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    assert {"type": "image", "source": source} in at.upstream.asked[0].json["messages"][0]["content"]


def test_what_cannot_be_said_is_refused_by_name_and_costs_nothing(at: Door) -> None:
    at.upstream.says(said(MESSAGE))
    with pytest.raises(openai.BadRequestError, match="logit_bias"):
        at.openai().chat.completions.create(model="anthropic/claude-opus-5", messages=ASKED, logit_bias={"1": 5})

    assert at.upstream.asked == []
    assert at.events()[0] == "gateway:call:refused"


def test_embeddings_of_a_provider(at: Door) -> None:
    vector = {"object": "embedding", "index": 0, "embedding": [0.5, -0.25]}
    at.upstream.says(
        said({"object": "list", "model": "e", "data": [vector], "usage": {"prompt_tokens": 7, "total_tokens": 7}})
    )
    found = at.openai().embeddings.create(model="openai/text-embedding-4", input="a", encoding_format="float")

    assert found.data[0].embedding == [0.5, -0.25]
    assert (at.calls()[0]["kind"], at.calls()[0]["prompt_tokens"]) == ("embedding", 7)


def test_embeddings_of_this_host(at: Door) -> None:
    (model, *_) = (one for one in at.house.app.gateway.embedding_models if one.is_installed)
    found = at.openai().embeddings.create(
        model=model.name, input=["one", "two"]
    )  # packed, as the client asks for by itself

    assert [len(one.embedding) for one in found.data] == [model.dimension] * 2
    assert abs(sum(x * x for x in found.data[0].embedding) - 1) < 1e-3
    assert at.calls()[0]["provider"] == "local"


def test_tokens_are_counted_by_who_can(at: Door) -> None:
    at.upstream.says(said({"input_tokens": 14}))
    found = at.anthropic().messages.count_tokens(model="anthropic/claude-opus-5", messages=ASKED)
    assert found.input_tokens == 14
    assert at.upstream.asked[0].path == "/v1/messages/count_tokens"
    assert (at.calls()[0]["kind"], at.calls()[0]["prompt_tokens"]) == ("count", 0)
    with pytest.raises(anthropic.BadRequestError, match="no number up"):
        at.anthropic().messages.count_tokens(model="vllm/qwen", messages=ASKED)


def test_a_chatbot_answers_from_documents_with_its_sources(at: Door) -> None:
    at.ada.reads_in("cafeteria.md")
    question = [{"role": "user", "content": "When does the cafeteria open?"}]
    (bot,) = (one.id for one in at.openai().models.list() if one.id.startswith("bot:"))
    whole = at.openai().chat.completions.create(model=bot, messages=question)
    chunks = list(at.openai().chat.completions.create(model=bot, messages=question, stream=True))
    message = at.anthropic().messages.create(model=bot, max_tokens=100, messages=question)

    said_ = whole.choices[0].message
    assert "[1]" in said_.content
    assert said_.citations[0]["title"]
    assert "".join(one.choices[0].delta.content or "" for one in chunks) == said_.content == message.content[0].text
    with at.anthropic().messages.stream(model=bot, max_tokens=100, messages=question) as stream:
        assert stream.get_final_message().content[0].text == said_.content
    with pytest.raises(openai.NotFoundError):
        at.openai(at.key_of_bo).chat.completions.create(model=bot, messages=question)
    with pytest.raises(openai.PermissionDeniedError, match="chat"):
        at.openai(key_of(at.ada, Scope.MODELS)).chat.completions.create(model=bot, messages=question)


def test_models_are_listed_for_both_vendors_clients(at: Door) -> None:
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        gateway.set_alias(tx, at.ada.caller, "fast", ["openai/gpt-6-mini"])
        gateway.allow_model(tx, at.ada.caller, "openai/gpt-6")
    theirs = {one.id for one in at.openai().models.list()}
    assert {"fast", "openai/gpt-6"} <= theirs
    assert {one.id for one in at.anthropic().models.list()} == theirs
    assert at.openai().models.retrieve("openai/gpt-6").owned_by == "openai"
    assert "fast" not in {one.id for one in at.openai(at.key_of_bo).models.list()}
    with pytest.raises(openai.NotFoundError):
        at.openai(at.key_of_bo).models.retrieve("fast")


def test_an_alias_falls_back_and_each_attempt_is_on_record(at: Door) -> None:
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        gateway.set_alias(tx, at.ada.caller, "general", ["openai/gpt-6", "anthropic/claude-opus-5"])
    busy = Reply(b'{"error": {"message": "busy", "type": "server_error"}}', status=503)
    at.upstream.says(busy, busy, busy, said(MESSAGE))
    found = at.openai().chat.completions.create(model="general", messages=ASKED)

    assert found.choices[0].message.content == "".join(TEXT)
    assert [one.path for one in at.upstream.asked] == ["/v1/chat/completions"] * 3 + ["/v1/messages"]
    assert [(one["attempt"], one["state"], one["status"]) for one in at.calls()[:4]] == [
        (4, "completed", 200), (3, "failed", 503), (2, "failed", 503), (1, "failed", 503),
    ]  # fmt: skip


def test_models_of_an_alias_share_its_calls_and_stand_in_for_each_other(at: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        gateway.set_alias(tx, at.ada.caller, "shared", ["openai/gpt-6=3", "vllm/qwen=1"])
    monkeypatch.setattr("random.random", iter([0.1, 0.9, 0.9, 0.1]).__next__)  # one is drawn for each
    at.upstream.says(said(COMPLETION))
    for _ in range(2):
        at.openai().chat.completions.create(model="shared", messages=ASKED)

    assert [(one["provider"], one["alias"]) for one in at.calls()[:2]] == [("vllm", "shared"), ("openai", "shared")]
    monkeypatch.undo()
    refused = Reply(b'{"error": {"message": "no", "type": "invalid_request_error"}}', status=401)
    at.upstream.says(refused, said(COMPLETION))
    assert at.openai().chat.completions.create(model="shared", messages=ASKED).choices
    assert {one["provider"] for one in at.calls()[:2]} == {"openai", "vllm"}


def test_responses_reach_every_vendor_and_nothing_is_stored(at: Door) -> None:
    client = at.openai().responses
    at.upstream.says(said(MESSAGE))
    assert client.create(model="anthropic/claude-opus-5", input="What is the weather?").output_text == "".join(TEXT)
    at.upstream.says(streamed(chat_bytes(chat_chunks())))
    events = list(client.create(model="vllm/qwen", input="What is the weather?", stream=True))
    assert events[-1].type == "response.completed"
    assert at.calls()[0]["prompt_tokens"] == 100
    response = {"id": "resp_1", "object": "response", "output": [], "usage": {"input_tokens": 3, "output_tokens": 4}}
    at.upstream.says(said(response))
    client.create(model="openai/gpt-6", input="What is the weather?")
    assert (at.upstream.asked[0].path, at.upstream.asked[0].json["store"]) == ("/v1/responses", False)
    assert at.calls()[0]["answer_tokens"] == 4
    pointing = [{"type": "item_reference", "id": "fc_0"}]
    for wanted in ({"store": True}, {"previous_response_id": "resp_0"}, {"input": pointing}):
        with pytest.raises(openai.BadRequestError, match=r"store|previous_response_id|item_reference"):
            client.create(**({"model": "openai/gpt-6", "input": "And tomorrow?"} | wanted))
    with pytest.raises(openai.BadRequestError, match="chatbot"):
        client.create(model="bot:x", input="Hello")


def test_keys_are_asked_for_in_either_header_and_never_two(at: Door) -> None:
    at.upstream.says(said(MESSAGE))
    body = {"model": "anthropic/claude", "max_tokens": 9, "messages": ASKED}

    def status(**headers: str) -> int:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx2.post(f"{at.address}/v1/messages", json=body, headers=sent).status_code

    assert status(x_api_key=at.key) == 200
    assert status(authorization=f"Bearer {at.key}") == 200
    assert status(authorization=f"Bearer {at.key}", x_api_key=at.key) == 200
    asked = len(at.upstream.asked)
    assert status() == 401
    assert status(authorization=f"Bearer {at.key}", x_api_key=at.key_of_bo) == 401
    assert status(authorization="Basic YTpi", x_api_key=at.key) == 401
    assert status(x_api_key="cloister_wrong") == 401
    assert len(at.upstream.asked) == asked


def test_a_key_without_the_scope_opens_nothing(at: Door) -> None:
    with pytest.raises(openai.PermissionDeniedError, match="models"):
        at.openai(key_of(at.ada, Scope.CHAT)).chat.completions.create(model="openai/gpt-6", messages=ASKED)


def test_another_organisation_reaches_nothing_of_ours(at: Door) -> None:
    at.upstream.says(said(COMPLETION))
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        gateway.set_alias(tx, at.ada.caller, "ours", ["openai/gpt-6"])
    theirs = at.openai(at.key_of_bo).chat.completions
    with pytest.raises(openai.NotFoundError):
        theirs.create(model="ours", messages=ASKED)
    with pytest.raises(openai.PermissionDeniedError, match="not among the models"):
        theirs.create(model="openai/gpt-6", messages=ASKED)
    with at.bo.services.db.tenant(at.bo.tenant_id) as tx:
        gateway.allow_model(tx, at.bo.caller, "openai/*")
    with pytest.raises(openai.NotFoundError, match="provider"):
        theirs.create(model="openai/gpt-6", messages=ASKED)
    assert at.upstream.asked == []


def test_a_removed_persons_key_ends_with_them(at: Door) -> None:
    colleague = at.ada.adds("colleague@harrow.example", Role.MEMBER)
    key = key_of(colleague)
    at.upstream.says(said(COMPLETION))
    at.openai(key).chat.completions.create(model="openai/gpt-6", messages=ASKED)
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        remove_member(tx, at.ada.caller, colleague.caller.user_id, clock=at.house.clock)
    with pytest.raises(openai.AuthenticationError):
        at.openai(key).chat.completions.create(model="openai/gpt-6", messages=ASKED)


def test_long_requests_are_looked_through_aside_and_short_ones_at_once(at: Door) -> None:
    at.upstream.says(said(COMPLETION))
    handed_over = list[object]()

    def aside(work: Any) -> Any:
        handed_over.append(work)
        return work()

    gate = at.house.app.gate
    before, gate._aside = gate._aside, aside
    try:
        assert posts(at, CHAT).status_code == 200
        assert handed_over == []
        card = [{"role": "user", "content": "a " * 50_000 + "4111 1111 1111 1111"}]
        assert posts(at, CHAT | {"messages": card}).json()["error"]["code"] == "dlp_blocked"
        assert len(handed_over) >= 3  # read, counted, looked through
    finally:
        gate._aside = before
