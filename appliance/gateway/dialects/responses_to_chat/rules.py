"""What becomes of the fields of OpenAI's Responses API on their way to a chat completion."""

from appliance.gateway.dialects.rules import becomes, left_out, refused

_CACHE = left_out("a hint to OpenAI's cache, which changes no answer")
_STORED = "nothing is stored: send what the answer is to build on"
_OWN_TOOL = "it runs at OpenAI, and this provider has none such"
_PLACE = left_out("a mark on an earlier answer, whose words are kept")

REQUEST = {
    "model": becomes("`model`"),
    "input": becomes("`messages`, see below"),
    "instructions": becomes("a first message of `system`"),
    "max_output_tokens": becomes("`max_completion_tokens`, or `max_tokens` for servers that know that name alone"),
    "temperature": becomes("`temperature`"),
    "top_p": becomes("`top_p`"),
    "stream": becomes("`stream`"),
    "stream_options": left_out("the stream is not padded"),
    "tools": becomes("`tools`"),
    "tool_choice": becomes("`tool_choice`"),
    "parallel_tool_calls": becomes("`parallel_tool_calls`", fine=(True,)),
    "reasoning": becomes("`reasoning_effort`"),
    "text": becomes("`response_format` and `verbosity`"),
    "safety_identifier": becomes("`safety_identifier`"),
    "user": becomes("`user`"),
    "service_tier": becomes("`service_tier`", fine=("auto",)),
    "include": becomes(
        "nothing: `reasoning.encrypted_content` comes where there is any; what else is asked for is refused"
    ),
    "metadata": left_out("labels, which the answer repeats"),
    "prompt_cache_key": _CACHE,
    "prompt_cache_options": _CACHE,
    "prompt_cache_retention": _CACHE,
    "access_programs": refused("it is OpenAI's own"),
    "background": refused("every call is answered at once", fine=(False,)),
    "background_options": refused("every call is answered at once"),
    "context_management": refused("nothing is taken out of the conversation on its way"),
    "conversation": refused(_STORED),
    "image": refused("it is OpenAI's own"),
    "max_tool_calls": refused(_OWN_TOOL),
    "moderation": refused("there is no moderation that could be asked for"),
    "previous_response_id": refused(_STORED),
    "prompt": refused("the prompt is in OpenAI's store"),
    "store": refused(_STORED, fine=(False,)),
    "top_logprobs": refused("no probabilities are told", fine=(0,)),
    "truncation": refused("nothing is taken out of the conversation on its way", fine=("disabled",)),
}
ITEMS = {
    "message": becomes("a message"),
    "function_call": becomes("`tool_calls` of a message of `assistant`"),
    "function_call_output": becomes("a message of `tool`"),
    "reasoning": becomes("Claude's own thoughts for Claude; nothing if it has no `encrypted_content`; else refused"),
    "item_reference": refused(_STORED),
    "compaction": refused("only OpenAI can read it"),
    "computer_call": refused(_OWN_TOOL),
    "computer_call_output": refused(_OWN_TOOL),
    "custom_tool_call": refused("a tool here takes a JSON object"),
    "custom_tool_call_output": refused("a tool here takes a JSON object"),
    "file_search_call": refused(_OWN_TOOL),
    "web_search_call": refused(_OWN_TOOL),
    "image_generation_call": refused(_OWN_TOOL),
    "code_interpreter_call": refused(_OWN_TOOL),
    "local_shell_call": refused(_OWN_TOOL),
    "mcp_call": refused(_OWN_TOOL),
}
MESSAGE = {
    "type": becomes("`role`"),
    "role": becomes("`role`; `developer` is `system`"),
    "content": becomes("`content`"),
    "id": _PLACE,
    "status": _PLACE,
    "phase": _PLACE,
}
PARTS = {
    "input_text": becomes("`text`"),
    "output_text": becomes("`text`"),
    "refusal": becomes("`refusal`"),
    "input_image": becomes("`image_url`"),
    "input_file": becomes("`file`"),
    "input_audio": refused("sound is not translated"),
}
TEXT_PART = {
    "type": becomes("`type`"),
    "text": becomes("`text`"),
    "annotations": _PLACE,
    "logprobs": _PLACE,
    "prompt_cache_breakpoint": _CACHE,
}
REFUSAL_PART = {"type": becomes("`type`"), "refusal": becomes("`refusal`")}
IMAGE_PART = {
    "type": becomes("`type`"),
    "image_url": becomes("`image_url.url`"),
    "detail": becomes("`image_url.detail`"),
    "file_id": refused("the file is in OpenAI's store"),
    "prompt_cache_breakpoint": _CACHE,
}
FILE_PART = {
    "type": becomes("`type`"),
    "file_data": becomes("`file.file_data`"),
    "filename": becomes("`file.filename`"),
    "detail": left_out("the provider chooses the resolution itself"),
    "file_id": refused("the file is in OpenAI's store"),
    "file_url": refused("the gateway fetches no files"),
    "prompt_cache_breakpoint": _CACHE,
}
FUNCTION_CALL = {
    "type": becomes("`type`"),
    "call_id": becomes("`id`"),
    "name": becomes("`function.name`"),
    "arguments": becomes("`function.arguments`"),
    "id": _PLACE,
    "status": _PLACE,
    "async": refused("every call is waited for", fine=(False,)),
    "caller": refused(_OWN_TOOL, fine=({"type": "direct"},)),
    "namespace": refused("a chat completion's tools have no namespaces"),
}
FUNCTION_CALL_OUTPUT = {
    "type": becomes("`role`"),
    "call_id": becomes("`tool_call_id`"),
    "output": becomes("`content`; pictures for Claude alone, as a chat completion's tools answer in text"),
    "id": _PLACE,
    "name": _PLACE,
    "status": _PLACE,
    "caller": refused(_OWN_TOOL, fine=({"type": "direct"},)),
    "namespace": refused("a chat completion's tools have no namespaces"),
}
REASONING = {
    "type": becomes("`type`"),
    "summary": becomes("Claude's thought, if it has its signature"),
    "encrypted_content": becomes("the thought's signature, for Claude; refused for other models"),
    "id": _PLACE,
    "status": _PLACE,
    "content": left_out("thoughts of an earlier turn"),
}
TOOLS = {
    "function": becomes("`function`"),
    "custom": refused("a tool here takes a JSON object"),
    "web_search": refused(_OWN_TOOL),
    "file_search": refused(_OWN_TOOL),
    "code_interpreter": refused(_OWN_TOOL),
    "image_generation": refused(_OWN_TOOL),
    "computer": refused(_OWN_TOOL),
    "mcp": refused(_OWN_TOOL),
}
TOOL = {
    "type": becomes("`type`"),
    "name": becomes("`function.name`"),
    "description": becomes("`function.description`"),
    "parameters": becomes("`function.parameters`"),
    "strict": becomes("`function.strict`, if it is said", fine=(False,)),
    "output_schema": left_out("a word on what the tool answers"),
    "allowed_callers": refused(_OWN_TOOL, fine=(["direct"],)),
    "async": refused("every call is waited for", fine=(False,)),
    "defer_loading": refused("the provider has no search for tools", fine=(False,)),
}
TOOL_CHOICES = {"function": becomes("`function`"), "allowed_tools": becomes("`allowed_tools`")}
REASONING_CONFIG = {
    "effort": becomes("`reasoning_effort`"),
    "summary": left_out("thoughts are told as far as the provider tells them"),
    "generate_summary": left_out("thoughts are told as far as the provider tells them"),
    "context": refused("the provider has no such choice", fine=("auto",)),
    "mode": refused("the provider has no such choice", fine=("standard",)),
}
TEXT = {"format": becomes("`response_format`"), "verbosity": becomes("`verbosity`", fine=("medium",))}
FORMATS = {
    "text": becomes("nothing: text is what comes anyway"),
    "json_schema": becomes("`json_schema`"),
    "json_object": becomes("`json_object`"),
}
FORMAT = {
    "type": becomes("`type`"),
    "name": becomes("`json_schema.name`"),
    "schema": becomes("`json_schema.schema`"),
    "description": becomes("`json_schema.description`"),
    "strict": becomes("`json_schema.strict`"),
}
SECTIONS = {
    "The request": REQUEST,
    "Items of `input`, by `type`": ITEMS,
    "A message": MESSAGE,
    "Parts of a message, by `type`": PARTS,
    "A part `input_text` or `output_text`": TEXT_PART,
    "A part `refusal`": REFUSAL_PART,
    "A part `input_image`": IMAGE_PART,
    "A part `input_file`": FILE_PART,
    "An item `function_call`": FUNCTION_CALL,
    "An item `function_call_output`": FUNCTION_CALL_OUTPUT,
    "An item `reasoning`": REASONING,
    "Tools, by `type`": TOOLS,
    "A tool": TOOL,
    "`tool_choice`, by `type`": TOOL_CHOICES,
    "`reasoning`": REASONING_CONFIG,
    "`text`": TEXT,
    "`text.format`, by `type`": FORMATS,
    "`text.format`": FORMAT,
}
