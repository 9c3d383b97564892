"""A stream of Bedrock's Converse, as the events of Anthropic's messages.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html: texts and thoughts begin with their first
piece, tools say that they begin; what was used comes last, after why the answer ended.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from appliance.gateway.dialects.bodies import read_json
from appliance.gateway.dialects.frames import unreadable
from appliance.gateway.dialects.messages_to_converse.answer import head, reason_of, used
from appliance.gateway.dialects.refusals import AnswerUnreadable, Untranslatable
from appliance.gateway.dialects.rules import a_text, an_object
from appliance.gateway.dialects.sse import encode

Event = dict[str, Any]


class ConverseEvents:
    """Takes events one by one. Raises Broken."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._open: int | None = None
        """Which of their blocks is under way."""
        self._kind, self._place = "", -1
        self._reason: str | None = None

    def take(self, name: str, payload: bytes) -> bytes:
        """Return what this event is in Anthropic's stream; nothing for a kind that is not known."""
        step = _STEPS.get(name)
        if step is None:
            return b""
        try:
            events = step(self, an_object(read_json(payload), name))
        except (ValueError, Untranslatable, AnswerUnreadable) as error:
            raise unreadable(f"an event {name} is not what Converse says") from error
        return b"".join(encode(one, name=str(one["type"])) for one in events)

    def _message_start(self, _body: Mapping[str, Any]) -> list[Event]:
        return [{"type": "message_start", "message": head(self._model) | {"usage": {"input_tokens": 0, "output_tokens": 0}}}]

    def _block_start(self, body: Mapping[str, Any]) -> list[Event]:
        call = an_object(an_object(body.get("start"), "start").get("toolUse"), "toolUse")
        name, call_id = a_text(call.get("name"), "name"), a_text(call.get("toolUseId"), "toolUseId")
        return self._begin(body, {"type": "tool_use", "id": call_id, "name": name, "input": {}})

    def _block_delta(self, body: Mapping[str, Any]) -> list[Event]:
        delta = an_object(body.get("delta"), "delta")
        if "text" in delta:
            text = a_text(delta["text"], "text")
            return self._piece(body, {"type": "text", "text": ""}, {"type": "text_delta", "text": text})
        if "toolUse" in delta:
            given = a_text(an_object(delta["toolUse"], "toolUse").get("input"), "input")
            return self._piece(body, None, {"type": "input_json_delta", "partial_json": given})
        if "reasoningContent" in delta:
            return self._thought(body, an_object(delta["reasoningContent"], "reasoningContent"))
        if "citation" in delta:  # where the words before it stand, which is not asked for here
            return []
        raise AnswerUnreadable("a kind of content that is not known here")

    def _thought(self, body: Mapping[str, Any], said: Mapping[str, Any]) -> list[Event]:
        if "redactedContent" in said:
            return self._begin(body, {"type": "redacted_thinking", "data": a_text(said["redactedContent"], "data")})
        empty = {"type": "thinking", "thinking": "", "signature": ""}
        if "signature" in said:
            return self._piece(body, empty, {"type": "signature_delta", "signature": a_text(said["signature"], "signature")})
        return self._piece(body, empty, {"type": "thinking_delta", "thinking": a_text(said.get("text"), "text")})

    def _block_stop(self, body: Mapping[str, Any]) -> list[Event]:
        return self._end() if self._open == _index(body) else []

    def _message_stop(self, body: Mapping[str, Any]) -> list[Event]:
        self._reason = reason_of(body.get("stopReason"))
        return self._end()

    def _metadata(self, body: Mapping[str, Any]) -> list[Event]:
        if self._reason is None:
            raise AnswerUnreadable("it counts before it ends")
        delta = {"stop_reason": self._reason, "stop_sequence": None}
        return [{"type": "message_delta", "delta": delta, "usage": used(body.get("usage"))}, {"type": "message_stop"}]

    def _piece(self, body: Mapping[str, Any], begins: Event | None, delta: Event) -> list[Event]:
        before: list[Event] = []
        if self._open != _index(body):
            if begins is None:
                raise AnswerUnreadable("a tool's input without the tool")
            before = self._begin(body, begins)
        if self._kind != _KINDS[str(delta["type"])]:
            raise AnswerUnreadable("a piece of another kind than its block")
        return [*before, {"type": "content_block_delta", "index": self._place, "delta": delta}]

    def _begin(self, body: Mapping[str, Any], block: Event) -> list[Event]:
        before = self._end()
        self._open, self._kind = _index(body), str(block["type"])
        self._place += 1
        return [*before, {"type": "content_block_start", "index": self._place, "content_block": block}]

    def _end(self) -> list[Event]:
        if self._open is None:
            return []
        self._open = None
        return [{"type": "content_block_stop", "index": self._place}]


def _index(body: Mapping[str, Any]) -> int:
    found = body.get("contentBlockIndex")
    if isinstance(found, bool) or not isinstance(found, int):
        raise AnswerUnreadable("a block without its place")
    return found


_KINDS: Final = {
    "text_delta": "text", "input_json_delta": "tool_use", "thinking_delta": "thinking", "signature_delta": "thinking",
}  # fmt: skip
_STEPS: Final[Mapping[str, Callable[[ConverseEvents, Mapping[str, Any]], list[Event]]]] = {
    "messageStart": ConverseEvents._message_start,  # noqa: SLF001 - the class's own table
    "contentBlockStart": ConverseEvents._block_start,  # noqa: SLF001 - the class's own table
    "contentBlockDelta": ConverseEvents._block_delta,  # noqa: SLF001 - the class's own table
    "contentBlockStop": ConverseEvents._block_stop,  # noqa: SLF001 - the class's own table
    "messageStop": ConverseEvents._message_stop,  # noqa: SLF001 - the class's own table
    "metadata": ConverseEvents._metadata,  # noqa: SLF001 - the class's own table
}
