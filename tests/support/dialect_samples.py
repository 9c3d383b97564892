"""For each row of deploy/docs/dialects.md a request that has the field, so that a test can prove what the row says."""

from collections.abc import Callable, Mapping
from typing import Any

from appliance.gateway.dialects import Dialect
from appliance.gateway.dialects.chat_to_messages import rules as chat
from appliance.gateway.dialects.messages_to_chat import rules as messages
from appliance.gateway.dialects.responses_to_chat import rules as responses
from appliance.gateway.dialects.rules import Rules

Object = dict[str, Any]
Embed = Callable[[Object], Object]

TABLES: Mapping[tuple[Dialect, Dialect], Mapping[str, Rules]] = {
    (Dialect.CHAT, Dialect.MESSAGES): chat.SECTIONS,
    (Dialect.MESSAGES, Dialect.CHAT): messages.SECTIONS,
    (Dialect.RESPONSES, Dialect.CHAT): responses.SECTIONS,
}
SCHEMA: Object = {"type": "object", "properties": {"a": {"type": "string"}}}
PDF = "data:application/pdf;base64,JVBE"
PNG = "data:image/png;base64,iVBO"


def _chat(**fields: Any) -> Object:
    return {"model": "m", "messages": [{"role": "user", "content": "x"}]} | fields


def _chat_turn(turn: Object) -> Object:
    return _chat(messages=[{"role": "user", "content": "x"}, turn])


def _chat_part(part: Object, *, role: str = "user") -> Object:
    return _chat_turn({"role": role, "content": [part]})


def _chat_call(call: Object) -> Object:
    return _chat_turn({"role": "assistant", "tool_calls": [call]})


def _chat_tool(tool: Object) -> Object:
    return _chat(tools=[tool])


def _turn(*blocks: Object, role: str = "user") -> Object:
    return _messages(messages=[{"role": role, "content": list(blocks)}])


def _messages(**fields: Any) -> Object:
    return {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]} | fields


def _responses(**fields: Any) -> Object:
    return {"model": "m", "input": "x"} | fields


def _item(*items: Object) -> Object:
    return _responses(input=list(items))


def _part(part: Object) -> Object:
    return _item({"role": "assistant" if part["type"] in {"refusal", "output_text"} else "user", "content": [part]})


_FUNCTION: Object = {"name": "f"}
_CHAT_CALL: Object = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
_CALLED: Object = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
_TOOL: Object = {"name": "f", "input_schema": {"type": "object"}}
_WANTED: Object = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}

