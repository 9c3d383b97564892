"""What the vendors' own hosts do, as far as their clients can tell: it checks each request against the published types.

What is asked for decides the answer: the last that the user says holds a word such as TOOLS, BUSY, SLOW, JSON, PICTURE.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from appliance.gateway.dialects.sse import DONE, encode
from tests.support.model_host import Asked, Reply, said, streamed
from tests.support.upstreams import (
    ARGUMENTS,
    CHAT_USAGE,
    COMPLETION,
    GIVEN,
    MESSAGE,
    MESSAGES_USAGE,
    TEXT,
    chat_bytes,
    chunk,
    messages_bytes,
)
from tests.support.vendors import check_chat_request, check_messages_request, check_responses_request

Body = Mapping[str, Any]
CALLS = (("weather", "".join(ARGUMENTS)), ("now", "{}"))
BUSY = {
    "chat": {"error": {"message": "Slow down.", "type": "rate_limit_error", "param": None, "code": "rate_limit_exceeded"}},
    "messages": {"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down."}},
}  # fmt: skip


class VendorHost:
    """Answers for OpenAI, Anthropic and a compatible server. `faults` are requests that the vendors would refuse."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.gone: set[str] = set()

    def __call__(self, asked: Asked) -> Reply:
        body = asked.json
        dialect, check = _DIALECTS[asked.path]
        try:
            check(body)
        except AssertionError as fault:
            self.faults.append(f"{asked.path}: {fault} in {json.dumps(body)[:600]}")
            return said(BUSY["messages" if dialect == "messages" else "chat"], status=400)
        if dialect == "embeddings":
            return said(_EMBEDDED)
        wanted = _last(body)
        if "BUSY" in wanted:
            headers = {"Retry-After": "3600"}  # longer than anybody waits by itself
            return said(BUSY["messages" if dialect == "messages" else "chat"], status=429, headers=headers)
        calls: tuple[tuple[str, str], ...] = CALLS if "TOOLS" in wanted else ()
        pieces = _pieces(body, wanted)
        if "JSON" in wanted and any(
            "json" in (one.get("name"), one.get("function", {}).get("name")) for one in body.get("tools", [])
        ):
            calls = (("json", "".join(pieces)),)  # how some ask for an answer of a schema
        if not body.get("stream"):
            return said(_WHOLE[dialect]("".join(pieces), calls))
        events = _STREAMS[dialect](pieces, calls)
        if "SLOW" not in wanted:
            return streamed(*events)
        return Reply(pieces=self._slowly(events, wanted.split()[-1]), kind="text/event-stream", pause=0.02)

    def _slowly(self, events: list[bytes], name: str) -> Iterator[bytes]:
        try:
            yield b"".join(events[: len(events) // 2])
            for _ in range(500):
                yield b": wait\n\n"
            yield b"".join(events[len(events) // 2 :])
        except GeneratorExit:  # nobody reads any more
            self.gone.add(name)
            raise


def _pieces(body: Body, wanted: str) -> list[str]:
    if "JSON" in wanted:
        has_schema = any(name in json.dumps(body) for name in ("json_schema", '"name": "json"'))
        return [json.dumps(GIVEN, ensure_ascii=False)] if has_schema else ["no schema"]
    if "PICTURE" in wanted:
        return ["seen ", *(hashlib.sha256(one).hexdigest()[:8] for one in _pictures(body))]
    return TEXT


def _last(body: Body) -> str:
    turns = body.get("messages") or body["input"]
    if isinstance(turns, str):
        return turns
    content = [one for one in turns if one.get("role") == "user"][-1]["content"]
    return content if isinstance(content, str) else " ".join(one.get("text", "") for one in content)


def _pictures(value: Any) -> Iterator[bytes]:
    if isinstance(value, list):
        for one in value:
            yield from _pictures(one)
    elif isinstance(value, dict):
        if value.get("type") == "base64":
            yield base64.b64decode(value["data"])
        else:
            for one in value.values():
                yield from _pictures(one)
    elif isinstance(value, str) and value.startswith("data:image/png;base64,"):
        yield base64.b64decode(value.partition(",")[2])


def _chat(text: str, calls: Any) -> Body:
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    if calls:
        message["tool_calls"] = [
            {"id": f"call_{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for n, (name, arguments) in enumerate(calls)
        ]
    choice = {"index": 0, "finish_reason": "tool_calls" if calls else "stop", "logprobs": None, "message": message}
    return COMPLETION | {"choices": [choice]}


def _chat_stream(pieces: list[str], calls: Any) -> list[bytes]:
    deltas: list[Any] = [{"role": "assistant", "content": ""}, *({"content": one} for one in pieces)]
    for index, (name, arguments) in enumerate(calls):
        begun = {"id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": ""}}
        deltas.append({"tool_calls": [{"index": index} | begun]})
        for start in range(0, len(arguments), 7):
            part = {"arguments": arguments[start : start + 7]}
            deltas.append({"tool_calls": [{"index": index, "function": part}]})
    end = chunk({}, finish="tool_calls" if calls else "stop")
    chunks = [*map(chunk, deltas), end, chunk(None) | {"usage": CHAT_USAGE}]
    return [*(chat_bytes([one], done=False) for one in chunks), DONE]


def _message(text: str, calls: Any) -> Body:
    blocks: list[Any] = [{"type": "text", "text": text}]
    blocks += [
        {"type": "tool_use", "id": f"toolu_{n}", "name": name, "input": json.loads(arguments)}
        for n, (name, arguments) in enumerate(calls)
    ]
    return MESSAGE | {"content": blocks, "stop_reason": "tool_use" if calls else "end_turn"}


def _message_stream(pieces: list[str], calls: Any) -> list[bytes]:
    begun = MESSAGE | {"content": [], "stop_reason": None, "usage": MESSAGES_USAGE | {"output_tokens": 1}}
    events: list[Any] = [{"type": "message_start", "message": begun}]
    blocks: list[tuple[Any, list[Any]]] = [
        ({"type": "text", "text": ""}, [{"type": "text_delta", "text": one} for one in pieces])
    ]
    for n, (name, arguments) in enumerate(calls):
        parts = [arguments[start : start + 7] for start in range(0, len(arguments), 7)]
        blocks.append(
            (
                {"type": "tool_use", "id": f"toolu_{n}", "name": name, "input": {}},
                [{"type": "input_json_delta", "partial_json": one} for one in parts],
            )
        )
    for index, (block, deltas) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [{"type": "content_block_delta", "index": index, "delta": one} for one in deltas]
        events.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None}
    events += [{"type": "message_delta", "delta": end, "usage": {"output_tokens": 30}}, {"type": "message_stop"}]
    return [messages_bytes([one]) for one in events]


def _response(text: str, calls: Any, *, status: str = "completed") -> dict[str, Any]:
    items: list[Any] = [] if status == "in_progress" else [_said(text)]
    items += [
        {"type": "function_call", "id": f"fc_{n}", "call_id": f"call_{n}", "name": name, "arguments": arguments, "status": "completed"}
        for n, (name, arguments) in enumerate(calls)
    ]  # fmt: skip
    used = {
        "input_tokens": 100, "input_tokens_details": {"cached_tokens": 60}, "output_tokens": 30,
        "output_tokens_details": {"reasoning_tokens": 20}, "total_tokens": 130,
    }  # fmt: skip
    return {
        "id": "resp_1", "object": "response", "created_at": 1_800_000_000, "status": status, "model": "gpt-6", "output": items,
        "error": None, "incomplete_details": None, "instructions": None, "metadata": {}, "parallel_tool_calls": True,
        "temperature": 1.0, "top_p": 1.0, "tool_choice": "auto", "tools": [], "usage": used if status == "completed" else None,
    }  # fmt: skip


def _said(text: str) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}


def _response_stream(pieces: list[str], calls: Any) -> list[bytes]:
    whole = _response("".join(pieces), calls)
    message, *items = whole["output"]
    at: dict[str, Any] = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    empty = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    events: list[Any] = [
        {"type": "response.created", "response": _response("", (), status="in_progress")},
        {"type": "response.output_item.added", "output_index": 0, "item": message | {"status": "in_progress", "content": []}},
        {"type": "response.content_part.added", **at, "part": empty},
        *({"type": "response.output_text.delta", **at, "delta": one, "logprobs": []} for one in pieces),
        {"type": "response.output_text.done", **at, "text": "".join(pieces), "logprobs": []},
        {"type": "response.content_part.done", **at, "part": message["content"][0]},
        {"type": "response.output_item.done", "output_index": 0, "item": message},
    ]  # fmt: skip
    for n, item in enumerate(items, 1):
        place: dict[str, Any] = {"item_id": item["id"], "output_index": n}
        begun = item | {"arguments": "", "status": "in_progress"}
        events.append({"type": "response.output_item.added", "output_index": n, "item": begun})
        events.append({"type": "response.function_call_arguments.delta", **place, "delta": item["arguments"]})
        done = {"arguments": item["arguments"], "name": item["name"]}
        events.append({"type": "response.function_call_arguments.done", **place, **done})
        events.append({"type": "response.output_item.done", "output_index": n, "item": item})
    events.append({"type": "response.completed", "response": whole})
    return [encode(one | {"sequence_number": n}, name=one["type"]) for n, one in enumerate(events)]


def _check_embeddings(body: Body) -> None:
    assert set(body) <= {"model", "input", "encoding_format", "dimensions", "user"}
    assert isinstance(body["input"], str | list)


_EMBEDDED = {
    "object": "list", "model": "e", "usage": {"prompt_tokens": 7, "total_tokens": 7},
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -0.25]}],
}  # fmt: skip
_DIALECTS: dict[str, tuple[str, Callable[[Body], None]]] = {
    "/v1/chat/completions": ("chat", check_chat_request),
    "/v1/messages": ("messages", check_messages_request),
    "/v1/responses": ("responses", check_responses_request),
    "/v1/embeddings": ("embeddings", _check_embeddings),
}
_WHOLE: dict[str, Callable[[str, Any], Body]] = {"chat": _chat, "messages": _message, "responses": _response}
_STREAMS: dict[str, Callable[[list[str], Any], list[bytes]]] = {
    "chat": _chat_stream, "messages": _message_stream, "responses": _response_stream,
}  # fmt: skip
