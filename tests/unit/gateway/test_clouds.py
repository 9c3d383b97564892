"""Requests to Bedrock and Vertex, and AWS's event stream: held against AWS's own library, and against what breaks."""

import base64
import json
import random
import struct
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as some

from appliance.gateway.clouds import message_request, token_count
from appliance.gateway.dialects import AnswerUnreadable, Dialect
from appliance.gateway.dialects.crossing import CrossStream, PassedStream
from appliance.gateway.dialects.eventstream import MessageReader, UnwrappedStream
from appliance.gateway.dialects.frames import Broken
from appliance.gateway.dialects.sse import Splitter, read_json
from appliance.gateway.endpoints import Endpoint, way_to
from appliance.gateway.errors import EndpointUnsupported, ModelNotFound
from appliance.gateway.passing import request_for
from appliance.gateway.requests import parse
from appliance.kernel.sigv4 import AwsCredentials, signed
from appliance.vault.providing import ModelProvider, ProviderId, ProviderKind
from appliance.vault.providing.destinations import ProviderForm, checked
from tests.support.roots import MOTO
from tests.support.upstreams import TEXT, message, messages_events, wrapped, wrapped_exception

VECTORS = Path(__file__).parents[2] / "vectors" / "bedrock_signing.json"
CLAUDE, SLASHED = (
    "eu.anthropic.claude-opus-5-v1:0",
    "arn:aws:bedrock:eu-central-1:4711:application-inference-profile/a1",
)
# Asks AWS's own library for what it would sign, and what it reads of a stream.
BOTOCORE = """
import base64, json, sys
from datetime import datetime
from botocore import auth, awsrequest, credentials, eventstream
given = json.load(sys.stdin)
signatures = []
for one in given["requests"]:
    request = awsrequest.AWSRequest("POST", one["url"], {"content-type": "application/json"}, one["body"].encode())
    signer = auth.SigV4Auth(credentials.Credentials(one["id"], one["secret"], one["token"]), "bedrock", one["region"])
    auth.get_current_datetime = lambda *a, **k: datetime(2026, 11, 27, 9, 45, 12)
    signer.add_auth(request)
    signatures.append(request.headers["Authorization"])
buffer = eventstream.EventStreamBuffer()
buffer.add_data(base64.b64decode(given["stream"]))
read = [[{name: value for name, value in one.headers.items() if name[0] == ":"}, one.payload.decode()] for one in buffer]
json.dump({"signatures": signatures, "messages": read}, sys.stdout)
"""


def provider(kind: ProviderKind, *, is_shared: bool = False) -> ModelProvider:
    form = checked(ProviderForm("cloud", kind, region="eu-central-1"))
    return ModelProvider(ProviderId(uuid4()), "cloud", kind, form.base_url, "eu-central-1", is_shared)


def requests() -> list[dict[str, Any]]:
    base = "https://bedrock-runtime.eu-central-1.amazonaws.com"
    way = way_to(provider(ProviderKind.BEDROCK), CLAUDE, Endpoint.MESSAGES)
    body = parse('{"model":"x","max_tokens":9,"messages":[{"role":"user","content":"Köln 😀"}]}'.encode())
    found = []
    for model, token in ((CLAUDE, None), (SLASHED, "FwoGZXIvYXdzEBEaDK/+="), ("openai.gpt-oss-120b-1:0", None)):
        sent = request_for(body, Endpoint.MESSAGES, way, model)
        found.append({"url": base + sent.path, "body": sent.body.decode(), "id": "AKIAIOSFODNN7EXAMPLE", "token": token,
                      "secret": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "region": "eu-central-1"})  # fmt: skip
    return found


def ours(one: dict[str, Any]) -> str:
    at = datetime(2026, 11, 27, 9, 45, 12, tzinfo=UTC)
    credentials = AwsCredentials(one["id"], one["secret"], one["token"])
    kind = {"content-type": "application/json"}
    return signed(
        "POST", one["url"], kind, one["body"].encode(), credentials=credentials, region=one["region"], service="bedrock",
        now=at,
    )["authorization"]  # fmt: skip


