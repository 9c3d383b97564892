"""Claude's thoughts as items `reasoning`, and back: the signature travels in `encrypted_content`, marked as Claude's."""

from collections.abc import Mapping
from typing import Any

from appliance.gateway.dialects.refusals import Untranslatable
from appliance.gateway.dialects.rules import a_list, a_text, an_object, inside

_SIGNED = "claude-signature:"
_REDACTED = "claude-redacted:"


def reasoning_item(item_id: str, block: Mapping[str, Any]) -> dict[str, Any]:
    """Return a thought as an item; without a signature it is a summary alone."""
    thought = block.get("thinking")
    item: dict[str, Any] = {"id": item_id, "type": "reasoning", "summary": []}
    if isinstance(thought, str) and thought:
        item["summary"] = [{"type": "summary_text", "text": thought}]
    if block.get("type") == "redacted_thinking":
        item["encrypted_content"] = _REDACTED + a_text(block.get("data"), "thinking_blocks.data")
    elif block.get("signature"):
        item["encrypted_content"] = _SIGNED + a_text(block["signature"], "thinking_blocks.signature")
    return item


def thought_of(item: Mapping[str, Any], at: str) -> dict[str, Any] | None:
    """Return Claude's thought, or None for what was nobody's secret. Raises Untranslatable for another model's."""
    sealed = item.get("encrypted_content")
    if not sealed:
        return None
    place = inside(at, "encrypted_content")
    text = a_text(sealed, place)
    if text.startswith(_REDACTED):
        return {"type": "redacted_thinking", "data": text.removeprefix(_REDACTED)}
    if not text.startswith(_SIGNED):
        raise Untranslatable(place, "only the model that thought it can read it; leave it out to go on with this model")
    summary = a_list(item.get("summary", []), inside(at, "summary"))
    words = [a_text(an_object(one, place).get("text"), inside(at, "summary")) for one in summary]
    return {"type": "thinking", "thinking": "".join(words), "signature": text.removeprefix(_SIGNED)}
