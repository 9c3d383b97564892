"""How deep a policy has texts looked into."""

from dataclasses import replace

import pytest

from appliance.dlp import LIKELY, Action, Category, Direction, Family, Policy, PolicyRule
from appliance.gateway.guarding import _whose
from appliance.gateway.inspecting import Depth, need_of
from appliance.identity import Caller, Role, UserId
from appliance.kernel.ids import TenantId, new_id
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


def test_what_was_read_is_remembered_for_one_person_and_one_token() -> None:
    ada = Caller(
        TenantId(new_id()),
        UserId(new_id()),
        Role.MEMBER,
        "Ada",
        "ada@example.org",
        "Analytical Engines",
        token_id=new_id(),
    )
    others = [
        replace(ada, tenant_id=TenantId(new_id())),
        replace(ada, user_id=UserId(new_id())),
        replace(ada, token_id=new_id()),
        replace(ada, token_id=None),
    ]
    assert len({_whose(one) for one in (ada, *others)}) == 5
    assert _whose(replace(ada, request_id="another", address="192.0.2.7")) == _whose(ada)
