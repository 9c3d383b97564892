"""Anthropic's stream, as the chunks of a chat completion.

https://platform.claude.com/docs/en/build-with-claude/streaming: kinds of events may be added at any time, and those
that are not known are passed over; an unknown kind of content is not, since a piece of the answer would be lost.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from appliance.gateway.dialects.bodies import write_json
from appliance.gateway.dialects.chat_to_messages.answer import FINISHES, completion_id, usage
from appliance.gateway.dialects.frames import PING, THE_END, Frame, unreadable
from appliance.gateway.dialects.rules import a_text, an_object, one_of
from appliance.gateway.dialects.usage import count
from appliance.gateway.dialects.values import Dialect, TokenCount


@dataclass
class _Block:
    kind: str
    call: int = -1  # which of the answer's tool calls it is
    given: dict[str, Any] = field(default_factory=dict)  # a call's whole input, if the block began with it
    has_arguments: bool = False
    thought: dict[str, Any] = field(default_factory=dict)


class MessagesToChat:
    """Keeps every piece of text, thought and arguments as it came, in chunks of its own."""

    def __init__(self, *, created: int, with_usage: bool) -> None:
        self._head: dict[str, Any] = {"object": "chat.completion.chunk", "created": created}
        self._with_usage = with_usage
        self._used: dict[str, Any] = {}
        self._open: dict[int, _Block] = {}
        self._calls = self._thoughts = 0
        self._finish: str | None = None
        self._has_begun = False
        self.is_finished = False

    @property
    def count(self) -> TokenCount | None:
        """What was used, as far as the stream has told."""
        return count(Dialect.MESSAGES, self._used) if self._used else None

    def take(self, frame: Frame) -> list[Frame]:
        """Return the chunks that an event becomes. Raises Broken, Untranslatable."""
        kind = frame.body.get("type")
        if kind == "ping":
            return [PING]
        step = self._STEPS.get(str(kind))
        if step is None:
            return []
        if self._has_begun == (kind == "message_start"):
            raise unreadable(f"{kind} came out of order")
        return step(self, frame.body)

    def _start(self, event: dict[str, Any]) -> list[Frame]:
        message = an_object(event.get("message"), "message")
        model = a_text(message.get("model"), "message.model")
        self._head = {"id": completion_id(message.get("id"))} | self._head | {"model": model}
        self._use(message.get("usage"))
        self._has_begun = True
        return [self._chunk({"role": "assistant", "content": "", "refusal": None})]

    def _start_block(self, event: dict[str, Any]) -> list[Frame]:
        index = event.get("index")
        if not isinstance(index, int) or index in self._open or self._finish:
            raise unreadable("a block began out of order")
        begun = dict(an_object(event.get("content_block"), "content_block"))
        block = self._open[index] = _Block(str(begun.get("type")))
        if block.kind == "text":
            text = a_text(begun.get("text", ""), "content_block.text")
            return [self._chunk({"content": text})] if text else []
        if block.kind == "tool_use":
            block.call, self._calls = self._calls, self._calls + 1
            block.given = dict(an_object(begun.get("input") or {}, "content_block.input"))
            name, call_id = (a_text(begun.get(one), f"content_block.{one}") for one in ("name", "id"))
            call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
            return [self._chunk({"tool_calls": [{"index": block.call} | call]})]
        if block.kind not in {"thinking", "redacted_thinking"}:
            raise unreadable("it holds a block that a chat completion does not have")
        block.thought = {"index": self._thoughts} | begun
        self._thoughts += 1
        thought = begun.get("thinking")
        return [self._chunk({"reasoning_content": thought})] if thought else []

    def _delta(self, event: dict[str, Any]) -> list[Frame]:
        block = self._block(event)
        delta = an_object(event.get("delta"), "delta")
        names = _DELTAS.get((block.kind, str(delta.get("type"))))
        if names is None:
            raise unreadable("a piece of an unknown kind came, or one of another block's kind")
        piece = a_text(delta.get(names), f"delta.{names}")
        if names == "signature":
            block.thought["signature"] = piece
            return []
        if not piece:
            return []
        if names == "text":
            return [self._chunk({"content": piece})]
        if names == "thinking":
            block.thought["thinking"] = str(block.thought.get("thinking", "")) + piece
            return [self._chunk({"reasoning_content": piece})]
        block.has_arguments = True
        return [self._arguments(block, piece)]

    def _stop_block(self, event: dict[str, Any]) -> list[Frame]:
        block = self._block(event)
        del self._open[event["index"]]
        if block.kind == "tool_use" and not block.has_arguments:
            return [self._arguments(block, write_json(block.given).decode())]
        return [self._chunk({"thinking_blocks": [block.thought]})] if block.thought else []

    def _finishing(self, event: dict[str, Any]) -> list[Frame]:
        self._use(event.get("usage"))
        reason = an_object(event.get("delta"), "delta").get("stop_reason")
        if reason is not None:
            self._finish = one_of(reason, FINISHES, "delta.stop_reason")
        return []

    def _stop(self, _: dict[str, Any]) -> list[Frame]:
        if self._finish is None or self._open:
            raise unreadable("it ended in the middle of a block, or without a reason")
        self.is_finished = True
        last = [self._chunk({}, finish=self._finish)]
        if self._with_usage:
            last.append(Frame(self._head | {"choices": [], "usage": usage(self._used)}))
        return [*last, THE_END]

    def _block(self, event: dict[str, Any]) -> _Block:
        index = event.get("index")
        if not isinstance(index, int) or index not in self._open:
            raise unreadable("a piece came of a block that is not open")
        return self._open[index]

    def _arguments(self, block: _Block, piece: str) -> Frame:
        return self._chunk({"tool_calls": [{"index": block.call, "function": {"arguments": piece}}]})

    def _chunk(self, delta: dict[str, Any], *, finish: str | None = None) -> Frame:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return Frame(self._head | {"choices": [choice]} | ({"usage": None} if self._with_usage else {}))

    def _use(self, used: object) -> None:
        if used is not None:
            said = an_object(used, "usage")
            self._used |= {name: value for name, value in said.items() if value is not None}

    _STEPS: ClassVar = {
        "message_start": _start,
        "content_block_start": _start_block,
        "content_block_delta": _delta,
        "content_block_stop": _stop_block,
        "message_delta": _finishing,
        "message_stop": _stop,
    }


_DELTAS = {
    ("text", "text_delta"): "text",
    ("tool_use", "input_json_delta"): "partial_json",
    ("thinking", "thinking_delta"): "thinking",
    ("thinking", "signature_delta"): "signature",
}
