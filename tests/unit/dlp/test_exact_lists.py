"""Lists of exact values that are looked for together: each finds its own, and a window is digested once for all of one key."""

import pytest

from appliance.dlp import Category
from appliance.dlp.own import matching
from appliance.dlp.own.matching import Matcher
from appliance.dlp.own.values import ExactList, Lists
from appliance.dlp.own.words import digest
from appliance.dlp.shadow import Shadow


def test_lists_of_one_key_are_looked_for_at_the_cost_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    values = ["anna", "annaberg", "bergen", "4711"]
    lists = tuple(
        ExactList(f"list-{number}", Category.PERSON, b"k" * 32, frozenset({digest(b"k" * 32, one)}), 3, 4, 20, one.isdigit())
        for number, one in enumerate(values)
    )
    digested = list[str]()

    def noting(key: bytes, value: str) -> bytes:
        digested.append(value)
        return digest(key, value)

    monkeypatch.setattr(matching, "digest", noting)

    found = list(Matcher(Lists(exact=lists)).find(Shadow("Anna Berg of Bergen, 47-11")))

    assert sorted((one.rule, one.start, one.end) for one in found) == [
        ("own/exact/list-0", 0, 4), ("own/exact/list-1", 0, 9), ("own/exact/list-2", 13, 19), ("own/exact/list-3", 21, 26),
    ]  # fmt: skip
    assert len(digested) == len(set(digested))
