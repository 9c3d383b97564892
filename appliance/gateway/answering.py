"""What the door is given back: a status, headers, and a body or a stream that must be closed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from appliance.gateway.dialects import Dialect, Fault, error_bytes
from appliance.kernel.errors import Kind, Refusal
from appliance.kernel.problems import STATUS

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream; charset=utf-8"
_INVALID, _UNPROCESSABLE, _TOO_MANY = 400, 422, 429
# The vendors' clients try again by themselves on these statuses, which changes nothing but the number of refusals.
_IN_VAIN: Final = {Kind.BLOCKED, Kind.OVER_LIMIT}


class Closing(Protocol):
    """A body as it comes. Whoever stops reading closes it, also before the first piece."""

    def __iter__(self) -> Iterator[bytes]: ...
    def close(self) -> None: ...


@dataclass
class Answering:
    """An answer on its way to the client."""

    status: int
    body: bytes | Closing
    headers: dict[str, str] = field(default_factory=dict)
    refusal: Refusal | None = None
    """What it says, for the door, which counts what did not open."""


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


def fault_of(refusal: Refusal) -> Fault:
    """Return a refusal as the dialects know it. What is not valid is 400 to both vendors."""
    status = STATUS[refusal.kind]
    return Fault(_INVALID if status == _UNPROCESSABLE else status, refusal.code, str(refusal))


def refused(dialect: Dialect, refusal: Refusal, *, request_id: str) -> Answering:
    """Return a refusal in the dialect's own form."""
    answer = failed(dialect, fault_of(refusal), request_id=request_id)
    answer.refusal = refusal
    if seconds := refusal.facts.get("seconds"):
        answer.headers["Retry-After"] = str(seconds)
    elif refusal.kind in _IN_VAIN:
        answer.headers["x-should-retry"] = "false"
    if refusal.kind is Kind.UNAUTHENTICATED:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="cloister"'
    return answer


def failed(dialect: Dialect, fault: Fault, *, request_id: str) -> Answering:
    """Return an error in the dialect's own form."""
    return Answering(fault.status, error_bytes(dialect, fault, request_id=request_id), {"Content-Type": JSON})


def merged(answer: Answering, headers: Mapping[str, str]) -> Answering:
    """Return the answer with further headers."""
    answer.headers |= headers
    return answer
