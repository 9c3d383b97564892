"""Anthropic's answer, as a chat completion."""

from collections.abc import Mapping
from typing import Any

from appliance.gateway.dialects.bodies import write_json
from appliance.gateway.dialects.refusals import Untranslatable
from appliance.gateway.dialects.rules import a_list, a_text, an_object, inside, one_of
from appliance.gateway.dialects.usage import count
from appliance.gateway.dialects.values import Dialect

# `pause_turn` belongs to tools that run at Anthropic, which no request of this dialect can ask for.
FINISHES = {
    "end_turn": "stop", "max_tokens": "length", "model_context_window_exceeded": "length", "refusal": "content_filter",
    "stop_sequence": "stop", "tool_use": "tool_calls",
}  # fmt: skip


def cross_answer(body: object, *, created: int) -> dict[str, Any]:
    """Return the completion. Raises Untranslatable, naming what in the answer is not as it should be."""
    answer = an_object(body, "")
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
    for number, block in enumerate(a_list(answer.get("content"), "content")):
        _add(message, an_object(block, inside("content", number)), inside("content", number))
    finish = one_of(answer.get("stop_reason"), FINISHES, "stop_reason")
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    return {
        "id": completion_id(answer.get("id")),
        "object": "chat.completion",
        "created": created,
        "model": a_text(answer.get("model"), "model"),
        "choices": [choice],
        "usage": usage(an_object(answer.get("usage"), "usage")),
    }


def _add(message: dict[str, Any], block: Mapping[str, Any], at: str) -> None:
    kind = block.get("type")
    if kind == "text":
        message["content"] = (message["content"] or "") + a_text(block.get("text"), inside(at, "text"))
    elif kind == "tool_use":
        message.setdefault("tool_calls", []).append(tool_call(block, at))
    elif kind in {"thinking", "redacted_thinking"}:
        thoughts = message.setdefault("thinking_blocks", [])
        thoughts.append({"index": len(thoughts)} | dict(block))
        if kind == "thinking":
            thought = a_text(block.get("thinking"), inside(at, "thinking"))
            message["reasoning_content"] = message.get("reasoning_content", "") + thought
    else:
        raise Untranslatable(inside(at, "type"), "a chat completion has no such block")


def tool_call(block: Mapping[str, Any], at: str) -> dict[str, Any]:
    """Return a block `tool_use` as a chat completion has it."""
    given = an_object(block.get("input"), inside(at, "input"))
    name = a_text(block.get("name"), inside(at, "name"))
    function = {"name": name, "arguments": write_json(given).decode()}
    return {"id": a_text(block.get("id"), inside(at, "id")), "type": "function", "function": function}


def completion_id(value: object) -> str:
    """Return the completion's id, in which Anthropic's own can be found again."""
    return "chatcmpl-" + (value if isinstance(value, str) else "").removeprefix("msg_")


def usage(used: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was used as OpenAI tells it, the cache's tokens among the prompt's."""
    tokens = count(Dialect.MESSAGES, used)
    return {
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "prompt_tokens_details": {"cached_tokens": tokens.cached, "cache_write_tokens": tokens.cache_written},
        "completion_tokens_details": {"reasoning_tokens": tokens.reasoning},
    }
