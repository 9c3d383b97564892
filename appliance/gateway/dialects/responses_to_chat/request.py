"""A request of OpenAI's Responses API, as one for a chat completion."""

from collections.abc import Mapping
from typing import Any

from appliance.gateway.dialects.refusals import Untranslatable
from appliance.gateway.dialects.responses_to_chat import rules
from appliance.gateway.dialects.responses_to_chat.conversation import Conversation
from appliance.gateway.dialects.rules import a_list, a_text, admit, an_object, inside, kind_of, one_of

_SAME = ("temperature", "top_p", "parallel_tool_calls", "safety_identifier", "user", "service_tier")
_CHOICES = {one: one for one in ("auto", "none", "required")}
_INCLUDED = "reasoning.encrypted_content"


def cross_request(
    body: object, *, is_for_claude: bool, max_tokens_name: str = "max_completion_tokens"
) -> dict[str, Any]:
    """Return the chat completion's request. Raises Untranslatable, naming the field.

    `is_for_claude`: what only Claude takes, its own thoughts and pictures that a tool answered, may be in it.
    """
    asked = admit(rules.REQUEST, body, "")
    for number, one in enumerate(a_list(asked.get("include", []), "include")):
        if one != _INCLUDED:
            raise Untranslatable(inside("include", number), f"“{_INCLUDED}” alone is told")
    conversation = Conversation(is_for_claude=is_for_claude)
    if "instructions" in asked:
        conversation.say("system", a_text(asked["instructions"], "instructions"))
    conversation.take(asked.get("input"))
    made: dict[str, Any] = {"model": a_text(asked.get("model"), "model"), "messages": conversation.messages}
    if "max_output_tokens" in asked:
        made[max_tokens_name] = asked["max_output_tokens"]
    made |= {name: asked[name] for name in _SAME if name in asked}
    made |= _tools(asked) | _text(asked)
    if "effort" in (reasoning := admit(rules.REASONING_CONFIG, asked.get("reasoning", {}), "reasoning")):
        made["reasoning_effort"] = a_text(reasoning["effort"], "reasoning.effort")
    if asked.get("stream"):
        made |= {"stream": True, "stream_options": {"include_usage": True}}
    return made


def _text(asked: Mapping[str, Any]) -> dict[str, Any]:
    text = admit(rules.TEXT, asked.get("text", {}), "text")
    made = {"verbosity": text["verbosity"]} if "verbosity" in text else {}
    if "format" not in text or (kind := kind_of(rules.FORMATS, text["format"], "text.format")) == "text":
        return made
    if kind == "json_object":
        return made | {"response_format": {"type": kind}}
    named = admit(rules.FORMAT, text["format"], "text.format")
    named.pop("type")
    return made | {"response_format": {"type": kind, kind: named}}


def _tools(asked: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    tools = a_list(asked.get("tools", []), "tools")
    if tools:
        made["tools"] = [_tool(one, inside("tools", number)) for number, one in enumerate(tools)]
    if "tool_choice" in asked:
        made["tool_choice"] = _choice(asked["tool_choice"])
    return made


def _tool(value: object, at: str) -> dict[str, Any]:
    kind_of(rules.TOOLS, value, at)
    function = admit(rules.TOOL, value, at)
    a_text(function.get("name"), inside(at, "name"))
    function.pop("type")
    return {"type": "function", "function": function}


def _choice(wanted: object) -> str | dict[str, Any]:
    if isinstance(wanted, str):
        return str(one_of(wanted, _CHOICES, "tool_choice"))
    kind = kind_of(rules.TOOL_CHOICES, wanted, "tool_choice")
    choice = an_object(wanted, "tool_choice")
    if kind == "function":
        return {"type": kind, kind: {"name": a_text(choice.get("name"), "tool_choice.name")}}
    tools = []
    for number, one in enumerate(a_list(choice.get("tools"), "tool_choice.tools")):
        at = inside("tool_choice.tools", number)
        kind_of(rules.TOOLS, one, at)
        tools.append({"type": "function", "function": {"name": a_text(one.get("name"), inside(at, "name"))}})
    return {"type": kind, kind: {"mode": one_of(choice.get("mode"), _CHOICES, "tool_choice.mode"), "tools": tools}}
