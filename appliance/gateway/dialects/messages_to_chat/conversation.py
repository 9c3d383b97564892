"""The turns of Anthropic's messages, as those of a chat completion."""

from collections.abc import Mapping
from typing import Any

from appliance.gateway.dialects.bodies import write_json
from appliance.gateway.dialects.messages_to_chat import rules
from appliance.gateway.dialects.refusals import Untranslatable
from appliance.gateway.dialects.rules import a_list, a_text, admit, an_object, inside, kind_of, one_of

Message = dict[str, Any]

_ROLES = {"user": {"text", "image", "document", "tool_result"}, "assistant": {"text", "tool_use", "thinking"},
          "system": {"text"}}  # fmt: skip
_MARK_OF_ERROR = "Error: "


def system_message(system: object) -> list[Message]:
    """Return the system prompt as the first message, or none."""
    if system is None or system in ("", []):
        return []
    if isinstance(system, str):
        return [{"role": "system", "content": system}]
    parts = []
    for number, one in enumerate(a_list(system, "system")):
        at = inside("system", number)
        parts.append(_text(admit(rules.SYSTEM_BLOCK, one, at), at))
    return [{"role": "system", "content": _content(parts)}]


def turn(value: object, at: str) -> list[Message]:
    """Return the messages that one turn becomes: results of tools first, each its own. Raises Untranslatable."""
    said = admit(rules.MESSAGE, value, at)
    role = said.get("role")
    kinds = one_of(role, _ROLES, inside(at, "role"))
    content, at = said.get("content"), inside(at, "content")
    if isinstance(content, str):
        return [{"role": role, "content": content}]
    results: list[Message] = []
    parts: list[Any] = []
    calls: list[Any] = []
    for number, block in enumerate(a_list(content, at)):
        place = inside(at, number)
        kind = kind_of(rules.BLOCKS, block, place)
        if kind not in kinds:
            raise Untranslatable(inside(place, "type"), f"“{kind}” has no place in this message")
        if kind == "tool_result":
            results.append(_result(block, place))
        elif kind == "tool_use":
            calls.append(_call(block, place))
        elif kind == "thinking":
            admit(rules.THINKING_BLOCK, block, place)
        else:
            parts.append(_PARTS[kind](block, place))
    return results + _message(str(role), parts, calls)


def _message(role: str, parts: list[Any], calls: list[Any]) -> list[Message]:
    if not parts and not calls:
        return []
    message: Message = {"role": role, "content": _content(parts) if parts else None}
    return [message | ({"tool_calls": calls} if calls else {})]


def _content(parts: list[Message]) -> str | list[Message]:
    """Return one text as a text, which every server takes; more are parts."""
    is_one_text = len(parts) == 1 and parts[0]["type"] == "text"
    return str(parts[0]["text"]) if is_one_text else parts


def _text(block: Mapping[str, Any], at: str) -> Message:
    return {"type": "text", "text": a_text(block.get("text"), inside(at, "text"))}


def _text_part(block: object, at: str) -> Message:
    return _text(admit(rules.TEXT_BLOCK, block, at), at)


def _image_part(block: object, at: str) -> Message:
    source = admit(rules.IMAGE_BLOCK, block, at).get("source")
    at = inside(at, "source")
    is_url = kind_of(rules.IMAGE_SOURCES, source, at) == "url"
    return {"type": "image_url", "image_url": {"url": _url(source, at) if is_url else _data_url(source, at)}}


def _document_part(block: object, at: str) -> Message:
    document = admit(rules.DOCUMENT_BLOCK, block, at)
    source, title = document.get("source"), document.get("title")
    named = a_text(title, inside(at, "title")) if title else ""
    at = inside(at, "source")
    if kind_of(rules.DOCUMENT_SOURCES, source, at) == "text":
        text = a_text(an_object(source, at).get("data"), inside(at, "data"))
        return {"type": "text", "text": f"{named}\n{text}" if named else text}
    return {"type": "file", "file": {"filename": named or "document.pdf", "file_data": _data_url(source, at)}}


_PARTS = {"text": _text_part, "image": _image_part, "document": _document_part}


def _url(source: object, at: str) -> str:
    return a_text(an_object(source, at).get("url"), inside(at, "url"))


def _data_url(source: object, at: str) -> str:
    found = an_object(source, at)
    kind, data = (a_text(found.get(name), inside(at, name)) for name in ("media_type", "data"))
    return f"data:{kind};base64,{data}"


def _call(block: object, at: str) -> Message:
    call = admit(rules.TOOL_USE_BLOCK, block, at)
    name, call_id = (a_text(call.get(one), inside(at, one)) for one in ("name", "id"))
    arguments = write_json(an_object(call.get("input"), inside(at, "input"))).decode()
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _result(block: object, at: str) -> Message:
    result = admit(rules.TOOL_RESULT_BLOCK, block, at)
    content, mark = result.get("content", ""), _MARK_OF_ERROR if result.get("is_error") else ""
    call_id = a_text(result.get("tool_use_id"), inside(at, "tool_use_id"))
    if isinstance(content, str):
        return {"role": "tool", "tool_call_id": call_id, "content": mark + content}
    parts = []
    for number, one in enumerate(a_list(content, inside(at, "content"))):
        place = inside(inside(at, "content"), number)
        if kind_of(rules.BLOCKS, one, place) != "text":
            raise Untranslatable(inside(place, "type"), "a chat completion's tools answer in text alone")
        parts.append(_text_part(one, place))
    if mark:
        parts[:1] = [{"type": "text", "text": mark + str(parts[0]["text"] if parts else "")}]
    return {"role": "tool", "tool_call_id": call_id, "content": _content(parts) if parts else ""}
