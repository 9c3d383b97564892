"""What rules say of a call: pure decisions, each with its reason."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from appliance.identity import GroupId, TokenLimits
from appliance.identity.values import ModelEndpoint
from appliance.kernel.errors import Refusal
from appliance.policy import (
    Allowed,
    Asked,
    Call,
    CallRuleRefused,
    Contract,
    ContractMissing,
    DataLabel,
    Hours,
    KeyLimited,
    Limits,
    ModelNotAllowed,
    Place,
    Rule,
    Rules,
    Term,
    decide,
    judge,
    judge_place,
    may_ask,
)

NOW = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)  # a Friday
BOARD, INTERNS = GroupId(UUID(int=1)), GroupId(UUID(int=2))
CALL = Call("chat", "gpt-5", is_known=True, is_local=False, provider="openai", asked=Asked("general", "chat/completions", (), 100))
HERE = Call("chat", "quotes", is_known=True, is_local=True)
UNLIMITED = TokenLimits()
PLACE = Place(UUID(int=7), "https://api.openai.com/v1", None)
ALLOWED = Rules(allowed=frozenset({Allowed("openai", "*")}))


def refusal(call: Call = CALL, *, limits: TokenLimits = UNLIMITED, rules: Rules = ALLOWED, now: datetime = NOW,
            groups: frozenset[GroupId] = frozenset()) -> Refusal | None:  # fmt: skip
    try:
        decide(judge(call, rules, groups=groups, limits=limits, now=now), call)
        decide(judge_place(call, rules, PLACE, groups=groups, now=now), call)
    except Refusal as found:
        return found
    return None


def ruled(limits: Limits, group: GroupId | None = None) -> Rules:
    return replace(ALLOWED, rules=(Rule(UUID(int=3), "Office", group, limits),))


def asking(**asked: object) -> Call:
    return replace(CALL, asked=replace(CALL.asked, **asked))  # type: ignore[arg-type]


def test_nothing_leaves_that_is_not_allowed() -> None:
    assert isinstance(refusal(rules=Rules()), ModelNotAllowed)
    assert isinstance(refusal(rules=Rules(allowed=frozenset({Allowed("openai", "gpt-4")}))), ModelNotAllowed)
    assert isinstance(refusal(replace(HERE, is_known=False)), ModelNotAllowed)
    assert refusal() is None
    assert refusal(HERE, rules=Rules()) is None


@pytest.mark.parametrize("models", [("general",), ("openai/gpt-5",), ("openai/*",), ("x", "gen*")])
def test_a_key_for_models_passes_by_the_name_asked_or_where_it_leads(models: tuple[str, ...]) -> None:
    assert refusal(limits=TokenLimits(models=models)) is None


@pytest.mark.parametrize("models", [("openai/gpt-50",), ("open/*",), ("anthropic/*",), ("bot:general",), ("GENERAL",)])
def test_a_key_for_models_refuses_others_by_name(models: tuple[str, ...]) -> None:
    found = refusal(limits=TokenLimits(models=models))
    assert isinstance(found, KeyLimited)
    assert "general is not listed" in str(found)


def test_a_key_for_endpoints_refuses_others() -> None:
    assert refusal(limits=TokenLimits(endpoints=(ModelEndpoint.CHAT_COMPLETIONS,))) is None
    assert isinstance(refusal(limits=TokenLimits(endpoints=(ModelEndpoint.EMBEDDINGS,))), KeyLimited)
    assert isinstance(refusal(HERE, limits=TokenLimits(endpoints=(ModelEndpoint.EMBEDDINGS,))), KeyLimited)


@pytest.mark.parametrize(
    ("limits", "good", "bad"),
    [
        (Limits(providers=("openai",)), {}, None),
        (Limits(models=("openai/gpt-5*",)), {}, None),
        (Limits(tools=("none",)), {}, {"tools": ("lookup",)}),
        (Limits(tools=("lookup", "type:web_search_*")), {"tools": ("lookup", "type:web_search_20250305")}, {"tools": ("lookup", "type:web_fetch_1")}),
        (Limits(tools=("*",)), {"tools": ("lookup",)}, {"tools": ("type:web_search",)}),
        (Limits(tools=("ty*",)), {"tools": ("tycoon",)}, {"tools": ("type:code_interpreter",)}),
        (Limits(tools=("type:*",)), {"tools": ("type:mcp",)}, {"tools": ("mcp",)}),
        (Limits(most_answer_tokens=100), {}, {"answer_tokens": 101}),
        (Limits(most_answer_tokens=100), {"answer_tokens": -1}, {"answer_tokens": None}),
        (Limits(labels=("Internal",)), {"labels": ("internal",)}, {"labels": ("internal", "phi")}),
        (Limits(labels=("Internal",)), {"labels": ("INTERNAL",)}, {}),
    ],
)  # fmt: skip
def test_a_rule_lets_pass_what_it_lists_and_refuses_the_rest_by_its_name(
    limits: Limits, good: dict[str, object], bad: dict[str, object] | None
) -> None:
    assert refusal(asking(**good), rules=ruled(limits)) is None
    other = replace(CALL, provider="vllm", model="qwen") if bad is None else asking(**bad)
    rules = replace(ruled(limits), allowed=frozenset({Allowed("openai", "*"), Allowed("vllm", "*")}))
    found = refusal(other, rules=rules)
    assert isinstance(found, CallRuleRefused)
    assert "Office" in str(found)


def test_a_refusal_of_tokens_says_the_number() -> None:
    for asked in (None, 5_000):
        assert "at most 64 tokens" in str(refusal(asking(answer_tokens=asked), rules=ruled(Limits(most_answer_tokens=64)))) or asked
    assert "64 are the most" in str(refusal(asking(answer_tokens=5_000), rules=ruled(Limits(most_answer_tokens=64))))


def test_a_groups_rule_is_for_its_people_and_all_rules_must_pass() -> None:
    rules = replace(
        ALLOWED,
        rules=(
            Rule(UUID(int=3), "All", None, Limits(tools=("lookup", "draw"))),
            Rule(UUID(int=4), "Interns", INTERNS, Limits(tools=("lookup",))),
            Rule(UUID(int=5), "Board", BOARD, Limits(tools=("lookup", "draw", "buy"))),
        ),
    )
    assert refusal(asking(tools=("draw",)), rules=rules) is None
    assert refusal(asking(tools=("draw",)), rules=rules, groups=frozenset({BOARD})) is None
    assert "Interns" in str(refusal(asking(tools=("draw",)), rules=rules, groups=frozenset({BOARD, INTERNS})))
    assert "All" in str(refusal(asking(tools=("buy",)), rules=rules, groups=frozenset({BOARD})))


@pytest.mark.parametrize(
    ("hours", "moment", "passes"),
    [
        (Hours((1, 2, 3, 4, 5), "08:00", "18:00", "Europe/Berlin"), NOW, True),
        (Hours((1, 2, 3, 4, 5), "08:00", "18:00", "Europe/Berlin"), NOW.replace(hour=17), False),  # 18:00 there
        (Hours((1, 2, 3, 4, 5), "08:00", "18:00", "Europe/Berlin"), NOW.replace(hour=16, minute=59), True),
        (Hours((1, 2, 3, 4, 5), None, None, "Europe/Berlin"), NOW.replace(hour=23, minute=30), False),  # Saturday there
        (Hours((6, 7), None, None, "UTC"), NOW, False),
        (Hours((), "22:00", "06:00", "UTC"), NOW.replace(hour=5), True),
        (Hours((), "22:00", "06:00", "UTC"), NOW.replace(hour=6), False),
        (Hours((4,), "22:00", "06:00", "UTC"), NOW.replace(hour=5), True),  # of Thursday's night
        (Hours((5,), "22:00", "06:00", "UTC"), NOW.replace(hour=5), False),
        (Hours((5,), "22:00", "06:00", "UTC"), NOW.replace(hour=23), True),
        (Hours((), "09:00", "09:00", "UTC"), NOW.replace(hour=3), True),
        # The night in which Berlin's clocks go back: 02:30 comes twice, and both are within.
        (Hours((), "02:00", "03:00", "Europe/Berlin"), datetime(2026, 10, 25, 0, 30, tzinfo=UTC), True),
        (Hours((), "02:00", "03:00", "Europe/Berlin"), datetime(2026, 10, 25, 1, 30, tzinfo=UTC), True),
    ],
)  # fmt: skip
def test_hours_are_of_the_rules_zone(hours: Hours, moment: datetime, passes: bool) -> None:
    assert (refusal(rules=ruled(Limits(hours=hours)), now=moment) is None) is passes
    assert (refusal(HERE, rules=ruled(Limits(hours=hours)), now=moment) is None) is passes


def contract(**said: object) -> Contract:
    found = Contract(UUID(int=9), PLACE.provider_id, "openai", PLACE.base_url, (Term.BAA, Term.DPA), "eu", "Folder 7", None)
    return replace(found, **said)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("held", "passes"),
    [
        ((contract(),), True),
        ((contract(terms=(Term.BAA,)), contract(terms=(Term.DPA,))), True),
        ((contract(terms=(Term.DPA,)),), False),
        ((contract(expires_at=NOW),), False),
        ((contract(ended_at=NOW),), False),
        ((contract(provider_id=UUID(int=8)),), False),
        ((contract(base_url="https://elsewhere.example/v1"),), False),
        ((), False),
    ],
)
def test_a_label_demands_contracts_in_force_with_that_provider(held: tuple[Contract, ...], passes: bool) -> None:
    rules = replace(ALLOWED, labels={"phi": DataLabel("PHI", (Term.BAA, Term.DPA))}, contracts=held)
    found = refusal(asking(labels=("Phi",)), rules=rules)
    assert (found is None) is passes
    assert passes or isinstance(found, ContractMissing)
    assert refusal(rules=rules) is None
    assert refusal(replace(HERE, asked=Asked(labels=("phi",))), rules=rules) is None


def test_what_may_not_leave_stays() -> None:
    rules = replace(ALLOWED, labels={"secret": DataLabel("secret", stays=True)}, contracts=(contract(),))
    assert isinstance(refusal(asking(labels=("secret",)), rules=rules), ContractMissing)


def test_a_region_is_the_providers_or_a_contracts_and_unknown_is_refused() -> None:
    rules = ruled(Limits(regions=("eu*",)))
    assert "not known" in str(refusal(rules=rules))
    assert refusal(rules=replace(rules, contracts=(contract(),))) is None
    assert refusal(rules=replace(rules, contracts=(contract(region="us"),))) is not None
    place = replace(PLACE, region="us-east-1")  # where it really goes counts more than what a contract says
    verdicts = judge_place(CALL, replace(rules, contracts=(contract(),)), place, groups=(), now=NOW)
    assert [one.passes for one in verdicts] == [False]


def test_a_list_of_models_leaves_out_what_nobody_could_ask() -> None:
    rules = ruled(Limits(models=("openai/*",), providers=("openai", "anthropic")), INTERNS)
    interns = frozenset({INTERNS})
    assert may_ask(("openai/gpt-5",), "openai", rules, groups=interns, limits=TokenLimits())
    assert not may_ask(("anthropic/claude",), "anthropic", rules, groups=interns, limits=TokenLimits())
    assert may_ask(("anthropic/claude",), "anthropic", rules, groups=(), limits=TokenLimits())
    assert not may_ask(("bot:x",), None, rules, groups=(), limits=TokenLimits(models=("openai/*",)))
    assert may_ask(("bot:x",), None, rules, groups=interns, limits=TokenLimits(models=("bot:*",)))
