"""What outsiders saw of the log, and when: witnesses that co-signed, an authority that time-stamped.

Three things follow. The package's checkpoint is the one that they saw. Each older one that they saw is the beginning of this
log. And an entry's own time fits theirs: it was seen within a day and an hour of the time that it states, and none that stands
behind a cosigned checkpoint states a time of long before that.
"""

import base64
import hashlib
import json
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from appliance.proof.epochs import split_origin
from appliance.proof.note import (
    COSIGNATURE,
    Checkpoint,
    Note,
    NoteBroken,
    PublicKey,
    cosigned_at,
    parse_checkpoint,
    parse_key,
    parse_note,
)
from appliance.proof.package import COSIGNED, STAMP, STAMPS, Package, PackageAltered, PackageIncomplete
from appliance.proof.timestamps import NoOpenssl, StampBroken, is_stamped, read_stamp
from appliance.proof.tree import is_included, leaf_hash

_LATE, _EARLY = timedelta(hours=25), timedelta(minutes=10)
_AUTHORITY = "the time-stamping authority"
Link = Callable[[int, bytes, str], None]
"""Shows that the log of a size and root is the beginning of the signed one. Raises PackageAltered, PackageIncomplete."""


@dataclass(frozen=True)
class Outsiders:
    """What the auditor knows of them: witnesses' keys, the authority's certificates, and since when there are any."""

    witnesses: tuple[str, ...] = ()
    certificates: str | None = None
    stamp: str | None = None
    """The time stamp over the earlier checkpoint that the auditor has."""
    since: str | None = None


@dataclass(frozen=True)
class Sight:
    """Somebody saw the log's first entries, under this root, at this moment."""

    who: str
    checkpoint: Checkpoint
    at: datetime
    is_brought: bool = False
    is_of_package: bool = False
    """It was made when the package was: a witness said then that it saw no more of the log."""
    is_direct: bool = True
    """Over this checkpoint itself. One over the log of logs may have been made while older entries were still on their way."""


