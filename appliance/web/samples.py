"""The code of a program that asks the gateway: curl, Python and JavaScript, with the vendor's own client."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from appliance.gateway import Endpoint

KEY = "CLOISTER_KEY"
"""The variable of the environment in which the samples look for the token."""


@dataclass(frozen=True)
class Sample:
    """Code in a language."""

    language: str
    code: str


def samples(endpoint: Endpoint, body: Mapping[str, Any], *, address: str) -> list[Sample]:
    """Return code that sends this body to an endpoint at an address of ours. The token is in the environment."""
    is_messages = endpoint is Endpoint.MESSAGES
    python, javascript = (_anthropic(body, address) if is_messages else _openai(body, address))
    return [Sample("curl", _curl(endpoint, body, address)), Sample("Python", python), Sample("JavaScript", javascript)]


def _curl(endpoint: Endpoint, body: Mapping[str, Any], address: str) -> str:
    # No line of JSON that was written with an indent can be the word that ends the text.
    return (
        f'curl {address}{endpoint.value} -H "Authorization: Bearer ${KEY}" \\\n'
        f"  -H 'Content-Type: application/json' --data-binary @- <<'END'\n{_json(body)}\nEND"
    )


def _openai(body: Mapping[str, Any], address: str) -> tuple[str, str]:
    python = (
        "import os\n\nfrom openai import OpenAI\n\n"
        f'client = OpenAI(base_url="{address}/v1", api_key=os.environ["{KEY}"])\n'
        f"answer = client.chat.completions.create(\n{_arguments(body)})\nprint(answer.choices[0].message.content)"
    )
    javascript = (
        'import OpenAI from "openai";\n\n'
        f'const client = new OpenAI({{ baseURL: "{address}/v1", apiKey: process.env.{KEY} }});\n'
        f"const answer = await client.chat.completions.create({_json(body)});\n"
        "console.log(answer.choices[0].message.content);"
    )
    return python, javascript


def _anthropic(body: Mapping[str, Any], address: str) -> tuple[str, str]:
    python = (
        "import os\n\nfrom anthropic import Anthropic\n\n"
        f'client = Anthropic(base_url="{address}", api_key=os.environ["{KEY}"])\n'
        f"answer = client.messages.create(\n{_arguments(_known(body))})\n"
        'print("".join(block.text for block in answer.content if block.type == "text"))'
    )
    javascript = (
        'import Anthropic from "@anthropic-ai/sdk";\n\n'
        f'const client = new Anthropic({{ baseURL: "{address}", apiKey: process.env.{KEY} }});\n'
        f"const answer = await client.messages.create({_json(body)});\n"
        "console.log(answer.content);"
    )
    return python, javascript


def _known(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the arguments of Anthropic's client in Python, which has no name for the temperature since its version 2."""
    further = {"extra_body": {"temperature": body["temperature"]}} if "temperature" in body else {}
    return {name: value for name, value in body.items() if name != "temperature"} | further


def _arguments(body: Mapping[str, Any]) -> str:
    return "".join(f"    {name}={value!r},\n" for name, value in body.items())


def _json(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, indent=2)
