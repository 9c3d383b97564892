"""Anthropic's own client."""

from collections.abc import Callable
from typing import Any

import anthropic
from cases import BAD_KEY, GIVEN, KEY, PICTURE, SCHEMA, SECRET, TOOLS, URL, run

client = anthropic.Anthropic(api_key=KEY, base_url=URL, max_retries=0)
GIVEN_TOOLS: list[Any] = [{"name": name, "description": said, "input_schema": schema} for name, said, schema in TOOLS]


def message(model: str, text: str, **more: Any) -> Any:
    asked: list[Any] = [{"role": "user", "content": text}]
    return client.messages.create(model=model, max_tokens=100, system="Be brief.", messages=asked, **more)


def whole(model: str) -> Any:
    found = message(model, "Say it.", stop_sequences=["END"])
    return [found.content[0].text, found.usage.output_tokens]


def stream(model: str) -> Any:
    asked: list[Any] = [{"role": "user", "content": "Say it."}]
    with client.messages.stream(model=model, max_tokens=100, messages=asked) as events:
        text = "".join(events.text_stream)
        return [text, events.get_final_message().usage.output_tokens]


def calls_of(found: Any) -> list[Any]:
    return [[one.name, one.input] for one in found.content if one.type == "tool_use"]


def tools(model: str) -> Any:
    found = message(model, "TOOLS", tools=GIVEN_TOOLS)
    results = [
        {"type": "tool_result", "tool_use_id": one.id, "content": "rain"}
        for one in found.content
        if one.type == "tool_use"
    ]
    turns: list[Any] = [
        {"role": "user", "content": "TOOLS"},
        {"role": "assistant", "content": [one.to_dict() for one in found.content]},
        {"role": "user", "content": [*results, {"type": "text", "text": "And now?"}]},
    ]
    then = client.messages.create(model=model, max_tokens=100, messages=turns, tools=GIVEN_TOOLS)
    return [*calls_of(found), then.content[0].text]  # type: ignore[union-attr]  # a text


def tools_stream(model: str) -> Any:
    asked: list[Any] = [{"role": "user", "content": "TOOLS"}]
    with client.messages.stream(model=model, max_tokens=100, messages=asked, tools=GIVEN_TOOLS) as events:
        return calls_of(events.get_final_message())


def picture(model: str) -> Any:
    source = {"type": "base64", "media_type": "image/png", "data": PICTURE}
    parts: Any = [{"type": "text", "text": "PICTURE"}, {"type": "image", "source": source}]
    return message(model, parts).content[0].text


def schema(model: str) -> Any:
    import json

    found = message(model, "JSON", output_config={"format": {"type": "json_schema", "schema": SCHEMA}})
    return json.loads(found.content[0].text)


def cancel(model: str) -> Any:
    asked: list[Any] = [{"role": "user", "content": f"SLOW anthropic-python-{model.partition('/')[0]}"}]
    with client.messages.stream(model=model, max_tokens=100, messages=asked) as events:
        return next(iter(events.text_stream))


def bad_key(model: str) -> Any:
    asked: list[Any] = [{"role": "user", "content": "Say it."}]
    return client.with_options(api_key=BAD_KEY).messages.create(model=model, max_tokens=100, messages=asked)


CASES: dict[str, Callable[[str], Any]] = {
    "whole": whole, "stream": stream, "tools": tools, "tools_stream": tools_stream, "picture": picture, "schema": schema,
    "cancel": cancel, "refused": lambda model: message(model, SECRET), "busy": lambda model: message(model, "BUSY"),
    "bad_key": bad_key,
}  # fmt: skip
run(
    {
        f"{model}:{name}": lambda case=case, model=model: case(model)
        for model in GIVEN["models"]
        for name, case in CASES.items()
    }
)
