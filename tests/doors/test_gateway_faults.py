"""What goes wrong on the way, who may not, and what stays on record."""

import json
import random
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from structlog.testing import capture_logs

from appliance import budgets, gateway
from appliance.gateway import ledger
from appliance.vault.providing import ProviderKind
from appliance.vault.providing.credentials import read_key
from appliance.vault.providing.destinations import ProviderForm
from appliance.vault.providing.service import KeyTerms, NewKey, create_provider
from tests.support.door import Door, door, posts
from tests.support.house import Server
from tests.support.model_host import Reply, said, streamed
from tests.support.upstreams import COMPLETION, chat_bytes, chat_chunks, messages_bytes, messages_events

ASKED: Any = [{"role": "user", "content": "What is the weather?"}]
CHAT = {"model": "openai/gpt-6", "messages": ASKED}


@pytest.fixture(scope="module")
def at(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with door(server, tmp_path_factory.mktemp("door")) as found:
        yield found


@pytest.fixture(autouse=True)
def rested(at: Door) -> None:
    """No key is left alone because of what the test before did."""
    at.house.app.gate._calls._attempts._breaker._failed.clear()


ODD = (
    '{ "stream":%s, "x-unknown" : {"a":[1.0, 1e400,-0.0,12345678901234567890123, 0.1e-7]} ,\n\t"messages":[{"role":"user",'
    '"content":"\\u00e9 é \\ud83d\\ude00 😀 \\/ \\ud800"}],"mod\\u0065l":"%s", "z":null}'
)


def test_it_passes_on_every_byte_but_the_models_name(at: Door) -> None:
    odd = b'{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1.0e0},"n":1E400,"s":"\\u00e9\xc3\xa9"}'
    at.upstream.says(Reply(odd))
    answer = posts(at, (ODD % ("false", "openai/gpt-6")).encode())

    assert answer.content == odd
    assert at.upstream.asked[0].body == (ODD % ("false", "gpt-6")).encode()


def test_it_passes_streams_on_byte_for_byte_however_they_are_split(at: Door) -> None:
    chance = random.Random(4711)
    raw = (
        b": a comment\r\n\r\n"
        + messages_bytes(messages_events()).replace(b'"Bearer"', b"")
        + b'event: odd\ndata: {"x":1.0}\n\n'
    )
    whole = raw
    for _ in range(6):
        borders = sorted(chance.sample(range(1, len(whole)), 40))
        pieces = [whole[a:b] for a, b in zip([0, *borders], [*borders, len(whole)], strict=True)]
        at.upstream.says(streamed(*pieces))
        body = {"model": "anthropic/claude", "max_tokens": 9, "messages": ASKED, "stream": True}
        assert posts(at, body, path="/v1/messages").content == whole


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"openai/gpt-6","model":"openai/o9","messages":[]}',
        b'{"model":"openai/gpt-6","messages":[{"role":"user","role":"system","content":"a"}]}',
        b'{"model":"openai/gpt-6","messages":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"model":"openai/gpt-6","messages":' + b"[" * 70 + b"]" * 70 + b"}",
        b'{"model":"openai/gpt-6","n":NaN}',
        b'{"model":"openai/gpt-6",}',
        b'{"model":"openai/gpt-6"} {}',
        b"[1]",
        b"\xff\xfe{}",
        b'{"model":7}',
        b"",
    ],
)  # fmt: skip
def test_it_refuses_what_two_programs_could_read_in_two_ways(at: Door, body: bytes) -> None:
    at.upstream.says(said(COMPLETION))
    answer = posts(at, body)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "request_malformed")
    assert at.upstream.asked == []
    assert at.events()[0] == "gateway:call:refused"


def test_a_packed_body_is_refused_and_on_record(at: Door) -> None:
    answer = posts(at, b"x", **{"content-encoding": "gzip"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "request_encoded")
    assert at.events()[0] == "gateway:call:refused"


@pytest.mark.parametrize("tokens", [[1, 2], [[1, 2], [3]], ["a", 7], [1.0]])
def test_tokens_by_their_numbers_cannot_be_looked_through_and_are_refused(at: Door, tokens: Any) -> None:
    at.upstream.says(said({"object": "list", "data": []}))
    answer = posts(at, {"model": "openai/text-embedding-4", "input": tokens}, path="/v1/embeddings")

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "tokens_uninspectable")
    assert at.upstream.asked == []
    assert at.events()[0] == "gateway:call:refused"


