"""Claude and others at Bedrock and Vertex, as programs ask for them."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import anthropic
import openai
import pytest

from appliance.gateway import attempts
from appliance.vault.providing import ProviderKind
from appliance.vault.providing.credentials import read_key
from appliance.vault.providing.destinations import ProviderForm
from tests.support.converse import ANSWER, check_with_aws, events, from_bedrock, wrapped_events
from tests.support.door import KEYS, TOKEN, Door, adds_provider, door, has_provider
from tests.support.house import Server
from tests.support.key_vendors import ACCOUNT, AWS_ID, service_account
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
    wrapped,
    wrapped_exception,
)
from tests.support.vendors import check_chat_request, check_messages_request

ASKED: Any = [{"role": "user", "content": "What is the weather?"}]
BEDROCK, VERTEX = "bedrock/eu.anthropic.claude-opus-5-v1:0", "vertex/claude-opus-5@20261001"
AT_BEDROCK = "/model/eu.anthropic.claude-opus-5-v1%3A0"
NOVA, AT_NOVA = "bedrock/eu.amazon.nova-pro-v1:0", "/model/eu.amazon.nova-pro-v1%3A0"
TITAN, COHERE = "bedrock/amazon.titan-embed-text-v2:0", "bedrock/cohere.embed-multilingual-v3"
WANTED: Any = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
AT_VERTEX = "/v1/projects/harrow-4711/locations/eu-central-1"


@pytest.fixture(scope="module")
def at(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with door(server, tmp_path_factory.mktemp("door")) as found:
        yield found


@pytest.fixture(autouse=True)
def fresh(at: Door) -> None:
    """No key is left alone, and none has a token, because of what the test before did."""
    tries = at.house.app.gate._calls._attempts
    tries._breaker._failed.clear()
    tries._signer._tokens.clear()
    at.upstream.asked_aside.clear()
    at.upstream.asides["/token"] = said({"access_token": TOKEN, "expires_in": 3599, "token_type": "Bearer"})


def test_claude_at_bedrock_answers_anthropics_client(at: Door) -> None:
    at.upstream.says(said(MESSAGE))
    found = at.anthropic().messages.create(model=BEDROCK, max_tokens=100, messages=ASKED)

    assert [one.type for one in found.content] == ["thinking", "text", "tool_use", "tool_use"]
    (asked,) = at.upstream.asked
    assert asked.path == f"{AT_BEDROCK}/invoke"
    assert asked.headers["authorization"].startswith(f"AWS4-HMAC-SHA256 Credential={AWS_ID}/")
    assert "x-api-key" not in asked.headers
    body = asked.json
    assert "model" not in body
    assert body.pop("anthropic_version")
    check_messages_request(body | {"model": "m"})
    (call,) = at.calls()[:1]
    assert (call["state"], call["prompt_tokens"], call["region"]) == ("completed", 100, "eu-central-1")
    assert call["upstream_model"] == "eu.anthropic.claude-opus-5-v1:0"


def test_claude_at_bedrock_streams_to_both_vendors_clients(at: Door) -> None:
    at.upstream.says(from_bedrock(wrapped(messages_events())))
    with at.anthropic().messages.stream(model=BEDROCK, max_tokens=100, messages=ASKED) as stream:
        assert stream.get_final_message().content[2].input == GIVEN
    assert at.upstream.asked[0].path == f"{AT_BEDROCK}/invoke-with-response-stream"
    assert "stream" not in at.upstream.asked[0].json
    assert (at.calls()[0]["state"], at.calls()[0]["answer_tokens"]) == ("completed", 30)

    at.upstream.says(from_bedrock(wrapped(messages_events())))
    chunks = list(at.openai().chat.completions.create(model=BEDROCK, messages=ASKED, stream=True))
    assert "".join(one.choices[0].delta.content or "" for one in chunks) == "".join(TEXT)
    assert at.upstream.asked[0].json["anthropic_version"] == "bedrock-2023-05-31"

    at.upstream.says(from_bedrock(wrapped(messages_events())))
    events = list(at.openai().responses.create(model=BEDROCK, input="What is the weather?", stream=True))
    assert events[-1].type == "response.completed"


def test_a_stream_of_bedrocks_that_breaks_is_told_and_on_record(at: Door) -> None:
    pieces = wrapped(messages_events())
    at.upstream.says(from_bedrock([*pieces[:6], wrapped_exception("throttlingException", "Too many tokens.")]))
    with pytest.raises(anthropic.APIStatusError, match="Too many tokens"):
        with at.anthropic().messages.stream(model=BEDROCK, max_tokens=100, messages=ASKED) as stream:
            stream.get_final_message()
    assert (at.calls()[0]["state"], at.calls()[0]["code"]) == ("unknown", "throttlingException")

    at.upstream.says(from_bedrock([*pieces[:6], pieces[6][:-2] + b"xx", *pieces[7:]]))
    with pytest.raises(openai.APIError, match="could not be read"):
        list(at.openai().chat.completions.create(model=BEDROCK, messages=ASKED, stream=True))
    assert (at.calls()[0]["state"], at.calls()[0]["code"]) == ("unknown", "provider_stream_unreadable")

    at.upstream.says(from_bedrock(pieces[:6]))
    with pytest.raises(openai.APIError, match="not whole"):
        list(at.openai().chat.completions.create(model=BEDROCK, messages=ASKED, stream=True))


def test_bedrocks_errors_are_told_in_the_clients_form(at: Door) -> None:
    at.upstream.says(said({"message": "messages: at least one message is required"}, status=400))
    with pytest.raises(anthropic.BadRequestError, match="at least one message") as refused:
        at.anthropic().messages.create(model=BEDROCK, max_tokens=100, messages=ASKED)
    assert refused.value.body["type"] == "error"  # type: ignore[index]  # a JSON object
    with pytest.raises(openai.BadRequestError, match="at least one message"):
        at.openai().chat.completions.create(model=BEDROCK, messages=ASKED)

    at.upstream.says(said({"message": f"The security token {AWS_ID} is invalid."}, status=403))
    with pytest.raises(anthropic.APIStatusError, match="does not take the key") as kept_back:
        at.anthropic().messages.create(model=BEDROCK, max_tokens=100, messages=ASKED)
    assert AWS_ID not in str(kept_back.value)


def test_bedrock_counts_tokens(at: Door) -> None:
    at.upstream.says(said({"inputTokens": 14}))
    assert at.anthropic().messages.count_tokens(model=BEDROCK, messages=ASKED).input_tokens == 14
    (asked,) = at.upstream.asked
    assert asked.path == f"{AT_BEDROCK}/count-tokens"
    counted = json.loads(base64.b64decode(asked.json["input"]["invokeModel"]["body"]))
    assert (counted["messages"], counted["max_tokens"]) == (ASKED, 1)
    assert at.calls()[0]["kind"] == "count"


def test_other_models_at_bedrock_are_asked_in_openais_chat(at: Door) -> None:
    at.upstream.says(streamed(chat_bytes(chat_chunks())))
    model = "bedrock/openai.gpt-oss-120b-1:0"
    chunks = list(at.openai().chat.completions.create(model=model, messages=ASKED, stream=True))

    assert "".join(one.choices[0].delta.content or "" for one in chunks if one.choices) == "".join(TEXT)
    (asked,) = at.upstream.asked
    assert asked.path == "/openai/v1/chat/completions"
    assert "/bedrock/aws4_request" in asked.headers["authorization"]
    check_chat_request(asked.json)
    assert asked.json["model"] == "openai.gpt-oss-120b-1:0"
    at.upstream.says(said(COMPLETION))
    assert at.anthropic().messages.create(model=model, max_tokens=9, messages=ASKED).content[0].text == "".join(TEXT)


def test_a_model_of_converse_answers_both_vendors_clients(at: Door) -> None:
    tool: Any = {"name": "weather", "description": "d", "input_schema": {"type": "object"}}
    at.upstream.says(said(ANSWER))
    found = at.anthropic().messages.create(model=NOVA, max_tokens=100, system="Be brief.", messages=ASKED, tools=[tool])
    assert [one.type for one in found.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert (found.stop_reason, found.model, found.content[2].input) == ("tool_use", "eu.amazon.nova-pro-v1:0", GIVEN)
    (asked,) = at.upstream.asked
    assert asked.path == f"{AT_NOVA}/converse"
    assert "/bedrock/aws4_request" in asked.headers["authorization"]
    assert (asked.json["inferenceConfig"], asked.json["system"]) == ({"maxTokens": 100}, [{"text": "Be brief."}])
    (call,) = at.calls()[:1]
    assert (call["state"], call["prompt_tokens"], call["answer_tokens"], call["cached_tokens"]) == ("completed", 100, 30, 60)

    at.upstream.says(said(ANSWER))
    chat = at.openai().chat.completions.create(model=NOVA, messages=ASKED, response_format=WANTED)
    assert chat.choices[0].message.content == "".join(TEXT)
    assert json.loads(chat.choices[0].message.tool_calls[0].function.arguments) == GIVEN
    (second,) = at.upstream.asked
    assert "inferenceConfig" not in second.json, "a bound that nobody set"
    check_with_aws(*({"operation": "Converse", "way": "in", "value": one.json | {"modelId": "m"}} for one in (asked, second)))


def test_a_model_of_converse_streams_to_both_vendors_clients(at: Door) -> None:
    at.upstream.says(from_bedrock(wrapped_events(events())))
    with at.anthropic().messages.stream(model=NOVA, max_tokens=100, messages=ASKED) as stream:
        assert stream.get_final_message().content[2].input == GIVEN
    assert at.upstream.asked[0].path == f"{AT_NOVA}/converse-stream"
    assert (at.calls()[0]["state"], at.calls()[0]["prompt_tokens"], at.calls()[0]["answer_tokens"]) == ("completed", 100, 30)

    at.upstream.says(from_bedrock(wrapped_events(events())))
    chunks = list(at.openai().chat.completions.create(model=NOVA, messages=ASKED, stream=True))
    assert "".join(one.choices[0].delta.content or "" for one in chunks) == "".join(TEXT)

    at.upstream.says(from_bedrock(wrapped_events(events())))
    last = list(at.openai().responses.create(model=NOVA, input="What is the weather?", stream=True))[-1]
    assert last.type == "response.completed"

    at.upstream.says(from_bedrock([*wrapped_events(events())[:6], wrapped_exception("throttlingException", "Too many tokens.")]))
    with pytest.raises(openai.APIError, match="Too many tokens"):
        list(at.openai().chat.completions.create(model=NOVA, messages=ASKED, stream=True))
    assert (at.calls()[0]["state"], at.calls()[0]["code"]) == ("unknown", "throttlingException")


def test_what_converse_cannot_say_is_refused_in_the_clients_words(at: Door) -> None:
    at.upstream.says(said(ANSWER))
    with pytest.raises(anthropic.BadRequestError, match="top_k"):
        at.anthropic().messages.create(model=NOVA, max_tokens=100, messages=ASKED, extra_body={"top_k": 5})
    tool: Any = {"type": "function", "function": {"name": "f"}}
    with pytest.raises(openai.BadRequestError, match="parallel_tool_calls"):
        at.openai().chat.completions.create(model=NOVA, messages=ASKED, tools=[tool], parallel_tool_calls=False)
    with pytest.raises(anthropic.BadRequestError, match="counts no tokens"):
        at.anthropic().messages.count_tokens(model=NOVA, messages=ASKED)
    assert not at.upstream.asked
    at.upstream.says(said(ANSWER | {"output": {}}))
    with pytest.raises(openai.APIStatusError, match="could not be read"):
        at.openai().chat.completions.create(model=NOVA, messages=ASKED)
    assert at.calls()[0]["state"] == "unknown"


def test_embeddings_at_bedrock_come_as_openai_has_them(at: Door) -> None:
    at.upstream.says(said({"embedding": [0.5, -0.25], "embeddingsByType": {"float": [0.5, -0.25]}, "inputTextTokenCount": 7}))
    found = at.openai().embeddings.create(model=TITAN, input="A lamp", dimensions=256)  # asks for base64 by itself
    assert (found.data[0].embedding, found.usage.prompt_tokens) == ([0.5, -0.25], 7)
    (asked,) = at.upstream.asked
    assert (asked.path, asked.json) == ("/model/amazon.titan-embed-text-v2%3A0/invoke", {"inputText": "A lamp", "dimensions": 256})
    assert (at.calls()[0]["kind"], at.calls()[0]["state"], at.calls()[0]["prompt_tokens"]) == ("embedding", "completed", 7)

    answer = {"id": "a", "response_type": "embeddings_by_type", "embeddings": {"float": [[0.5], [1]]}, "texts": ["A lamp", "A hall"]}
    at.upstream.says(Reply(json.dumps(answer).encode(), headers={"x-amzn-bedrock-input-token-count": "9"}))
    query = {"input_type": "query"}
    found = at.openai().embeddings.create(model=COHERE, input=["A lamp", "A hall"], encoding_format="float", extra_body=query)
    assert ([one.embedding for one in found.data], at.calls()[0]["prompt_tokens"]) == ([[0.5], [1]], 9)
    assert at.upstream.asked[0].json == {
        "texts": ["A lamp", "A hall"], "input_type": "search_query", "embedding_types": ["float"],
    }  # fmt: skip

    at.upstream.says(said(answer))
    at.openai().embeddings.create(model=COHERE, input=["A lamp", "A hall"])
    (call,) = at.calls()[:1]
    assert (call["state"], call["is_estimated"], call["prompt_tokens"]) == ("completed", True, call["reserved_tokens"])


def test_embeddings_at_vertex_come_as_openai_has_them(at: Door) -> None:
    told = [{"embeddings": {"values": [0.5, 1], "statistics": {"token_count": count, "truncated": False}}} for count in (4.0, 3)]
    at.upstream.says(said({"predictions": told, "metadata": {"billableCharacterCount": 12}}))
    found = at.openai().embeddings.create(model="vertex/text-embedding-005", input=["A lamp", "A hall"], dimensions=256)

    assert ([one.embedding for one in found.data], found.usage.prompt_tokens) == ([[0.5, 1], [0.5, 1]], 7)
    (asked,) = at.upstream.asked
    assert asked.path == f"{AT_VERTEX}/publishers/google/models/text-embedding-005:predict"
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert asked.json == {
        "instances": [{"content": text, "task_type": "RETRIEVAL_DOCUMENT"} for text in ("A lamp", "A hall")],
        "parameters": {"autoTruncate": False, "outputDimensionality": 256},
    }  # fmt: skip


@pytest.mark.parametrize(("model", "more", "says"), [
    (TITAN, {"input": ["a", "b"]}, "one text"), (TITAN, {"input": "a", "extra_body": {"truncate": "START"}}, "truncate"),
    (COHERE, {"input": "a", "extra_body": {"input_type": "both"}}, "input_type"), ("bedrock/amazon.nova-pro-v1:0", {"input": "a"}, "none of a model"),
    (BEDROCK, {"input": "a"}, "none of a model"), ("vertex/gemini-3-pro", {"input": "a"}, "none of a model"),
])  # fmt: skip
def test_what_embeds_nothing_or_cannot_be_said_is_refused(at: Door, model: str, more: Any, says: str) -> None:
    at.upstream.says(said({}))
    with pytest.raises(openai.APIStatusError, match=says):
        at.openai().embeddings.create(model=model, **more)
    assert not at.upstream.asked


@pytest.mark.parametrize("odd", [{}, {"embedding": []}, {"embedding": ["x"]}, {"embedding": [1e400]}])
def test_vectors_that_are_none_are_told_as_a_fault(at: Door, odd: Any) -> None:
    at.upstream.says(said(odd))
    with pytest.raises(openai.APIStatusError, match="could not be read"):
        at.openai().embeddings.create(model=TITAN, input="A lamp")
    assert at.calls()[0]["state"] == "unknown"


def test_claude_at_vertex_answers_with_a_token_that_is_asked_for_once(at: Door) -> None:
    at.upstream.says(said(MESSAGE), streamed(messages_bytes(messages_events())))
    found = at.anthropic().messages.create(model=VERTEX, max_tokens=100, messages=ASKED)
    chunks = list(at.openai().chat.completions.create(model=VERTEX, messages=ASKED, stream=True))

    assert [one.type for one in found.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert "".join(one.choices[0].delta.content or "" for one in chunks) == "".join(TEXT)
    first, second = at.upstream.asked
    assert first.path == f"{AT_VERTEX}/publishers/anthropic/models/claude-opus-5@20261001:rawPredict"
    assert second.path == f"{AT_VERTEX}/publishers/anthropic/models/claude-opus-5@20261001:streamRawPredict"
    assert first.headers["authorization"] == second.headers["authorization"] == f"Bearer {TOKEN}"
    assert "model" not in first.json
    assert second.json["stream"] is True
    (token,) = at.upstream.asked_aside
    form = parse_qs(token.body.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    claims = form["assertion"][0].split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["iss"] == ACCOUNT
    assert [one["state"] for one in at.calls()[:2]] == ["completed", "completed"]


def test_gemini_is_asked_in_openais_chat(at: Door) -> None:
    at.upstream.says(said(COMPLETION))
    for model in ("vertex/gemini-3-pro", "vertex/google/gemini-3-pro"):
        found = at.openai().chat.completions.create(model=model, messages=ASKED)
        assert found.choices[0].message.content == "".join(TEXT)
    assert {one.path for one in at.upstream.asked} == {f"{AT_VERTEX}/endpoints/openapi/chat/completions"}
    assert {one.json["model"] for one in at.upstream.asked} == {"google/gemini-3-pro"}
    check_chat_request(at.upstream.asked[0].json)


def test_vertex_counts_tokens(at: Door) -> None:
    at.upstream.says(said({"input_tokens": 14}))
    assert at.anthropic().messages.count_tokens(model=VERTEX, messages=ASKED).input_tokens == 14
    (asked,) = at.upstream.asked
    assert asked.path == f"{AT_VERTEX}/publishers/anthropic/models/count-tokens:rawPredict"
    assert asked.json["model"] == "claude-opus-5@20261001"


def test_a_token_that_is_no_longer_taken_is_let_go(at: Door) -> None:
    at.upstream.says(said({"error": {"code": 401, "message": f"{TOKEN} is no good", "status": "UNAUTHENTICATED"}}, status=401), said(MESSAGE))  # fmt: skip
    with pytest.raises(anthropic.APIStatusError, match="does not take the key") as refused:
        at.anthropic().messages.create(model=VERTEX, max_tokens=100, messages=ASKED)
    assert TOKEN not in str(refused.value)
    at.anthropic().messages.create(model=VERTEX, max_tokens=100, messages=ASKED)
    assert len(at.upstream.asked_aside) == 2


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (said({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, status=400), "provider_key_refused"),
        (said({"error": "internal_failure"}, status=500), "provider_sign_in_failed"),
        (Reply(b"<html>"), "provider_sign_in_failed"),
        (said({"access_token": "a\r\nx: y", "expires_in": 5}), "provider_sign_in_failed"),
        (said({"access_token": 7}), "provider_sign_in_failed"),
        (Reply(b"x" * 100_000), "provider_sign_in_failed"),
    ],
)  # fmt: skip
def test_without_a_token_nothing_is_asked_and_nothing_counts(
    at: Door, answer: Reply, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "_FIRST_WAIT", 0.001)
    at.upstream.says(said(MESSAGE))
    at.upstream.asides["/token"] = answer
    with pytest.raises(openai.InternalServerError) as refused:
        at.openai().chat.completions.create(model=VERTEX, messages=ASKED)

    assert refused.value.code == code
    assert at.upstream.asked == []
    (call,) = at.calls()[:1]
    assert (call["state"], call["code"], call["prompt_tokens"], call["answer_tokens"]) == ("failed", code, 0, 0)


def test_vertexs_errors_are_told_in_the_clients_form(at: Door) -> None:
    raw = json.dumps([{"error": {"code": 400, "message": "max_tokens is too large", "status": "INVALID_ARGUMENT"}}])
    at.upstream.says(Reply(raw.encode(), status=400))
    with pytest.raises(anthropic.BadRequestError, match="too large") as refused:
        at.anthropic().messages.create(model=VERTEX, max_tokens=100, messages=ASKED)
    assert refused.value.body["error"]["type"] == "invalid_request_error"  # type: ignore[index]  # JSON
    own = b'{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: 9e9"},"x":1.0}'
    at.upstream.says(Reply(own, status=400))
    with pytest.raises(anthropic.BadRequestError) as refused:
        at.anthropic().messages.create(model=VERTEX, max_tokens=100, messages=ASKED)
    assert refused.value.response.content == own


def test_nothing_of_the_keys_is_kept_or_told(at: Door) -> None:
    at.upstream.says(said(MESSAGE))
    at.anthropic().messages.create(model=BEDROCK, max_tokens=100, messages=ASKED)
    asked = at.upstream.asked[0]
    secret = KEYS["bedrock"].partition(":")[2]
    assert secret not in json.dumps(asked.headers) + asked.body.decode()
    assert repr(at.house.app.gate._calls._attempts._signer._tokens).count(TOKEN) == 0


def test_another_organisation_gets_a_token_of_its_own(at: Door) -> None:
    """With the very same account, too: what is kept is kept under the key, and a key is one organisation's."""
    has_provider(at.bo, "vertex", at.upstream.address)
    at.upstream.says(said(MESSAGE))
    for key in (at.key, at.key_of_bo, at.key, at.key_of_bo):
        at.anthropic(key).messages.create(model=VERTEX, max_tokens=100, messages=ASKED)
    assert len(at.upstream.asked_aside) == 2


