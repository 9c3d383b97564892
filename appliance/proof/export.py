"""An audit export: JSON lines, one entry each, then a last line with their number and their tree's root.

Behind an entry stand, a line each, the disclosures of its personal values that were not erased: arrays, while entries are objects.
They are no part of the tree; each is compared with the entry's commitment.

The root lets two copies be compared by 64 characters, and shows a copy that was altered or cut after its root was
noted elsewhere. It is not yet signed: who can rewrite the whole file can compute a new root.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from appliance.proof.disclosures import Disclosure, commitments_of, fits
from appliance.proof.tree import Frontier, leaf_hash

FORMAT = "cloister-audit-export/2"
"""The first format has no disclosures; it is read as this one."""


@dataclass(frozen=True)
class Verdict:
    """What a check found: `fault` is None for an intact export."""

    entries: int
    root: str
    fault: str | None


def lines(entries: Iterable[tuple[bytes, Iterable[Disclosure]]]) -> Iterator[str]:
    """Yield the export's lines for canonical entry bodies in order. However many there are, little of them is in memory."""
    tree = Frontier()
    for body, disclosures in entries:
        tree.append(leaf_hash(body))
        yield body.decode()
        for one in disclosures:
            yield json.dumps(one, ensure_ascii=False, separators=(",", ":"))
    yield json.dumps({"entries": tree.size, "format": FORMAT, "root": tree.root().hex()})


def verify(given: Iterable[str]) -> Verdict:
    """Recompute the tree. An export without its last line is cut off; one with another root was altered."""
    tree, last, opened, is_fitting = Frontier(), None, set[str](), True
    for line in given:
        if line.startswith("["):
            is_fitting = is_fitting and last is not None and _opens(line, last, opened)
            continue
        if last is not None:
            tree.append(leaf_hash(last.encode()))
        last = line.rstrip("\n")
        opened.clear()
    try:
        said = json.loads(last or "")
        claimed, count = str(said["root"]), int(said["entries"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return Verdict(tree.size + (last is not None), "", "the last line, which holds the root, is missing")
    root = tree.root().hex()
    if count != tree.size:
        return Verdict(tree.size, root, f"{count} entries were exported, {tree.size} are here")
    if root != claimed:
        return Verdict(count, root, "an entry was altered, added or moved")
    return Verdict(count, root, None if is_fitting else "a personal value is not the one that its entry was recorded with")


def _opens(line: str, entry: str, opened: set[str]) -> bool:
    """Say whether a disclosure opens a commitment of its entry that none before it opened."""
    try:
        disclosure, commitments = json.loads(line), commitments_of(json.loads(entry))
    except (ValueError, AttributeError, RecursionError):
        return False
    if not fits(disclosure, commitments) or disclosure[1] in opened:
        return False
    opened.add(disclosure[1])
    return True
