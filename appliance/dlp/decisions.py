"""What is to become of what was found: a pure decision over an organisation's policy and the circumstances.

Rules are asked in their order, and the first that fits a finding decides, as in a firewall; where none fits, it is let
through. Below all of them stands a floor that no rule lowers: payment cards go nowhere.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final
from uuid import UUID

from appliance.dlp.values import FAMILIES, LIKELY, Category, Family, Finding
from appliance.kernel import patterns


class Direction(StrEnum):
    """On which of the four ways a text is."""

    UPLOAD = "upload"
    PROMPT = "prompt"
    PASSAGE = "passage"
    ANSWER = "answer"


class Action(StrEnum):
    """What is done, from the mildest to the strictest."""

    ALLOW = "allow"
    WARN = "warn"
    TOKENISE = "tokenise"
    REDACT = "redact"
    QUARANTINE = "quarantine"
    BLOCK = "block"


@dataclass(frozen=True)
class Circumstances:
    """On which way a text is, what it bears, who is behind it, and where it goes.

    `is_local`: nothing leaves this host. `terms` are what the contract in force with the provider grants ("dpa", "baa"),
    `region` is the provider's. Of an upload, which goes nowhere, both say nothing.
    """

    direction: Direction
    labels: frozenset[str] = frozenset()
    groups: frozenset[UUID] = frozenset()
    is_local: bool = True
    terms: frozenset[str] = frozenset()
    region: str | None = None


@dataclass(frozen=True)
class PolicyRule:
    """Which findings, under which circumstances, and what is done. What is empty does not limit. Labels and regions are case-folded.

    With `only_leaving` the rule holds only where the text leaves this host; with `unless_terms` only where it leaves for a provider whose
    contract does not grant all of them; with `unless_regions` only where that is in none of these: "eu*" stands for all that begin so.
    With both it holds unless both are so.
    """

    rule_id: UUID
    action: Action
    categories: frozenset[Category] = frozenset()
    families: frozenset[Family] = frozenset()
    directions: frozenset[Direction] = frozenset()
    labels: frozenset[str] = frozenset()
    groups: frozenset[UUID] = frozenset()
    least: float = LIKELY
    unless_terms: frozenset[str] = frozenset()
    unless_regions: frozenset[str] = frozenset()
    only_leaving: bool = False

    @property
    def meant(self) -> frozenset[Category]:
        """The categories that it is about."""
        told = self.categories | {one for one, family in FAMILIES.items() if family in self.families}
        return told or frozenset(Category)

    def fits(self, finding: Finding, now: Circumstances) -> bool:
        """Say whether the rule is about this finding, now."""
        is_meant = finding.category in self.categories or FAMILIES[finding.category] in self.families
        if not is_meant and (self.categories or self.families):
            return False
        if finding.confidence < self.least or (self.directions and now.direction not in self.directions):
            return False
        if (self.labels and self.labels.isdisjoint(map(str.casefold, now.labels))) or (self.groups and not self.groups & now.groups):
            return False
        return self._holds_there(now)

    def _holds_there(self, now: Circumstances) -> bool:
        if not (self.only_leaving or self.unless_terms or self.unless_regions):
            return True
        if now.is_local:
            return False
        if not (self.unless_terms or self.unless_regions):
            return True
        is_granted = self.unless_terms <= now.terms
        is_placed = not self.unless_regions or patterns.fits(self.unless_regions, ((now.region or "").casefold(),))
        return not (is_granted and is_placed)


@dataclass(frozen=True)
class Policy:
    """An organisation's rules in their order. Version 0 is that of who has said nothing yet."""

    version: int = 0
    rules: tuple[PolicyRule, ...] = ()
    names: Mapping[UUID, str] = field(default_factory=dict, compare=False)
    """What people call the rules."""

    @property
    def labels(self) -> frozenset[str]:
        """The labels that any rule asks about."""
        return frozenset(label for rule in self.rules for label in rule.labels)


@dataclass(frozen=True)
class Decided:
    """A finding, what is done about it, and by which rule; None: by the floor, or because no rule fits."""

    finding: Finding
    action: Action
    rule_id: UUID | None = None


@dataclass(frozen=True)
class Decision:
    """What is done about each finding, and so about the text."""

    decided: tuple[Decided, ...]

    @property
    def action(self) -> Action:
        """The strictest of all."""
        return max((one.action for one in self.decided), key=_STRICTNESS.index, default=Action.ALLOW)


_STRICTNESS: Final = tuple(Action)
BY_MODEL: Final = frozenset({Category.PERSON, Category.ADDRESS, Category.PHONE})
"""What the model of names finds, besides the rules: where something is to be done about one of these, it is asked."""
FLOOR: Final = frozenset({Category.PAYMENT_CARD, Category.CARD_TRACK, Category.CARD_CODE, Category.PRIVATE_KEY})
"""What is stopped on every way, whatever a policy says."""
_FITTING: Final = {
    Direction.UPLOAD: {Action.TOKENISE: Action.REDACT},
    # Nothing can be laid aside for somebody to look at later.
    Direction.PROMPT: {Action.QUARANTINE: Action.BLOCK},
    Direction.PASSAGE: {Action.QUARANTINE: Action.REDACT, Action.BLOCK: Action.REDACT},
    Direction.ANSWER: {Action.QUARANTINE: Action.BLOCK, Action.TOKENISE: Action.REDACT},
}
_REWRITING: Final = frozenset({Action.TOKENISE, Action.REDACT})
_AT_THE_FLOOR: Final = {
    Direction.UPLOAD: Action.QUARANTINE, Direction.PROMPT: Action.BLOCK, Direction.PASSAGE: Action.REDACT, Direction.ANSWER: Action.REDACT,
}  # fmt: skip


def decide(policy: Policy, findings: Iterable[Finding], now: Circumstances) -> Decision:
    """Return what is to become of each finding."""
    return Decision(tuple(_decided(policy.rules, one, now) for one in findings))


def decide_in_file(policy: Policy, findings: Iterable[Finding], now: Circumstances) -> Decision:
    """Return what is to become of each finding in a file that goes along with a call.

    Nobody writes a file anew: what would be replaced is blocked. Where no policy was ever put in force, it goes unread.
    """
    if not policy.version:
        return Decision(tuple(Decided(one, Action.ALLOW) for one in findings))
    found = decide(policy, findings, now).decided
    return Decision(tuple(replace(one, action=Action.BLOCK) if one.action in _REWRITING else one for one in found))


def _decided(rules: Sequence[PolicyRule], finding: Finding, now: Circumstances) -> Decided:
    rule = next((one for one in rules if one.fits(finding, now)), None)
    action = fitting(rule.action, now.direction) if rule else Action.ALLOW
    if finding.category is Category.UNREADABLE and action in _REWRITING:
        action = Action.BLOCK  # nobody can black out what nobody can read
    floor = _AT_THE_FLOOR[now.direction]
    is_floor = finding.category in FLOOR and finding.confidence >= LIKELY
    if is_floor and _STRICTNESS.index(action) < _STRICTNESS.index(floor):
        return Decided(finding, floor)
    return Decided(finding, action, rule.rule_id if rule else None)


def fitting(action: Action, direction: Direction) -> Action:
    """Return what an action comes to on a way where it cannot be done as it is said; never anything milder."""
    return _FITTING[direction].get(action, action)
