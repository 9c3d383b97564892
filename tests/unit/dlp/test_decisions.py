from uuid import UUID, uuid4

import pytest

from appliance.dlp import (
    Action,
    Category,
    Circumstances,
    Direction,
    Family,
    Finding,
    Policy,
    PolicyRule,
    decide,
    fitting,
)

RULE = UUID(int=1)
NURSES = uuid4()
PATIENT = Finding(Category.MEDICAL_RECORD, "mrn/1", 0, 8, 0.9)
NAME = Finding(Category.PERSON, "name/model/1", 10, 20, 0.62)
CARD = Finding(Category.PAYMENT_CARD, "card/pan/2", 0, 16, 0.99)


def policy(*rules: PolicyRule) -> Policy:
    return Policy(1, rules)


def test_the_first_rule_that_fits_decides() -> None:
    rules = policy(
        PolicyRule(RULE, Action.ALLOW, categories=frozenset({Category.MEDICAL_RECORD}), groups=frozenset({NURSES})),
        PolicyRule(UUID(int=2), Action.BLOCK, families=frozenset({Family.HEALTH})),
    )
    nurse = decide(rules, [PATIENT, NAME], Circumstances(Direction.PROMPT, groups=frozenset({NURSES})))
    clerk = decide(rules, [PATIENT, NAME], Circumstances(Direction.PROMPT))

    assert nurse.action is Action.ALLOW
    assert [one.action for one in clerk.decided] == [Action.BLOCK, Action.ALLOW]
    assert clerk.action is Action.BLOCK


def test_health_data_goes_to_a_provider_with_a_contract_that_grants_it_and_to_no_other() -> None:
    rules = policy(PolicyRule(RULE, Action.BLOCK, families=frozenset({Family.HEALTH}), unless_terms=frozenset({"baa"})))

    def at(**told: object) -> Action:
        return decide(rules, [PATIENT], Circumstances(Direction.PROMPT, **told)).action  # type: ignore[arg-type]

    assert at(is_local=True) is Action.ALLOW
    assert at(is_local=False, terms=frozenset({"dpa"})) is Action.BLOCK
    assert at(is_local=False, terms=frozenset({"dpa", "baa"})) is Action.ALLOW


def test_personal_data_stays_in_its_regions() -> None:
    rules = policy(
        PolicyRule(
            RULE,
            Action.BLOCK,
            families=frozenset({Family.PERSONAL}),
            unless_terms=frozenset({"dpa"}),
            unless_regions=frozenset({"eu"}),
        )
    )
    for region, wanted in (("eu", Action.ALLOW), ("us", Action.BLOCK), (None, Action.BLOCK)):
        now = Circumstances(Direction.PROMPT, is_local=False, terms=frozenset({"dpa"}), region=region)
        assert decide(rules, [NAME], now).action is wanted


@pytest.mark.parametrize("direction", Direction)
def test_no_rule_lets_a_card_through(direction: Direction) -> None:
    allowed = decide(policy(PolicyRule(RULE, Action.ALLOW)), [CARD], Circumstances(direction))

    assert allowed.action in {Action.REDACT, Action.QUARANTINE, Action.BLOCK}


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("action", Action)
def test_what_cannot_be_done_on_a_way_becomes_nothing_milder_than_redaction(
    direction: Direction, action: Action
) -> None:
    came_to = fitting(action, direction)

    if action in {Action.ALLOW, Action.WARN}:
        assert came_to is action
    else:
        assert came_to in {Action.TOKENISE, Action.REDACT, Action.QUARANTINE, Action.BLOCK}


def test_a_guess_below_the_rules_confidence_is_none_of_its_business() -> None:
    strict = policy(PolicyRule(RULE, Action.BLOCK, least=0.8))

    assert decide(strict, [NAME], Circumstances(Direction.PROMPT)).action is Action.ALLOW
    assert decide(strict, [PATIENT], Circumstances(Direction.PROMPT)).action is Action.BLOCK


def test_the_floor_is_about_what_is_likely_and_not_about_what_a_rule_of_something_else_made_visible() -> None:
    unsure = Finding(Category.PAYMENT_CARD, "card/pan/2", 0, 16, 0.3)
    decision = decide(Policy(1, ()), [unsure], Circumstances(Direction.PROMPT))
    assert decision.action is Action.ALLOW
