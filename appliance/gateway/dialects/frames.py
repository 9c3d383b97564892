"""Streams between dialects: what a translation takes and gives, an event at a time."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from appliance.gateway.dialects.sse import COMMENT, DONE, encode
from appliance.gateway.dialects.values import Dialect, Fault, TokenCount

UNREADABLE = "provider_stream_unreadable"


@dataclass(frozen=True)
class Frame:
    """One event: its body as JSON, and the name that goes with it."""

    body: dict[str, Any] = field(default_factory=dict)
    name: str = ""


PING = Frame(name="ping")
THE_END = Frame(name="[DONE]")


class Broken(Exception):
    """The stream cannot go on; its reader is told why and never that it was finished."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def unreadable(what: str) -> Broken:
    """Return what to raise when a provider's stream is not what its dialect says."""
    return Broken(Fault(502, UNREADABLE, f"The provider's stream could not be read: {what}. The answer is not whole."))


class Translation(Protocol):
    """Puts the events of one dialect into those of another. Raises Broken, or Untranslatable for a field's form."""

    @property
    def is_finished(self) -> bool:
        """Whether the stream came to its end."""
        ...

    @property
    def count(self) -> TokenCount | None:
        """What was used, as far as the stream has told."""
        ...

    def take(self, frame: Frame) -> list[Frame]:
        """Return what this event becomes, which may be nothing yet."""
        ...


def encoded(dialect: Dialect, frame: Frame) -> bytes:
    """Return the event as this dialect sends it; a sign of life is a comment where the dialect has none."""
    if frame is THE_END:
        return DONE
    if frame is PING:
        return encode({"type": "ping"}, name="ping") if dialect is Dialect.MESSAGES else COMMENT
    return encode(frame.body, name="" if dialect is Dialect.CHAT else str(frame.body["type"]))
