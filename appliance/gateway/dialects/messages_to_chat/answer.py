"""A chat completion, as Anthropic's answer."""

from collections.abc import Mapping
from typing import Any

from appliance.gateway.dialects.bodies import read_json
from appliance.gateway.dialects.chunks import THOUGHTS
from appliance.gateway.dialects.refusals import Untranslatable
from appliance.gateway.dialects.rules import a_list, a_text, an_object, inside, one_of
from appliance.gateway.dialects.usage import count
from appliance.gateway.dialects.values import Dialect

REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}


def cross_answer(body: object, *, stops: object = None) -> dict[str, Any]:
    """Return the message. Raises Untranslatable, naming what in the answer is not as it should be."""
    answer = an_object(body, "")
    choices = a_list(answer.get("choices"), "choices")
    if len(choices) != 1:
        raise Untranslatable("choices", "there must be one")
    choice = an_object(choices[0], "choices[0]")
    content, is_refused = _content(an_object(choice.get("message"), "choices[0].message"), "choices[0].message")
    has_calls = any(block["type"] == "tool_use" for block in content)
    return {
        "id": message_id(answer.get("id")),
        "type": "message",
        "role": "assistant",
        "model": a_text(answer.get("model"), "model"),
        "content": content,
        **ending(choice, stops=stops, has_calls=has_calls, is_refused=is_refused, at="choices[0]"),
        "usage": usage(answer.get("usage")),
    }


def _content(message: Mapping[str, Any], at: str) -> tuple[list[dict[str, Any]], bool]:
    blocks: list[dict[str, Any]] = []
    for name in THOUGHTS:
        if message.get(name):
            thought = a_text(message[name], inside(at, name))
            blocks.append({"type": "thinking", "thinking": thought, "signature": ""})
            break
    said = [a_text(message[name], inside(at, name)) for name in ("content", "refusal") if message.get(name)]
    blocks += [{"type": "text", "text": one} for one in said]
    if message.get("function_call") or message.get("audio"):
        raise Untranslatable(at, "it holds what was not asked for")
    calls = a_list(message.get("tool_calls") or [], inside(at, "tool_calls"))
    blocks += [_call(one, inside(inside(at, "tool_calls"), number)) for number, one in enumerate(calls)]
    return blocks, bool(message.get("refusal"))


def _call(value: object, at: str) -> dict[str, Any]:
    call = an_object(value, at)
    function = an_object(call.get("function"), inside(at, "function"))
    name, call_id = a_text(function.get("name"), inside(at, "function.name")), a_text(call.get("id"), inside(at, "id"))
    arguments = a_text(function.get("arguments"), inside(at, "function.arguments"))
    try:
        given = an_object(read_json(arguments) if arguments.strip() else {}, inside(at, "function.arguments"))
    except ValueError as error:
        raise Untranslatable(inside(at, "function.arguments"), "the model's arguments are no JSON object") from error
    return {"type": "tool_use", "id": call_id, "name": name, "input": given}


def ending(
    choice: Mapping[str, Any], *, stops: object, has_calls: bool, is_refused: bool, at: str
) -> dict[str, str | None]:
    """Return why the answer ended, and by which of the sequences that were asked for, if the server tells (vLLM)."""
    reason = one_of(choice.get("finish_reason"), REASONS, inside(at, "finish_reason"))
    found = choice.get("stop_reason")
    if reason == "end_turn" and isinstance(found, str) and isinstance(stops, list) and found in stops:
        return {"stop_reason": "stop_sequence", "stop_sequence": found}
    if reason == "end_turn" and (is_refused or has_calls):  # some servers end so after a call, too
        reason = "refusal" if is_refused else "tool_use"
    return {"stop_reason": reason, "stop_sequence": None}


def message_id(value: object) -> str:
    """Return the message's id, in which the completion's own can be found again."""
    return "msg_" + (value if isinstance(value, str) else "").removeprefix("chatcmpl-")


def usage(used: object) -> dict[str, Any]:
    """Return what was used as Anthropic tells it, the cache's tokens apart from the input's."""
    tokens = count(Dialect.CHAT, an_object(used or {}, "usage"))
    return {
        "input_tokens": max(0, tokens.input - tokens.cached - tokens.cache_written),
        "cache_read_input_tokens": tokens.cached,
        "cache_creation_input_tokens": tokens.cache_written,
        "output_tokens": tokens.output,
        "output_tokens_details": {"thinking_tokens": tokens.reasoning},
    }
