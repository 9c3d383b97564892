"""The chunks of a chat completion, as Anthropic's stream.

https://platform.openai.com/docs/api-reference/chat/streaming. Anthropic's blocks follow one another, each begun, told
and ended; so a call that goes on after the next has begun cannot be told, and breaks the stream.
"""

from collections.abc import Mapping
from typing import Any

from appliance.gateway.dialects.frames import THE_END, Frame, unreadable
from appliance.gateway.dialects.messages_to_chat.answer import THOUGHTS, ending, message_id, usage
from appliance.gateway.dialects.rules import a_list, a_text, an_object
from appliance.gateway.dialects.usage import count
from appliance.gateway.dialects.values import Dialect, TokenCount

_EMPTY = {
    "text": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}
_PIECE = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "tool_use": ("input_json_delta", "partial_json"),
}


class ChatToMessages:
    """Keeps every piece of text, thought and arguments as it came, in a delta of its own."""

    def __init__(self, *, stops: object = None) -> None:
        self._stops = stops
        self._used: Mapping[str, Any] = {}
        self._has_begun = self._is_refused = False
        self._blocks = 0
        self._open = ""  # the kind of the last block, while it is open
        self._calls: list[int] = []  # the provider's numbers of the calls, in order
        self._last: dict[str, Any] | None = None  # the choice that said why it ended
        self.is_finished = False

    @property
    def count(self) -> TokenCount | None:
        """What was used, as far as the stream has told."""
        return count(Dialect.CHAT, self._used) if self._used else None

    def take(self, frame: Frame) -> list[Frame]:
        """Return the events that a chunk becomes. Raises Broken, Untranslatable."""
        if frame is THE_END:
            return self._end()
        chunk = frame.body
        if chunk.get("usage"):
            self._used = an_object(chunk["usage"], "usage")
        choices = a_list(chunk.get("choices") or [], "choices")
        if not choices:  # what was used, or Azure's word on the prompt
            return []
        choice = an_object(choices[0], "choices[0]")
        if len(choices) > 1 or choice.get("index") not in (0, None):
            raise unreadable("it holds more than one answer")
        events = [] if self._has_begun else [self._begin(chunk)]
        events += self._delta(an_object(choice.get("delta") or {}, "choices[0].delta"))
        if choice.get("finish_reason") is not None:
            self._last = dict(choice)
        return events

    def _begin(self, chunk: Mapping[str, Any]) -> Frame:
        self._has_begun = True
        message: dict[str, Any] = {
            "id": message_id(chunk.get("id")), "type": "message", "role": "assistant",
            "model": a_text(chunk.get("model"), "model"), "content": [], "stop_reason": None, "stop_sequence": None,
            "usage": usage(None),
        }  # fmt: skip
        return Frame({"type": "message_start", "message": message})

    def _delta(self, delta: Mapping[str, Any]) -> list[Frame]:
        events: list[Frame] = []
        thought = next((name for name in THOUGHTS if delta.get(name)), "")
        for kind, name in (("thinking", thought), ("text", "content"), ("text", "refusal")):
            if delta.get(name):
                self._is_refused |= name == "refusal"
                events += self._tell(kind, a_text(delta[name], f"choices[0].delta.{name}"))
        if delta.get("function_call") or delta.get("audio"):
            raise unreadable("it holds what was not asked for")
        for call in a_list(delta.get("tool_calls") or [], "choices[0].delta.tool_calls"):
            events += self._call(an_object(call, "choices[0].delta.tool_calls"))
        if events and self._last is not None:
            raise unreadable("it went on after its end")
        return events

    def _tell(self, kind: str, piece: str) -> list[Frame]:
        events = [] if self._open == kind else self._open_block(kind, _EMPTY[kind])
        return [*events, self._piece(piece)]

    def _call(self, call: Mapping[str, Any]) -> list[Frame]:
        function = an_object(call.get("function") or {}, "choices[0].delta.tool_calls.function")
        number, is_new = self._number(call)
        events: list[Frame] = []
        if is_new:
            at = "choices[0].delta.tool_calls"
            name, call_id = a_text(function.get("name"), f"{at}.function.name"), a_text(call.get("id"), f"{at}.id")
            self._calls.append(number)
            events += self._open_block("tool_use", {"type": "tool_use", "id": call_id, "name": name, "input": {}})
        elif self._open != "tool_use" or number != self._calls[-1]:
            raise unreadable("the arguments of a call went on after the next had begun")
        arguments = function.get("arguments")
        return [*events, self._piece(a_text(arguments, "arguments"))] if arguments else events

    def _number(self, call: Mapping[str, Any]) -> tuple[int, bool]:
        """Return which call a piece is of, and whether it begins it; some servers send each whole, without a number."""
        number = call.get("index")
        if number is None:
            number = len(self._calls)
        if not isinstance(number, int):
            raise unreadable("a call has no number")
        return number, number not in self._calls

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

    def _piece(self, piece: str) -> Frame:
        kind, name = _PIECE[self._open]
        return Frame({"type": "content_block_delta", "index": self._blocks - 1, "delta": {"type": kind, name: piece}})

    def _end(self) -> list[Frame]:
        if self._last is None:
            raise unreadable("it ended without a reason")
        end = ending(
            self._last, stops=self._stops, has_calls=bool(self._calls), is_refused=self._is_refused, at="choices[0]"
        )
        self.is_finished = True
        delta = {"type": "message_delta", "delta": end, "usage": usage(self._used)}
        return [*self._close_block(), Frame(delta), Frame({"type": "message_stop"})]
