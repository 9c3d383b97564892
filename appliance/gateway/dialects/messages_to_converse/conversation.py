"""The turns of Anthropic's messages, as Converse has them."""

import re
from collections.abc import Callable
from typing import Any, Final

from appliance.gateway.dialects.messages_to_converse import rules
from appliance.gateway.dialects.refusals import Untranslatable
from appliance.gateway.dialects.rules import Rules, a_list, a_text, admit, an_object, inside, kind_of, one_of

Block = dict[str, Any]
_ROLES: Final = {
    "user": {"text", "image", "document", "tool_result"},
    "assistant": {"text", "tool_use", "thinking", "redacted_thinking"},
    "system": {"text"},
}
_PICTURES: Final = {f"image/{one}": one for one in ("png", "jpeg", "gif", "webp")}
_PAPERS: Final = {"application/pdf": "pdf"}
_NUMBERS: Final = re.compile(r"\d+")


def system_blocks(system: object) -> list[Block]:
    """Return the system prompt in blocks."""
    if isinstance(system, str):
        return [{"text": system}] if system else []
    return [_text(rules.SYSTEM_BLOCK, one, inside("system", at)) for at, one in enumerate(a_list(system or [], "system"))]


def turn(value: object, at: str) -> dict[str, Any]:
    """Return one turn. Raises Untranslatable."""
    said = admit(rules.MESSAGE, value, at)
    role = a_text(said.get("role"), inside(at, "role"))
    kinds = one_of(role, _ROLES, inside(at, "role"))
    content, at = said.get("content"), inside(at, "content")
    if isinstance(content, str):
        return {"role": role, "content": [{"text": content}]}
    blocks = [_block(one, inside(at, number), kinds) for number, one in enumerate(a_list(content, at))]
    return {"role": role, "content": blocks}


def _block(value: object, at: str, kinds: set[str]) -> Block:
    kind = kind_of(rules.BLOCKS, value, at)
    if kind not in kinds:
        raise Untranslatable(inside(at, "type"), f"“{kind}” has no place here")
    return _BLOCKS[kind](value, at)


def _text(known: Rules, value: object, at: str) -> Block:
    return {"text": a_text(admit(known, value, at).get("text"), inside(at, "text"))}


def _image(value: object, at: str) -> Block:
    source = admit(rules.IMAGE_BLOCK, value, at).get("source")
    at = inside(at, "source")
    kind_of(rules.IMAGE_SOURCES, source, at)
    return {"image": _bytes(source, at, _PICTURES)}


def _document(value: object, at: str) -> Block:
    document = admit(rules.DOCUMENT_BLOCK, value, at)
    # Its place in the request: no two are alike, and AWS takes letters, digits and hyphens.
    made: Block = {"name": "-".join(["document", *_NUMBERS.findall(at)])}
    if context := document.get("context"):
        made["context"] = a_text(context, inside(at, "context"))
    source, at = document.get("source"), inside(at, "source")
    if kind_of(rules.DOCUMENT_SOURCES, source, at) == "text":
        text = a_text(an_object(source, at).get("data"), inside(at, "data"))
        return {"document": made | {"format": "txt", "source": {"text": text}}}
    return {"document": made | _bytes(source, at, _PAPERS)}


def _bytes(source: object, at: str, formats: dict[str, str]) -> Block:
    found = an_object(source, at)
    form = one_of(found.get("media_type"), formats, inside(at, "media_type"))
    return {"format": form, "source": {"bytes": a_text(found.get("data"), inside(at, "data"))}}


def _tool_use(value: object, at: str) -> Block:
    call = admit(rules.TOOL_USE_BLOCK, value, at)
    name, call_id = (a_text(call.get(one), inside(at, one)) for one in ("name", "id"))
    return {"toolUse": {"toolUseId": call_id, "name": name, "input": an_object(call.get("input"), inside(at, "input"))}}


def _tool_result(value: object, at: str) -> Block:
    result = admit(rules.TOOL_RESULT_BLOCK, value, at)
    content, inner = result.get("content", ""), inside(at, "content")
    blocks = (
        [{"text": content}]
        if isinstance(content, str)
        else [_block(one, inside(inner, number), {"text", "image"}) for number, one in enumerate(a_list(content, inner))]
    )
    made = {"toolUseId": a_text(result.get("tool_use_id"), inside(at, "tool_use_id")), "content": blocks}
    return {"toolResult": made | ({"status": "error"} if result.get("is_error") else {})}


def _thinking(value: object, at: str) -> Block:
    thought = admit(rules.THINKING_BLOCK, value, at)
    made = {"text": a_text(thought.get("thinking"), inside(at, "thinking"))}
    if signature := thought.get("signature"):
        made["signature"] = a_text(signature, inside(at, "signature"))
    return {"reasoningContent": {"reasoningText": made}}


def _redacted(value: object, at: str) -> Block:
    thought = admit(rules.REDACTED_BLOCK, value, at)
    return {"reasoningContent": {"redactedContent": a_text(thought.get("data"), inside(at, "data"))}}


_BLOCKS: Final[dict[str, Callable[[object, str], Block]]] = {
    "text": lambda value, at: _text(rules.TEXT_BLOCK, value, at),
    "image": _image,
    "document": _document,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
}