# Each section's whole object, and the request that holds it.
HOLDERS: Mapping[tuple[Dialect, str], tuple[Object, Embed]] = {
    (Dialect.CHAT, "The request"): (_chat(), lambda it: it),
    (Dialect.CHAT, "`stream_options`"): ({}, lambda it: _chat(stream=True, stream_options=it)),
    (Dialect.CHAT, "A message of `system` or `developer`"): ({"role": "system", "content": "y"}, _chat_turn),
    (Dialect.CHAT, "A message of `user`"): ({"role": "user", "content": "y"}, _chat_turn),
    (Dialect.CHAT, "A message of `assistant`"): ({"role": "assistant", "content": "y"}, _chat_turn),
    (Dialect.CHAT, "A message of `tool`"): ({"role": "tool", "tool_call_id": "c", "content": "y"}, _chat_turn),
    (Dialect.CHAT, "A part `text`"): ({"type": "text", "text": "y"}, _chat_part),
    (Dialect.CHAT, "A part `refusal`"): ({"type": "refusal", "refusal": "y"}, lambda it: _chat_part(it, role="assistant")),
    (Dialect.CHAT, "A part `image_url`"): ({"type": "image_url", "image_url": {"url": PNG}}, _chat_part),
    (Dialect.CHAT, "Its `image_url`"): ({"url": PNG}, lambda it: _chat_part({"type": "image_url", "image_url": it})),
    (Dialect.CHAT, "A part `file`"): ({"type": "file", "file": {"file_data": PDF}}, _chat_part),
    (Dialect.CHAT, "Its `file`"): ({"file_data": PDF}, lambda it: _chat_part({"type": "file", "file": it})),
    (Dialect.CHAT, "A tool"): ({"type": "function", "function": _FUNCTION}, _chat_tool),
    (Dialect.CHAT, "Its `function`"): (_FUNCTION, lambda it: _chat_tool({"type": "function", "function": it})),
    (Dialect.CHAT, "A tool call"): (_CHAT_CALL, _chat_call),
    (Dialect.CHAT, "The `function` of a tool call"): (_CHAT_CALL["function"], lambda it: _chat_call(_CHAT_CALL | {"function": it})),
    (Dialect.CHAT, "`json_schema`"): (_WANTED["json_schema"], lambda it: _chat(response_format={"type": "json_schema", "json_schema": it})),
    (Dialect.MESSAGES, "The request"): (_messages(), lambda it: it),
    (Dialect.MESSAGES, "A block of `system`"): ({"type": "text", "text": "y"}, lambda it: _messages(system=[it])),
    (Dialect.MESSAGES, "A message"): ({"role": "user", "content": "y"}, lambda it: _messages(messages=[it])),
    (Dialect.MESSAGES, "A block `text`"): ({"type": "text", "text": "y"}, _turn),
    (Dialect.MESSAGES, "A block `image`"): ({"type": "image", "source": {"type": "url", "url": "https://x"}}, _turn),
    (Dialect.MESSAGES, "A block `document`"): ({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "y"}}, _turn),
    (Dialect.MESSAGES, "A block `tool_use`"): (
        {"type": "tool_use", "id": "t", "name": "f", "input": {}}, lambda it: _turn(it, role="assistant")
    ),
    (Dialect.MESSAGES, "A block `tool_result`"): ({"type": "tool_result", "tool_use_id": "t", "content": "y"}, _turn),
    (Dialect.MESSAGES, "A block `thinking`"): (
        {"type": "thinking", "thinking": "", "signature": ""}, lambda it: _turn(it, {"type": "text", "text": "y"}, role="assistant")
    ),
    (Dialect.MESSAGES, "A tool"): (_TOOL, lambda it: _messages(tools=[it])),
    (Dialect.MESSAGES, "`tool_choice`"): ({"type": "auto"}, lambda it: _messages(tools=[_TOOL], tool_choice=it)),
    (Dialect.MESSAGES, "`thinking`"): ({"type": "adaptive"}, lambda it: _messages(thinking=it)),
    (Dialect.MESSAGES, "`output_config`"): ({}, lambda it: _messages(output_config=it)),
    (Dialect.MESSAGES, "`output_config.format`"): ({"type": "json_schema", "schema": {}}, lambda it: _messages(output_config={"format": it})),
    (Dialect.MESSAGES, "`metadata`"): ({}, lambda it: _messages(metadata=it)),
    (Dialect.RESPONSES, "The request"): (_responses(), lambda it: it),
    (Dialect.RESPONSES, "A message"): ({"role": "user", "content": "y"}, _item),
    (Dialect.RESPONSES, "A part `input_text` or `output_text`"): ({"type": "input_text", "text": "y"}, _part),
    (Dialect.RESPONSES, "A part `refusal`"): ({"type": "refusal", "refusal": "y"}, _part),
    (Dialect.RESPONSES, "A part `input_image`"): ({"type": "input_image", "image_url": PNG}, _part),
    (Dialect.RESPONSES, "A part `input_file`"): ({"type": "input_file", "file_data": PDF}, _part),
    (Dialect.RESPONSES, "An item `function_call`"): (_CALLED, _item),
    (Dialect.RESPONSES, "An item `function_call_output`"): ({"type": "function_call_output", "call_id": "c", "output": "y"}, _item),
    (Dialect.RESPONSES, "An item `reasoning`"): ({"type": "reasoning", "summary": []}, lambda it: _item({"role": "user", "content": "x"}, it)),
    (Dialect.RESPONSES, "A tool"): ({"type": "function", "name": "f"}, lambda it: _responses(tools=[it])),
    (Dialect.RESPONSES, "`reasoning`"): ({}, lambda it: _responses(reasoning=it)),
    (Dialect.RESPONSES, "`text`"): ({}, lambda it: _responses(text=it)),
    (Dialect.RESPONSES, "`text.format`"): ({"type": "json_schema", "name": "n", "schema": {}}, lambda it: _responses(text={"format": it})),
}  # fmt: skip
# The sections whose rows are kinds: an object of the kind, and the request that holds it.
KINDS: Mapping[tuple[Dialect, str], Embed] = {
    (Dialect.CHAT, "Parts of a message, by `type`"): lambda it: _chat_part(
        it, role="assistant" if it["type"] == "refusal" else "user"
    ),
    (Dialect.CHAT, "Tools, by `type`"): _chat_tool,
    (Dialect.CHAT, "Tool calls, by `type`"): _chat_call,
    (Dialect.CHAT, "`tool_choice`, by `type`"): lambda it: _chat(
        tools=[{"type": "function", "function": {"name": "f"}}], tool_choice=it
    ),
    (Dialect.CHAT, "`response_format`, by `type`"): lambda it: _chat(response_format=it),
    (Dialect.MESSAGES, "Blocks of a message, by `type`"): lambda it: _turn(
        it,
        {"type": "text", "text": "x"},
        role="assistant" if it["type"] in {"tool_use", "thinking", "redacted_thinking"} else "user",
    ),
    (Dialect.MESSAGES, "The `source` of an `image`, by `type`"): lambda it: _turn({"type": "image", "source": it}),
    (Dialect.MESSAGES, "The `source` of a `document`, by `type`"): lambda it: _turn({"type": "document", "source": it}),
    (Dialect.MESSAGES, "Tools, by `type`"): lambda it: _messages(tools=[it]),
    (Dialect.RESPONSES, "Items of `input`, by `type`"): lambda it: _item({"role": "user", "content": "x"}, it),
    (Dialect.RESPONSES, "Parts of a message, by `type`"): _part,
    (Dialect.RESPONSES, "Tools, by `type`"): lambda it: _responses(tools=[it]),
    (Dialect.RESPONSES, "`tool_choice`, by `type`"): lambda it: _responses(tool_choice=it),
    (Dialect.RESPONSES, "`text.format`, by `type`"): lambda it: _responses(text={"format": it}),
}
# What an object of a kind that is translated holds besides its type.
OF_KIND: Mapping[str, Object] = {
    "text": {"text": "y"},
    "anthropic_messages/The `source` of a `document`, by `type`/text": {"data": "y", "media_type": "text/plain"},
    "refusal": {"refusal": "y"},
    "image_url": {"image_url": {"url": PNG}},
    "file": {"file": {"file_data": PDF}},
    "function": {"function": _FUNCTION},
    "allowed_tools": {"allowed_tools": {"mode": "auto", "tools": []}},
    "json_schema": {"json_schema": {"schema": SCHEMA}},
    "image": {"source": {"type": "url", "url": "https://x"}},
    "document": {"source": {"type": "text", "data": "y"}},
    "tool_use": {"id": "t", "name": "f", "input": {}},
    "tool_result": {"tool_use_id": "t"},
    "thinking": {"thinking": "y", "signature": ""},
    "base64": {"media_type": "application/pdf", "data": "JVBE"},
    "url": {"url": "https://x"},
    "custom": _TOOL,
    "message": {"role": "user", "content": "y"},
    "function_call": {"call_id": "c", "name": "f", "arguments": "{}"},
    "function_call_output": {"call_id": "c", "output": "y"},
    "reasoning": {"summary": []},
    "input_text": {"text": "y"},
    "output_text": {"text": "y"},
    "input_image": {"image_url": PNG},
    "input_file": {"file_data": PDF},
    "openai_chat/Tool calls, by `type`/function": _CHAT_CALL,
    "openai_chat/`response_format`, by `type`/text": {},
    "openai_responses/Tools, by `type`/function": {"name": "f"},
    "openai_responses/`tool_choice`, by `type`/function": {"name": "f"},
    "openai_responses/`tool_choice`, by `type`/allowed_tools": {"mode": "auto", "tools": []},
    "openai_responses/`text.format`, by `type`/json_schema": {"name": "n", "schema": SCHEMA},
}
# By the path of the row where a name means different things, by the name alone elsewhere.
VALUES: Mapping[str, Any] = {
    "model": "another", "messages": [{"role": "user", "content": "another"}], "max_completion_tokens": 9, "max_tokens": 9,
    "stop": "y", "stop_sequences": ["y"], "temperature": 0.5, "top_p": 0.5, "stream": True, "tool_choice": "none",
    "stream_options": {"include_usage": True}, "tools": [{"type": "function", "function": _FUNCTION}],
    "parallel_tool_calls": False, "response_format": _WANTED, "reasoning_effort": "low", "safety_identifier": "u", "user": "u",
    "service_tier": "default", "metadata": {"a": "b"}, "prediction": {"type": "content", "content": "y"}, "prompt_cache_key": "k",
    "prompt_cache_options": {"mode": "explicit"}, "prompt_cache_retention": "24h", "audio": {"voice": "a"}, "frequency_penalty": 1,
    "function_call": "auto", "functions": [{}], "logit_bias": {"1": 1}, "logprobs": True, "modalities": ["audio"],
    "moderation": {"model": "m"}, "n": 2, "presence_penalty": 1, "seed": 1, "store": True, "top_logprobs": 2, "verbosity": "low",
    "web_search_options": {}, "include_usage": True, "include_obfuscation": True, "role": "assistant", "content": "another",
    "name": "another", "refusal": "another", "tool_calls": [_CHAT_CALL], "reasoning_content": "y", "annotations": [{}],
    "thinking_blocks": [{"type": "thinking", "thinking": "t", "signature": "s"}], "tool_call_id": "d", "text": "another",
    "prompt_cache_breakpoint": {"mode": "explicit"}, "image_url": {"url": "https://y"}, "url": "https://y", "detail": "high",
    "file": {"file_data": "data:application/pdf;base64,AAAA"}, "file_data": "data:application/pdf;base64,AAAA", "filename": "a.pdf",
    "file_id": "f", "function": {"name": "g", "arguments": "{}"}, "description": "y", "parameters": SCHEMA, "strict": True,
    "id": "d", "index": 1, "arguments": '{"a":1}', "schema": SCHEMA, "cache_control": {"type": "ephemeral"}, "citations": [],
    "context_management": {"edits": []}, "diagnostics": {}, "container": "c", "inference_geo": "eu", "mcp_servers": [{}],
    "speed": "fast", "top_k": 5, "user_profile_id": "u", "workspace_id": "w", "system": "y", "thinking": {"type": "disabled"},
    "output_config": {"effort": "low"}, "source": {"type": "url", "url": "https://y"}, "transformations": {"oversized_image": "error"},
    "title": "t", "context": "c", "input": {"a": 1}, "caller": {"type": "code_execution_20250825"}, "toolset_name": "browser",
    "tool_use_id": "d", "is_error": True, "signature": "s", "input_schema": SCHEMA, "eager_input_streaming": True,
    "allowed_callers": ["code_execution_20250825"], "defer_loading": True, "input_examples": [{}], "disable_parallel_tool_use": True,
    "budget_tokens": 2000, "display": "omitted", "effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}, "user_id": "u",
    "instructions": "y", "max_output_tokens": 9, "reasoning": {"effort": "low"}, "include": [], "access_programs": {},
    "background": True, "background_options": {}, "conversation": "c", "image": {}, "max_tool_calls": 1, "previous_response_id": "r",
    "prompt": {"id": "p"}, "truncation": "auto", "status": "completed", "phase": "commentary", "file_url": "https://y", "call_id": "d",
    "async": True, "namespace": "n", "output": "another", "summary": [], "encrypted_content": "x", "output_schema": {},
    "generate_summary": "auto", "mode": "pro",
    "openai_chat/A tool/function": {"name": "g"},
    "openai_chat/`json_schema`/schema": {"type": "object"},
    "anthropic_messages/The request/tool_choice": {"type": "any"},
    "anthropic_messages/`thinking`/budget_tokens": 20_000,
    "anthropic_messages/The request/metadata": {"user_id": "u"},
    "anthropic_messages/The request/service_tier": "standard_only",
    "anthropic_messages/The request/tools": [_TOOL],
    "anthropic_messages/A block `document`/source": {"type": "text", "data": "another"},
    "anthropic_messages/A block `document`/citations": {"enabled": True},
    "anthropic_messages/`tool_choice`/type": "any",
    "anthropic_messages/`thinking`/type": "disabled",
    "openai_responses/The request/input": "another",
    "openai_responses/The request/text": {"verbosity": "low"},
    "openai_responses/The request/tools": [{"type": "function", "name": "f"}],
    "openai_responses/A part `input_image`/image_url": "https://y",
    "openai_responses/`reasoning`/context": "all_turns",
    "openai_responses/`text`/format": {"type": "json_object"},
    "openai_responses/An item `function_call_output`/output": "another",
    "openai_responses/A tool/allowed_callers": ["programmatic"],
}  # fmt: skip
# Fields that say how another is read, or that are needed with it: with these the row shows.
TOGETHER: Mapping[str, Object] = {
    "openai_chat/The request/tool_choice": {"tools": [{"type": "function", "function": _FUNCTION}]},
    "openai_chat/The request/parallel_tool_calls": {"tools": [{"type": "function", "function": _FUNCTION}]},
    "anthropic_messages/The request/tool_choice": {"tools": [_TOOL]},
    "anthropic_messages/`tool_choice`/name": {"type": "tool", "name": "f"},
    "anthropic_messages/`thinking`/budget_tokens": {"type": "enabled", "budget_tokens": 1024},
}
