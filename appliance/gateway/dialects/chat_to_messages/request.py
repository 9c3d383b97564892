"""A chat completion's request, as one for Anthropic's messages."""

from collections.abc import Mapping, Sequence
from typing import Any

from appliance.gateway.dialects.chat_to_messages import rules
from appliance.gateway.dialects.chat_to_messages.conversation import conversation
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

_EFFORTS = {
    "none": None, "minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max",
}  # fmt: skip
_CHOICES = {"auto": "auto", "required": "any", "none": "none"}
_TIERS = {"auto": "auto", "default": "standard_only"}


def cross_request(body: object) -> dict[str, Any]:
    """Return the request for Anthropic. Raises Untranslatable, naming the field."""
    asked = admit(rules.REQUEST, body, "")
    system, messages = conversation(a_list(asked.get("messages"), "messages"))
    made: dict[str, Any] = {"model": a_text(asked.get("model"), "model"), "max_tokens": _max_tokens(asked)}
    if system:
        made["system"] = system
    made["messages"] = messages
    made |= _tools(asked)
    made |= _output(asked, tool_choice=made.get("tool_choice"))
    made |= _sampling(asked)
    if user := asked.get("safety_identifier") or asked.get("user"):
        made["metadata"] = {"user_id": a_text(user, "user")}
    if "service_tier" in asked:
        made["service_tier"] = one_of(asked["service_tier"], _TIERS, "service_tier")
    if "stream_options" in asked:
        admit(rules.STREAM_OPTIONS, asked["stream_options"], "stream_options")
    if "stream" in asked:
        made["stream"] = bool(asked["stream"])
    return made


def _max_tokens(asked: Mapping[str, Any]) -> int:
    name = "max_completion_tokens" if "max_completion_tokens" in asked else "max_tokens"
    return a_count(asked.get(name, rules.DEFAULT_MAX_TOKENS), name)


def _sampling(asked: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name in ("temperature", "top_p"):
        if name in asked:
            made[name] = a_number(asked[name], name, least=0, most=1)
    if stop := asked.get("stop"):
        texts = [stop] if isinstance(stop, str) else a_list(stop, "stop")
        made["stop_sequences"] = [a_text(one, inside("stop", number)) for number, one in enumerate(texts)]
    return made


def _output(asked: Mapping[str, Any], *, tool_choice: Mapping[str, Any] | None) -> dict[str, Any]:
    made: dict[str, Any] = {}
    config: dict[str, Any] = {}
    if "reasoning_effort" in asked:
        effort = one_of(asked["reasoning_effort"], _EFFORTS, "reasoning_effort")
        if effort is None:
            made["thinking"] = {"type": "disabled"}
        else:
            config["effort"] = effort
            # A model that is made to call a tool cannot think first: asked for both, Anthropic refuses.
            if not tool_choice or tool_choice["type"] in {"auto", "none"}:
                made["thinking"] = {"type": "adaptive"}
    if (schema := _schema(asked.get("response_format"))) is not None:
        config["format"] = {"type": "json_schema", "schema": schema}
    return made | ({"output_config": config} if config else {})


def _schema(wanted: object) -> Mapping[str, Any] | None:
    if wanted is None or kind_of(rules.FORMATS, wanted, "response_format") == "text":
        return None
    at = "response_format.json_schema"
    named = admit(rules.JSON_SCHEMA, an_object(wanted, "response_format").get("json_schema"), at)
    return an_object(named.get("schema"), inside(at, "schema"))


def _tools(asked: Mapping[str, Any]) -> dict[str, Any]:
    tools = [tool(one, inside("tools", number)) for number, one in enumerate(a_list(asked.get("tools", []), "tools"))]
    if not tools:
        if asked.get("tool_choice", "none") not in ("none", "auto"):
            raise Untranslatable("tool_choice", "there are no tools to choose from")
        return {}
    choice, allowed = _choice(asked.get("tool_choice"))
    if allowed is not None:
        tools = [one for one in tools if one["name"] in allowed]
    if "parallel_tool_calls" in asked and (choice or {"type": "auto"})["type"] != "none":
        choice = (choice or {"type": "auto"}) | {"disable_parallel_tool_use": True}
    return {"tools": tools} | ({"tool_choice": choice} if choice else {})


def tool(value: object, at: str) -> dict[str, Any]:
    """Return one tool as Anthropic has it."""
    kind_of(rules.TOOLS, value, at)
    inner = admit(rules.TOOL, value, at).get("function")
    at = inside(at, "function")
    function = admit(rules.FUNCTION, inner, at)
    made: dict[str, Any] = {"name": a_text(function.get("name"), inside(at, "name"))}
    if "description" in function:
        made["description"] = a_text(function["description"], inside(at, "description"))
    # OpenAI takes a function without parameters, and a schema that leaves its type unsaid.
    made["input_schema"] = {"type": "object"} | dict(
        an_object(function.get("parameters", {"properties": {}}), inside(at, "parameters"))
    )
    return made | ({"strict": True} if function.get("strict") else {})


def _choice(wanted: object) -> tuple[dict[str, Any] | None, Sequence[str] | None]:
    """Return Anthropic's choice, and to which tools it is bound if not to all."""
    at = "tool_choice"
    if wanted is None or isinstance(wanted, str):
        return None if wanted is None else {"type": one_of(wanted, _CHOICES, at)}, None
    kind = kind_of(rules.TOOL_CHOICES, wanted, at)
    inner = an_object(an_object(wanted, at).get(kind), inside(at, kind))
    if kind == "function":
        return {"type": "tool", "name": a_text(inner.get("name"), "tool_choice.function.name")}, None
    at = inside(at, kind)
    names = []
    for number, one in enumerate(a_list(inner.get("tools"), inside(at, "tools"))):
        place = inside(inside(at, "tools"), number)
        kind_of(rules.TOOLS, one, place)
        names.append(a_text(an_object(one.get("function"), place).get("name"), inside(place, "function.name")))
    return {"type": one_of(inner.get("mode"), _CHOICES, inside(at, "mode"))}, names
