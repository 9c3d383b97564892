"""Rules as they are written down: each with its name, a sentence why, and the form in which it is stored.

Pure. What is read back from the database was validated when it was written.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from appliance.dlp.decisions import Action, Direction, PolicyRule
from appliance.dlp.values import Category, Family
from appliance.kernel.canonical import canonical


@dataclass(frozen=True)
class WrittenRule:
    """A rule of a policy, its name and why it is there, as people read it."""

    rule: PolicyRule
    name: str
    why: str = ""


def to_stored(written: WrittenRule) -> dict[str, Any]:
    """Return a rule as it is stored: every list sorted, so that two that say the same are the same."""
    rule = written.rule
    return {
        "rule_id": str(rule.rule_id), "name": written.name, "why": written.why, "action": rule.action.value,
        "categories": sorted(rule.categories), "families": sorted(rule.families), "directions": sorted(rule.directions),
        "labels": sorted(rule.labels), "groups": sorted(map(str, rule.groups)), "least": rule.least,
        "unless_terms": sorted(rule.unless_terms), "unless_regions": sorted(rule.unless_regions),
        "only_leaving": rule.only_leaving,
    }  # fmt: skip


def from_stored(found: Mapping[str, Any]) -> WrittenRule:
    """Return a rule of its stored form."""
    return WrittenRule(rule_of(found), found["name"], found["why"])


def rule_of(found: Mapping[str, Any]) -> PolicyRule:
    """Return what decides of a rule's stored form."""
    return PolicyRule(
        UUID(found["rule_id"]), Action(found["action"]), frozenset(map(Category, found["categories"])),
        frozenset(map(Family, found["families"])), frozenset(map(Direction, found["directions"])),
        frozenset(one.casefold() for one in found["labels"]), frozenset(map(UUID, found["groups"])), found["least"],
        frozenset(found["unless_terms"]), frozenset(one.casefold() for one in found["unless_regions"]),
        found["only_leaving"],
    )  # fmt: skip


def rules_of(found: Iterable[Mapping[str, Any]]) -> tuple[PolicyRule, ...]:
    """Return what decides of a policy's stored rules, in order."""
    return tuple(map(rule_of, found))


def digest_of(rules: Sequence[Mapping[str, Any]], *, needs_second: bool) -> str:
    """Return what the log says of a policy: whoever has its text can tell that it is the one."""
    said = [{**one, "least": str(one["least"])} for one in rules]  # canonical JSON of ours has no fractions
    return sha256(canonical({"rules": said, "needs_second": needs_second})).hexdigest()