@pytest.mark.parametrize(
    ("path", "model", "before", "error"),
    [
        ("/v1/chat/completions", "openai/gpt-6", chat_bytes(chat_chunks()[:3], done=False),
         b'data: {"error":{"message":"Incorrect API key provided: sk-live-of-openai-0000-1111","n":1.0e0}}\n\n'),
        ("/v1/messages", "anthropic/claude", messages_bytes(messages_events()[:5]),
         b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"sk-live-of-openai-0000-1111"},"n":1.0e0}\n\n'),
        ("/v1/responses", "openai/gpt-6", b'event: response.created\ndata: {"type":"response.created"}\n\n',
         b'event: response.failed\ndata: {"type":"response.failed","response":{"error":{"code":"x","message":"sk-live-of-openai-0000-1111"}}}\n\n'),
    ],
)  # fmt: skip
def test_an_error_in_a_stream_comes_as_it_is_but_for_keys_and_nothing_follows(
    at: Door, path: str, model: str, before: bytes, error: bytes
) -> None:
    body = {"model": model, "max_tokens": 9, "messages": ASKED, "input": "a", "stream": True}
    for pieces in ([before + error + b'data: {"x":1}\n\n'], [before, error[:30], error[30:], b'data: {"x":1}\n\n']):
        at.upstream.says(streamed(*pieces))
        told = posts(at, body, path=path).content
        assert told == before + error.replace(b"sk-live-of-openai-0000-1111", b"(a key)")
        assert at.calls()[0]["state"] == "unknown"


def test_a_providers_error_comes_as_it_is_in_the_same_dialect_and_translated_in_the_other(at: Door) -> None:
    raw = b'{"error":{"message":"max_tokens is too large","type":"invalid_request_error","param":"max_tokens","code":null}}'
    at.upstream.says(Reply(raw, status=400))
    assert posts(at, CHAT).content == raw
    with pytest.raises(anthropic.BadRequestError, match="max_tokens is too large"):
        at.anthropic().messages.create(model="openai/gpt-6", max_tokens=9, messages=ASKED)
    assert (at.calls()[0]["state"], at.calls()[0]["prompt_tokens"]) == ("failed", 0)


def test_no_key_is_told_of_an_error_that_comes_as_an_answer(at: Door) -> None:
    at.upstream.says(Reply(b'{"error":{"message":"bad key sk-live-of-openai-0000-1111","n":1.0e0}}'))
    assert posts(at, CHAT).content == b'{"error":{"message":"bad key (a key)","n":1.0e0}}'


def test_it_waits_as_long_as_a_provider_asks_and_tries_again(at: Door) -> None:
    at.upstream.says(
        Reply(b'{"error":{"message":"slow down"}}', status=429, headers={"Retry-After": "1"}), said(COMPLETION)
    )
    began = time.monotonic()
    assert posts(at, CHAT).status_code == 200
    assert time.monotonic() - began > 0.9
    assert len(at.upstream.asked) == 2


def test_it_hands_a_long_wait_on_to_the_client(at: Door) -> None:
    at.upstream.says(Reply(b'{"error":{"message":"slow down"}}', status=429, headers={"Retry-After": "60"}))
    answer = posts(at, CHAT)
    assert (answer.status_code, answer.headers["retry-after"], len(at.upstream.asked)) == (429, "60", 1)


def test_a_refused_provider_key_is_our_fault_and_shows_nothing_of_it(at: Door) -> None:
    at.upstream.says(
        Reply(b'{"error":{"message":"Incorrect API key provided: sk-live-of-openai-0000-1111"}}', status=401)
    )
    answer = posts(at, CHAT)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "provider_key_refused")
    assert "sk-live" not in answer.text


@pytest.mark.parametrize("key", ["0f1e2d3c4b5a69788796a5b4c3d2e1f0", 'pass/word"of-the-lab'])
def test_a_key_of_any_form_that_a_server_quotes_is_shown_to_nobody(at: Door, key: str) -> None:
    """Azure's have no prefix to know them by, and a server of one's own asks for whatever it likes."""
    name, form = f"lab-{len(key)}", ProviderKind.OPENAI_COMPATIBLE
    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        given = NewKey(read_key(form, key), KeyTerms("first"))
        address = ProviderForm(name, form, f"{at.upstream.address}/v1")
        create_provider(tx, at.ada.caller, at.ada.services.vault, address, given, clock=at.house.clock)
        gateway.allow_model(tx, at.ada.caller, f"{name}/*")
    quoted = json.dumps({"error": {"message": f"no quota for Bearer {key}; ask"}})
    for raw in (quoted, quoted.replace("/", "\\/")):
        at.upstream.says(Reply(raw.encode(), status=400))
        model = {"model": f"{name}/gpt", "messages": ASKED}
        for answer in (posts(at, model), posts(at, model | {"max_tokens": 9}, path="/v1/messages")):
            assert answer.status_code == 400
            assert answer.json()["error"]["message"] == "no quota for Bearer (a key); ask"


