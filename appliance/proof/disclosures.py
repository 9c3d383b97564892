"""Personal values of an entry: the entry holds a commitment to each, and the value stands beside the log, where it can be erased.

A disclosure is `["<salt>", "<name>", <value>]` as canonical JSON, the salt 64 hexadecimal digits of 32 random bytes; the commitment
is SHA-256("cloister-disclosure/1" ‖ LF ‖ disclosure) in hexadecimal digits. The idea is that of SD-JWT (RFC 9901, 4.2). Without the salt
nobody finds the value by trying all that it could be, however few these are; with it nobody makes another value fit.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from appliance.proof.package import DISCLOSURES, FORMAT, FORMAT_OCSF, Package, PackageAltered

Disclosure = list[Any]
_TAG = b"cloister-disclosure/1\n"
_SPELLED = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_PARTS, _SALT_DIGITS = 3, 64


def commitment(salt: str, name: str, value: str | int) -> str:
    """Return what an entry holds in the place of a personal value."""
    return committed(spelled(salt, name, value))


def spelled(salt: str, name: str, value: str | int) -> bytes:
    """Return a disclosure as canonical JSON."""
    return _SPELLED.encode([salt, name, value]).encode()


def committed(disclosure: bytes) -> str:
    """Return the commitment to a disclosure that is spelled already."""
    return hashlib.sha256(_TAG + disclosure).hexdigest()


def commitments_of(body: Mapping[str, Any]) -> dict[str, str]:
    """Return an entry's commitments by the names of what they are to. Raises ValueError where these are none of ours."""
    found = body.get("commitments", {})
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise ValueError("the commitments are none")
    return found


def fits(disclosure: object, commitments: Mapping[str, str]) -> bool:
    """Say whether a disclosure opens one of an entry's commitments."""
    if not isinstance(disclosure, list) or len(disclosure) != _PARTS:
        return False
    salt, name, value = disclosure
    is_formed = isinstance(salt, str) and len(salt) == _SALT_DIGITS and isinstance(name, str)
    is_value = isinstance(value, str | int) and not isinstance(value, bool)
    return is_formed and is_value and commitments.get(name) == commitment(salt, name, value)


def disclosed(body: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry with these of its personal values in their places; the others stay empty."""
    found = {**body, "actor": {**body["actor"]}, "facts": {**body["facts"]}}
    for name, value in values.items():
        place, _, key = name.partition(".")
        if place not in {"actor", "facts"} or not key or found[place].get(key) is not None:
            raise ValueError(f"an entry has no place for {name!r}")
        found[place][key] = value
    return found


class Disclosed:
    """The disclosures of a package, walked beside its entries: each must open a commitment of the entry at its position, once."""

    def __init__(self, package: Package, manifest: Mapping[str, Any]) -> None:
        self._is_there, self._is_known = DISCLOSURES in package.names, manifest["format"] in {FORMAT, FORMAT_OCSF}
        if self._is_there and not self._is_known:
            raise PackageAltered(f"{DISCLOSURES} does not belong to a package of this format")
        self._disclosures = _disclosures(package.lines(DISCLOSURES) if self._is_there else ())
        self._upcoming = next(self._disclosures, None)
        self.committed = self.opened = 0

    def of(self, position: int, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is disclosed of the entry at a position, by name."""
        commitments = commitments_of(body)
        found: dict[str, Any] = {}
        while self._upcoming is not None and self._upcoming[0] == position:
            disclosure = self._upcoming[1]
            if not fits(disclosure, commitments):
                raise PackageAltered(f"a personal value is not the one that the entry at position {position} was sealed with")
            if disclosure[1] in found:
                raise PackageAltered(f"a personal value of the entry at position {position} is disclosed twice")
            found[disclosure[1]] = disclosure[2]
            self._upcoming = next(self._disclosures, None)
        if self._upcoming is not None and self._upcoming[0] < position:
            self.end()
        self.committed, self.opened = self.committed + len(commitments), self.opened + len(found)
        return found

    def end(self) -> None:
        """Raise PackageAltered where a disclosure is left: it belongs to no entry that is shown, or is not in order."""
        if self._upcoming is not None:
            raise PackageAltered(f"a personal value is disclosed of position {self._upcoming[0]}, where no entry is shown")

    def conclude(self, manifest: Mapping[str, Any]) -> tuple[list[str], list[str]]:
        """Return what is proven and what is not. Raises PackageAltered where the manifest says something else."""
        if not self._is_known:
            if self.committed:
                raise PackageAltered("a package of this format cannot say what became of its entries' personal values")
            return [], []
        said, hidden = manifest["personal"], self.committed - self.opened
        is_withheld = said["withheld"]
        if (said["committed"], said["disclosed"]) != (self.committed, self.opened) or is_withheld == self._is_there:
            raise PackageAltered("the manifest says another number of personal values than are here")
        proven = [f"{self.opened} personal values are those that the entries were sealed with"] if self.opened else []
        why = "this package was asked for without them" if is_withheld else "they were erased, or cannot be read any more"
        return proven, [f"what {hidden} personal values were: {why}; their commitments are in the entries"] if hidden else []


def _disclosures(lines: Iterable[bytes]) -> Iterator[tuple[int, Disclosure]]:
    for line in lines:
        said = json.loads(line)
        is_ours = set(said) == {"disclosure", "position"} and type(said["position"]) is int
        if not is_ours or _SPELLED.encode(said).encode() != line:
            raise PackageAltered(f"a line of {DISCLOSURES} is not in its canonical form")
        yield said["position"], said["disclosure"]


def disclosure_line(position: int, disclosure: Disclosure) -> bytes:
    """Return a line of a package's disclosures."""
    return _SPELLED.encode({"disclosure": disclosure, "position": position}).encode() + b"\n"
