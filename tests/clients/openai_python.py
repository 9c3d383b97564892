"""OpenAI's own client: chat, responses, embeddings."""

import json
from collections.abc import Callable
from typing import Any

import openai
from cases import BAD_KEY, GIVEN, KEY, PICTURE, SECRET, TOOLS, URL, run
from pydantic import BaseModel


class Place(BaseModel):
    city: str
    days: list[int]


client = openai.OpenAI(api_key=KEY, base_url=f"{URL}/v1", max_retries=0)
FUNCTIONS: list[Any] = [
    {"type": "function", "function": {"name": name, "description": said, "parameters": schema}}
    for name, said, schema in TOOLS
]
FLAT: list[Any] = [
    {"type": "function", "name": name, "description": said, "parameters": schema, "strict": True}
    for name, said, schema in TOOLS
]


def asked(text: str) -> list[Any]:
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]


def chat(model: str, text: str, **more: Any) -> Any:
    return client.chat.completions.create(model=model, messages=asked(text), **more)


def whole(model: str) -> Any:
    found = chat(model, "Say it.", temperature=0.5, stop=["END"], max_tokens=50)
    return [found.choices[0].message.content, found.usage.total_tokens]


def stream(model: str) -> Any:
    chunks = list(chat(model, "Say it.", stream=True, stream_options={"include_usage": True}))
    return ["".join(one.choices[0].delta.content or "" for one in chunks if one.choices), chunks[-1].usage.total_tokens]


def tools(model: str) -> Any:
    found = chat(model, "TOOLS", tools=FUNCTIONS, tool_choice="auto")
    calls = found.choices[0].message.tool_calls
    turns = [*asked("TOOLS"), found.choices[0].message.to_dict()]
    turns += [{"role": "tool", "tool_call_id": call.id, "content": "rain"} for call in calls]
    turns.append({"role": "user", "content": "And now?"})
    then = client.chat.completions.create(model=model, messages=turns, tools=FUNCTIONS)
    return [
        *([call.function.name, json.loads(call.function.arguments)] for call in calls),
        then.choices[0].message.content,
    ]


def tools_stream(model: str) -> Any:
    with client.chat.completions.stream(model=model, messages=asked("TOOLS"), tools=FUNCTIONS) as events:
        for _ in events:
            pass
        calls = events.get_final_completion().choices[0].message.tool_calls
    return [[call.function.name, json.loads(call.function.arguments)] for call in calls or []]


def picture(model: str) -> Any:
    parts = [
        {"type": "text", "text": "PICTURE"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
    ]
    messages: list[Any] = [{"role": "user", "content": parts}]
    return client.chat.completions.create(model=model, messages=messages).choices[0].message.content


def schema(model: str) -> Any:
    found = (
        client.chat.completions.parse(model=model, messages=asked("JSON"), response_format=Place)
        .choices[0]
        .message.parsed
    )
    return found.model_dump() if found else None


def cancel(model: str) -> Any:
    events = chat(model, f"SLOW openai-python-{model.partition('/')[0]}", stream=True)
    first = next(one.choices[0].delta.content for one in events if one.choices and one.choices[0].delta.content)
    events.close()
    return first


def bad_key(model: str) -> Any:
    return client.with_options(api_key=BAD_KEY).chat.completions.create(model=model, messages=asked("Say it."))


def responses(model: str) -> Any:
    return client.responses.create(model=model, input="Say it.", instructions="Be brief.").output_text


def responses_stream(model: str) -> Any:
    with client.responses.stream(model=model, input="TOOLS", tools=FLAT) as events:
        for _ in events:
            pass
        items = events.get_final_response().output
    return [[one.name, json.loads(one.arguments)] for one in items if one.type == "function_call"]


def responses_schema(model: str) -> Any:
    found = client.responses.parse(model=model, input="JSON", text_format=Place).output_parsed
    return found.model_dump() if found else None


def responses_picture(model: str) -> Any:
    parts = [
        {"type": "input_text", "text": "PICTURE"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}", "detail": "auto"},
    ]
    given: list[Any] = [{"role": "user", "content": parts}]
    return client.responses.create(model=model, input=given).output_text


def embedding() -> Any:
    return (
        client.embeddings.create(model="openai/text-embedding-4", input="a", encoding_format="float").data[0].embedding
    )


CASES: dict[str, Callable[[str], Any]] = {
    "whole": whole, "stream": stream, "tools": tools, "tools_stream": tools_stream, "picture": picture, "schema": schema,
    "cancel": cancel, "refused": lambda model: chat(model, SECRET), "busy": lambda model: chat(model, "BUSY"),
    "bad_key": bad_key, "responses": responses, "responses_stream": responses_stream, "responses_schema": responses_schema,
    "responses_picture": responses_picture,
}  # fmt: skip
run(
    {
        f"{model}:{name}": lambda case=case, model=model: case(model)
        for model in GIVEN["models"]
        for name, case in CASES.items()
    }
    | {"embedding": embedding}
)
