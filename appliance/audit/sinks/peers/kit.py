"""What peers are reached with, and what all of them are told in."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from appliance.audit.ocsf import Place, record
from appliance.audit.sinks.errors import PeerFailed, PeerRefused
from appliance.audit.sinks.values import Sealed
from appliance.kernel.clock import Clock
from appliance.kernel.egress import Egress, EgressDenied, EgressFailed, Outgoing, OutgoingMalformed, Timeouts

TIMES: Final = Timeouts(connect=10, write=30, first_byte=30, between=20, whole=60)
TRIAL_TIMES: Final = Timeouts(connect=5, write=5, first_byte=8, between=5, whole=12)
"""Of a trial: a person waits for it, and one of the web's threads."""
_MOST_ANSWER: Final = 4 * 1024 * 1024
_WRONG: Final = frozenset({400, 413, 422})
_OK, _BAD = 200, 300


@dataclass(frozen=True)
class Kit:
    """The way out, the clock, the name of this host as people call it, and the folder under which streams write files."""

    egress: Egress
    clock: Clock
    host: str
    folder: Path
    times: Timeouts = TIMES


def ocsf(entry: Sealed, place: Place) -> dict[str, Any]:
    """Return an entry as OCSF has it, with the bytes that were sealed."""
    assert entry.entry is not None  # noqa: S101 - what cannot be read is set aside before
    body = entry.body if entry.position is not None else None
    return record(entry.entry, place, position=entry.position, body=body)


def line(value: object) -> str:
    """Return a value as one line of JSON, in ASCII."""
    return json.dumps(value, separators=(",", ":"))


def exchange(kit: Kit, method: str, url: str, headers: dict[str, str], body: bytes) -> bytes:
    """Return the answer to a request that was taken. Raises PeerFailed, PeerRefused; neither shows what the answer says."""
    said = tuple({**headers, "user-agent": "cloister"}.items())
    try:
        with kit.egress.open(Outgoing(method, url, said, body, kit.times, _MOST_ANSWER)) as incoming:
            status, answer = incoming.status, incoming.read()
    except (EgressDenied, EgressFailed, OutgoingMalformed) as refusal:
        raise PeerFailed(reason=str(refusal)) from None
    if status in _WRONG:
        raise PeerRefused(reason=f"status {status}")
    if not _OK <= status < _BAD:
        raise PeerFailed(reason=f"status {status}")
    return answer


def answered(answer: bytes) -> dict[str, Any]:
    """Return what an answer says as an object. Raises PeerFailed: a page of a proxy is no receipt."""
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise PeerFailed(reason="it answers something else than it should")
    return found
