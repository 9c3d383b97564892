"""What the gate judges a request by: every text, every bound, and nothing that leads past what was allowed."""

import json
from typing import Any
from uuid import uuid4

import pytest

from appliance.gateway import Endpoint
from appliance.gateway.breaker import FAILURES, Breaker
from appliance.gateway.dialects.errors import without_keys
from appliance.gateway.errors import ProviderResting, RequestMalformed
from appliance.gateway.estimating import answer_tokens, prompt_tokens
from appliance.gateway.passing import kept_there, leads_elsewhere
from appliance.gateway.requests import Parsed, parse, texts

CARD = "4111111111111111"


def parsed(**body: Any) -> Parsed:
    return parse(json.dumps({"model": "m", **body}).encode())


@pytest.mark.parametrize("said", [f"data: {CARD}", int(CARD), {CARD: 1}, [f"data:text/plain,{CARD}"]])
def test_every_form_of_a_text_is_looked_at(said: Any) -> None:
    assert any(CARD in one for one in texts({"messages": [{"content": said}]}))


def test_a_picture_is_no_text() -> None:
    assert not any("QUJD" in one for one in texts({"image_url": {"url": "data:image/png;base64,QUJD"}}))


def test_the_largest_bound_is_reserved_and_an_odd_one_refused() -> None:
    assert answer_tokens(Endpoint.CHAT_COMPLETIONS, parsed(max_output_tokens=1, max_tokens=100_000)) == 100_000
    assert answer_tokens(Endpoint.CHAT_COMPLETIONS, parsed(max_tokens=10**12)) == 10**7
    for odd in (64000.0, True, "1", -1):
        with pytest.raises(RequestMalformed):
            answer_tokens(Endpoint.CHAT_COMPLETIONS, parsed(max_tokens=odd))


def test_token_ids_are_counted() -> None:
    ids = parsed(input=[7] * 30_000)
    assert prompt_tokens(Endpoint.EMBEDDINGS, ids, list(texts(ids.body))) >= 10_000


@pytest.mark.parametrize("odd", [{"stream": 1}, {"stream": "yes"}, {"stream_options": {"include_usage": "no"}}])
def test_a_switch_is_true_or_false(odd: dict[str, Any]) -> None:
    with pytest.raises(RequestMalformed):
        parsed(**odd)


@pytest.mark.parametrize("name", ["models", "fallbacks", "api_base", "mcp_servers", "data_sources"])
def test_no_field_leads_to_another_model_or_host(name: str) -> None:
    assert leads_elsewhere({name: ["x"]}) == name
    assert leads_elsewhere({"tools": [{"type": "mcp", "server_url": "https://x"}]}) == "server_url"
    assert leads_elsewhere({"tools": [{"type": "function", "function": {"name": "model"}}]}) is None


@pytest.mark.parametrize(
    "body",
    [
        {"container": {"id": "c", "skills": []}}, {"input": [{"id": "msg_1"}]},
        {"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]}, {"skills": [{"skill_id": "s"}]},
    ],
)  # fmt: skip
def test_nothing_kept_behind_a_shared_key_is_named(body: dict[str, Any]) -> None:
    assert kept_there(body)


def test_one_organisations_failures_stop_no_other() -> None:
    breaker, key, one, other = Breaker(), uuid4(), uuid4(), uuid4()
    for _ in range(FAILURES):
        breaker.note((one, key), is_good=False)
    with pytest.raises(ProviderResting):
        breaker.check((one, key), "openai")
    breaker.check((other, key), "openai")


def test_a_providers_words_hold_no_key_and_are_else_as_they_were() -> None:
    assert without_keys(b'{"error":"bad key sk-live-4711-abcd"}') == b'{"error":"bad key (a key)"}'
    assert without_keys(b'{"error":"\xff odd"}') == b'{"error":"\xff odd"}'
