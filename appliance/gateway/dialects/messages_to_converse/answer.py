"""An answer of Bedrock's Converse, as one of Anthropic's messages."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from appliance.gateway.dialects.refusals import AnswerUnreadable, Untranslatable
from appliance.gateway.dialects.rules import a_list, a_text, an_object

REASONS: Final = {
    "end_turn": "end_turn", "tool_use": "tool_use", "max_tokens": "max_tokens", "stop_sequence": "stop_sequence",
    "guardrail_intervened": "refusal", "content_filtered": "refusal",
    "model_context_window_exceeded": "model_context_window_exceeded",
}  # fmt: skip
"""`malformed_model_output` and `malformed_tool_use` are no answers: they break one off."""
_COUNTS: Final = {
    "input_tokens": "inputTokens", "output_tokens": "outputTokens", "cache_read_input_tokens": "cacheReadInputTokens",
    "cache_creation_input_tokens": "cacheWriteInputTokens",
}  # fmt: skip
_MOST: Final = 10**9


def cross_answer(body: object, *, model: str) -> dict[str, Any]:
    """Return the answer. Raises AnswerUnreadable."""
    try:
        whole = an_object(body, "")
        message = an_object(an_object(whole.get("output"), "output").get("message"), "output.message")
        blocks = [block for one in a_list(message.get("content"), "content") for block in _blocks(one)]
    except Untranslatable as refusal:
        raise AnswerUnreadable(f"{refusal.field}: {refusal.reason}") from refusal
    return head(model) | {
        "content": blocks, "stop_reason": reason_of(whole.get("stopReason")), "usage": used(whole.get("usage")),
    }  # fmt: skip


def head(model: str) -> dict[str, Any]:
    """Return what every message has; Converse gives answers no id."""
    return {
        "id": f"msg_{uuid4().hex}", "type": "message", "role": "assistant", "model": model, "content": [],
        "stop_reason": None, "stop_sequence": None,
    }  # fmt: skip


def reason_of(given: object) -> str:
    """Return why the answer ended. Raises AnswerUnreadable."""
    if not isinstance(given, str) or given not in REASONS:
        raise AnswerUnreadable("it ended for a reason that is not known here")
    return REASONS[given]


def used(given: object) -> dict[str, int]:
    """Return what was used, as far as it is told in numbers."""
    found = given if isinstance(given, Mapping) else {}
    return {name: _number(found.get(theirs)) for name, theirs in _COUNTS.items()}


def _number(value: object) -> int:
    return min(value, _MOST) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _blocks(value: object) -> list[dict[str, Any]]:
    block = an_object(value, "content")
    if "text" in block:
        return [{"type": "text", "text": a_text(block["text"], "text")}]
    if "toolUse" in block:
        call = an_object(block["toolUse"], "toolUse")
        name, call_id = a_text(call.get("name"), "toolUse.name"), a_text(call.get("toolUseId"), "toolUse.toolUseId")
        return [{"type": "tool_use", "id": call_id, "name": name, "input": an_object(call.get("input"), "toolUse.input")}]
    if "reasoningContent" in block:
        return [_thought(an_object(block["reasoningContent"], "reasoningContent"))]
    if "citationsContent" in block:  # its words are the answer's; where they stand is not asked for here
        cited = an_object(block["citationsContent"], "citationsContent")
        return [part for one in a_list(cited.get("content"), "citationsContent.content") for part in _blocks(one)]
    raise AnswerUnreadable("it holds a kind of content that is not known here")


def _thought(value: Mapping[str, Any]) -> dict[str, Any]:
    if "redactedContent" in value:
        return {"type": "redacted_thinking", "data": a_text(value["redactedContent"], "redactedContent")}
    said = an_object(value.get("reasoningText"), "reasoningText")
    signature = said.get("signature") or ""
    return {
        "type": "thinking", "thinking": a_text(said.get("text"), "text"), "signature": a_text(signature, "signature"),
    }  # fmt: skip
