"""How the models behind a name share its calls."""

import random
from collections import Counter
from uuid import UUID, uuid4

import pytest

from appliance.gateway.breaker import FAILURES, Breaker
from appliance.gateway.errors import ProviderResting
from appliance.gateway.weighing import drawn

PICKS = 10_000
TENANT = uuid4()


@pytest.fixture
def chance() -> random.Random:
    return random.Random(7)


def is_near(counted: int, share: float) -> bool:
    """Within five standard deviations of what chance leaves."""
    return bool(abs(counted - PICKS * share) < 5 * (PICKS * share * (1 - share)) ** 0.5)


def test_calls_split_as_they_are_weighed(chance: random.Random) -> None:
    weighed = [("a", 70), ("b", 20), ("c", 10)]
    first = Counter(drawn(weighed, chance=chance.random)[0] for _ in range(PICKS))

    assert all(is_near(first[name], weight / 100) for name, weight in weighed), first


def test_weights_hold_among_the_others_while_one_rests(chance: random.Random) -> None:
    keys = {name: uuid4() for name in "abc"}
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.note((TENANT, keys["a"]), is_good=False)

    def reached(key: UUID) -> bool:
        try:
            breaker.check((TENANT, key), "provider")
        except ProviderResting:
            return False
        return True

    weighed = [("a", 70), ("b", 20), ("c", 10)]
    asked = Counter(
        next(one for one in drawn(weighed, chance=chance.random) if reached(keys[one])) for _ in range(PICKS)
    )

    assert asked["a"] == 0
    assert is_near(asked["b"], 2 / 3), asked


def test_without_weights_the_order_stays_and_those_without_one_come_last(chance: random.Random) -> None:
    assert drawn([("a", None), ("b", None)]) == ("a", "b")
    found = {drawn([("last", None), ("a", 1), ("b", 1), ("very last", None)], chance=chance.random) for _ in range(50)}
    assert found == {("a", "b", "last", "very last"), ("b", "a", "last", "very last")}