def test_a_provider_key_that_was_altered_is_an_alarm_in_log_and_metrics(at: Door) -> None:
    flip = """UPDATE cloister.provider_keys SET sealed = set_byte(sealed, length(sealed) - 1, get_byte(sealed, length(sealed) - 1) # 1)
              WHERE provider_id = (SELECT provider_id FROM cloister.model_providers WHERE name = 'vllm')"""
    counted = 'cloister_seal_failures_total{kind="seal_broken"} '

    def alarms() -> float:
        return float(httpx2.get(f"{at.address}/metrics").text.partition(counted)[2].split()[0])

    before = alarms()
    with at.house.server.connect("boot", at.house.database) as boot:
        boot.execute(flip)
        boot.commit()
        with capture_logs() as logs:
            answer = posts(at, {"model": "vllm/llama", "messages": ASKED})
        boot.execute(flip)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "seal_broken")
    assert alarms() == before + 1
    (reason,) = [one["reason"] for one in logs if one["event"] == "seal_failed"]
    assert reason.startswith("provider_keys.sealed ")
    assert reason.endswith(": altered, or moved from its place")


def test_a_key_that_fails_again_and_again_is_left_alone(at: Door) -> None:
    at.upstream.says(Reply(b"{}", status=500))
    for _ in range(2):
        assert posts(at, CHAT).status_code == 500
    answer = posts(at, CHAT)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "provider_resting")
    assert int(answer.headers["retry-after"]) > 0
    assert len(at.upstream.asked) == 5


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (Reply(b"not json"), 503),
        (Reply(b"[1]"), 503),
        (Reply(b"", status=302, headers={"Location": "http://127.0.0.1:1/"}), 503),
        (Reply(b"{}", headers={"Content-Encoding": "br"}), 503),
        (Reply(pieces=(b"x" * 1_000_000 for _ in range(80))), 503),
        (Reply(pieces=[b'{"choices'], is_cut=True), 503),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_an_error_and_counted_at_its_reservation(at: Door, reply: Reply, status: int) -> None:
    at.upstream.says(reply)
    answer = posts(at, CHAT)

    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["type"] == "server_error"
    call = at.calls()[0]
    if reply.status == 200:
        assert (call["state"], call["is_estimated"], call["answer_tokens"]) == ("unknown", True, 1000)
    else:
        assert (call["state"], call["prompt_tokens"]) == ("failed", 0)


