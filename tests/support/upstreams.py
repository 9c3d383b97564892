"""Streams and answers as the vendors send them, for tests that read or translate them."""

import base64
import json
import struct
from typing import Any
from zlib import crc32

from appliance.gateway.dialects.sse import DONE, encode

Event = dict[str, Any]

TEXT = ["The ", "weather in ", "Köln 😀", ":"]
ARGUMENTS = ['{"ci', 'ty": "K', 'öln", "d', 'ays": [1, 2', "]}"]
GIVEN = {"city": "Köln", "days": [1, 2]}
MESSAGES_USAGE = {
    "input_tokens": 35, "cache_read_input_tokens": 60, "cache_creation_input_tokens": 5, "output_tokens": 30,
    "output_tokens_details": {"thinking_tokens": 20},
}  # fmt: skip
CHAT_USAGE = {
    "prompt_tokens": 100, "completion_tokens": 30, "total_tokens": 130,
    "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 5},
    "completion_tokens_details": {"reasoning_tokens": 20},
}  # fmt: skip
MESSAGE: Event = {
    "id": "msg_01A", "type": "message", "role": "assistant", "model": "claude-opus-5", "stop_sequence": None,
    "content": [
        {"type": "thinking", "thinking": "They ask for weather.", "signature": "c2lnbg=="},
        {"type": "text", "text": "".join(TEXT)},
        {"type": "tool_use", "id": "toolu_01", "name": "weather", "input": GIVEN},
        {"type": "tool_use", "id": "toolu_02", "name": "now", "input": {}},
    ],
    "stop_reason": "tool_use", "usage": MESSAGES_USAGE,
}  # fmt: skip
COMPLETION: Event = {
    "id": "chatcmpl-9", "object": "chat.completion", "created": 1_800_000_000, "model": "gpt-6",
    "choices": [{
        "index": 0, "finish_reason": "tool_calls", "logprobs": None,
        "message": {
            "role": "assistant", "content": "".join(TEXT), "refusal": None, "annotations": [],
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "".join(ARGUMENTS)}},
                {"id": "call_2", "type": "function", "function": {"name": "now", "arguments": "{}"}},
            ],
        },
    }],
    "usage": CHAT_USAGE, "service_tier": "default", "system_fingerprint": "fp_1",
}  # fmt: skip


def messages_events() -> list[Event]:
    """The stream of MESSAGE, as https://platform.claude.com/docs/en/build-with-claude/streaming has it."""
    started = MESSAGE | {"content": [], "stop_reason": None, "usage": MESSAGES_USAGE | {"output_tokens": 1}}
    events: list[Event] = [{"type": "message_start", "message": started}]
    events += _block(0, {"type": "thinking", "thinking": "", "signature": ""},
                     [{"type": "thinking_delta", "thinking": "They ask "}, {"type": "thinking_delta", "thinking": "for weather."},
                      {"type": "signature_delta", "signature": "c2lnbg=="}])  # fmt: skip
    events.append({"type": "ping"})
    events += _block(1, {"type": "text", "text": ""}, [{"type": "text_delta", "text": one} for one in TEXT])
    begun = {"type": "tool_use", "id": "toolu_01", "name": "weather", "input": {}}
    events += _block(2, begun, [{"type": "input_json_delta", "partial_json": one} for one in ["", *ARGUMENTS]])
    begun = {"type": "tool_use", "id": "toolu_02", "name": "now", "input": {}}
    events += _block(3, begun, [{"type": "input_json_delta", "partial_json": ""}])
    end = {"stop_reason": "tool_use", "stop_sequence": None}
    events += [{"type": "message_delta", "delta": end, "usage": {"output_tokens": 30}}, {"type": "message_stop"}]
    return events


def _block(index: int, begun: Event, deltas: list[Event]) -> list[Event]:
    return [
        {"type": "content_block_start", "index": index, "content_block": begun},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def messages_bytes(events: list[Event]) -> bytes:
    return b"".join(encode(event, name=str(event["type"])) for event in events)


def chat_chunks() -> list[Event]:
    """The stream of COMPLETION, as https://platform.openai.com/docs/api-reference/chat/streaming has it."""
    deltas: list[Event] = [{"role": "assistant", "content": "", "refusal": None}]
    deltas += [{"content": one} for one in TEXT]
    for index, (name, call_id, pieces) in enumerate([("weather", "call_1", ARGUMENTS), ("now", "call_2", ["{}"])]):
        begun = {"id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
        deltas.append({"tool_calls": [{"index": index} | begun]})
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": one}}]} for one in pieces]
    chunks = [chunk(delta) for delta in deltas]
    return [*chunks, chunk({}, finish="tool_calls"), chunk(None) | {"usage": CHAT_USAGE}]


def chunk(delta: Event | None, *, finish: str | None = None) -> Event:
    head = {"id": "chatcmpl-9", "object": "chat.completion.chunk", "created": 1_800_000_000, "model": "gpt-6"}
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return head | {"choices": [] if delta is None else [choice], "usage": None}


def chat_bytes(chunks: list[Event], *, done: bool = True) -> bytes:
    return b"".join(encode(one) for one in chunks) + (DONE if done else b"")


def plain(body: object) -> Any:
    """What a body is once it was sent as JSON."""
    return json.loads(json.dumps(body))


def wrapped(events: list[Event]) -> list[bytes]:
    """The stream as Bedrock sends it: each event a message of AWS's event stream."""
    said = [json.dumps(event, ensure_ascii=False).encode() for event in events]
    return [
        message({":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"},
                json.dumps({"bytes": base64.b64encode(one).decode(), "p": "abcdefg"[: n % 7]}).encode())
        for n, one in enumerate(said)
    ]  # fmt: skip


def wrapped_exception(name: str, text: str) -> bytes:
    kind = {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}
    return message(kind, json.dumps({"message": text}).encode())


def message(headers: dict[str, str], payload: bytes, *, more: bytes = b"") -> bytes:
    """One message of AWS's event stream; `more` are headers of other kinds, as they stand."""
    head = more + b"".join(
        struct.pack(">B", len(name)) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    whole = prelude + struct.pack(">I", crc32(prelude)) + head + payload
    return whole + struct.pack(">I", crc32(whole))
