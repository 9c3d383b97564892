"""Where the texts of answers stand in each dialect: in streams those that come piece by piece, and all else that an event or a body says.

OpenAI, chat: https://platform.openai.com/docs/api-reference/chat/streaming; responses:
https://platform.openai.com/docs/api-reference/responses-streaming. Anthropic: https://platform.claude.com/docs/en/build-with-claude/streaming.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from appliance.gateway.dialects import Dialect

Key = tuple[Any, ...]
_FEWEST_DIGITS: Final = 9
_SHORTEST: Final = 4
# What names things, and what no reader reads as a text.
_NOT_SAID: Final = frozenset(
    {
        "id", "type", "role", "model", "object", "system_fingerprint", "service_tier", "item_id", "call_id", "tool_use_id", "signature", "name",
        "encrypted_content", "obfuscation", "finish_reason", "stop_reason", "status", "b64_json", "usage", "created", "created_at", "index",
        "sequence_number", "output_index", "content_index", "summary_index", "previous_response_id", "tools", "instructions",
    }
)  # fmt: skip
_IN_PARTS: Final = frozenset({"text", "thinking", "summary", "transcript"})
_BLOCKS: Final = {"text": "text_delta", "thinking": "thinking_delta"}
IN_JSON: Final = frozenset({"arguments", "partial_json"})
_TOOL_USES: Final = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})
EVERYTHING: Final[Key] = ()


@dataclass(eq=False)
class Piece:
    """A piece of a text that comes in several: of which text, where it stands, and what it says. `key` begins with what holds the text."""

    key: Key
    holder: dict[str, Any]
    name: str
    is_json: bool = False

    @property
    def text(self) -> str:
        """What it says."""
        said: str = self.holder[self.name]
        return said


def pieces(dialect: Dialect, body: dict[str, Any]) -> list[Piece]:
    """Return the pieces of texts in an event, in order."""
    found = {Dialect.CHAT: _of_chat, Dialect.MESSAGES: _of_messages, Dialect.RESPONSES: _of_responses}[dialect](body)
    return [one for one in found if isinstance(one.holder.get(one.name), str) and one.text]


def ended(dialect: Dialect, body: dict[str, Any]) -> list[Key]:
    """Return which texts end with this event, by what their keys begin with."""
    kind = str(body.get("type"))
    if dialect is Dialect.CHAT:
        return [(one.get("index"),) for one in _objects(body.get("choices")) if one.get("finish_reason") is not None]
    if dialect is Dialect.MESSAGES:
        return [(body.get("index"),)] if kind == "content_block_stop" else [EVERYTHING] if kind in {"message_delta", "message_stop", "error"} else []
    is_over = kind.endswith(".done") or kind in {"response.completed", "response.incomplete", "response.failed", "error"}
    return [EVERYTHING] if is_over else []


def others(body: Any, of_pieces: Collection[Piece]) -> Iterator[tuple[Any, Any]]:
    """Yield where all other texts and long numbers stand: what holds them, and by which name or place."""
    taken = {(id(one.holder), one.name) for one in of_pieces}
    yield from _leaves(body, taken, is_told=False)


def told_objects(body: Any, *, is_told: bool = False) -> Iterator[dict[str, Any]]:
    """Yield the objects whose names a model says as well, what is in them first: the input of a tool, and all within."""
    inside = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    is_use = isinstance(body, dict) and body.get("type") in _TOOL_USES
    for key, value in inside:
        yield from told_objects(value, is_told=is_told or (is_use and key == "input"))
    if is_told and isinstance(body, dict):
        yield body


def _leaves(body: Any, taken: Collection[tuple[int, Any]], *, is_told: bool) -> Iterator[tuple[Any, Any]]:
    """`is_told`: a model says all of it, whatever its members are called, as it does of the arguments of a tool."""
    inside = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    kind = str(body.get("type")) if isinstance(body, dict) else ""
    is_file = kind in {"base64", "image_generation_call"}
    for key, value in list(inside):
        is_name = isinstance(body, dict) and (key in _NOT_SAID or (is_file and key in {"data", "result"}))
        if (id(body), key) in taken or (is_name and not is_told):
            continue
        if isinstance(value, dict | list):
            yield from _leaves(value, taken, is_told=is_told or (kind in _TOOL_USES and key == "input"))
        elif (isinstance(value, str) and len(value) >= _SHORTEST) or _is_long_number(value):
            yield body, key


def _is_long_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= 10 ** (_FEWEST_DIGITS - 1)


def _of_chat(body: dict[str, Any]) -> Iterator[Piece]:
    for choice in _objects(body.get("choices")):
        index, delta = choice.get("index"), choice.get("delta")
        if not isinstance(delta, dict):
            continue
        yield from _texts_of(delta, (index,))
        if isinstance(delta.get("function_call"), dict):
            yield Piece((index, "function_call"), delta["function_call"], "arguments", is_json=True)
        for place, call in enumerate(_objects(delta.get("tool_calls"))):
            number = call.get("index", place)
            if isinstance(call.get("function"), dict):
                yield Piece((index, "call", number), call["function"], "arguments", is_json=True)
            if isinstance(call.get("custom"), dict):
                yield Piece((index, "call", number), call["custom"], "input")


def _of_messages(body: dict[str, Any]) -> Iterator[Piece]:
    index, kind = body.get("index"), body.get("type")
    delta, block = body.get("delta"), body.get("content_block")
    if kind == "content_block_delta" and isinstance(delta, dict):
        told = str(delta.get("type"))
        yield from _texts_of(delta, (index, told))
    elif kind == "content_block_start" and isinstance(block, dict):
        name = str(block.get("type"))
        if told := _BLOCKS.get(name, ""):
            yield Piece((index, told, name), block, name)


def _texts_of(delta: dict[str, Any], key: Key) -> Iterator[Piece]:
    """Yield all that a delta says, also in fields that only some servers have: it comes in pieces, so it is looked at as one."""
    for name, value in delta.items():
        if isinstance(value, str) and name not in _NOT_SAID:
            yield Piece((*key, name), delta, name, is_json=name in IN_JSON)
        elif name not in {"tool_calls", "function_call"}:
            for place, one in enumerate([value] if isinstance(value, dict) else _objects(value)):
                yield from (Piece((*key, name, one.get("index", place), inner), one, inner) for inner in _IN_PARTS if inner in one)


def _of_responses(body: dict[str, Any]) -> Iterator[Piece]:
    kind = str(body.get("type"))
    if kind.endswith(".delta") and not kind.endswith("audio.delta"):
        places = ("item_id", "output_index", "content_index", "summary_index")
        yield Piece((*(body.get(one) for one in places), kind), body, "delta", is_json="arguments" in kind)


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
