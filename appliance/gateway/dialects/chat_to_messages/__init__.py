"""A client that speaks OpenAI's chat completions, a provider that speaks Anthropic's messages.

https://platform.openai.com/docs/api-reference/chat/create, https://platform.claude.com/docs/en/api/messages. Where
Anthropic says itself how the one becomes the other, it is done like that:
https://platform.claude.com/docs/en/cli-sdks-libraries/libraries/openai-sdk. What is made here is of Anthropic's version
2023-06-01, the one that still has a temperature; models that take none refuse it themselves.
"""