def test_it_signs_and_reads_as_awss_own_library_does() -> None:
    stream = b"".join(wrapped(messages_events())) + wrapped_exception("throttlingException", "Wait.")
    kinds = b"\x01a\x00\x01b\x01\x01c\x02\x07\x01d\x03\x00\x07\x01e\x04\x00\x00\x00\x07\x01f\x05" + b"\x00" * 8
    kinds += b"\x01g\x06\x00\x02hi\x01h\x08" + b"\x00" * 8 + b"\x01i\x09" + b"\x01" * 16
    stream += message({":event-type": "chunk"}, b"{}", more=kinds)
    asked: dict[str, Any] = {"requests": requests(), "stream": base64.b64encode(stream).decode()}
    told = json.loads(subprocess.run([str(MOTO), "-c", BOTOCORE], input=json.dumps(asked), capture_output=True, text=True, check=True).stdout)  # fmt: skip
    golden = json.loads(VECTORS.read_text())

    assert told["signatures"] == [ours(one) for one in asked["requests"]] == golden
    read = list(MessageReader().feed(stream))
    assert [one.payload.decode() for one in read] == [payload for _, payload in told["messages"]]
    assert [dict(one.headers) for one in read] == [headers for headers, _ in told["messages"]]


def borders(raw: bytes, chance: random.Random) -> list[bytes]:
    cuts = sorted(chance.sample(range(1, len(raw)), 30))
    return [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]


def test_a_stream_of_bedrocks_is_anthropics_wherever_it_is_cut() -> None:
    chance = random.Random(4711)
    raw = b"".join(wrapped(messages_events()))
    for _ in range(20):
        stream = UnwrappedStream(PassedStream(Dialect.MESSAGES))
        told = b"".join(stream.feed(piece) for piece in borders(raw, chance)) + stream.close()
        events = [(one.name, read_json(one.data or "")) for one in Splitter().feed(told)]
        assert events == [(one["type"], one) for one in messages_events()]
        assert stream.is_finished
        assert stream.count is not None
        assert stream.count.output == 30


def test_a_stream_of_bedrocks_is_translated_too() -> None:
    stream = UnwrappedStream(CrossStream(Dialect.CHAT, Dialect.MESSAGES, asked={}))
    told = stream.feed(b"".join(wrapped(messages_events()))) + stream.close()

    said = [read_json(one.data or "") for one in Splitter().feed(told) if one.data not in {None, "[DONE]"}]
    assert "".join(one["choices"][0]["delta"].get("content") or "" for one in said) == "".join(TEXT)
    assert stream.is_finished


@pytest.mark.parametrize(
    ("name", "kind"),
    [("throttlingException", "rate_limit_error"), ("validationException", "invalid_request_error"),
     ("modelTimeoutException", "timeout_error"), ("newException", "api_error")],
)  # fmt: skip
def test_an_exception_ends_the_stream_as_an_error_without_keys(name: str, kind: str) -> None:
    pieces = wrapped(messages_events())[:4]
    stream = UnwrappedStream(PassedStream(Dialect.MESSAGES))
    told = stream.feed(b"".join(pieces) + wrapped_exception(name, "AKIAIOSFODNN7EXAMPLE may not"))

    last = Splitter().feed(told)[-1]
    error = read_json(last.data or "")["error"]
    assert (last.name, error["type"], error["message"]) == ("error", kind, "(a key) may not")
    assert stream.fault is not None
    assert not stream.is_finished


@given(data=some.data())
def test_what_was_changed_on_the_way_is_never_told_as_an_answer(data: some.DataObject) -> None:
    raw = b"".join(wrapped(messages_events()))
    place = data.draw(some.integers(0, len(raw) - 1))
    changed = raw[:place] + bytes([raw[place] ^ data.draw(some.integers(1, 255))]) + raw[place + 1 :]
    stream = UnwrappedStream(PassedStream(Dialect.MESSAGES))
    told = stream.feed(changed) + stream.close()

    assert not stream.is_finished
    assert stream.fault is not None
    events = Splitter().feed(told)
    assert [read_json(one.data or "") for one in events[:-1]] == messages_events()[: len(events) - 1]


@pytest.mark.parametrize(
    "raw",
    [
        message({":event-type": "chunk", ":message-type": "event"}, b"{}"),
        message({":event-type": "chunk", ":message-type": "event"}, b'{"bytes":"*"}'),
        message({":event-type": "chunk", ":message-type": "event"}, b'{"bytes":7}'),
        message({":event-type": "chunk", ":message-type": "event"}, b'{"bytes":"' + base64.b64encode(b'{"type":"a\\nb"}') + b'"}'),
        message({}, b"", more=b"\x01a\x63"),
        message({}, b"", more=b"\x01a\x07\xff\xff"),
        message({}, b"", more=b"\xffa"),
        message({}, b"", more=b"\x01\xff\x00"),
        b"\xff" * 64,
        b"data: {}\n\n" * 4,
    ],
)  # fmt: skip
def test_odd_messages_break_the_stream(raw: bytes) -> None:
    stream = UnwrappedStream(PassedStream(Dialect.MESSAGES))
    stream.feed(raw)
    assert stream.fault is not None
    assert stream.fault.code == "provider_stream_unreadable"


