"""Byte for byte: what a program and a provider of the same dialect say to each other, whatever it is."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.support.corpus import MEMBERS, answer, cut, request, stream
from tests.support.door import Door, door
from tests.support.house import Server
from tests.support.model_host import Reply, streamed

TURNS = '"messages":[{"role":"user","content":"What is the weather?"}]'
CHAT = '"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}'
MESSAGE = '"type":"message","content":[],"usage":{"input_tokens":1,"output_tokens":1}'
# Address, provider, model at the provider, what a request needs, what an answer needs.
WAYS = {
    "chat": ("/v1/chat/completions", "openai/", "gpt-6", TURNS, CHAT),
    "chat at a compatible server": ("/v1/chat/completions", "vllm/", "Qwen/qwen-3", TURNS, CHAT),
    "chat at bedrock": ("/v1/chat/completions", "bedrock/", "openai.gpt-oss-120b-1:0", TURNS, CHAT),
    "chat at vertex": ("/v1/chat/completions", "vertex/", "google/gemini-3-pro", TURNS, CHAT),
    "responses": ("/v1/responses", "openai/", "gpt-6", '"input":"What is the weather?","store":false', '"output":[],"usage":{"input_tokens":1,"output_tokens":1}'),
    "embeddings": ("/v1/embeddings", "openai/", "text-embedding-4", '"input":"a"', '"data":[],"usage":{"prompt_tokens":1}'),
    "messages": ("/v1/messages", "anthropic/", "claude-opus-5", TURNS + ',"max_tokens":9', MESSAGE),
    "tokens": ("/v1/messages/count_tokens", "anthropic/", "claude-opus-5", TURNS, '"input_tokens":14'),
}  # fmt: skip
SEEDS = range(4)


@pytest.fixture(scope="module")
def at(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with door(server, tmp_path_factory.mktemp("door")) as found:
        yield found


@pytest.fixture(scope="module")
def client(at: Door) -> Iterator[httpx2.Client]:
    headers = {"authorization": f"Bearer {at.key}", "content-type": "application/json"}
    with httpx2.Client(base_url=at.address, headers=headers, timeout=30) as found:
        yield found


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("way", WAYS)
def test_a_request_and_its_answer_pass_as_they_are(at: Door, client: httpx2.Client, way: str, seed: int) -> None:
    path, provider, model, needed, head = WAYS[way]
    given = answer(head, seed=seed)
    at.upstream.says(Reply(given))
    told = client.post(path, content=request(provider + model, needed, seed=seed).encode())

    assert told.content == given
    assert at.upstream.asked[0].body == request(model, needed, seed=seed).encode()
    assert at.calls()[0]["state"] == "completed"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("path", "model", "needed"),
    [
        ("/v1/chat/completions", "openai/gpt-6", TURNS + ',"stream":true,"stream_options":{"include_usage" : true}'),
        ("/v1/responses", "openai/gpt-6", '"input":"a","store":false,"stream":true'),
        ("/v1/messages", "anthropic/claude-opus-5", TURNS + ',"max_tokens":9,"stream":true'),
        ("/v1/messages", "vertex/claude-opus-5", TURNS + ',"max_tokens":9,"stream":true'),
    ],
)
def test_a_stream_passes_as_it_is_wherever_it_is_cut(at: Door, client: httpx2.Client, path: str, model: str, needed: str, seed: int) -> None:  # fmt: skip
    raw = stream(path, seed=seed)
    at.upstream.says(streamed(*cut(raw, seed=seed)))
    told = client.post(path, content=request(model, needed, seed=seed).encode())

    assert told.content == raw
    assert at.calls()[0]["state"] == "completed"


def test_a_chat_that_asks_for_no_usage_gets_all_but_its_chunk(at: Door, client: httpx2.Client) -> None:
    raw = stream("/v1/chat/completions", seed=7)
    at.upstream.says(streamed(*cut(raw, seed=7)))
    asked = request("openai/gpt-6", TURNS + ',"stream":true', seed=7)
    told = client.post("/v1/chat/completions", content=asked.encode())

    events = [one + b"\n\n" for one in raw.split(b"\n\n") if b'"choices":[]' not in one]
    assert told.content == b"".join(events)[:-2]
    sent = at.upstream.asked[0].body.decode()
    bare = request("gpt-6", TURNS + ',"stream":true', seed=7)
    end = bare.rindex("}")
    assert sent == bare[:end] + ',"stream_options":{"include_usage":true}' + bare[end:]


def test_a_large_body_passes_both_ways(at: Door, client: httpx2.Client) -> None:
    picture = "iVBO" + "A" * 8_000_000
    content: list[Any] = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}]
    body = json.dumps({"model": "openai/gpt-6", "messages": [{"role": "user", "content": content}]})
    given = answer(CHAT + f',"b64_json":"{picture}"', seed=1)
    at.upstream.says(Reply(given))

    assert client.post("/v1/chat/completions", content=body.encode()).content == given
    assert at.upstream.asked[0].body == body.replace("openai/gpt-6", "gpt-6").encode()


@pytest.mark.parametrize("way", ["chat", "messages"])
def test_an_error_passes_as_it_is(at: Door, client: httpx2.Client, way: str) -> None:
    path, provider, model, needed, _ = WAYS[way]
    head = '"type":"error","error":{"type":"invalid_request_error","message":"n\\u006f","param":1.0e0}'
    given = answer(head, seed=3, members=MEMBERS[:2])
    at.upstream.says(Reply(given, status=400))
    told = client.post(path, content=request(provider + model, needed, seed=3).encode())
    assert (told.status_code, told.content) == (400, given)


def test_the_corpus_is_json_that_says_each_name_once() -> None:
    names = [name for one in MEMBERS for name in json.loads(f"{{{one}}}")]
    assert len(names) == len(set(names))
