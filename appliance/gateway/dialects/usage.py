"""How many tokens a call used, of an answer's body and of a stream, as each dialect tells it.

OpenAI, chat: https://platform.openai.com/docs/api-reference/chat/object, in streams the last chunk if
`stream_options.include_usage` was asked for. OpenAI, responses: https://platform.openai.com/docs/api-reference/responses,
in the event that ends the stream. Anthropic: https://platform.claude.com/docs/en/build-with-claude/streaming, in
`message_start` and, as totals that replace those, in `message_delta`.
"""

from collections.abc import Mapping
from typing import Any

from appliance.gateway.dialects.bodies import read_json
from appliance.gateway.dialects.errors import fault_in_stream
from appliance.gateway.dialects.sse import Event, Splitter
from appliance.gateway.dialects.values import Dialect, Fault, TokenCount

_MOST = 10**9
"""More tokens than any call has: what a provider counts beyond is no count."""


def usage_of(dialect: Dialect, body: object) -> TokenCount | None:
    """Return what an answer's body says it used, or None if it does not say."""
    used = body.get("usage") if isinstance(body, Mapping) else None
    return count(dialect, used) if isinstance(used, Mapping) else None


def count(dialect: Dialect, used: Mapping[str, Any]) -> TokenCount:
    """Return what a `usage` object says; what is not a number in it counts nothing."""
    if dialect is Dialect.MESSAGES:
        cached, written = _number(used, "cache_read_input_tokens"), _number(used, "cache_creation_input_tokens")
        return TokenCount(
            input=_number(used, "input_tokens") + cached + written,
            output=_number(used, "output_tokens"),
            cached=cached,
            cache_written=written,
            reasoning=_number(used, "output_tokens_details", "thinking_tokens"),
        )
    read, told = ("prompt", "completion") if dialect is Dialect.CHAT else ("input", "output")
    return TokenCount(
        input=_number(used, f"{read}_tokens"),
        output=_number(used, f"{told}_tokens"),
        cached=_number(used, f"{read}_tokens_details", "cached_tokens"),
        cache_written=_number(used, f"{read}_tokens_details", "cache_write_tokens"),
        reasoning=_number(used, f"{told}_tokens_details", "reasoning_tokens"),
    )


class StreamReader:
    """Reads along with a stream that is passed on as it is: what it used, whether it ended well, or why not.

    Only events that may say one of these are decoded, since this stands in the way of every token.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._splitter = Splitter()
        self._used: dict[str, Any] = {}
        self.is_finished = False
        self.fault: Fault | None = None

    @property
    def count(self) -> TokenCount | None:
        """What the stream has said so far that was used, or None if it said nothing."""
        return count(self._dialect, self._used) if self._used else None

    def feed(self, chunk: bytes) -> None:
        """Take what came. Raises EventTooLarge."""
        self.read(self._splitter.whole(chunk))

    def read(self, events: bytes) -> None:
        """Take whole events in one piece."""
        if self._may_tell(events):
            for event in Splitter().feed(events):
                if self._may_tell(event.raw):
                    self._read(event)

    def _may_tell(self, raw: bytes) -> bool:
        # By the fastest search there is, since every piece of every stream is looked at. Where usage was asked for,
        # each of OpenAI's chunks says that there is none yet.
        is_telling = any(mark in raw for mark in _TELLING[self._dialect])
        return is_telling or raw.count(b'"usage"') > raw.count(b'"usage":null')

    def _read(self, event: Event) -> None:
        if self._dialect is Dialect.CHAT and event.data == "[DONE]":
            self.is_finished = True
            return
        try:
            body = read_json(event.data or "")
        except ValueError:
            return
        if isinstance(body, dict):
            self._take(event.name, body)

    def _take(self, name: str, body: Mapping[str, Any]) -> None:
        kind = str(body.get("type"))
        self.fault = self.fault or fault_in_stream(name, body)
        self.is_finished |= self._dialect is not Dialect.CHAT and kind in _ENDS
        whole = body.get(_WHOLE.get(kind, ""), body)
        used = whole.get("usage") if isinstance(whole, Mapping) else None
        if isinstance(used, Mapping):
            self._used |= {name: value for name, value in used.items() if value is not None}


def fault_of_event(event: Event) -> Fault | None:
    """Return why the stream breaks off, if this event says that it does."""
    try:
        body = read_json(event.data or "")
    except ValueError:
        return None
    return fault_in_stream(event.name, body) if isinstance(body, dict) else None


_ENDS = frozenset({"message_stop", "response.completed", "response.incomplete", "response.failed"})
_WHOLE = {"message_start": "message"} | dict.fromkeys(_ENDS - {"message_stop"}, "response")
_TELLING = {
    Dialect.CHAT: (b'"error"', b"[DONE]"),
    Dialect.RESPONSES: (b"response.completed", b"response.incomplete", b"response.failed", b'"error"'),
    Dialect.MESSAGES: (b"message_stop", b'"error"'),
}


def _number(used: Mapping[str, Any], *path: str) -> int:
    found: Any = used
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return min(found, _MOST) if isinstance(found, int) and not isinstance(found, bool) and found > 0 else 0
