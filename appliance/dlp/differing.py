"""What differs between two policies, rule by rule, as people read it. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from appliance.dlp.policy_values import ChangeKind, FieldChange, PolicyChanges, PolicyForm, RuleChange
from appliance.dlp.wording import WrittenRule, to_stored


def differing(before: PolicyForm, after: PolicyForm) -> PolicyChanges:
    """Return what differs: rules that went, then those of the later one in order.

    A rule is the same one by its id. It has moved if it stands elsewhere among those that are in both; where one moves, it alone has.
    """
    seconds = (before.needs_second, after.needs_second)
    return PolicyChanges(tuple(_rules(before.rules, after.rules)), seconds if seconds[0] is not seconds[1] else None)


def _rules(before: Sequence[WrittenRule], after: Sequence[WrittenRule]) -> Iterator[RuleChange]:
    earlier = {one.rule.rule_id: (place, one) for place, one in enumerate(before, 1)}
    later = {one.rule.rule_id: place for place, one in enumerate(after, 1)}
    for place, one in enumerate(before, 1):
        if one.rule.rule_id not in later:
            yield RuleChange(ChangeKind.REMOVED, one, place, None)
    stayed = _in_order([one.rule.rule_id for one in before if one.rule.rule_id in later], later)
    for place, one in enumerate(after, 1):
        rule_id = one.rule.rule_id
        if rule_id not in earlier:
            yield RuleChange(ChangeKind.ADDED, one, None, place)
            continue
        was, former = earlier[rule_id]
        if fields := tuple(_fields(to_stored(former), to_stored(one))):
            yield RuleChange(ChangeKind.CHANGED, one, was, place, fields)
        if rule_id not in stayed:
            yield RuleChange(ChangeKind.MOVED, one, was, place)


def _in_order(common: Sequence[UUID], later: dict[UUID, int]) -> set[UUID]:
    """Return the longest run of rules that kept their order: all others have moved."""
    best: list[list[UUID]] = []
    for one in common:
        runs = (run for run in best if later[run[-1]] < later[one])
        best.append([*_longest(runs), one])
    return set(_longest(best))


def _longest(runs: Iterable[list[UUID]]) -> list[UUID]:
    best: list[UUID] = []
    for run in runs:
        best = run if len(run) > len(best) else best
    return best


def _fields(before: dict[str, Any], after: dict[str, Any]) -> Iterator[FieldChange]:
    for name, value in after.items():
        if before[name] != value:
            yield FieldChange(name, _words(before[name]), _words(value))


def _words(value: Any) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(map(str, value))
    return () if value == "" else (str(value).lower() if isinstance(value, bool) else str(value),)
