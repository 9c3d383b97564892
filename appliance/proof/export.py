"""An audit export: JSON lines, one entry each, then a last line with their number and their tree's root.

The root lets two copies be compared by 64 characters, and shows a copy that was altered or cut after its root was
noted elsewhere. It is not yet signed: who can rewrite the whole file can compute a new root.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from appliance.proof.tree import leaf_hash, root_hash

FORMAT = "cloister-audit-export/1"


@dataclass(frozen=True)
class Verdict:
    """What a check found: `fault` is None for an intact export."""

    entries: int
    root: str
    fault: str | None


def lines(bodies: Iterable[bytes]) -> Iterator[str]:
    """Yield the export's lines for canonical entry bodies in order."""
    leaves = []
    for body in bodies:
        leaves.append(leaf_hash(body))
        yield body.decode()
    yield json.dumps({"entries": len(leaves), "format": FORMAT, "root": root_hash(leaves).hex()})


def verify(given: Iterable[str]) -> Verdict:
    """Recompute the tree. An export without its last line is cut off; one with another root was altered."""
    kept = [line.rstrip("\n") for line in given]
    try:
        last = json.loads(kept[-1])
        claimed, count = str(last["root"]), int(last["entries"])
    except (IndexError, ValueError, KeyError, TypeError):
        return Verdict(len(kept), "", "the last line, which holds the root, is missing")
    root = root_hash(leaf_hash(line.encode()) for line in kept[:-1]).hex()
    if count != len(kept) - 1:
        return Verdict(len(kept) - 1, root, f"{count} entries were exported, {len(kept) - 1} are here")
    return Verdict(count, root, None if root == claimed else "an entry was altered, added or moved")
