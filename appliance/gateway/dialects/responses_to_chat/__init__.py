"""A client that speaks OpenAI's Responses API, a provider that speaks chat completions.

https://platform.openai.com/docs/api-reference/responses/create. A provider that speaks Anthropic's messages is reached
through a chat completion. Nothing is stored: each call says all that it builds on, and what points to an earlier one
is refused. Claude's thoughts travel in `encrypted_content`, marked, so that they come back to Claude with their
signature and to nobody else.
"""
