"""Bedrock's Converse for the tests: a request for each row of its table, and answers and streams as AWS gives them.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html; `BOTOCORE` asks AWS's own library
whether they are what it says.
"""

import json
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.dialect_samples import OF_KIND, SCHEMA, VALUES
from tests.support.model_host import Reply
from tests.support.roots import MOTO
from tests.support.upstreams import ARGUMENTS, GIVEN, TEXT, Event, message

Object = dict[str, Any]
PNG = {"type": "base64", "media_type": "image/png", "data": "iVBO"}
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}
TOOL: Object = {"name": "f", "input_schema": {"type": "object"}}


def asked(**fields: Any) -> Object:
    return {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]} | fields


def turn(*blocks: Object, role: str = "user") -> Object:
    return asked(messages=[{"role": "user", "content": "x"}, {"role": role, "content": list(blocks)}])


HOLDERS: Mapping[str, tuple[Object, Callable[[Object], Object]]] = {
    "The request": (asked(), lambda it: it),
    "A block of `system`": ({"type": "text", "text": "y"}, lambda it: asked(system=[it])),
    "A message": ({"role": "user", "content": "y"}, lambda it: asked(messages=[it])),
    "A block `text`": ({"type": "text", "text": "y"}, turn),
    "A block `image`": ({"type": "image", "source": PNG}, turn),
    "A block `document`": ({"type": "document", "source": PDF}, turn),
    "A block `tool_use`": ({"type": "tool_use", "id": "t", "name": "f", "input": {}}, lambda it: turn(it, role="assistant")),
    "A block `tool_result`": ({"type": "tool_result", "tool_use_id": "t", "content": "y"}, turn),
    "A block `thinking`": ({"type": "thinking", "thinking": "t", "signature": ""}, lambda it: turn(it, role="assistant")),
    "A block `redacted_thinking`": ({"type": "redacted_thinking", "data": "eA=="}, lambda it: turn(it, role="assistant")),
    "A tool": (TOOL, lambda it: asked(tools=[it])),
    "`tool_choice`": ({"type": "auto"}, lambda it: asked(tools=[TOOL], tool_choice=it)),
    "`output_config`": ({}, lambda it: asked(output_config=it)),
    "`output_config.format`": ({"type": "json_schema", "schema": {}}, lambda it: asked(output_config={"format": it})),
}
_OF_ASSISTANTS = {"tool_use", "thinking", "redacted_thinking"}
KINDS: Mapping[str, Callable[[Object], Object]] = {
    "Blocks of a message, by `type`": lambda it: turn(it, role="assistant" if it["type"] in _OF_ASSISTANTS else "user"),
    "The `source` of an `image`, by `type`": lambda it: turn({"type": "image", "source": it}),
    "The `source` of a `document`, by `type`": lambda it: turn({"type": "document", "source": it}),
    "Tools, by `type`": lambda it: asked(tools=[it]),
}
KNOWN: Mapping[str, Object] = {
    **OF_KIND,
    "image": {"source": PNG},
    "redacted_thinking": {"data": "eA=="},
    "The `source` of an `image`, by `type`/base64": PNG,
    "The `source` of a `document`, by `type`/text": {"data": "y"},
}
GIVES: Mapping[str, Any] = {
    **VALUES,
    "thinking": "another",
    "data": "eQ==",
    "The request/thinking": {"type": "enabled", "budget_tokens": 2000},
    "The request/tools": [TOOL],
    "The request/tool_choice": {"type": "any"},
    "A block `image`/source": PNG | {"data": "AAAA"},
    "A block `document`/source": {"type": "text", "data": "another"},
    "A block `document`/citations": {"enabled": True},
    "`tool_choice`/type": "any",
}
WITH: Mapping[str, Object] = {
    "The request/tool_choice": {"tools": [TOOL]},
    "`tool_choice`/name": {"type": "tool", "name": "f"},
}
# All that can be asked, in one request.
WHOLE = asked(
    system="Be brief.", stop_sequences=["END"], temperature=0.5, top_p=0.9, stream=False,
    tools=[TOOL | {"description": "d", "strict": True}], tool_choice={"type": "tool", "name": "f"},
    output_config={"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
    messages=[
        {"role": "user", "content": [{"type": "image", "source": PNG}, {"type": "document", "source": PDF, "context": "c"},
                                     {"type": "document", "source": {"type": "text", "data": "y"}}, {"type": "text", "text": "x"}]},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": "s"}, {"type": "redacted_thinking", "data": "eA=="},
                                          {"type": "tool_use", "id": "tooluse_1", "name": "f", "input": GIVEN}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "tooluse_1", "is_error": True,
                                      "content": [{"type": "text", "text": "no"}, {"type": "image", "source": PNG}]}]},
    ],
)  # fmt: skip
USAGE = {
    "inputTokens": 35, "outputTokens": 30, "totalTokens": 130, "cacheReadInputTokens": 60, "cacheWriteInputTokens": 5,
}  # fmt: skip
ANSWER: Object = {
    "output": {"message": {"role": "assistant", "content": [
        {"reasoningContent": {"reasoningText": {"text": "They ask for weather.", "signature": "c2lnbg=="}}},
        {"text": "".join(TEXT)},
        {"toolUse": {"toolUseId": "tooluse_1", "name": "weather", "input": GIVEN}},
        {"toolUse": {"toolUseId": "tooluse_2", "name": "now", "input": {}}},
    ]}},
    "stopReason": "tool_use", "usage": USAGE, "metrics": {"latencyMs": 400},
}  # fmt: skip


