"""What becomes of the fields of a request for Anthropic's messages on their way to a chat completion."""

from appliance.gateway.dialects.rules import becomes, left_out, refused

_CACHE = left_out("a hint to Anthropic's cache, which changes no answer")
_SERVER_TOOL = "it runs at Anthropic, and this provider has none such"
_FILE_STORE = "the file is in Anthropic's store"

REQUEST = {
    "model": becomes("`model`"),
    "messages": becomes("`messages`, see below"),
    "system": becomes("a first message of `system`"),
    "max_tokens": becomes("`max_completion_tokens`, or `max_tokens` for servers that know that name alone"),
    "stop_sequences": becomes("`stop`"),
    "temperature": becomes("`temperature`"),
    "top_p": becomes("`top_p`"),
    "stream": becomes("`stream`, with `stream_options.include_usage`, as Anthropic always tells what was used"),
    "tools": becomes("`tools`"),
    "tool_choice": becomes("`tool_choice` and `parallel_tool_calls`"),
    "thinking": becomes(
        "`reasoning_effort`: `disabled` is `none`; a budget below 4,096 is `low`, below 16,384 `medium`, else `high`;"
        " `adaptive` leaves it to the model; `output_config.effort` goes before"
    ),
    "output_config": becomes("`effort` is `reasoning_effort`, `format` is `response_format`"),
    "metadata": becomes("`safety_identifier`"),
    "service_tier": becomes("`service_tier`: `standard_only` is `default`, `auto` is `auto`"),
    "cache_control": _CACHE,
    "context_management": left_out("nothing is taken out of the conversation on its way; it stays as long as it is"),
    "diagnostics": left_out("it tells of Anthropic's cache"),
    "container": refused(_SERVER_TOOL),
    "inference_geo": refused("where this provider computes cannot be chosen in a call"),
    "mcp_servers": refused(_SERVER_TOOL),
    "speed": refused("this provider has no such choice", fine=("standard",)),
    "top_k": refused("OpenAI has no such choice"),
    "user_profile_id": refused("the profile is Anthropic's"),
    "workspace_id": refused("the workspace is Anthropic's"),
}
SYSTEM_BLOCK = {
    "type": becomes("`type`"),
    "text": becomes("`text`"),
    "cache_control": _CACHE,
    "citations": left_out("marks on words that are kept"),
}
MESSAGE = {
    "role": becomes("`user`, `assistant`, and `system` in the place where it stands"),
    "content": becomes("see below; a single text is sent as a text, more as parts"),
}
BLOCKS = {
    "text": becomes("`text`"),
    "image": becomes("`image_url`: `base64` as a data URL, `url` as it is"),
    "document": becomes("a PDF in `base64` as `file`, plain text as `text`"),
    "tool_use": becomes("`tool_calls`, after the text of the turn"),
    "tool_result": becomes("a message of `tool` each, in order, before what else the turn says"),
    "thinking": becomes("nothing if it has no signature, and so was not Claude's; with one it is refused"),
    "redacted_thinking": refused("only Claude can read it; leave the thoughts out to go on with this model"),
    "search_result": refused("a chat completion has no place for citations"),
    "container_upload": refused(_FILE_STORE),
    "server_tool_use": refused(_SERVER_TOOL),
    "web_search_tool_result": refused(_SERVER_TOOL),
    "web_fetch_tool_result": refused(_SERVER_TOOL),
    "code_execution_tool_result": refused(_SERVER_TOOL),
    "bash_code_execution_tool_result": refused(_SERVER_TOOL),
    "text_editor_code_execution_tool_result": refused(_SERVER_TOOL),
    "tool_search_tool_result": refused(_SERVER_TOOL),
}
TEXT_BLOCK = SYSTEM_BLOCK
IMAGE_BLOCK = {
    "type": becomes("`type`"),
    "source": becomes("`image_url`"),
    "cache_control": _CACHE,
    "transformations": left_out("the provider makes large pictures fit as it does"),
}
IMAGE_SOURCES = {
    "base64": becomes("a data URL"),
    "url": becomes("the URL"),
    "file": refused(_FILE_STORE),
}
DOCUMENT_BLOCK = {
    "type": becomes("`type`"),
    "source": becomes("`file_data`, or the text"),
    "title": becomes("`filename`, or a line before the text"),
    "cache_control": _CACHE,
    "citations": refused("a chat completion has no place for citations", fine=({"enabled": False},)),
    "context": refused("a chat completion has no place for it"),
}
DOCUMENT_SOURCES = {
    "base64": becomes("`file_data`, a PDF"),
    "text": becomes("`text`"),
    "url": refused("OpenAI fetches no documents"),
    "file": refused(_FILE_STORE),
    "content": refused("a chat completion has no such document"),
}
TOOL_USE_BLOCK = {
    "type": becomes("`type`"),
    "id": becomes("`id`"),
    "name": becomes("`function.name`"),
    "input": becomes("`function.arguments`"),
    "cache_control": _CACHE,
    "caller": refused(_SERVER_TOOL, fine=({"type": "direct"},)),
    "toolset_name": refused(_SERVER_TOOL),
}
TOOL_RESULT_BLOCK = {
    "type": becomes("`role`"),
    "tool_use_id": becomes("`tool_call_id`"),
    "content": becomes("`content`; a chat completion's tools answer in text alone, so pictures are refused"),
    "is_error": becomes("`Error: ` before the text, since the flag has no other place", fine=(False,)),
    "cache_control": _CACHE,
    "toolset_name": refused(_SERVER_TOOL),
}
THINKING_BLOCK = {
    "type": becomes("`type`"),
    "thinking": left_out("thoughts of an earlier turn"),
    "signature": refused("only Claude can use its thoughts; leave them out to go on with this model", fine=("",)),
}
TOOLS = {"custom": becomes("`function`")}
TOOL = {
    "type": becomes("`type`"),
    "name": becomes("`function.name`"),
    "description": becomes("`function.description`"),
    "input_schema": becomes("`function.parameters`"),
    "strict": becomes("`function.strict`", fine=(False,)),
    "cache_control": _CACHE,
    "eager_input_streaming": left_out("arguments are passed on as they come in any case"),
    "allowed_callers": refused(_SERVER_TOOL, fine=(["direct"],)),
    "defer_loading": refused("the provider has no search for tools", fine=(False,)),
    "input_examples": refused("a chat completion's tools have no examples; put them into the description"),
}
TOOL_CHOICE = {
    "type": becomes("`auto`, `none`; `any` is `required`, `tool` is a `function`"),
    "name": becomes("`function.name`"),
    "disable_parallel_tool_use": becomes("`parallel_tool_calls`", fine=(False,)),
}
THINKING = {
    "type": becomes("`reasoning_effort`; `between_tools` is refused, which no other model has"),
    "budget_tokens": becomes("`reasoning_effort`"),
    "display": left_out("thoughts are shown as far as the provider tells them"),
}
OUTPUT_CONFIG = {"effort": becomes("`reasoning_effort`"), "format": becomes("`response_format`")}
FORMAT = {"type": becomes("`json_schema`"), "schema": becomes("`json_schema.schema`, `strict`")}
METADATA = {"user_id": becomes("`safety_identifier`; beyond OpenAI's 64 signs, its SHA-256")}
SECTIONS = {
    "The request": REQUEST,
    "A block of `system`": SYSTEM_BLOCK,
    "A message": MESSAGE,
    "Blocks of a message, by `type`": BLOCKS,
    "A block `text`": TEXT_BLOCK,
    "A block `image`": IMAGE_BLOCK,
    "The `source` of an `image`, by `type`": IMAGE_SOURCES,
    "A block `document`": DOCUMENT_BLOCK,
    "The `source` of a `document`, by `type`": DOCUMENT_SOURCES,
    "A block `tool_use`": TOOL_USE_BLOCK,
    "A block `tool_result`": TOOL_RESULT_BLOCK,
    "A block `thinking`": THINKING_BLOCK,
    "Tools, by `type`": TOOLS,
    "A tool": TOOL,
    "`tool_choice`": TOOL_CHOICE,
    "`thinking`": THINKING,
    "`output_config`": OUTPUT_CONFIG,
    "`output_config.format`": FORMAT,
    "`metadata`": METADATA,
}
