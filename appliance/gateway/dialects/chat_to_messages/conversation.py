"""The turns of a chat completion, as Anthropic's system prompt and messages."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from appliance.gateway.dialects.bodies import read_json
from appliance.gateway.dialects.chat_to_messages import rules
from appliance.gateway.dialects.refusals import Untranslatable
from appliance.gateway.dialects.rules import Rules, a_list, a_text, admit, an_object, inside, kind_of, one_of

Block = dict[str, Any]

_ROLES: Mapping[str, Rules] = {
    "system": rules.SYSTEM_MESSAGE, "developer": rules.SYSTEM_MESSAGE, "user": rules.USER_MESSAGE,
    "assistant": rules.ASSISTANT_MESSAGE, "tool": rules.TOOL_MESSAGE,
}  # fmt: skip
_DATA_URL = re.compile(r"data:([\w.+/-]+)(?:;[\w=.-]+)*;base64,", re.IGNORECASE)
_PICTURES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_FIT_ID = re.compile(r"[a-zA-Z0-9_-]+")
_UNFIT = re.compile(r"[^a-zA-Z0-9_-]")


def conversation(turns: list[Any]) -> tuple[list[Block], list[dict[str, Any]]]:
    """Return the system prompt's blocks and the messages. Raises Untranslatable."""
    system: list[Block] = []
    messages: list[dict[str, Any]] = []
    is_answering = False  # the last message holds results of tools, which what follows of the user joins
    for number, turn in enumerate(turns):
        at = inside("messages", number)
        role = an_object(turn, at).get("role")
        said = admit(one_of(role, _ROLES, inside(at, "role")), turn, at)
        if role in {"system", "developer"}:
            system += _blocks(said.get("content"), at, {"text"})
            continue
        blocks = _MAKERS[str(role)](said, at)
        if is_answering and role in {"user", "tool"}:
            messages[-1]["content"] += blocks
        elif blocks:
            messages.append({"role": "assistant" if role == "assistant" else "user", "content": blocks})
        is_answering = role == "tool" or (is_answering and role == "user")
    if not messages:
        raise Untranslatable("messages", "Anthropic wants at least one that is not empty and not the system's")
    return system, messages


def _user(said: Mapping[str, Any], at: str) -> list[Block]:
    return _blocks(said.get("content"), at, {"text", "image_url", "file"})


def _assistant(said: Mapping[str, Any], at: str) -> list[Block]:
    blocks = [
        _thought(one, inside(inside(at, "thinking_blocks"), number))
        for number, one in enumerate(a_list(said.get("thinking_blocks", []), inside(at, "thinking_blocks")))
    ]
    blocks += _blocks(said.get("content"), at, {"text", "refusal"})
    if refusal := said.get("refusal"):
        blocks.append({"type": "text", "text": a_text(refusal, inside(at, "refusal"))})
    calls = a_list(said.get("tool_calls", []), inside(at, "tool_calls"))
    return blocks + [_call(one, inside(inside(at, "tool_calls"), number)) for number, one in enumerate(calls)]


def _result(said: Mapping[str, Any], at: str) -> list[Block]:
    blocks = _blocks(said.get("content"), at, {"text", "image_url"})
    made: Block = {"type": "tool_result", "tool_use_id": fit_id(said.get("tool_call_id"), inside(at, "tool_call_id"))}
    if isinstance(said.get("content"), str):
        return [made | {"content": said["content"]}]
    return [made | ({"content": blocks} if blocks else {})]


_MAKERS = {"user": _user, "assistant": _assistant, "tool": _result}


def _blocks(content: object, at: str, kinds: set[str]) -> list[Block]:
    """Return the blocks of a content; Anthropic takes no empty text, and an empty text says nothing."""
    at = inside(at, "content")
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return [block for number, one in enumerate(a_list(content, at)) for block in _part(one, inside(at, number), kinds)]


def _part(part: object, at: str, kinds: set[str]) -> Iterator[Block]:
    kind = kind_of(rules.PARTS, part, at)
    if kind not in kinds:
        raise Untranslatable(inside(at, "type"), f"“{kind}” has no place in this message")
    if kind == "image_url":
        url = admit(rules.IMAGE_PART, part, at).get("image_url")
        at = inside(at, "image_url")
        yield {"type": "image", "source": _picture(admit(rules.IMAGE_URL, url, at).get("url"), inside(at, "url"))}
    elif kind == "file":
        yield _document(admit(rules.FILE_PART, part, at).get("file"), inside(at, "file"))
    else:
        said = admit(rules.TEXT_PART if kind == "text" else rules.REFUSAL_PART, part, at)
        if text := a_text(said.get(kind), inside(at, kind)):
            yield {"type": "text", "text": text}


def _picture(url: object, at: str) -> dict[str, str]:
    text = a_text(url, at)
    if not text.lower().startswith("data:"):
        return {"type": "url", "url": text}
    kind, data = _data(text, at)
    if kind not in _PICTURES:
        raise Untranslatable(at, "Anthropic takes JPEG, PNG, GIF and WebP alone")
    return {"type": "base64", "media_type": kind, "data": data}


def _document(value: object, at: str) -> Block:
    file = admit(rules.FILE, value, at)
    kind, data = _data(a_text(file.get("file_data"), inside(at, "file_data")), inside(at, "file_data"))
    if kind != "application/pdf":
        raise Untranslatable(inside(at, "file_data"), "Anthropic takes PDF alone")
    made: Block = {"type": "document", "source": {"type": "base64", "media_type": kind, "data": data}}
    return made | ({"title": a_text(file["filename"], inside(at, "filename"))} if "filename" in file else {})


def _data(url: str, at: str) -> tuple[str, str]:
    found = _DATA_URL.match(url)
    if not found:
        raise Untranslatable(at, "a data URL must name its kind and be in base64")
    return found[1].lower(), url[found.end() :]


def _thought(value: object, at: str) -> Block:
    block = an_object(value, at)
    if block.get("type") == "redacted_thinking":
        return {"type": "redacted_thinking", "data": a_text(block.get("data"), inside(at, "data"))}
    if block.get("type") != "thinking":
        raise Untranslatable(inside(at, "type"), "it must be “thinking” or “redacted_thinking”")
    thought, mark = (a_text(block.get(name), inside(at, name)) for name in ("thinking", "signature"))
    return {"type": "thinking", "thinking": thought, "signature": mark}


def _call(value: object, at: str) -> Block:
    call = an_object(value, at)
    if call.get("type") is not None:
        kind_of(rules.TOOL_CALLS, call, at)
    kept = admit(rules.TOOL_CALL, call, at)
    function = admit(rules.CALLED_FUNCTION, kept.get("function"), inside(at, "function"))
    name = a_text(function.get("name"), inside(at, "function.name"))
    arguments = input_of(function.get("arguments"), inside(at, "function.arguments"))
    return {"type": "tool_use", "id": fit_id(kept.get("id"), inside(at, "id")), "name": name, "input": arguments}


def input_of(arguments: object, at: str) -> Mapping[str, Any]:
    """Return what a tool was called with. Raises Untranslatable unless it is the text of a JSON object."""
    text = a_text(arguments, at)
    try:
        return an_object(read_json(text) if text.strip() else {}, at)
    except ValueError as error:
        raise Untranslatable(at, "it must be a JSON object") from error


def fit_id(value: object, at: str) -> str:
    """Return a call's id in the signs that Anthropic takes, always the same for the same id."""
    text = a_text(value, at)
    if _FIT_ID.fullmatch(text):
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{_UNFIT.sub('_', text)[:40]}_{digest}"
