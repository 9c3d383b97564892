"""The chunks of a chat completion, as the events of OpenAI's Responses API.

https://platform.openai.com/docs/api-reference/responses-streaming. Items follow one another, each added, told and done;
whoever sends the events numbers them.
"""

from collections.abc import Mapping
from typing import Any

from appliance.gateway.dialects.chunks import ChunkReader, Piece
from appliance.gateway.dialects.frames import PING, THE_END, Frame
from appliance.gateway.dialects.responses_to_chat.answer import (
    ENDINGS,
    Item,
    call_item,
    ended,
    message_item,
    response,
    text_part,
)
from appliance.gateway.dialects.responses_to_chat.thoughts import reasoning_item
from appliance.gateway.dialects.rules import one_of
from appliance.gateway.dialects.usage import count
from appliance.gateway.dialects.values import Dialect, TokenCount


class ChatToResponses:
    """Keeps every piece of text, thought and arguments as it came, in a delta of its own."""

    def __init__(self, *, asked: Mapping[str, Any], created: int) -> None:
        self._asked, self._created = asked, created
        self._reader = ChunkReader()
        self._response: dict[str, Any] = {}
        self._items: list[Item] = []  # those that are done
        self._open: Piece | None = None  # what began the item that is open
        self._told = ""  # what was told of it
        self.is_finished = False

    @property
    def count(self) -> TokenCount | None:
        """What was used, as far as the stream has told."""
        return count(Dialect.CHAT, self._reader.used) if self._reader.used else None

    def take(self, frame: Frame) -> list[Frame]:
        """Return the events that a chunk becomes. Raises Broken, Untranslatable."""
        if frame is THE_END or frame is PING:
            return self._end() if frame is THE_END else [PING]
        pieces = self._reader.read(frame)
        events = self._begin() if self._reader.begun and not self._response else []
        return events + [event for piece in pieces for event in self._tell(piece)]

    def _begin(self) -> list[Frame]:
        first = self._reader.begun or {}
        self._response = response(
            self._asked, answer_id=first.get("id"), created=self._created, model=str(first["model"])
        )
        return [
            Frame({"type": kind, "response": self._response}) for kind in ("response.created", "response.in_progress")
        ]

    def _tell(self, piece: Piece) -> list[Frame]:
        if piece.kind == "thought":
            return self._seal(piece)
        if piece.kind == "call":
            return self._open_item(piece)
        events = [] if self._is_open(piece) else self._open_item(piece)
        self._told += piece.text
        return [*events, self._of_item(_DELTAS[piece.kind], delta=piece.text)]

    def _is_open(self, piece: Piece) -> bool:
        kind = "call" if piece.kind == "arguments" else piece.kind
        return self._open is not None and self._open.kind == kind

    def _open_item(self, piece: Piece) -> list[Frame]:
        events = self._close_item()
        self._open, self._told = piece, ""
        begun = self._item(status="in_progress")
        events.append(Frame({"type": "response.output_item.added", "item": begun} | self._place()))
        if piece.kind in {"text", "refusal", "thinking"}:
            events.append(self._of_item(f"response.{_PART[piece.kind]}.added", part=self._part()))
        return events

    def _close_item(self, sealed: Mapping[str, Any] | None = None) -> list[Frame]:
        if self._open is None:
            return []
        kind, done = self._open.kind, self._item(status="completed", sealed=sealed)
        name, what = _DONE[kind]
        events = [self._of_item(f"response.{name}.done", **{what: self._told})]
        if kind != "call":
            events.append(self._of_item(f"response.{_PART[kind]}.done", part=self._part()))
        events.append(Frame({"type": "response.output_item.done", "item": done} | self._place()))
        self._items.append(done)
        self._open = None
        return events

    def _seal(self, piece: Piece) -> list[Frame]:
        """End the thought that was told with its signature, or tell at once of one that was not."""
        if self._open is not None and self._open.kind == "thinking":
            return self._close_item(sealed=piece.block)
        events = self._close_item()
        item = reasoning_item(f"rs_{self._base}_{len(self._items)}", piece.block)
        place = {"output_index": len(self._items)}
        self._items.append(item)
        kinds = ("response.output_item.added", "response.output_item.done")
        return events + [Frame({"type": kind, "item": item} | place) for kind in kinds]

    def _item(self, *, status: str, sealed: Mapping[str, Any] | None = None) -> Item:
        assert self._open is not None  # noqa: S101 - asked for an open item alone
        kind, item_id = self._open.kind, self._item_id()
        if kind == "call":
            return call_item(item_id, self._open.call_id, self._open.name, self._told, status=status)
        if kind == "thinking":
            return reasoning_item(item_id, sealed or {"type": "thinking", "thinking": self._told})
        return message_item(item_id, [] if status == "in_progress" else [self._part()], status=status)

    def _part(self) -> Item:
        kind = self._open.kind if self._open else ""
        if kind == "thinking":
            return {"type": "summary_text", "text": self._told}
        return {"type": "refusal", "refusal": self._told} if kind == "refusal" else text_part(self._told)

    def _of_item(self, kind: str, **what: object) -> Frame:
        event: dict[str, Any] = {"type": kind, "item_id": self._item_id()} | self._place() | what
        if kind.startswith("response.reasoning"):
            event["summary_index"] = 0
        elif not kind.startswith("response.function_call"):
            event["content_index"] = 0
        if kind.startswith("response.output_text"):
            event["logprobs"] = []
        return Frame(event)

    def _place(self) -> dict[str, int]:
        return {"output_index": len(self._items)}

    @property
    def _base(self) -> str:
        return str(self._response["id"]).removeprefix("resp_")

    def _item_id(self) -> str:
        kind = self._open.kind if self._open else ""
        return f"{_PREFIX.get(kind, 'msg')}_{self._base}_{len(self._items)}"

    def _end(self) -> list[Frame]:
        ending = one_of(self._reader.end().get("finish_reason"), ENDINGS, "choices[0].finish_reason")
        events = self._close_item()
        whole = self._response | ended(ending, self._items, self._reader.used)
        self.is_finished = True
        return [*events, Frame({"type": f"response.{whole['status']}", "response": whole})]


_PREFIX = {"call": "fc", "thinking": "rs"}
_PART = {"text": "content_part", "refusal": "content_part", "thinking": "reasoning_summary_part"}
_DELTAS = {
    "text": "response.output_text.delta",
    "refusal": "response.refusal.delta",
    "thinking": "response.reasoning_summary_text.delta",
    "arguments": "response.function_call_arguments.delta",
}
_DONE = {
    "text": ("output_text", "text"),
    "refusal": ("refusal", "refusal"),
    "thinking": ("reasoning_summary_text", "text"),
    "call": ("function_call_arguments", "arguments"),
}
