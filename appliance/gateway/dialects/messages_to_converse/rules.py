"""What becomes of the fields of a request for Anthropic's messages on their way to Bedrock's Converse.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from appliance.gateway.dialects.messages_to_chat import rules as messages
from appliance.gateway.dialects.rules import Rules, becomes, left_out, refused

_CACHE = left_out("a hint to the cache, which changes no answer")
_SERVER_TOOL = "it runs at Anthropic, and AWS has none such"

REQUEST: Rules = {
    "model": becomes("a step of the address"),
    "messages": becomes("`messages`, see below"),
    "system": becomes("`system`"),
    "max_tokens": becomes("`inferenceConfig.maxTokens`; where a client of OpenAI's sets no bound, there is none"),
    "stop_sequences": becomes("`inferenceConfig.stopSequences`"),
    "temperature": becomes("`inferenceConfig.temperature`"),
    "top_p": becomes("`inferenceConfig.topP`"),
    "stream": becomes("the address: `converse-stream`"),
    "tools": becomes("`toolConfig.tools`"),
    "tool_choice": becomes("`toolConfig.toolChoice`"),
    "output_config": becomes("`outputConfig`"),
    "thinking": refused("Converse has no form for it that all models share; `output_config.effort` is passed on", fine=({"type": "adaptive"}, {"type": "disabled"})),
    "metadata": left_out("AWS keeps no name of an end user"),
    "service_tier": left_out("AWS's own choice of tier"),
    "cache_control": _CACHE,
    "context_management": messages.REQUEST["context_management"],
    "diagnostics": messages.REQUEST["diagnostics"],
    "container": refused(_SERVER_TOOL),
    "inference_geo": refused("the region is that of the provider's entry"),
    "mcp_servers": refused(_SERVER_TOOL),
    "speed": refused("Converse has no such choice", fine=("standard",)),
    "top_k": refused("Converse has no form for it that all models share"),
    "user_profile_id": refused("the profile is Anthropic's"),
    "workspace_id": refused("the workspace is Anthropic's"),
}
SYSTEM_BLOCK: Rules = {"type": becomes("`type`"), "text": becomes("`text`"), "cache_control": _CACHE, "citations": left_out("marks on words that are kept")}
MESSAGE: Rules = {"role": becomes("`role`"), "content": becomes("`content`, a block each")}
BLOCKS: Rules = {
    **messages.BLOCKS,
    "text": becomes("`text`"),
    "image": becomes("`image`, in `base64` alone"),
    "document": becomes("`document`, under a name that says nothing"),
    "tool_use": becomes("`toolUse`"),
    "tool_result": becomes("`toolResult`"),
    "thinking": becomes("`reasoningContent.reasoningText`"),
    "redacted_thinking": becomes("`reasoningContent.redactedContent`"),
    "search_result": refused("citations are not offered across dialects"),
}
TEXT_BLOCK = SYSTEM_BLOCK
IMAGE_BLOCK: Rules = {
    "type": becomes("`type`"), "source": becomes("`source.bytes` and `format`"), "cache_control": _CACHE,
    "transformations": left_out("the model makes large pictures fit as it does"),
}  # fmt: skip
IMAGE_SOURCES: Rules = {
    "base64": becomes("`bytes`"), "url": refused("AWS fetches no pictures: send it as `base64`"), "file": messages.IMAGE_SOURCES["file"],
}  # fmt: skip
DOCUMENT_BLOCK: Rules = {
    "type": becomes("`type`"),
    "source": becomes("`source` and `format`"),
    "title": left_out("AWS asks for names that say nothing, as the model might take them for instructions"),
    "context": becomes("`context`"),
    "cache_control": _CACHE,
    "citations": refused("citations are not offered across dialects", fine=({"enabled": False},)),
}
DOCUMENT_SOURCES: Rules = {
    "base64": becomes("`bytes`, a PDF"), "text": becomes("`text`"), "url": refused("AWS fetches no documents"),
    "file": messages.DOCUMENT_SOURCES["file"], "content": refused("Converse has no such document"),
}  # fmt: skip
TOOL_USE_BLOCK: Rules = {
    **messages.TOOL_USE_BLOCK, "id": becomes("`toolUseId`"), "name": becomes("`name`"), "input": becomes("`input`"),
}  # fmt: skip
TOOL_RESULT_BLOCK: Rules = {
    **messages.TOOL_RESULT_BLOCK,
    "type": becomes("`type`"),
    "tool_use_id": becomes("`toolUseId`"),
    "content": becomes("`content`: texts and pictures"),
    "is_error": becomes("`status`", fine=(False,)),
}
THINKING_BLOCK: Rules = {"type": becomes("`type`"), "thinking": becomes("`text`"), "signature": becomes("`signature`", fine=("",))}
REDACTED_BLOCK: Rules = {"type": becomes("`type`"), "data": becomes("`redactedContent`")}
TOOLS: Rules = {"custom": becomes("`toolSpec`")}
TOOL: Rules = {
    **messages.TOOL,
    "name": becomes("`name`"),
    "description": becomes("`description`"),
    "input_schema": becomes("`inputSchema.json`"),
    "strict": becomes("`strict`", fine=(False,)),
    "defer_loading": refused("AWS has no search for tools", fine=(False,)),
    "input_examples": refused("Converse's tools have no examples; put them into the description"),
}
TOOL_CHOICE: Rules = {
    "type": becomes("`auto`, `any`, `tool`; `none` is refused, which Converse cannot say"),
    "name": becomes("`tool.name`"),
    "disable_parallel_tool_use": refused("Converse cannot say that tools are called one at a time", fine=(False,)),
}
OUTPUT_CONFIG: Rules = {"effort": becomes("`effort`"), "format": becomes("`textFormat`")}
FORMAT: Rules = {"type": becomes("`json_schema`"), "schema": becomes("`structure.jsonSchema.schema`")}
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
    "A block `redacted_thinking`": REDACTED_BLOCK,
    "Tools, by `type`": TOOLS,
    "A tool": TOOL,
    "`tool_choice`": TOOL_CHOICE,
    "`output_config`": OUTPUT_CONFIG,
    "`output_config.format`": FORMAT,
}
