"""A log's name, and the epochs in it: cloister/<installation>/<organisation>, and cloister/<installation>.<epoch>/<organisation>."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from appliance.proof.package import EPOCHS, Package, PackageAltered, PackageIncomplete
from appliance.proof.tree import is_included, leaf_hash

_OPENED = "audit:log_epoch:opened"
_ORIGIN = re.compile(r"cloister/([0-9a-f]{16})(?:\.([1-9][0-9]{0,8}))?/([0-9a-f-]{36})")


@dataclass(frozen=True)
class Origin:
    """A log's name, taken apart."""

    installation: str
    epoch: int
    organisation: str

    def is_of(self, other: "Origin") -> bool:
        """Say whether both are of one log, whatever their epochs."""
        return (self.installation, self.organisation) == (other.installation, other.organisation)


def split_origin(origin: str) -> Origin | None:
    """Return the parts of a log's name, None if it is none of ours."""
    found = _ORIGIN.fullmatch(origin)
    return None if found is None else Origin(found[1], int(found[2] or 1), found[3])


def check_epochs(
    package: Package, origin: str, size: int, root: bytes, *, known: int | None, link: Callable[[int, bytes, str], None]
) -> tuple[dict[int, int], list[str], list[str]]:
    """Follow the log's name back through its epochs; return where each former one ended, what is proven, and what is not.

    `known` is the newest epoch that the auditor was told of, None without any such knowledge. Raises PackageAltered,
    PackageIncomplete where a later one began.
    """
    ours = split_origin(origin)
    if ours is None or ours.epoch == 1:
        return {}, [], []
    ends, proven, unproven = dict[int, int](), list[str](), list[str]()
    entries = package.json(EPOCHS) if EPOCHS in package.names else []
    for one in reversed(entries):
        said = _opening(one, size, root)
        former = split_origin(said["old_origin"])
        if said["epoch"] != ours.epoch or former is None or not former.is_of(ours) or former.epoch >= ours.epoch:
            raise PackageAltered("the epochs of the log do not follow each other")
        if said["old_size"] != one["position"]:
            raise PackageAltered("an epoch does not begin where the former one ended")
        link(said["old_size"], bytes.fromhex(said["old_root"]), f"epoch {ours.epoch} continues the one before")
        lost = f"a witness had seen {said['seen']}" if "seen" in said else "no witness had seen more, it says"
        text = f"epoch {ours.epoch} began after {said['old_size']} entries ({lost}), because: {said['reason']!r}"
        if known is not None and ours.epoch > known:
            raise PackageIncomplete(f"{text}. If whoever runs the host told you of it, say --epoch {ours.epoch}")
        (proven if known is not None else unproven).append(text)
        ends[former.epoch], ours = said["old_size"], former
    if ours.epoch != 1:
        raise PackageIncomplete(f"how epoch {ours.epoch} of the log began is missing")
    unproven.append("that nothing was lost between epochs: ask the witness how far it saw the former one")
    return ends, proven, unproven


def _opening(one: dict[str, Any], size: int, root: bytes) -> dict[str, Any]:
    """Return what an epoch's first entry says, after it was found in the log."""
    body, position, steps = str(one["body"]).encode(), one["position"], one["proof"]
    if not isinstance(position, int) or not isinstance(steps, list):
        raise PackageAltered(f"{EPOCHS} cannot be read")
    if not is_included(leaf_hash(body), position, size, [bytes.fromhex(step) for step in steps], root):
        raise PackageAltered("the first entry of an epoch is not in the log")
    said = json.loads(body)
    if said["event"] != _OPENED:
        raise PackageAltered(f"{EPOCHS} names an entry that begins no epoch")
    found: dict[str, Any] = said["facts"]
    return found
