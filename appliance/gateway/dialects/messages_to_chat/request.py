"""A request for Anthropic's messages, as one for a chat completion."""

import hashlib
from collections.abc import Mapping
from typing import Any

from appliance.gateway.dialects.messages_to_chat import rules
from appliance.gateway.dialects.messages_to_chat.conversation import system_message, turn
from appliance.gateway.dialects.refusals import Untranslatable
from appliance.gateway.dialects.rules import (
    a_count,
    a_list,
    a_number,
    a_text,
    admit,
    an_object,
    inside,
    kind_of,
    one_of,
)

LONGEST_USER = 64
_BUDGETS = ((4_096, "low"), (16_384, "medium"))
_EFFORTS = {one: one for one in ("low", "medium", "high", "xhigh", "max")}
_CHOICES = {"auto": "auto", "any": "required", "none": "none", "tool": "function"}
_THINKING = {"adaptive": None, "disabled": "none", "enabled": "budget"}
_TIERS = {"auto": "auto", "standard_only": "default"}


def cross_request(body: object, *, max_tokens_name: str = "max_completion_tokens") -> dict[str, Any]:
    """Return the request for the provider. Raises Untranslatable, naming the field."""
    asked = admit(rules.REQUEST, body, "")
    made: dict[str, Any] = {"model": a_text(asked.get("model"), "model")}
    made["messages"] = system_message(asked.get("system"))
    for number, one in enumerate(a_list(asked.get("messages"), "messages")):
        made["messages"] += turn(one, inside("messages", number))
    made[max_tokens_name] = a_count(asked.get("max_tokens"), "max_tokens")
    made |= _tools(asked) | _output(asked) | _sampling(asked)
    user = admit(rules.METADATA, asked.get("metadata", {}), "metadata").get("user_id")
    if user:
        made["safety_identifier"] = _short(a_text(user, "metadata.user_id"))
    if "service_tier" in asked:
        made["service_tier"] = one_of(asked["service_tier"], _TIERS, "service_tier")
    if asked.get("stream"):
        made |= {"stream": True, "stream_options": {"include_usage": True}}
    return made


def _short(user: str) -> str:
    return user if len(user) <= LONGEST_USER else hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()


def _sampling(asked: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        name: a_number(asked[name], name, least=0, most=1) for name in ("temperature", "top_p") if name in asked
    }
    if stop := a_list(asked.get("stop_sequences", []), "stop_sequences"):
        made["stop"] = [a_text(one, inside("stop_sequences", number)) for number, one in enumerate(stop)]
    return made


def _output(asked: Mapping[str, Any]) -> dict[str, Any]:
    config = admit(rules.OUTPUT_CONFIG, asked.get("output_config", {}), "output_config")
    effort = one_of(config["effort"], _EFFORTS, "output_config.effort") if "effort" in config else None
    if "thinking" in asked:
        effort = _effort(asked["thinking"], effort)
    made: dict[str, Any] = {"reasoning_effort": effort} if effort else {}
    if "format" in config:
        at = "output_config.format"
        wanted = admit(rules.FORMAT, config["format"], at)
        one_of(wanted.get("type"), {"json_schema": True}, inside(at, "type"))
        schema = an_object(wanted.get("schema"), inside(at, "schema"))
        named = {"name": "answer", "schema": schema, "strict": True}
        made["response_format"] = {"type": "json_schema", "json_schema": named}
    return made


def _effort(thinking: object, effort: str | None) -> str | None:
    wanted = admit(rules.THINKING, thinking, "thinking")
    way = one_of(wanted.get("type"), _THINKING, "thinking.type")
    if way != "budget":
        return way or effort
    budget = a_count(wanted.get("budget_tokens"), "thinking.budget_tokens")
    return effort or next((name for most, name in _BUDGETS if budget < most), "high")


def _tools(asked: Mapping[str, Any]) -> dict[str, Any]:
    tools = [_tool(one, inside("tools", number)) for number, one in enumerate(a_list(asked.get("tools", []), "tools"))]
    choice = admit(rules.TOOL_CHOICE, asked.get("tool_choice", {}), "tool_choice")
    kind = one_of(choice["type"], _CHOICES, "tool_choice.type") if choice else "auto"
    if not tools:
        if kind not in {"auto", "none"}:
            raise Untranslatable("tool_choice", "there are no tools to choose from")
        return {}
    made: dict[str, Any] = {"tools": tools}
    if kind == "function":
        name = a_text(choice.get("name"), "tool_choice.name")
        made["tool_choice"] = {"type": "function", "function": {"name": name}}
    elif choice:
        made["tool_choice"] = kind
    return made | ({"parallel_tool_calls": False} if choice.get("disable_parallel_tool_use") else {})


def _tool(value: object, at: str) -> dict[str, Any]:
    if an_object(value, at).get("type") is not None:
        kind_of(rules.TOOLS, value, at)
    tool = admit(rules.TOOL, value, at)
    function: dict[str, Any] = {"name": a_text(tool.get("name"), inside(at, "name"))}
    if "description" in tool:
        function["description"] = a_text(tool["description"], inside(at, "description"))
    function["parameters"] = an_object(tool.get("input_schema"), inside(at, "input_schema"))
    return {"type": "function", "function": function | ({"strict": True} if tool.get("strict") else {})}
