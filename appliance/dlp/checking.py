"""Whether what somebody wrote can be a policy: asked once, when it is written, so that whoever decides need not ask."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from appliance import identity
from appliance.dlp.decisions import Direction, PolicyRule
from appliance.dlp.errors import PolicyMalformed, PolicyRuleIdle, PolicyRuleMalformed
from appliance.dlp.policy_values import PolicyForm
from appliance.dlp.values import Category
from appliance.dlp.wording import WrittenRule
from appliance.identity import GroupId
from appliance.kernel.db import Tx

TERMS: Final = ("dpa", "baa", "zero_retention", "no_training")
"""What a contract can grant (`policy.Term`, which is a step above): a word that none of them is would be granted never."""
MOST_RULES: Final = 100
_MOST_ENTRIES, _LONGEST_NAME, _LONGEST_WHY, _LONGEST_LABEL, _LONGEST_NOTE = 100, 120, 500, 40, 500
_REGION: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,58}\*?")
_GOES_OUT: Final = {Direction.PROMPT, Direction.PASSAGE}


def checked(tx: Tx, form: PolicyForm) -> PolicyForm:
    """Return a policy as it is stored. Raises PolicyMalformed, PolicyRuleMalformed, PolicyRuleIdle, GroupNotFound."""
    rules, note = tuple(_plain(one) for one in form.rules), form.note.strip()
    is_told = len(note) <= _LONGEST_NOTE and "\0" not in note
    if len(rules) > MOST_RULES or not is_told or len({one.rule.rule_id for one in rules}) < len(rules):
        raise PolicyMalformed(most=MOST_RULES)
    for number, one in enumerate(rules, 1):
        for field in _faults(one):
            raise PolicyRuleMalformed(rule=one.name[:_LONGEST_NAME] or str(number), field=field)
        if _is_idle(one.rule):
            raise PolicyRuleIdle(rule=one.name)
    identity.check_groups(tx, {GroupId(group) for one in rules for group in one.rule.groups})
    return PolicyForm(rules, form.needs_second, note)


def _plain(written: WrittenRule) -> WrittenRule:
    rule = written.rule
    labels = frozenset(" ".join(one.split()).casefold() for one in rule.labels)
    regions = frozenset(one.strip().casefold() for one in rule.unless_regions)
    return WrittenRule(
        replace(rule, labels=labels - {""}, unless_regions=regions - {""}), " ".join(written.name.split()), written.why.strip()
    )


def _faults(written: WrittenRule) -> Iterator[str]:
    rule = written.rule
    if not 0 < len(written.name) <= _LONGEST_NAME or not written.name.isprintable():
        yield "name"
    if len(written.why) > _LONGEST_WHY or "\0" in written.why:
        yield "why"
    if not 0 <= rule.least <= 1:
        yield "least"
    if not rule.unless_terms <= set(TERMS):
        yield "unless_terms"
    if len(rule.unless_regions) > _MOST_ENTRIES or not all(map(_REGION.fullmatch, rule.unless_regions)):
        yield "unless_regions"
    labels = rule.labels
    if len(labels) > _MOST_ENTRIES or any(len(one) > _LONGEST_LABEL or "," in one or not one.isprintable() for one in labels):
        yield "labels"
    if len(rule.groups) > _MOST_ENTRIES:
        yield "groups"


def _is_idle(rule: PolicyRule) -> bool:
    """A rule that would never hold is a protection that nobody has."""
    if rule.meant == {Category.UNREADABLE} and rule.directions and Direction.PROMPT not in rule.directions:
        return True  # uploads that cannot be read are held whatever a policy says, and passages and answers are texts
    is_conditional = bool(rule.only_leaving or rule.unless_terms or rule.unless_regions)
    return is_conditional and bool(rule.directions) and not rule.directions & _GOES_OUT
