"""What becomes of a chat completion's fields on their way to Anthropic."""

from appliance.gateway.dialects.rules import becomes, left_out, refused

DEFAULT_MAX_TOKENS = 16_384  # Anthropic asks for a number where OpenAI takes the model's own

_CACHE = left_out("a hint to OpenAI's cache, which changes no answer")
_NAME = refused("a message has no name there, and who speaks would be lost")

REQUEST = {
    "model": becomes("`model`"),
    "messages": becomes("`messages` and `system`, see below"),
    "max_completion_tokens": becomes(
        f"`max_tokens`, which Anthropic demands; {DEFAULT_MAX_TOKENS} if neither is given"
    ),
    "max_tokens": becomes("`max_tokens`, unless `max_completion_tokens` is there"),
    "stop": becomes("`stop_sequences`"),
    "temperature": becomes("`temperature`, from 0 to 1; more is refused", fine=(1,)),
    "top_p": becomes("`top_p`", fine=(1,)),
    "stream": becomes("`stream`"),
    "stream_options": becomes("with `include_usage`, the last chunk tells what was used"),
    "tools": becomes("`tools`"),
    "tool_choice": becomes("`tool_choice`; of `allowed_tools`, only those are sent"),
    "parallel_tool_calls": becomes("`tool_choice.disable_parallel_tool_use`", fine=(True,)),
    "response_format": becomes(
        "`output_config.format` for a JSON schema; `json_object`, which has no schema, is refused"
    ),
    "reasoning_effort": becomes(
        "`output_config.effort`, and `thinking` is `adaptive` unless a tool is forced; `none` turns thinking off,"
        " `minimal` is `low`"
    ),
    "safety_identifier": becomes("`metadata.user_id`"),
    "user": becomes("`metadata.user_id`, unless `safety_identifier` is there"),
    "service_tier": becomes("`service_tier`: `auto`, and `default` is `standard_only`; others are refused"),
    "metadata": left_out("labels for OpenAI's store, and nothing is stored"),
    "prediction": left_out("it makes answers come faster, and changes none"),
    "prompt_cache_key": _CACHE,
    "prompt_cache_options": _CACHE,
    "prompt_cache_retention": _CACHE,
    "audio": refused("Anthropic's models do not speak"),
    "frequency_penalty": refused("Anthropic has no such penalty", fine=(0,)),
    "function_call": refused("it is the old form of `tool_choice`; use that"),
    "functions": refused("it is the old form of `tools`; use that"),
    "logit_bias": refused("Anthropic's tokens cannot be weighted", fine=({},)),
    "logprobs": refused("Anthropic tells no probabilities", fine=(False,)),
    "modalities": refused("Anthropic's models answer in text alone", fine=(["text"],)),
    "moderation": refused("Anthropic has no moderation that could be asked for"),
    "n": refused("Anthropic gives one answer a call", fine=(1,)),
    "presence_penalty": refused("Anthropic has no such penalty", fine=(0,)),
    "seed": refused("Anthropic repeats no answer"),
    "store": refused("nothing is stored there to be fetched later", fine=(False,)),
    "top_logprobs": refused("Anthropic tells no probabilities", fine=(0,)),
    "verbosity": refused("Anthropic has no such measure", fine=("medium",)),
    "web_search_options": refused("the provider's own search is not offered across dialects"),
}
STREAM_OPTIONS = {
    "include_usage": becomes("a last chunk with `usage`"),
    "include_obfuscation": left_out("the stream is not padded"),
}
SYSTEM_MESSAGE = {
    "role": becomes(
        "`system`: all of them, in order, before the conversation, as Anthropic's own compatibility does it"
    ),
    "content": becomes("a block each"),
    "name": _NAME,
}
USER_MESSAGE = {"role": becomes("`user`"), "content": becomes("blocks, see below"), "name": _NAME}
ASSISTANT_MESSAGE = {
    "role": becomes("`assistant`"),
    "content": becomes("`text` blocks"),
    "refusal": becomes("a `text` block"),
    "tool_calls": becomes("`tool_use` blocks, after the text; arguments must be a JSON object"),
    "thinking_blocks": becomes("`thinking` blocks with their signatures, as the gateway gave them out"),
    "reasoning_content": left_out("the words of `thinking_blocks` once more, without the signature"),
    "annotations": left_out("citations of an earlier answer, whose words are kept"),
    "audio": refused("Anthropic's models do not listen"),
    "function_call": refused("it is the old form of `tool_calls`; use that"),
    "name": _NAME,
}
TOOL_MESSAGE = {
    "role": becomes("`user`: all results of a turn in one message, and what the user says next after them"),
    "tool_call_id": becomes("`tool_use_id`; signs that Anthropic does not take become `_` and a digest"),
    "content": becomes("`content` of the `tool_result`"),
    "name": left_out("the call says which tool it was"),
}
PARTS = {
    "text": becomes("`text`"),
    "refusal": becomes("`text`"),
    "image_url": becomes("`image`: a data URL as `base64`, any other as `url`"),
    "file": becomes("`document`, for a PDF that is sent along"),
    "input_audio": refused("Anthropic's models do not listen"),
}
TEXT_PART = {"type": becomes("`type`"), "text": becomes("`text`"), "prompt_cache_breakpoint": _CACHE}
REFUSAL_PART = {"type": becomes("`type`"), "refusal": becomes("`text`")}
IMAGE_PART = {"type": becomes("`type`"), "image_url": becomes("`source`"), "prompt_cache_breakpoint": _CACHE}
IMAGE_URL = {"url": becomes("`source`"), "detail": left_out("Anthropic chooses the resolution itself")}
FILE_PART = {"type": becomes("`type`"), "file": becomes("`source`"), "prompt_cache_breakpoint": _CACHE}
FILE = {
    "file_data": becomes("`source`"),
    "filename": becomes("`title`"),
    "file_id": refused("the file is in OpenAI's store"),
}
TOOLS = {"function": becomes("a tool"), "custom": refused("Anthropic's tools take JSON objects alone")}
TOOL = {"type": becomes("`type`"), "function": becomes("the tool")}
FUNCTION = {
    "name": becomes("`name`"),
    "description": becomes("`description`"),
    "parameters": becomes("`input_schema`"),
    "strict": becomes("`strict`", fine=(False,)),
}
TOOL_CALLS = {"function": becomes("`tool_use`"), "custom": refused("Anthropic's tools take JSON objects alone")}
TOOL_CALL = {
    "id": becomes("`id`"),
    "type": becomes("`type`"),
    "function": becomes("`name` and `input`"),
    "index": left_out("the place in a stream"),
}
CALLED_FUNCTION = {"name": becomes("`name`"), "arguments": becomes("`input`")}
TOOL_CHOICES = {
    "function": becomes("`tool`"),
    "allowed_tools": becomes("`auto` or `any`, with those tools alone"),
    "custom": refused("Anthropic's tools take JSON objects alone"),
}
FORMATS = {
    "text": becomes("nothing: text is what comes anyway"),
    "json_schema": becomes("`output_config.format`"),
    "json_object": refused("Anthropic wants a schema: use `json_schema`"),
}
JSON_SCHEMA = {
    "schema": becomes("`schema`"),
    "strict": left_out("Anthropic always keeps to the schema"),
    "name": left_out("a label"),
    "description": left_out("a label"),
}
SECTIONS = {
    "The request": REQUEST,
    "`stream_options`": STREAM_OPTIONS,
    "A message of `system` or `developer`": SYSTEM_MESSAGE,
    "A message of `user`": USER_MESSAGE,
    "A message of `assistant`": ASSISTANT_MESSAGE,
    "A message of `tool`": TOOL_MESSAGE,
    "Parts of a message, by `type`": PARTS,
    "A part `text`": TEXT_PART,
    "A part `refusal`": REFUSAL_PART,
    "A part `image_url`": IMAGE_PART,
    "Its `image_url`": IMAGE_URL,
    "A part `file`": FILE_PART,
    "Its `file`": FILE,
    "Tools, by `type`": TOOLS,
    "A tool": TOOL,
    "Its `function`": FUNCTION,
    "Tool calls, by `type`": TOOL_CALLS,
    "A tool call": TOOL_CALL,
    "The `function` of a tool call": CALLED_FUNCTION,
    "`tool_choice`, by `type`": TOOL_CHOICES,
    "`response_format`, by `type`": FORMATS,
    "`json_schema`": JSON_SCHEMA,
}
