"""The chunks of a chat completion, as Anthropic's stream.

https://platform.claude.com/docs/en/build-with-claude/streaming: blocks follow one another, each begun, told and ended;
so a call that goes on after the next has begun cannot be told, and breaks the stream.
"""

from collections.abc import Mapping
from typing import Any

from appliance.gateway.dialects.chunks import ChunkReader, Piece
from appliance.gateway.dialects.frames import PING, THE_END, Frame
from appliance.gateway.dialects.messages_to_chat.answer import ending, message_id, usage
from appliance.gateway.dialects.usage import count
from appliance.gateway.dialects.values import Dialect, TokenCount

_EMPTY = {"text": {"type": "text", "text": ""}, "thinking": {"type": "thinking", "thinking": "", "signature": ""}}
_DELTA = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "tool_use": ("input_json_delta", "partial_json"),
}


class ChatToMessages:
    """Keeps every piece of text, thought and arguments as it came, in a delta of its own."""

    def __init__(self, *, stops: object = None) -> None:
        self._stops = stops
        self._reader = ChunkReader()
        self._blocks = 0
        self._open = ""  # the kind of the last block, while it is open
        self.is_finished = False

    @property
    def count(self) -> TokenCount | None:
        """What was used, as far as the stream has told."""
        return count(Dialect.CHAT, self._reader.used) if self._reader.used else None

    def take(self, frame: Frame) -> list[Frame]:
        """Return the events that a chunk becomes. Raises Broken, Untranslatable."""
        if frame is THE_END or frame is PING:
            return self._end() if frame is THE_END else [PING]
        was_silent = self._reader.begun is None
        pieces = self._reader.read(frame)
        events = [_beginning(self._reader.begun)] if was_silent and self._reader.begun else []
        return events + [event for piece in pieces for event in self._tell(piece)]

    def _tell(self, piece: Piece) -> list[Frame]:
        if piece.kind == "thought":  # Claude's alone, and Claude is not asked like this
            return []
        if piece.kind == "call":
            begun = {"type": "tool_use", "id": piece.call_id, "name": piece.name, "input": {}}
            return self._open_block("tool_use", begun)
        kind = {"arguments": "tool_use", "refusal": "text"}.get(piece.kind, piece.kind)
        events = [] if self._open == kind else self._open_block(kind, _EMPTY[kind])
        delta, name = _DELTA[kind]
        told = {"type": "content_block_delta", "index": self._blocks - 1, "delta": {"type": delta, name: piece.text}}
        return [*events, Frame(told)]

    def _open_block(self, kind: str, empty: Mapping[str, Any]) -> list[Frame]:
        events = self._close_block()
        self._open, self._blocks = kind, self._blocks + 1
        begun = {"type": "content_block_start", "index": self._blocks - 1, "content_block": dict(empty)}
        return [*events, Frame(begun)]

    def _close_block(self) -> list[Frame]:
        if not self._open:
            return []
        self._open = ""
        return [Frame({"type": "content_block_stop", "index": self._blocks - 1})]

    def _end(self) -> list[Frame]:
        reader = self._reader
        end = ending(
            reader.end(), stops=self._stops, has_calls=reader.has_calls, is_refused=reader.is_refused, at="choices[0]"
        )
        delta = {"type": "message_delta", "delta": end, "usage": usage(reader.used)}
        self.is_finished = True
        return [*self._close_block(), Frame(delta), Frame({"type": "message_stop"})]


def _beginning(chunk: Mapping[str, Any]) -> Frame:
    message: dict[str, Any] = {
        "id": message_id(chunk.get("id")), "type": "message", "role": "assistant", "model": chunk["model"],
        "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage(None),
    }  # fmt: skip
    return Frame({"type": "message_start", "message": message})