class Sights:
    """All that outsiders saw, as far as its signatures hold."""

    def __init__(
        self, package: Package, outsiders: Outsiders, head: Note, earlier: Note | None, *, earlier_text: str | None
    ) -> None:
        self._package, self._outsiders, self._head = package, outsiders, parse_checkpoint(head.text)
        try:
            self._keys = [parse_key(line) for line in outsiders.witnesses]
        except NoteBroken as error:
            raise PackageIncomplete(f"a key given by --witness cannot be read: {error}") from error
        if any(one.kind != COSIGNATURE for one in self._keys):
            raise PackageIncomplete("a key given by --witness is a log's key, and no witness's")
        self._all = [*self._cosigned(head, earlier), *(self._stamped(head, earlier_text) if outsiders.certificates else [])]
        self._bounds = sorted({one.checkpoint.size for one in self._all})
        self._oldest: dict[int, tuple[str, int]] = {}
        """Of the entries between two such sizes, the one with the oldest time of its own: that, and its position."""
        self._since = "" if outsiders.since is None else _day(outsiders.since).isoformat(timespec="microseconds")
        self._oldest_since: dict[int, tuple[str, int]] = {}
        self._has_older = False

    @property
    def sizes(self) -> set[int]:
        """The sizes of which the root is to be compared."""
        return set(self._bounds)

    def note(self, position: int, at: str) -> None:
        """Take notice of a shown entry's own time."""
        place = bisect_right(self._bounds, position)
        if place not in self._oldest or at < self._oldest[place][0]:
            self._oldest[place] = (at, position)
        if at < self._since:
            self._has_older = True
        elif place not in self._oldest_since or at < self._oldest_since[place][0]:
            self._oldest_since[place] = (at, position)

    def conclude(self, link: Link) -> tuple[list[str], list[str]]:
        """Return what is proven by them, and what is not. Raises PackageAltered, PackageIncomplete."""
        for one in self._all:
            link(one.checkpoint.size, one.checkpoint.root, f"the log continues what {one.who} saw at {_said(one.at)}")
        proven, unproven = list[str](), list[str]()
        for who in [*(f"the witness {one.name}" for one in self._keys), *([_AUTHORITY] if self._outsiders.certificates else [])]:
            self._judge(who, [one for one in self._all if one.who == who], proven, unproven)
        if not self._keys:
            unproven.append("that a witness saw it: no witness's key was given (--witness)")
        if not self._outsiders.certificates:
            unproven.append("since when it exists: no certificates of a time-stamping authority were given (--stamps-ca)")
        return proven, unproven

    def _judge(self, who: str, seen: list[Sight], proven: list[str], unproven: list[str]) -> None:
        newest = max((one for one in seen if one.is_of_package), key=lambda one: one.at, default=None)
        brought = max((one for one in seen if one.is_brought), key=lambda one: one.checkpoint.size, default=None)
        if newest is not None:
            proven.append(f"{who} saw this checkpoint, at {_said(newest.at)}")
        elif brought is not None and who != _AUTHORITY:
            proven.append(f"{who} saw a checkpoint that the log continues, at {_said(brought.at)}")
            unproven.append(f"that {who} saw the {self._head.size - brought.checkpoint.size} entries after that")
        else:
            saw = max((one.checkpoint.size for one in seen), default=None)
            reach = "no checkpoint that is here" if saw is None else f"{saw} of its {self._head.size} entries, and not this checkpoint"
            verb = "cosigned" if who != _AUTHORITY else "stamped"
            raise PackageIncomplete(
                f"{who} {verb} {reach}: it was away when the package was written, or it refused this log; ask it, and export again"
            )
        self._judge_times(who, seen, unproven)

    def _judge_times(self, who: str, seen: Iterable[Sight], unproven: list[str]) -> None:
        """Compare the entries' own times with when they were seen first, and with what was seen without them."""
        ordered = sorted(seen, key=lambda one: (one.checkpoint.size, one.at))
        for place, (written, position) in self._oldest.items():
            at, low = datetime.fromisoformat(written), self._low(place)
            before = max((one.at for one in ordered if one.is_direct and 0 < one.checkpoint.size <= low), default=None)
            if before is not None and at < before - _EARLY:
                raise PackageAltered(
                    f"the entry at position {position} says that it is of {_said(at)}, but {who} saw the log without it at "
                    f"{_said(before)}: it was back-dated, or sealed long after it was recorded"
                )
        for place, (written, position) in self._oldest_since.items():
            at, low = datetime.fromisoformat(written), self._low(place)
            behind = min((one.at for one in ordered if one.checkpoint.size > low), default=None)
            if behind is not None and behind - at > _LATE:
                raise PackageIncomplete(
                    f"the entry at position {position} says that it is of {_said(at)}, but {who} saw it first at {_said(behind)}: it was "
                    "back-dated, or the log made anew, or nobody was asked until then; if so, say since when (--since)"
                )
        if self._has_older:
            unproven.append(f"when entries that say that they are of before {self._outsiders.since} were made, by {who}")

    def _low(self, place: int) -> int:
        return self._bounds[place - 1] if place else 0

    def _cosigned(self, head: Note, earlier: Note | None) -> list[Sight]:
        found = [one for key in self._keys for one in self._of_witness(key, head)]
        found = [replace(one, is_of_package=True) for one in found]
        if COSIGNED in self._package.names:
            notes = [parse_note(one) for one in self._package.json(COSIGNED)]
            found += [one for key in self._keys for note in notes for one in self._of_witness(key, note)]
        if earlier is not None:
            found += [replace(one, is_brought=True) for key in self._keys for one in self._of_witness(key, earlier)]
        return found

    def _of_witness(self, key: PublicKey, note: Note) -> list[Sight]:
        at, said = cosigned_at(note, key), parse_checkpoint(note.text)
        if at is None:
            return []
        self._check_log(said.origin)
        return [Sight(f"the witness {key.name}", said, datetime.fromtimestamp(at, UTC))]

    def _check_log(self, origin: str) -> None:
        ours, theirs = split_origin(self._head.origin), split_origin(origin)
        if origin != self._head.origin and (ours is None or theirs is None or not theirs.is_of(ours) or theirs.epoch > ours.epoch):
            raise PackageAltered(f"a checkpoint is of another log: {origin}")

    def _stamped(self, head: Note, earlier: str | None) -> list[Sight]:
        found = []
        if STAMP in self._package.names:
            made = self._of_token(self._package.octets(STAMP), head.text, self._head)
            found.append(replace(made, is_of_package=True))
        if self._outsiders.stamp is not None:
            if earlier is None:
                raise PackageIncomplete("a time stamp was given (--stamp) without the checkpoint that it is of (--earlier)")
            text = parse_note(earlier).text
            brought = self._of_token(Path(self._outsiders.stamp).read_bytes(), text, parse_checkpoint(text))
            found.append(replace(brought, is_brought=True))
        if STAMPS in self._package.names:
            found += [self._of_logs(one) for one in self._package.json(STAMPS)]
        return found

    def _of_logs(self, given: dict[str, object]) -> Sight:
        """Judge a time stamp over the log of logs, of which a checkpoint of this log is an entry."""
        kept, logs = str(given["kept"]), str(given["logs"])
        said, over, position = parse_checkpoint(kept), parse_checkpoint(logs), given["position"]
        self._check_log(said.origin)
        proof = [bytes.fromhex(one) for one in json.loads(json.dumps(given["proof"]))]
        if not isinstance(position, int) or not is_included(leaf_hash(kept.encode()), position, over.size, proof, over.root):
            raise PackageAltered("a time-stamped log of logs does not have the checkpoint that it should have")
        token = base64.b64decode(str(given["token"]), validate=True)
        return replace(self._of_token(token, logs, said), is_direct=False)

    def _of_token(self, token: bytes, text: str, said: Checkpoint) -> Sight:
        content = text.encode()
        try:
            stamp = read_stamp(token)
            holds = stamp.digest == hashlib.sha256(content).digest() and is_stamped(token, content, Path(str(self._outsiders.certificates)))
        except StampBroken as error:
            raise PackageAltered(f"a time stamp cannot be read: {error}") from error
        except NoOpenssl:
            raise PackageIncomplete("time stamps are judged by openssl, which is not here, or does not answer") from None
        if not holds:
            raise PackageAltered("a time stamp is not over the checkpoint that it should be of, or not by these certificates")
        return Sight(_AUTHORITY, said, stamp.at)


def _said(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _day(written: str) -> datetime:
    try:
        at = datetime.fromisoformat(written)
    except ValueError as error:
        raise PackageIncomplete("a day is written as 2026-11-27 (--since)") from error
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
