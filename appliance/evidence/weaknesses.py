"""Known weaknesses of what is installed here, from a file that the operator brings: nothing is fetched, nobody is asked.

The file is what OSV (https://ossf.github.io/osv-schema/) publishes for offline use: `all.zip` of an ecosystem, or one JSON array
of such records. Packages of PyPI are matched by PEP 440, Debian's by source package and dpkg's order of versions. What is found
is stated in the bill of materials as CycloneDX has it, as being looked into: whether a weakness can be reached here, this host
cannot know. A file that cannot be read is said to be that, never taken for "none".
"""

import hashlib
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cmp_to_key
from pathlib import Path
from typing import Any, Final

from packaging.version import InvalidVersion, Version

_MOST_RECORD, _MOST_RECORDS, _MOST_FILE = 4_000_000, 400_000, 500_000_000
_DEBIAN: Final = "Debian"
_PART: Final = re.compile(r"(\D*)(\d*)")


class WeaknessesUnreadable(Exception):
    """The file of known weaknesses is not there, or is not OSV's."""


@dataclass(frozen=True)
class Installed:
    """A package as weaknesses are looked up for it: OSV's ecosystem, its name there, and what refers to it in the bill."""

    ecosystem: str
    name: str
    version: str
    ref: str


@dataclass(frozen=True)
class Statement:
    """What was found, and in what: the file's digest, how many records it has, and what of CycloneDX says it."""

    digest: str
    records: int
    vulnerabilities: tuple[dict[str, Any], ...]


def stated(file: Path, installed: Iterable[Installed]) -> Statement:
    """Return which of these packages have weaknesses that the file knows. Raises WeaknessesUnreadable."""
    by_name: dict[tuple[str, str], list[Installed]] = {}
    for one in installed:
        by_name.setdefault((one.ecosystem, one.name), []).append(one)
    found, count = dict[str, dict[str, Any]](), 0
    try:
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        for record in _records(file):
            count += 1
            if refs := sorted(_affected(record, by_name)):
                found[str(record["id"])] = _vulnerability(record, refs)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, zipfile.BadZipFile) as error:
        raise WeaknessesUnreadable from error
    return Statement(digest, count, tuple(found[one] for one in sorted(found)))


def _records(file: Path) -> Iterator[dict[str, Any]]:
    if not zipfile.is_zipfile(file):
        if file.stat().st_size > _MOST_FILE:
            raise WeaknessesUnreadable
        found = json.loads(file.read_bytes())
        yield from found if isinstance(found, list) else found["vulns"]
        return
    with zipfile.ZipFile(file) as archive:
        members = [one for one in archive.infolist() if one.filename.endswith(".json")]
        if len(members) > _MOST_RECORDS or any(one.file_size > _MOST_RECORD for one in members):
            raise WeaknessesUnreadable
        for one in members:
            yield json.loads(archive.read(one))


def _affected(record: dict[str, Any], by_name: dict[tuple[str, str], list[Installed]]) -> Iterator[str]:
    if record.get("withdrawn"):
        return
    for affected in record.get("affected", ()):
        package = affected.get("package", {})
        ecosystem = str(package.get("ecosystem", "")).split(":", 1)[0]
        name = str(package.get("name", ""))
        if ecosystem == "PyPI":
            name = re.sub(r"[-_.]+", "-", name).lower()
        for one in by_name.get((ecosystem, name), ()):
            if one.version in affected.get("versions", ()) or any(_is_in(span, one) for span in affected.get("ranges", ())):
                yield one.ref


def _is_in(span: dict[str, Any], one: Installed) -> bool:
    """Return whether a version lies in a range of OSV: from each `introduced` to the `fixed` or `last_affected` that follows."""
    if span.get("type") != "ECOSYSTEM":
        return False
    is_in = False
    events = [(str(value), kind) for event in span.get("events", ()) for kind, value in event.items()]
    order = cmp_to_key(lambda left, right: _compare(one.ecosystem, str(left), str(right)))
    for at, kind in sorted(events, key=lambda event: order(event[0])):
        against = _compare(one.ecosystem, one.version, at)
        if kind == "introduced" and against >= 0:
            is_in = True
        elif (kind == "fixed" and against >= 0) or (kind == "last_affected" and against > 0):
            is_in = False
    return is_in


def _compare(ecosystem: str, left: str, right: str) -> int:
    """Return -1, 0 or 1, as the ecosystem orders versions; OSV's 0 is before all."""
    if left == right:
        return 0
    if "0" in {left, right}:
        return -1 if left == "0" else 1
    if ecosystem == _DEBIAN:
        return _compare_debian(left, right)
    try:
        return (Version(left) > Version(right)) - (Version(left) < Version(right))
    except InvalidVersion:
        return -1  # what cannot be compared is taken to be older, and so affected: looked at once too often


def _compare_debian(left: str, right: str) -> int:
    """Return how dpkg orders two versions (Debian policy, 5.6.12)."""
    for mine, other in zip(_split(left), _split(right), strict=True):
        if found := _compare_parts(mine, other):
            return found
    return 0


def _split(version: str) -> tuple[str, str, str]:
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    return (epoch, upstream, revision) if dash else (epoch, rest, "0")


def _compare_parts(left: str, right: str) -> int:
    mine, other = _PART.findall(left), _PART.findall(right)
    for at in range(max(len(mine), len(other))):
        (text, number), (theirs, their_number) = (found[at] if at < len(found) else ("", "") for found in (mine, other))
        keys = [_signs(one) for one in (text, theirs)]
        if keys[0] != keys[1]:
            return 1 if keys[0] > keys[1] else -1
        if int(number or 0) != int(their_number or 0):
            return 1 if int(number or 0) > int(their_number or 0) else -1
    return 0


def _signs(text: str) -> list[int]:
    """Return what orders the letters: a tilde before the end, the end before letters, letters before the rest."""
    return [*(-1 if one == "~" else ord(one) if one.isalpha() else ord(one) + 256 for one in text), 0]


def _vulnerability(record: dict[str, Any], refs: list[str]) -> dict[str, Any]:
    said: dict[str, Any] = {
        "bom-ref": f"osv/{record['id']}", "id": str(record["id"]), "source": {"name": "OSV", "url": f"https://osv.dev/{record['id']}"},
        "affects": [{"ref": one} for one in dict.fromkeys(refs)], "analysis": {"state": "in_triage"},
    }  # fmt: skip
    if summary := str(record.get("summary") or "")[:500]:
        said["description"] = summary
    if aliases := [str(one) for one in record.get("aliases", ())][:20]:
        said["references"] = [{"id": one, "source": {"name": "OSV"}} for one in aliases]
    return said
