"""Which anchors there are, and what they said."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from appliance.proof.note import COSIGNATURE, NoteBroken, PublicKey, parse_key

TIME_STAMPS = "time stamps"
"""What the row of the time-stamping authority is called; a witness's is its name, which has no blank."""


class Fault(StrEnum):
    """Why an anchor does not stand behind a log."""

    AWAY = "away"
    """It did not answer, or not as it should. What is sealed goes on, but not by a process that has just begun."""
    BEHIND = "behind"
    """The witness saw more entries than are here: something was lost, or taken away."""
    FORKED = "forked"
    """The witness saw another log under this name."""
    REFUSED = "refused"
    """The witness does not take up this log, or does not know its key."""

    @property
    def contradicts(self) -> bool:
        """Whether the anchor knows the log to be another one."""
        return self in {Fault.BEHIND, Fault.FORKED}


@dataclass(frozen=True)
class WitnessPlace:
    """Where a witness is, and the key that it signs with."""

    url: str
    key: PublicKey


@dataclass(frozen=True)
class TimeStampPlace:
    """Where the time-stamping authority is, and the certificates to judge it by."""

    url: str
    certificates: Path


@dataclass(frozen=True)
class Anchors:
    """The anchors that the settings name."""

    witnesses: tuple[WitnessPlace, ...] = ()
    stamps: TimeStampPlace | None = None

    def names(self) -> list[str]:
        """Return what tells them from others: a witness's key, the authority's address."""
        return [str(one.key) for one in self.witnesses] + ([self.stamps.url] if self.stamps else [])


@dataclass(frozen=True)
class Cosigned:
    """A checkpoint with a witness's signature line, and when that was."""

    witness: str
    origin: str
    size: int
    note: str
    seen_at: datetime


def witness_place(entry: str) -> WitnessPlace:
    """Return the witness of an entry `URL KEY` of the settings. Raises ValueError."""
    url, _, line = entry.strip().partition(" ")
    if urlsplit(url).scheme not in {"http", "https"} or not line:
        raise ValueError("a witness is named as URL KEY: its address, a blank, and the key that it printed")
    try:
        key = parse_key(line)
    except NoteBroken as error:
        raise ValueError(f"the witness's key cannot be read: {error}") from error
    if key.kind != COSIGNATURE:
        raise ValueError("this is a log's key, and no witness's")
    return WitnessPlace(url.rstrip("/"), key)
