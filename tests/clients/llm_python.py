"""The program `llm`, by its own library: models that its file names, and those of its plug-in for Anthropic."""

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cases import BAD_KEY, GIVEN, KEY, PICTURE, SCHEMA, SECRET, URL, run

home = Path(GIVEN["directory"])
abilities = "vision: true\n  supports_schema: true\n  supports_tools: true\n"
(home / "extra-openai-models.yaml").write_text("".join(
    f"- model_id: ours:{model}\n  model_name: {model}\n  api_base: {URL}/v1\n  api_key_name: cloister\n  {abilities}" for model in GIVEN["models"]
))  # fmt: skip
os.environ |= {"LLM_USER_PATH": str(home), "ANTHROPIC_BASE_URL": URL}

import llm  # noqa: E402 - reads its file and the environment when it is imported


def weather(city: str, days: list[int]) -> str:
    """The weather of a place."""
    return f"rain in {city} for {len(days)} days"


def now() -> str:
    """The time."""
    return "noon"


def whole(model: Any) -> Any:
    found = model.prompt("Say it.", system="Be brief.", stream=False, key=KEY)
    return [found.text(), found.usage().output]


def stream(model: Any) -> Any:
    found = model.prompt("Say it.", stream=True, key=KEY)
    return ["".join(found), found.usage().output]


def tools(model: Any) -> Any:
    found = model.prompt("TOOLS", tools=[weather, now], stream=False, key=KEY)
    return [[one.name, one.arguments] for one in found.tool_calls()]


def tools_stream(model: Any) -> Any:
    found = model.prompt("TOOLS", tools=[weather, now], stream=True, key=KEY)
    return [[one.name, one.arguments] for one in found.tool_calls()]


def picture(model: Any) -> Any:
    seen = llm.Attachment(type="image/png", content=base64.b64decode(PICTURE))
    return model.prompt("PICTURE", attachments=[seen], stream=False, key=KEY).text()


def schema(model: Any) -> Any:
    return json.loads(model.prompt("JSON", schema=SCHEMA, stream=False, key=KEY).text())


def said(model: Any, text: str, key: str = KEY) -> Any:
    return model.prompt(text, stream=False, key=key).text()


CASES: dict[str, Callable[[Any], Any]] = {
    "whole": whole, "stream": stream, "tools": tools, "tools_stream": tools_stream, "picture": picture, "schema": schema,
    "refused": lambda model: said(model, SECRET), "bad_key": lambda model: said(model, "Say it.", BAD_KEY),
}  # fmt: skip
NAMES = {name: f"ours:{name}" for name in GIVEN["models"]} | {name: f"anthropic/{name}" for name in GIVEN["aliases"]}
run({
    f"{name}:{one}": lambda case=case, known=known: case(llm.get_model(known))
    for name, known in NAMES.items() for one, case in CASES.items()
} | {"busy": lambda: said(llm.get_model(NAMES[GIVEN["models"][0]]), "BUSY")})  # fmt: skip
