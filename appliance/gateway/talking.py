"""A chatbot as a model: `bot:<slug>`, asked on behalf of whoever the key belongs to.

What it says ends with a list of its sources, so that every client shows them; whoever speaks OpenAI's chat finds them in
the field `citations` as well. The call to the model behind it is admitted and settled like any other of that chatbot.
"""

import time
from collections.abc import Generator, Iterator, Mapping
from typing import Any, Final
from uuid import uuid4

from appliance.gateway.answering import EVENTS, JSON, Answering, fault_of
from appliance.gateway.dialects import Dialect, Fault
from appliance.gateway.dialects.crossing import CrossStream
from appliance.gateway.dialects.errors import error_event
from appliance.gateway.dialects.sse import DONE, encode, write_json
from appliance.gateway.errors import RequestMalformed
from appliance.gateway.models import BOT
from appliance.gateway.values import Bots, Source
from appliance.identity import Caller
from appliance.kernel.errors import Refusal
from appliance.kernel.log import logger
from appliance.providers.base import Turn

log = logger("gateway")
# What a chatbot decides itself; a request that decides otherwise is refused, and not obeyed in half.
_OWN: Final = ("system", "tools", "functions", "response_format", "logprobs", "thinking", "audio")
_BROKEN: Final = Fault(500, "internal_error", "The answer broke off. Ask again.")
Pieces = Generator[str | Source, None, None]


def talked(
    bots: Bots, caller: Caller, name: str, body: Mapping[str, Any], dialect: Dialect, labels: tuple[str, ...], counted_tokens: int
) -> Answering:
    """Return a chatbot's answer. Raises RequestMalformed, a Refusal."""
    question, history = _read(body)
    pieces = bots.ask(caller, name.removeprefix(BOT), question, history, labels, counted_tokens)
    if body.get("stream") is True:
        events = _Events(pieces, name, dialect, body)
        return Answering(200, events, {"Content-Type": EVENTS, "X-Accel-Buffering": "no"})
    said, sources = _whole(pieces)
    content = said + _list(sources)
    told = _message(name, content) if dialect is Dialect.MESSAGES else _completion(name, content, sources)
    return Answering(200, write_json(told), {"Content-Type": JSON})


class _Events:
    """The answer as it comes, in the client's dialect."""

    def __init__(self, pieces: Pieces, name: str, dialect: Dialect, body: Mapping[str, Any]) -> None:
        self._pieces, self._dialect = pieces, dialect
        self._crossing = CrossStream(dialect, Dialect.CHAT, asked=body) if dialect is not Dialect.CHAT else None
        self._head = {
            "id": _id("chatcmpl-"),
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": name,
        }
        self._events = self._told()

    def __iter__(self) -> Iterator[bytes]:
        return self._events

    def close(self) -> None:
        """Stop the answer."""
        self._events.close()
        self._pieces.close()

    def _told(self) -> Generator[bytes, None, None]:
        sources: list[Source] = []
        try:
            yield self._crossed(self._chunk({"role": "assistant", "content": ""}))
            for piece in self._pieces:
                if isinstance(piece, Source):
                    sources.append(piece)
                else:
                    yield self._crossed(self._chunk({"content": piece}))
            last = {"content": _list(sources)} | ({"citations": [_citation(one) for one in sources]} if sources else {})
            yield self._crossed(self._chunk(last) + self._chunk({}, finish="stop") + DONE)
        except Refusal as refusal:
            yield self._failed(fault_of(refusal))
        except Exception:
            log.exception("bot_failed")
            yield self._failed(_BROKEN)

    def _chunk(self, delta: Mapping[str, Any], *, finish: str | None = None) -> bytes:
        return encode(self._head | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    def _crossed(self, told: bytes) -> bytes:
        return self._crossing.feed(told) if self._crossing else told

    def _failed(self, fault: Fault) -> bytes:
        return self._crossing.fail(fault) if self._crossing else error_event(self._dialect, fault)


def _read(body: Mapping[str, Any]) -> tuple[str, list[Turn]]:
    for name in _OWN:
        if body.get(name):
            raise RequestMalformed(reason=f"a chatbot decides on `{name}` itself; leave it out")
    if body.get("n", 1) != 1:
        raise RequestMalformed(reason="a chatbot gives one answer; leave `n` out")
    messages = body.get("messages")
    turns = [_turn(one) for one in messages] if isinstance(messages, list) else []
    if not turns or turns[-1].role != "user":
        raise RequestMalformed(reason="the last of `messages` is to be a question, of the role user")
    return turns[-1].text, turns[:-1]


def _turn(message: Any) -> Turn:
    role = message.get("role") if isinstance(message, Mapping) else None
    if role not in {"user", "assistant"}:
        raise RequestMalformed(reason="a chatbot has instructions of its own; `messages` are of users and assistants")
    content = message.get("content")
    if isinstance(content, str):
        return Turn(role, content)
    parts: list[Any] = content if isinstance(content, list) else []
    said = [one.get("text") for one in parts if isinstance(one, Mapping) and one.get("type") == "text"]
    texts = [one for one in said if isinstance(one, str)]
    if not parts or len(texts) != len(parts):
        raise RequestMalformed(reason="a chatbot reads text alone")
    return Turn(role, "\n".join(texts))


def _whole(pieces: Pieces) -> tuple[str, list[Source]]:
    said: list[str] = []
    sources: list[Source] = []
    try:
        for piece in pieces:
            if isinstance(piece, Source):
                sources.append(piece)
            else:
                said.append(piece)
    finally:
        pieces.close()
    return "".join(said), sources


def _list(sources: list[Source]) -> str:
    lines = [f"[{one.number}] {one.title}" + (f", p. {one.page}" if one.page else "") for one in sources]
    return "\n\n" + "\n".join(lines) if lines else ""


def _citation(source: Source) -> dict[str, Any]:
    document = str(source.document_id) if source.document_id else None
    return {
        "number": source.number, "document_id": document, "title": source.title, "heading": source.heading,
        "page": source.page, "quote": source.quote,
    }  # fmt: skip


def _completion(name: str, content: str, sources: list[Source]) -> dict[str, Any]:
    message = {
        "role": "assistant",
        "content": content,
        "refusal": None,
        "citations": [_citation(one) for one in sources],
    }
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return {
        "id": _id("chatcmpl-"),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": name,
        "choices": [choice],
    }


def _message(name: str, content: str) -> dict[str, Any]:
    # Its form needs numbers. What the model behind the chatbot used is on record; 0 says that nothing was used of a provider.
    return {
        "id": _id("msg_"), "type": "message", "role": "assistant", "model": name,
        "content": [{"type": "text", "text": content}], "stop_reason": "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    }  # fmt: skip


def _id(prefix: str) -> str:
    return prefix + uuid4().hex