def test_half_a_stream_ends_as_an_error(at: Door) -> None:
    raw = chat_bytes(chat_chunks())
    at.upstream.says(streamed(raw[: len(raw) // 2], is_cut=True))
    with pytest.raises(openai.APIError, match=r"not whole|broke off"):
        list(at.openai().chat.completions.create(model="openai/gpt-6", messages=ASKED, stream=True))
    assert (at.calls()[0]["state"], at.calls()[0]["is_estimated"]) == ("unknown", True)


def test_nothing_goes_to_a_host_that_is_not_allowed(at: Door) -> None:
    from tests.support.door import has_provider

    with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
        gateway.allow_model(tx, at.ada.caller, "openai/*")
    has_provider(at.bo, "vllm", "http://127.0.0.1:9")
    answer = posts(at, CHAT | {"model": "vllm/m"}, key=at.key_of_bo)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "egress_port_denied")
    assert [one for one in at.calls(at.bo) if one["model"] == "vllm/m"] == []
    assert at.events(at.bo)[0] == "gateway:call:refused"


def wait_for(what: Any, seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize("when", ["before the first byte", "in the middle"])
def test_a_client_that_hangs_up_cancels_the_provider_within_a_second(at: Door, when: str) -> None:
    chunks = chat_chunks()
    slow = streamed(chat_bytes(chunks[:3], done=False), *[b": \n\n"] * 9, pause=3.0)
    at.upstream.says(slow if when == "in the middle" else said(COMPLETION, wait=20))
    body = json.dumps(CHAT | {"stream": True})
    line = socket.create_connection(("127.0.0.1", int(at.address.rpartition(":")[2])))
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {at.key}\r\n"
    line.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
    if when == "in the middle":
        assert b"200" in line.recv(2000)
    wait_for(lambda: at.upstream.asked)
    left = time.monotonic()
    line.close()
    assert at.upstream.hung_up.wait(5)

    assert at.upstream.hung_up_at - left < 1
    wait_for(lambda: at.calls()[0]["state"] != "admitted")
    assert (at.calls()[0]["state"], at.calls()[0]["is_estimated"]) == ("cancelled", True)


@contextmanager
def without_settlement(at: Door) -> Iterator[None]:
    """From now on the app's role may not settle; the worker's may."""
    with at.house.server.connect("boot", at.house.database) as owner, capture_logs():
        owner.execute("REVOKE UPDATE ON cloister.model_calls FROM cloister_app")
        try:
            yield
        finally:
            owner.execute("GRANT UPDATE ON cloister.model_calls TO cloister_app")


@pytest.mark.parametrize("model", ["openai/gpt-6", "anthropic/claude"])
def test_a_stream_that_cannot_be_recorded_is_cut(at: Door, model: str) -> None:
    raw = chat_bytes(chat_chunks()) if model.startswith("openai") else messages_bytes(messages_events())
    at.upstream.says(streamed(raw))
    with without_settlement(at):
        answer = posts(at, CHAT | {"model": model, "stream": True, "max_tokens": 9})
    assert b"not_recorded" in answer.content
    assert b"[DONE]" not in answer.content
    assert at.calls()[0]["state"] == "admitted"
    at.house.clock.passes(minutes=16)
    with at.house.worker.db.tenant(at.ada.tenant_id) as tx:
        assert ledger.sweep(tx, clock=at.house.clock) >= 1
    assert at.calls()[0]["state"] == "abandoned"


def test_an_answer_that_cannot_be_recorded_is_not_given(at: Door) -> None:
    at.upstream.says(said(COMPLETION))
    with without_settlement(at):
        answer = posts(at, CHAT)
    assert answer.status_code == 500
    assert "weather" not in answer.text


def test_no_call_without_a_record(at: Door) -> None:
    at.upstream.says(said(COMPLETION))
    with at.house.server.connect("boot", at.house.database) as owner, capture_logs():
        owner.execute("REVOKE INSERT ON cloister.audit_inbox FROM cloister_app")
        answer = posts(at, CHAT)
        owner.execute("GRANT INSERT ON cloister.audit_inbox TO cloister_app")
    assert answer.status_code == 500
    assert at.upstream.asked == []


def test_the_record_is_there_before_the_provider_is_asked(at: Door) -> None:
    found: list[str] = []
    at.upstream.says(said(COMPLETION))
    at.upstream.when_asked = lambda: found.append(at.calls()[0]["state"])
    posts(at, CHAT)
    assert found == ["admitted"]


def test_what_must_not_be_sent_is_not(at: Door) -> None:
    at.upstream.says(said(COMPLETION))
    card: Any = [{"role": "user", "content": "pay with 4111 1111 1111 1111"}]
    with pytest.raises(openai.PermissionDeniedError, match="payment card"):
        at.openai().chat.completions.create(model="openai/gpt-6", messages=card)
    with pytest.raises(anthropic.PermissionDeniedError, match="payment card"):
        at.anthropic().messages.create(
            model="anthropic/claude", max_tokens=9, system="4111 1111 1111 1111", messages=ASKED
        )
    assert at.upstream.asked == []


def test_a_spent_budget_refuses_before_anything_is_sent(at: Door) -> None:
    at.upstream.says(said(COMPLETION))
    for limit in (0, None):
        with at.ada.services.db.tenant(at.ada.tenant_id) as tx:
            budgets.set_budget(tx, at.ada.caller, monthly_tokens=limit, clock=at.house.clock)
        if limit == 0:
            with pytest.raises(openai.RateLimitError, match="budget") as refused:
                at.openai().chat.completions.create(model="openai/gpt-6", messages=ASKED)
            assert refused.value.response.headers["x-should-retry"] == "false"
            assert at.upstream.asked == []
    at.openai().chat.completions.create(model="openai/gpt-6", messages=ASKED)


def test_costs_are_counted_to_the_millionth_and_unpriced_models_are_not_free(at: Door) -> None:
    at.upstream.says(said(COMPLETION))
    file = at.house.settings.prices_file
    assert file is not None
    posts(at, CHAT)
    assert at.calls()[0]["is_priced"] is False
    price = {"provider": "openai", "model": "gpt-6", "input": 1_250_001, "cached": 125_000, "output": 10_000_000}
    file.write_text(json.dumps({"currency": "EUR", "prices": [price]}))
    posts(at, CHAT)
    cost = -(-(40 * 1_250_001 + 60 * 125_000 + 30 * 10_000_000) // 1_000_000)  # 5 of the 40 went into the cache
    assert (at.calls()[0]["cost_micros"], at.calls()[0]["currency"], at.calls()[0]["is_priced"]) == (cost, "EUR", True)
    file.write_text("{")
    posts(at, CHAT)
    assert at.calls()[0]["is_priced"] is False


def test_a_body_that_is_too_large_or_compressed_is_refused(at: Door) -> None:
    assert posts(at, b" " * (33 * 1024 * 1024)).status_code == 413
    assert posts(at, CHAT, **{"content-encoding": "gzip"}).status_code == 415


def test_a_wrong_address_answers_in_json(at: Door) -> None:
    answer = posts(at, CHAT, path="/v1/completions")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_such_endpoint")