def test_a_token_from_a_host_that_is_not_allowed_is_never_asked_for(at: Door) -> None:
    given = read_key(ProviderKind.VERTEX, service_account())
    adds_provider(at.ada, ProviderForm("closed", ProviderKind.VERTEX, at.upstream.address, "eu-central-1"), given)
    at.upstream.says(said(MESSAGE))
    with pytest.raises(anthropic.PermissionDeniedError, match=r"oauth2\.googleapis\.com"):
        at.anthropic().messages.create(model="closed/claude-opus-5", max_tokens=100, messages=ASKED)
    assert at.upstream.asked == []
    assert at.events()[0] == "gateway:call:refused"


def test_whoever_hangs_up_while_a_token_is_waited_for_has_used_nothing(at: Door) -> None:
    at.upstream.says(said(MESSAGE))
    at.upstream.asides["/token"] = said({"access_token": TOKEN, "expires_in": 3599}, wait=5)
    with pytest.raises(anthropic.APITimeoutError):
        at.anthropic(timeout=0.4).messages.create(model=VERTEX, max_tokens=100, messages=ASKED)
    until = time.monotonic() + 3
    while at.calls()[0]["state"] == "admitted" and time.monotonic() < until:
        time.sleep(0.02)
    (call,) = at.calls()[:1]
    assert (call["state"], call["prompt_tokens"], call["answer_tokens"]) == ("cancelled", 0, 0)
    assert at.upstream.asked == []
