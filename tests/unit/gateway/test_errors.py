import anthropic
import httpx2
import openai
import pytest
from anthropic.types.shared import ErrorResponse
from hypothesis import given, settings
from hypothesis import strategies as some
from openai.types.responses import ResponseErrorEvent

from appliance.gateway.dialects import (
    Dialect,
    Fault,
    StreamReader,
    error_body,
    error_bytes,
    error_event,
    fault_in_stream,
    read_error,
)
from appliance.gateway.dialects.bodies import read_json, write_json
from appliance.gateway.dialects.crossing import stream_between
from appliance.gateway.dialects.sse import Splitter, encode

STATUSES = {400: "BadRequestError", 401: "AuthenticationError", 403: "PermissionDeniedError", 404: "NotFoundError",
            429: "RateLimitError", 500: "InternalServerError", 503: None, 529: None}  # fmt: skip
OVER = Fault(429, "budget_exhausted", "This month's budget is spent (größer).")


def answering(status: int, body: bytes, kind: str = "application/json") -> httpx2.MockTransport:
    return httpx2.MockTransport(lambda _: httpx2.Response(status, headers={"content-type": kind}, content=body))


def a_chat_client(transport: httpx2.MockTransport) -> openai.OpenAI:
    return openai.OpenAI(
        api_key="k", base_url="http://test/v1", max_retries=0, http_client=httpx2.Client(transport=transport)
    )


def a_messages_client(transport: httpx2.MockTransport) -> anthropic.Anthropic:
    return anthropic.Anthropic(
        api_key="k", base_url="http://test", max_retries=0, http_client=httpx2.Client(transport=transport)
    )


@pytest.mark.parametrize("status", STATUSES)
def test_openais_client_raises_what_the_gateway_refused(status: int) -> None:
    fault = Fault(status, "some_rule", "What to do next.")
    client = a_chat_client(answering(status, error_bytes(Dialect.CHAT, fault)))

    with pytest.raises(openai.APIStatusError, match="What to do next") as raised:
        client.chat.completions.create(model="m", messages=[])
    assert (raised.value.status_code, raised.value.code) == (status, "some_rule")
    if name := STATUSES[status]:
        assert type(raised.value).__name__ == name


@pytest.mark.parametrize("status", STATUSES)
def test_anthropics_client_raises_what_the_gateway_refused(status: int) -> None:
    fault = Fault(status, "some_rule", "What to do next.")
    client = a_messages_client(answering(status, error_bytes(Dialect.MESSAGES, fault, request_id="req_7")))

    with pytest.raises(anthropic.APIStatusError, match="What to do next") as raised:
        client.messages.create(model="m", max_tokens=5, messages=[])
    assert (raised.value.status_code, raised.value.error_code) == (status, "some_rule")
    assert raised.value.api_message == "What to do next."
    if name := STATUSES[status]:
        assert type(raised.value).__name__ == name


def test_anthropics_own_type_takes_the_form() -> None:
    said = ErrorResponse.model_validate(error_body(Dialect.MESSAGES, OVER, request_id="req_7"))

    assert (said.error.type, said.request_id) == ("rate_limit_error", "req_7")


@pytest.mark.parametrize("dialect", Dialect)
def test_what_is_written_is_read_again(dialect: Dialect) -> None:
    assert read_error(429, error_bytes(dialect, OVER)) == OVER


@pytest.mark.parametrize("dialect", Dialect)
def test_an_error_in_a_stream_is_read_again(dialect: Dialect) -> None:
    (event,) = Splitter().feed(error_event(dialect, OVER))
    reader = StreamReader(dialect)
    reader.feed(event.raw)

    assert fault_in_stream(event.name, read_json(event.data or "")) == OVER
    assert reader.fault == OVER


def test_clients_raise_an_error_in_a_stream() -> None:
    sent = answering(200, error_event(Dialect.CHAT, OVER), "text/event-stream")
    with pytest.raises(openai.APIError, match="budget is spent"):
        list(a_chat_client(sent).chat.completions.create(model="m", messages=[], stream=True))

    sent = answering(200, error_event(Dialect.RESPONSES, OVER, sequence_number=3), "text/event-stream")
    with pytest.raises(openai.APIError, match="budget is spent"):
        list(a_chat_client(sent).responses.create(model="m", input="x", stream=True))

    sent = answering(200, error_event(Dialect.MESSAGES, OVER), "text/event-stream")
    with pytest.raises(anthropic.APIError, match="budget is spent"):
        list(a_messages_client(sent).messages.create(model="m", max_tokens=1, messages=[], stream=True))


def test_the_event_of_the_responses_api_is_the_references() -> None:
    (event,) = Splitter().feed(error_event(Dialect.RESPONSES, OVER, sequence_number=3))
    said = ResponseErrorEvent.model_validate(read_json(event.data or ""))

    assert (said.sequence_number, said.code, said.message) == (3, OVER.code, OVER.message)


