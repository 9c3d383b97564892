"""The chunks of a chat completion, read a piece at a time: https://platform.openai.com/docs/api-reference/chat/streaming."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from appliance.gateway.dialects.frames import Frame, unreadable
from appliance.gateway.dialects.rules import a_list, a_text, an_object

THOUGHTS = ("reasoning_content", "reasoning")  # vLLM, llama.cpp, DeepSeek; newer ones of them
_DELTA = "choices[0].delta"


@dataclass(frozen=True)
class Piece:
    """What a chunk adds: a piece of text, or a call's beginning, or the whole of Claude's thought with its signature."""

    kind: Literal["text", "refusal", "thinking", "thought", "call", "arguments"]
    text: str = ""
    call_id: str = ""
    name: str = ""
    block: Mapping[str, Any] = field(default_factory=dict)


class ChunkReader:
    """Trusts nothing of the stream; what is read stays whole and in order, or Broken or Untranslatable is raised."""

    def __init__(self) -> None:
        self.used: Mapping[str, Any] = {}
        self.begun: Mapping[str, Any] | None = None  # the first chunk, which names the answer and the model
        self.has_calls = self.is_refused = False
        self._last: Mapping[str, Any] | None = None
        self._calls: list[int] = []  # the provider's numbers of the calls, in order
        self._is_calling = False

    def read(self, frame: Frame) -> list[Piece]:
        """Return what a chunk adds to the answer."""
        chunk = frame.body
        if chunk.get("usage"):
            self.used = an_object(chunk["usage"], "usage")
        choices = a_list(chunk.get("choices") or [], "choices")
        if not choices:  # what was used, or Azure's word on the prompt
            return []
        choice = an_object(choices[0], "choices[0]")
        if len(choices) > 1 or choice.get("index") not in (0, None):
            raise unreadable("it holds more than one answer")
        if self.begun is None:
            a_text(chunk.get("model"), "model")
            self.begun = chunk
        pieces = self._pieces(an_object(choice.get("delta") or {}, _DELTA))
        if pieces and self._last is not None:
            raise unreadable("it went on after its end")
        if choice.get("finish_reason") is not None:
            self._last = choice
        return pieces

    def end(self) -> Mapping[str, Any]:
        """Return the choice that said why the answer ended, once the stream has said that it is over."""
        if self._last is None:
            raise unreadable("it ended without a reason")
        return self._last

    def _pieces(self, delta: Mapping[str, Any]) -> list[Piece]:
        if delta.get("function_call") or delta.get("audio"):
            raise unreadable("it holds what was not asked for")
        pieces: list[Piece] = []
        if thought := next((name for name in THOUGHTS if delta.get(name)), ""):
            pieces.append(Piece("thinking", a_text(delta[thought], f"{_DELTA}.{thought}")))
        blocks = a_list(delta.get("thinking_blocks") or [], f"{_DELTA}.thinking_blocks")
        pieces += [Piece("thought", block=an_object(block, f"{_DELTA}.thinking_blocks")) for block in blocks]
        if delta.get("content"):
            pieces.append(Piece("text", a_text(delta["content"], f"{_DELTA}.content")))
        if delta.get("refusal"):
            self.is_refused = True
            pieces.append(Piece("refusal", a_text(delta["refusal"], f"{_DELTA}.refusal")))
        if pieces:
            self._is_calling = False
        for call in a_list(delta.get("tool_calls") or [], f"{_DELTA}.tool_calls"):
            pieces += self._call(an_object(call, f"{_DELTA}.tool_calls"))
        return pieces

    def _call(self, call: Mapping[str, Any]) -> list[Piece]:
        at = f"{_DELTA}.tool_calls"
        function = an_object(call.get("function") or {}, f"{at}.function")
        number = call.get("index")
        if number is None:  # some servers send each call whole, without a number
            number = len(self._calls)
        if not isinstance(number, int):
            raise unreadable("a call has no number")
        pieces: list[Piece] = []
        if number not in self._calls:
            name, call_id = a_text(function.get("name"), f"{at}.function.name"), a_text(call.get("id"), f"{at}.id")
            self._calls.append(number)
            self.has_calls = self._is_calling = True
            pieces.append(Piece("call", call_id=call_id, name=name))
        elif not self._is_calling or number != self._calls[-1]:
            raise unreadable("the arguments of a call went on after something else had begun")
        if arguments := function.get("arguments"):
            pieces.append(Piece("arguments", a_text(arguments, f"{at}.function.arguments")))
        return pieces
