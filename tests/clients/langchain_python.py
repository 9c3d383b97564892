"""LangChain's chat models of both vendors."""

from collections.abc import Callable
from typing import Any

from cases import BAD_KEY, GIVEN, KEY, PICTURE, SCHEMA, SECRET, TOOLS, URL, run
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

FUNCTIONS = [
    {"type": "function", "function": {"name": name, "description": said, "parameters": schema}}
    for name, said, schema in TOOLS
]
Model = Callable[[str], Any]


def of_openai(model: str, key: str = KEY, **more: Any) -> Any:
    return ChatOpenAI(model=model, base_url=f"{URL}/v1", api_key=key, max_retries=0, stream_usage=True, **more)  # type: ignore[arg-type]


def of_anthropic(model: str, key: str = KEY) -> Any:
    return ChatAnthropic(model=model, base_url=URL, api_key=key, max_retries=0, max_tokens=100)  # type: ignore[call-arg, arg-type]


def asked(text: Any) -> list[Any]:
    return [SystemMessage("Be brief."), HumanMessage(text)]


def whole(model: Any) -> Any:
    found = model.invoke(asked("Say it."))
    return [found.text, found.usage_metadata["output_tokens"]]


def stream(model: Any) -> Any:
    found: Any = sum(model.stream(asked("Say it.")), AIMessageChunk(""))
    return [found.text, found.usage_metadata["output_tokens"]]


def calls_of(found: Any) -> list[Any]:
    return [[one["name"], one["args"]] for one in found.tool_calls]


def tools(model: Any) -> Any:
    able = model.bind_tools(FUNCTIONS)
    found = able.invoke(asked("TOOLS"))
    results = [ToolMessage("rain", tool_call_id=one["id"]) for one in found.tool_calls]
    return [*calls_of(found), able.invoke([*asked("TOOLS"), found, *results, HumanMessage("And now?")]).text]


def tools_stream(model: Any) -> Any:
    found: Any = sum(model.bind_tools(FUNCTIONS).stream(asked("TOOLS")), AIMessageChunk(""))
    return calls_of(found)


def picture(model: Any) -> Any:
    parts = [{"type": "text", "text": "PICTURE"}, {"type": "image", "base64": PICTURE, "mime_type": "image/png"}]
    return model.invoke(asked(parts)).text


def schema(model: Any) -> Any:
    place = SCHEMA | {"title": "Place", "description": "A place"}
    return model.with_structured_output(place, method="json_schema").invoke(asked("JSON"))


def cancel(model: Any, name: str) -> Any:
    pieces = model.stream(asked(f"SLOW {name}"))
    first = next(one.text for one in pieces if one.text)
    pieces.close()
    return first


def embedding() -> Any:
    made = OpenAIEmbeddings(
        model="openai/text-embedding-4", base_url=f"{URL}/v1", api_key=KEY, check_embedding_ctx_length=False
    )  # type: ignore[call-arg, arg-type]
    return made.embed_query("a")


def cases_of(kind: str, make: Any, model: str) -> dict[str, Callable[[], Any]]:
    name = f"langchain-{kind}-{model.partition('/')[0]}"
    made = make(model)
    simple = {
        "whole": whole,
        "stream": stream,
        "tools": tools,
        "tools_stream": tools_stream,
        "picture": picture,
        "schema": schema,
    }
    found: dict[str, Callable[[], Any]] = {one: lambda case=case: case(made) for one, case in simple.items()}
    found["cancel"] = lambda: cancel(made, name)
    found["refused"] = lambda: made.invoke(asked(SECRET))
    found["busy"] = lambda: made.invoke(asked("BUSY"))
    found["bad_key"] = lambda: make(model, BAD_KEY).invoke(asked("Say it."))
    return {f"{kind}:{model}:{one}": case for one, case in found.items()}


run(
    {
        name: case
        for model in GIVEN["models"]
        for kind, make in (("openai", of_openai), ("anthropic", of_anthropic))
        for name, case in cases_of(kind, make, model).items()
    }
    | {"embedding": embedding}
    | {
        f"responses:{model}": lambda model=model: whole(of_openai(model, use_responses_api=True))
        for model in GIVEN["models"]
    }
)
