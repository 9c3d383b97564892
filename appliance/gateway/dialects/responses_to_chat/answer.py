"""A chat completion, as an answer of OpenAI's Responses API."""

from collections.abc import Mapping
from typing import Any

from appliance.gateway.dialects.chunks import THOUGHTS
from appliance.gateway.dialects.refusals import Untranslatable
from appliance.gateway.dialects.responses_to_chat.thoughts import reasoning_item
from appliance.gateway.dialects.rules import a_list, a_text, an_object, inside, one_of
from appliance.gateway.dialects.usage import count
from appliance.gateway.dialects.values import Dialect

Item = dict[str, Any]

# The status of the answer, and of an incomplete one the reason.
ENDINGS = {
    "stop": ("completed", None),
    "tool_calls": ("completed", None),
    "length": ("incomplete", "max_output_tokens"),
    "content_filter": ("incomplete", "content_filter"),
}
_REPEATED: dict[str, Any] = {
    "instructions": None, "max_output_tokens": None, "metadata": {}, "parallel_tool_calls": True, "reasoning": None,
    "safety_identifier": None, "temperature": None, "text": {"format": {"type": "text"}}, "tool_choice": "auto",
    "tools": [], "top_p": None, "user": None,
}  # fmt: skip


def cross_answer(body: object, *, asked: Mapping[str, Any], created: int) -> dict[str, Any]:
    """Return the response. Raises Untranslatable, naming what in the answer is not as it should be."""
    answer = an_object(body, "")
    choices = a_list(answer.get("choices"), "choices")
    if len(choices) != 1:
        raise Untranslatable("choices", "there must be one")
    choice = an_object(choices[0], "choices[0]")
    made = response(asked, answer_id=answer.get("id"), created=created, model=a_text(answer.get("model"), "model"))
    items = _items(an_object(choice.get("message"), "choices[0].message"), str(made["id"]).removeprefix("resp_"))
    reason = one_of(choice.get("finish_reason"), ENDINGS, "choices[0].finish_reason")
    return made | ended(reason, items, answer.get("usage"))


def response(asked: Mapping[str, Any], *, answer_id: object, created: int, model: str) -> dict[str, Any]:
    """Return an answer that has just begun; what was asked for is repeated in it, as OpenAI does."""
    said = {name: asked[name] if asked.get(name) is not None else usual for name, usual in _REPEATED.items()}
    return said | {
        "id": "resp_" + (answer_id if isinstance(answer_id, str) else "").removeprefix("chatcmpl-"),
        "object": "response",
        "created_at": created,
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": model,
        "output": [],
        "previous_response_id": None,
        "store": False,
        "truncation": "disabled",
        "usage": None,
    }


def ended(ending: tuple[str, str | None], items: list[Item], used: object) -> dict[str, Any]:
    """Return what an answer's end changes in it."""
    status, reason = ending
    details = {"reason": reason} if reason else None
    return {"status": status, "incomplete_details": details, "output": items, "usage": usage(used)}


def usage(used: object) -> dict[str, Any] | None:
    """Return what was used as the Responses API tells it, or None if nobody said."""
    if not used:
        return None
    tokens = count(Dialect.CHAT, an_object(used, "usage"))
    return {
        "input_tokens": tokens.input,
        "input_tokens_details": {"cached_tokens": tokens.cached, "cache_write_tokens": tokens.cache_written},
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
        "total_tokens": tokens.input + tokens.output,
    }


def message_item(item_id: str, parts: list[Item], *, status: str = "completed") -> Item:
    """Return an item of the answer's words."""
    return {"id": item_id, "type": "message", "role": "assistant", "status": status, "content": parts}


def text_part(text: str) -> Item:
    """Return a part of a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def call_item(item_id: str, call_id: str, name: str, arguments: str, *, status: str = "completed") -> Item:
    """Return an item that calls a tool."""
    call = {"id": item_id, "type": "function_call", "call_id": call_id, "name": name}
    return call | {"arguments": arguments, "status": status}


def _items(message: Mapping[str, Any], base: str) -> list[Item]:
    items = _thoughts(message, base)
    parts: list[Item] = []
    at = "choices[0].message"
    if message.get("content"):
        parts.append(text_part(a_text(message["content"], inside(at, "content"))))
    if message.get("refusal"):
        parts.append({"type": "refusal", "refusal": a_text(message["refusal"], inside(at, "refusal"))})
    if message.get("function_call") or message.get("audio"):
        raise Untranslatable(at, "it holds what was not asked for")
    if parts:
        items.append(message_item(f"msg_{base}_{len(items)}", parts))
    for number, one in enumerate(a_list(message.get("tool_calls") or [], inside(at, "tool_calls"))):
        place = inside(inside(at, "tool_calls"), number)
        call = an_object(one, place)
        function = an_object(call.get("function"), inside(place, "function"))
        name, arguments = (a_text(function.get(field), inside(place, field)) for field in ("name", "arguments"))
        call_id = a_text(call.get("id"), inside(place, "id"))
        items.append(call_item(f"fc_{base}_{len(items)}", call_id, name, arguments))
    return items


def _thoughts(message: Mapping[str, Any], base: str) -> list[Item]:
    blocks = a_list(message.get("thinking_blocks") or [], "choices[0].message.thinking_blocks")
    thought = next((message[name] for name in THOUGHTS if message.get(name)), None)
    if not blocks and thought:
        blocks = [{"type": "thinking", "thinking": a_text(thought, "choices[0].message")}]
    return [reasoning_item(f"rs_{base}_{n}", an_object(one, "thinking_blocks")) for n, one in enumerate(blocks)]
