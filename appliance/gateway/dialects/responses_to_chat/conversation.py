"""The items of the Responses API's input, as a chat completion's messages."""

from collections.abc import Mapping
from typing import Any

from appliance.gateway.dialects.refusals import Untranslatable
from appliance.gateway.dialects.responses_to_chat import rules
from appliance.gateway.dialects.responses_to_chat.thoughts import thought_of
from appliance.gateway.dialects.rules import a_list, a_text, admit, an_object, inside, kind_of, one_of

Message = dict[str, Any]

_ROLES = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}
_KINDS = {
    "user": {"input_text", "input_image", "input_file"},
    "assistant": {"output_text", "input_text", "refusal"},
    "system": {"input_text"},
    "tool": {"input_text", "input_image"},
}


class Conversation:
    """Gathers messages; thoughts, words and calls that follow one another are one turn of the assistant's."""

    def __init__(self, *, is_for_claude: bool) -> None:
        self._is_for_claude = is_for_claude
        self.messages: list[Message] = []

    def say(self, role: str, content: str | list[Message]) -> None:
        """Add a message."""
        self.messages.append({"role": role, "content": content})

    def take(self, given: object) -> None:
        """Add what `input` holds. Raises Untranslatable."""
        if isinstance(given, str):
            self.say("user", given)
            return
        for number, item in enumerate(a_list(given, "input")):
            at = inside("input", number)
            kind = "message" if an_object(item, at).get("type") is None else kind_of(rules.ITEMS, item, at)
            if kind == "message":
                self._message(item, at)
            elif kind == "function_call":
                self._call(item, at)
            elif kind == "function_call_output":
                self._result(item, at)
            else:
                self._thought(item, at)

    def _message(self, item: object, at: str) -> None:
        said = admit(rules.MESSAGE, item, at)
        role = one_of(said.get("role"), _ROLES, inside(at, "role"))
        content = _content(said.get("content"), inside(at, "content"), _KINDS[role])
        if role != "assistant":
            self.say(role, content)
            return
        self._turn("content")["content"] = content

    def _call(self, item: object, at: str) -> None:
        call = admit(rules.FUNCTION_CALL, item, at)
        name, arguments, call_id = (a_text(call.get(one), inside(at, one)) for one in ("name", "arguments", "call_id"))
        made = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
        self._turn().setdefault("tool_calls", []).append(made)

    def _result(self, item: object, at: str) -> None:
        result = admit(rules.FUNCTION_CALL_OUTPUT, item, at)
        content = _content(result.get("output"), inside(at, "output"), _KINDS["tool"])
        if not self._is_for_claude and isinstance(content, list) and any(one["type"] != "text" for one in content):
            raise Untranslatable(inside(at, "output"), "a chat completion's tools answer in text alone")
        call_id = a_text(result.get("call_id"), inside(at, "call_id"))
        self.messages.append({"role": "tool", "tool_call_id": call_id, "content": content})

    def _thought(self, item: object, at: str) -> None:
        block = thought_of(admit(rules.REASONING, item, at), at)
        if block is None:
            return
        if not self._is_for_claude:
            reason = "only the model that thought it can use it; leave it out to go on with this model"
            raise Untranslatable(inside(at, "encrypted_content"), reason)
        self._turn("content", "tool_calls").setdefault("thinking_blocks", []).append(block)

    def _turn(self, *unless: str) -> Message:
        """Return the assistant's turn that is under way, or a new one if there is none or it has such a field."""
        last = self.messages[-1] if self.messages else {}
        if last.get("role") != "assistant" or any(name in last for name in unless):
            last = {"role": "assistant"}
            self.messages.append(last)
        return last


def _content(content: object, at: str, kinds: set[str]) -> str | list[Message]:
    if isinstance(content, str):
        return content
    parts = [_part(one, inside(at, number), kinds) for number, one in enumerate(a_list(content, at))]
    is_one_text = len(parts) == 1 and parts[0]["type"] == "text"
    return str(parts[0]["text"]) if is_one_text else parts


def _part(part: object, at: str, kinds: set[str]) -> Message:
    kind = kind_of(rules.PARTS, part, at)
    if kind not in kinds:
        raise Untranslatable(inside(at, "type"), f"“{kind}” has no place in this message")
    if kind == "refusal":
        return {"type": kind, kind: a_text(admit(rules.REFUSAL_PART, part, at).get(kind), inside(at, kind))}
    if kind == "input_image":
        return {"type": "image_url", "image_url": _picture(admit(rules.IMAGE_PART, part, at), at)}
    if kind == "input_file":
        file = admit(rules.FILE_PART, part, at)
        file.pop("type")
        return {"type": "file", "file": file}
    return {"type": "text", "text": a_text(admit(rules.TEXT_PART, part, at).get("text"), inside(at, "text"))}


def _picture(image: Mapping[str, Any], at: str) -> dict[str, Any]:
    url = a_text(image.get("image_url"), inside(at, "image_url"))
    return {"url": url} | ({"detail": image["detail"]} if "detail" in image else {})
