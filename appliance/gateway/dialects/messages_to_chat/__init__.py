"""A client that speaks Anthropic's messages, a provider that speaks OpenAI's chat completions.

https://platform.claude.com/docs/en/api/messages, https://platform.openai.com/docs/api-reference/chat/create. The
provider may be OpenAI itself or a server that speaks like it (vLLM, llama.cpp, Ollama), which is why nothing is sent
that was not asked for.
"""