@pytest.mark.parametrize(
    ("raw", "code", "message"),
    [
        (b'{"error":{"message":"No","type":"invalid_request_error","param":null,"code":"model_not_found"}}', "model_not_found", "No"),
        (b'{"error":{"message":"No","type":"server_error","code":null}}', "server_error", "No"),
        (b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', "overloaded_error", "Overloaded"),
        (b'{"error":"model \'x\' not found"}', "status_500", "model 'x' not found"),
        (b'{"object":"error","message":"No","type":"BadRequestError","param":null,"code":400}', "BadRequestError", "No"),
        (b'{"message":"The security token is not valid."}', "status_500", "The security token is not valid."),
        (b'[{"error":{"code":429,"message":"Quota","status":"RESOURCE_EXHAUSTED"}}]', "RESOURCE_EXHAUSTED", "Quota"),
        (b'{"detail":"Not found"}', "status_500", "Not found"),
    ],
)  # fmt: skip
def test_a_providers_error_is_read_wherever_it_says_it(raw: bytes, code: str, message: str) -> None:
    assert read_error(500, raw) == Fault(500, code, message)


@pytest.mark.parametrize(
    "raw", [b"", b"<html>secret page</html>", b"null", b"[]", b"\xff", b"{}", b'{"error":{"message":7}}']
)
def test_an_error_that_cannot_be_read_is_told_without_its_content(raw: bytes) -> None:
    assert read_error(502, raw) == Fault(
        502, "status_502", "The provider answered with status 502 and said nothing that could be read."
    )


@pytest.mark.parametrize(
    "key",
    [
        "sk-proj-abc***************wxyz",
        "sk-ant-api03-AbC_d",
        "AKIA" + "X" * 16,
        "AIza" + "x" * 35,
        "eyJhbGci.eyJzdWIi.c2ln",
    ],
)
def test_a_key_that_the_provider_quotes_is_not_passed_on(key: str) -> None:
    fault = read_error(
        401, write_json({"error": {"message": f"Incorrect API key provided: {key}. See https://example.org/keys."}})
    )

    assert fault.message.startswith("Incorrect API key provided: (a key)")
    assert key not in fault.message


def test_a_message_cannot_flood_or_forge() -> None:
    fault = read_error(500, b'{"error":{"message":"a\\r\\u0000\\ud800b' + b"x" * 5000 + b'"}}')

    assert fault.message.startswith("ab")
    assert len(fault.message) == 2000


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("", {"error": {"message": "m", "type": "server_error", "code": None}}, 500),
        ("", {"error": {"message": "m", "code": 400, "type": "BadRequestError"}}, 400),
        ("", {"object": "error", "message": "m", "code": 40303}, 502),
        ("error", {"type": "error", "error": {"type": "overloaded_error", "message": "m"}}, 529),
        ("", {"type": "response.failed", "response": {"error": {"code": "rate_limit_exceeded", "message": "m"}}}, 429),
        ("error", {"type": "error", "code": "server_error", "message": "m"}, 500),
    ],
)  # fmt: skip
def test_errors_in_streams(name: str, body: dict[str, object], status: int) -> None:
    fault = fault_in_stream(name, body)

    assert fault is not None
    assert (fault.status, fault.message) == (status, "m")


@pytest.mark.parametrize(
    "body", [{"error": None, "choices": []}, {"choices": [{"delta": {"content": "error"}}]}, {"type": "ping"}]
)
def test_what_is_no_error_is_none(body: dict[str, object]) -> None:
    assert fault_in_stream("", body) is None


ODD: some.SearchStrategy[object] = some.sampled_from(
    [None, 7, "x", "error", [], ["error"], {}, {"error": {}}, {"message": []}, {"details": 1, "type": {}}]
)


@settings(max_examples=40)
@given(
    some.dictionaries(some.sampled_from(["error", "type", "message", "code", "response", "details", "usage"]), ODD), ODD
)
def test_no_error_makes_an_error(body: dict[str, object], other: object) -> None:
    fault_in_stream("error", body)
    read_error(500, write_json(other))
    for dialect in Dialect:
        StreamReader(dialect).feed(encode(body | {"x": {"usage": {}}}))
        StreamReader(dialect).feed(encode([other, {"usage": {}}]))


BUSY = {"error": {"message": "Rate limit reached in organization org-4711", "type": "tokens", "code": "rate_limit_exceeded"}}
WRONG = {"error": {"message": "max_tokens is too large", "type": "invalid_request_error", "code": "x"}}


@pytest.mark.parametrize("source", [Dialect.CHAT, Dialect.MESSAGES, Dialect.RESPONSES])
def test_what_is_of_everybody_who_shares_a_key_is_not_told_in_a_stream(source: Dialect) -> None:
    for body, is_told in ((BUSY, False), (WRONG, True)):
        stream = stream_between(source, Dialect.CHAT, asked={}, conceals=True)
        told = stream.feed(encode(body) + encode({"after": 1}))
        assert (b"org-4711" in told, b"too large" in told) == (False, is_told)
        assert b"ask the operator" in told or is_told
        assert b'"after"' not in told
        assert stream.fault is not None
    assert b"org-4711" in stream_between(source, Dialect.CHAT, asked={}).feed(encode(BUSY))
