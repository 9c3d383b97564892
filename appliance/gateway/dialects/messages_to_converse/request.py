"""A request for Anthropic's messages, as one for Bedrock's Converse. `modelId` and `stream` belong into its address."""

from collections.abc import Mapping
from typing import Any, Final

from appliance.gateway.dialects.bodies import write_json
from appliance.gateway.dialects.messages_to_converse import rules
from appliance.gateway.dialects.messages_to_converse.conversation import system_blocks, turn
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

_CHOICES: Final = {"auto": "auto", "any": "any", "tool": "tool"}
_SAMPLING: Final = {"temperature": "temperature", "top_p": "topP"}


def cross_request(body: object) -> dict[str, Any]:
    """Return the request for AWS. Raises Untranslatable, naming the field."""
    asked = admit(rules.REQUEST, body, "")
    made: dict[str, Any] = {"modelId": a_text(asked.get("model"), "model")}
    if system := system_blocks(asked.get("system")):
        made["system"] = system
    turns = a_list(asked.get("messages"), "messages")
    made["messages"] = [turn(one, inside("messages", number)) for number, one in enumerate(turns)]
    if wanted := _inference(asked):
        made["inferenceConfig"] = wanted
    made |= _tools(asked) | _output(asked)
    return made | ({"stream": True} if asked.get("stream") else {})


def _inference(asked: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"maxTokens": a_count(asked["max_tokens"], "max_tokens")} if "max_tokens" in asked else {}
    made |= {
        theirs: a_number(asked[name], name, least=0, most=1) for name, theirs in _SAMPLING.items() if name in asked
    }
    if stops := a_list(asked.get("stop_sequences", []), "stop_sequences"):
        made["stopSequences"] = [a_text(one, inside("stop_sequences", number)) for number, one in enumerate(stops)]
    return made


def _tools(asked: Mapping[str, Any]) -> dict[str, Any]:
    tools = [_tool(one, inside("tools", number)) for number, one in enumerate(a_list(asked.get("tools", []), "tools"))]
    choice = admit(rules.TOOL_CHOICE, asked.get("tool_choice", {}), "tool_choice")
    kind = one_of(choice.get("type"), _CHOICES, "tool_choice.type") if choice else "auto"
    if not tools:
        if kind != "auto":
            raise Untranslatable("tool_choice", "there are no tools to choose from")
        return {}
    named = {"name": a_text(choice.get("name"), "tool_choice.name")} if kind == "tool" else {}
    return {"toolConfig": {"tools": tools} | ({"toolChoice": {kind: named}} if choice else {})}


def _tool(value: object, at: str) -> dict[str, Any]:
    if an_object(value, at).get("type") is not None:
        kind_of(rules.TOOLS, value, at)
    tool = admit(rules.TOOL, value, at)
    made: dict[str, Any] = {"name": a_text(tool.get("name"), inside(at, "name"))}
    if description := tool.get("description"):
        made["description"] = a_text(description, inside(at, "description"))
    made["inputSchema"] = {"json": an_object(tool.get("input_schema"), inside(at, "input_schema"))}
    return {"toolSpec": made | ({"strict": True} if tool.get("strict") else {})}


def _output(asked: Mapping[str, Any]) -> dict[str, Any]:
    config = admit(rules.OUTPUT_CONFIG, asked.get("output_config", {}), "output_config")
    made: dict[str, Any] = {}
    if "effort" in config:
        made["effort"] = a_text(config["effort"], "output_config.effort")
    if "format" in config:
        at = "output_config.format"
        wanted = admit(rules.FORMAT, config["format"], at)
        one_of(wanted.get("type"), {"json_schema": True}, inside(at, "type"))
        schema = write_json(an_object(wanted.get("schema"), inside(at, "schema"))).decode()
        made["textFormat"] = {"type": "json_schema", "structure": {"jsonSchema": {"schema": schema, "name": "answer"}}}
    return {"outputConfig": made} if made else {}
