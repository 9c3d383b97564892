"""How deep a policy has texts looked into."""

import pytest

from appliance.dlp import LIKELY, Action, Category, Direction, Family, Policy, PolicyRule
from appliance.gateway.inspecting import Depth, need_of
from appliance.kernel.ids import new_id
from appliance.knowledge.screening.sifting import least_of


def policy(
    action: Action = Action.BLOCK, least: float = LIKELY, *categories: Category, families: tuple[Family, ...] = ()
) -> Policy:
    return Policy(1, (PolicyRule(new_id(), action, frozenset(categories), frozenset(families), least=least),))


@pytest.mark.parametrize("category", [Category.PERSON, Category.ADDRESS, Category.PHONE])
def test_what_the_model_finds_too_is_asked_of_it(category: Category) -> None:
    assert need_of(policy(Action.BLOCK, LIKELY, category), Direction.PROMPT, ()).depth is Depth.NAMES


def test_a_rule_that_asks_for_certainty_makes_nobody_look_less_for_the_floor() -> None:
    certain = policy(Action.REDACT, 0.95, Category.IBAN)
    assert need_of(certain, Direction.ANSWER, ()).least == least_of(certain) == LIKELY


def test_a_rule_that_asks_for_little_is_shown_what_is_unsure() -> None:
    unsure = policy(Action.REDACT, 0.2, families=(Family.PERSONAL,))
    need = need_of(unsure, Direction.PROMPT, ())
    assert (need.depth, need.least, least_of(unsure)) == (Depth.NAMES, 0.2, 0.2)
