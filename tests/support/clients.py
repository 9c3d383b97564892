"""The clients that programs use: how each is led here, and what the tests have each do."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.product import ROOT
from tests.support.upstreams import GIVEN, TEXT

INSTALLED = ROOT / "build" / "clients"
# An environment of their own: some of them need older versions of the vendors' clients than those that are tested here.
OTHERS = str(INSTALLED / "python" / "bin" / "python")
MODELS = ("openai/gpt-6", "anthropic/claude-opus-5")
# The plug-in of `llm` for Anthropic knows Claude's names alone, so an alias leads each to a model.
ALIASES = {"claude-sonnet-4-5": MODELS[1], "claude-opus-4-6": MODELS[0]}
SAID = "".join(TEXT)
CALLS = [["weather", GIVEN], ["now", {}]]
RESPONSES = ("responses", "responses_stream")
# What is tried, in the words of deploy/docs/clients.md.
MEANING = {
    "whole": "an answer", "stream": "streamed", "tools": "tools, and their results given back", "tools_stream": "tools, streamed",
    "picture": "pictures", "schema": "answers of a JSON schema", "cancel": "stopping", "refused": "refusals", "busy": "429",
    "bad_key": "wrong keys",
}  # fmt: skip
BASIC = tuple(one for one in MEANING if one != "cancel")


@dataclass(frozen=True)
class Client:
    """A script, what its cases are called before the model's name, and those that answer otherwise than is usual."""

    title: str
    setup: str
    script: str
    python: str = sys.executable
    prefixes: tuple[str, ...] = ("",)
    cases: tuple[str, ...] = (*BASIC, "cancel")
    models: tuple[str, ...] = MODELS
    others: Mapping[str, Any] = field(default_factory=dict)
    notes: str = ""


_IN_ALL: dict[str, Any] = {"whole": [SAID, 130], "stream": [SAID, 130]}
CLIENTS = {
    "openai-python": Client(
        "OpenAI for Python", 'OpenAI(base_url="https://ai.example.org/v1", api_key=KEY)', "openai_python.py",
        cases=(*BASIC, "cancel", *RESPONSES, "responses_schema", "responses_picture"), others=_IN_ALL,
        notes="`chat.completions`, `responses` and `embeddings`.",
    ),
    "anthropic-python": Client(
        "Anthropic for Python", 'Anthropic(base_url="https://ai.example.org", api_key=KEY)', "anthropic_python.py"
    ),
    "langchain": Client(
        "LangChain", 'ChatOpenAI(base_url="https://ai.example.org/v1", api_key=KEY)\n'
        'ChatAnthropic(base_url="https://ai.example.org", api_key=KEY)', "langchain_python.py", OTHERS, ("openai:", "anthropic:"),
        notes="`OpenAIEmbeddings` sends the numbers of tokens unless `check_embedding_ctx_length=False`; those cannot be looked "
        "through, and are refused. `stream_usage=True` has a stream tell what was used.",
    ),
    "llm": Client(
        "llm", "# extra-openai-models.yaml\n- model_id: general\n  model_name: general\n  api_base: https://ai.example.org/v1\n"
        "  api_key_name: cloister\n# llm-anthropic: ANTHROPIC_BASE_URL=https://ai.example.org", "llm_python.py", OTHERS,
        cases=tuple(one for one in BASIC if one != "busy"), models=(*MODELS, *ALIASES), others={"tools": CALLS},
        notes="Its plug-in for Anthropic knows Claude's names alone: an alias of such a name leads it to any model.",
    ),
    "openai-node": Client(
        "OpenAI for JavaScript", 'new OpenAI({ baseURL: "https://ai.example.org/v1", apiKey: KEY })', "openai_node.mjs",
        cases=(*BASIC, "cancel", *RESPONSES), others=_IN_ALL, notes="`chat.completions` and `responses`.",
    ),
    "anthropic-node": Client(
        "Anthropic for JavaScript", 'new Anthropic({ baseURL: "https://ai.example.org", apiKey: KEY })', "anthropic_node.mjs"
    ),
    "ai-sdk": Client(
        "Vercel's AI SDK", 'createOpenAI({ baseURL: "https://ai.example.org/v1", apiKey: KEY })\n'
        'createAnthropic({ baseURL: "https://ai.example.org/v1", apiKey: KEY })', "ai_node.mjs",
        prefixes=("chat:", "responses:", "messages:"),
        notes="`.chat(…)`, `.responses(…)` and Anthropic's. Of the Responses API it points to what OpenAI has stored unless "
        "`providerOptions: { openai: { store: false } }`; nothing is stored, so that is refused.",
    ),
}  # fmt: skip


def cases() -> Iterator[tuple[str, str]]:
    """Yield each client's cases by name."""
    for name, client in CLIENTS.items():
        for prefix in client.prefixes:
            for model in client.models:
                yield from ((name, f"{prefix}{model}:{case}") for case in client.cases)
    yield "openai-python", "embedding"
    yield "langchain", "embedding"
    yield "llm", "busy"  # once: it tries again for seconds, and cannot be told not to
    yield from (("langchain", f"responses:{model}") for model in MODELS)


def clients_page() -> str:
    """Return deploy/docs/clients.md."""
    lines = [
        "# Clients\n",
        "These are installed by the tests and asked for everything below, each against models of OpenAI's and of Anthropic's, which the",
        "tests stand in for by a host that checks every request against the vendors' published types. `KEY` is a token with the scope",
        "`models`; `https://ai.example.org` stands for this host. A model is named as [gateway.md](gateway.md) says.\n",
    ]
    for name, client in CLIENTS.items():
        tried = [case for case in MEANING if any(found == name and case in one for found, one in cases())]
        lines += [f"## {client.title}\n", f"```\n{client.setup}\n```\n"]
        lines.append(
            f"Tried: {'; '.join(MEANING[one] for one in tried)}.{' ' + client.notes if client.notes else ''}\n"
        )
    return "\n".join(lines).rstrip("\n") + "\n"