def events() -> list[tuple[str, Event]]:
    """The stream of ANSWER: texts and thoughts begin with their first piece."""
    thought = [{"text": "They ask "}, {"text": "for weather."}, {"signature": "c2lnbg=="}]
    found: list[tuple[str, Event]] = [("messageStart", {"role": "assistant"})]
    found += [_delta(0, {"reasoningContent": one}) for one in thought] + [_stop(0)]
    found += [_delta(1, {"text": one}) for one in TEXT] + [_stop(1)]
    found += [_tool(2, "tooluse_1", "weather"), *(_delta(2, {"toolUse": {"input": one}}) for one in ARGUMENTS), _stop(2)]
    found += [_tool(3, "tooluse_2", "now"), _delta(3, {"toolUse": {"input": "{}"}}), _stop(3)]
    found += [("messageStop", {"stopReason": "tool_use"}), ("metadata", {"usage": USAGE, "metrics": {"latencyMs": 400}})]
    return found


def _delta(index: int, delta: Object) -> tuple[str, Event]:
    return "contentBlockDelta", {"contentBlockIndex": index, "delta": delta}


def _stop(index: int) -> tuple[str, Event]:
    return "contentBlockStop", {"contentBlockIndex": index}


def _tool(index: int, call_id: str, name: str) -> tuple[str, Event]:
    return "contentBlockStart", {"contentBlockIndex": index, "start": {"toolUse": {"toolUseId": call_id, "name": name}}}


def wrapped_events(given: list[tuple[str, Event]]) -> list[bytes]:
    """The stream as AWS sends it; `p` pads it to other lengths."""
    return [
        message({":event-type": name, ":content-type": "application/json", ":message-type": "event"},
                json.dumps(body | {"p": "abcdefg"[: n % 7]}, ensure_ascii=False).encode())
        for n, (name, body) in enumerate(given)
    ]  # fmt: skip


# Holds what is given against AWS's own description of its service; bytes stand there in Base64.
BOTOCORE = """
import base64, json, sys
import botocore.session
from botocore.validate import ParamValidator
service = botocore.session.get_session().get_service_model("bedrock-runtime")
def read(value, shape, at):
    if shape.type_name == "blob":
        return base64.b64decode(value, validate=True)
    if shape.type_name == "structure" and not shape.is_document_type:
        unknown = set(value) - set(shape.members)
        if unknown:
            raise SystemExit(f"{at}: AWS knows no {unknown}")
        return {name: read(one, shape.members[name], f"{at}.{name}") for name, one in value.items()}
    if shape.type_name == "list":
        return [read(one, shape.member, f"{at}[]") for one in value]
    return value
for given in json.load(sys.stdin):
    operation = service.operation_model(given["operation"])
    shape = operation.input_shape if given["way"] == "in" else operation.output_shape
    for name in given.get("inside", []):
        shape = shape.members[name]
    report = ParamValidator().validate(read(given["value"], shape, given["operation"]), shape)
    if report.has_errors():
        raise SystemExit(report.generate_report())
print("good")
"""


def check_with_aws(*given: Object) -> None:
    """Fail unless AWS's own library takes all of it."""
    done = subprocess.run([str(MOTO), "-c", BOTOCORE], input=json.dumps(given), capture_output=True, text=True, check=False)
    assert done.stdout == "good\n", done.stderr[-2000:]


def from_bedrock(pieces: list[bytes], **more: Any) -> Reply:
    """Return a stream as Bedrock sends one."""
    return Reply(pieces=pieces, kind="application/vnd.amazon.eventstream", **more)