def test_a_message_beyond_all_measure_is_not_waited_for() -> None:
    prelude = struct.pack(">II", 2**31, 0)
    with pytest.raises(Broken, match="measure"):
        list(MessageReader().feed(prelude + struct.pack(">I", crc32(prelude))))


def test_a_kind_of_event_that_is_not_known_is_passed_over() -> None:
    stream = UnwrappedStream(PassedStream(Dialect.MESSAGES))
    assert stream.feed(message({":event-type": "initial-response", ":message-type": "event"}, b"{}")) == b""
    assert stream.fault is None


ODD = '{ "stream" :true, "x":[1.0,1e400,"\\u00e9é"] ,"model" : "cloud/m", "max_tokens":9 , "messages":[]}'


@pytest.mark.parametrize(
    ("kind", "model", "path", "body"),
    [
        (ProviderKind.BEDROCK, CLAUDE, "/model/eu.anthropic.claude-opus-5-v1%3A0/invoke-with-response-stream",
         '{ "x":[1.0,1e400,"\\u00e9é"] ,"max_tokens":9 , "messages":[],"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["a","b"]}'),
        (ProviderKind.VERTEX, "claude-opus-5@20261001", "/publishers/anthropic/models/claude-opus-5@20261001:streamRawPredict",
         '{ "stream" :true, "x":[1.0,1e400,"\\u00e9é"] ,"max_tokens":9 , "messages":[],"anthropic_version":"vertex-2023-10-16"}'),
    ],
)  # fmt: skip
def test_every_byte_stays_but_what_the_clouds_form_has_otherwise(
    kind: ProviderKind, model: str, path: str, body: str
) -> None:
    way = way_to(provider(kind), model, Endpoint.MESSAGES)
    sent = request_for(parse(ODD.encode()), Endpoint.MESSAGES, way, model, version="2023-06-01", beta="a, b")

    assert (sent.path, sent.body.decode()) == (path, body)


def test_a_newer_version_is_told_as_the_client_says_it() -> None:
    sent = message_request(
        ProviderKind.VERTEX, parse(ODD.encode()), "claude", is_counting=False, version="2026-10-21", beta=None
    )
    assert json.loads(sent.body)["anthropic_version"] == "2026-10-21"


@pytest.mark.parametrize("model", [SLASHED, "a/../b", "..;x", "arn:x"])
def test_a_models_name_is_one_step_of_the_path(model: str) -> None:
    sent = message_request(ProviderKind.BEDROCK, parse(ODD.encode()), model, is_counting=False, version=None, beta=None)
    assert sent.path.count("/") == 3
    assert not {"/../", ";"} & {sent.path}


@pytest.mark.parametrize(
    "kind", [ProviderKind.BEDROCK, ProviderKind.VERTEX, ProviderKind.AZURE_OPENAI, ProviderKind.OPENAI]
)
def test_a_step_of_a_path_is_no_model(kind: ProviderKind) -> None:
    where = ModelProvider(ProviderId(uuid4()), "cloud", kind, "https://cloud.example", None, is_shared=False)
    with pytest.raises(ModelNotFound):
        way_to(where, "..", Endpoint.CHAT_COMPLETIONS)


@pytest.mark.parametrize("kind", [ProviderKind.BEDROCK, ProviderKind.VERTEX])
def test_what_a_cloud_cannot_do_is_said(kind: ProviderKind) -> None:
    with pytest.raises(EndpointUnsupported, match="embeddings"):
        way_to(provider(kind), "titan", Endpoint.EMBEDDINGS)
    with pytest.raises(EndpointUnsupported, match="no number up"):
        way_to(provider(kind), "openai.gpt-oss", Endpoint.COUNT_TOKENS)


@pytest.mark.parametrize("body", [{}, {"inputTokens": "7"}, {"inputTokens": True}, {"inputTokens": -1}])
def test_a_count_that_is_none_is_not_told(body: dict[str, Any]) -> None:
    with pytest.raises(AnswerUnreadable):
        token_count(body)


def test_vertexs_own_address_hangs_on_its_region() -> None:
    hosts = {
        region: checked(ProviderForm("v", ProviderKind.VERTEX, region=region)).base_url
        for region in ("global", "eu", "europe-west1")
    }
    assert hosts == {
        "global": "https://aiplatform.googleapis.com", "eu": "https://aiplatform.eu.rep.googleapis.com",
        "europe-west1": "https://europe-west1-aiplatform.googleapis.com",
    }  # fmt: skip
