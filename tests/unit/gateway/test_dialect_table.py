"""Every row of deploy/docs/dialects.md is proved by a request that has the field."""

from collections.abc import Iterator
from typing import Any

import pytest

from appliance.gateway.dialects import Dialect, Untranslatable
from appliance.gateway.dialects.crossing import cross_request
from appliance.gateway.dialects.rules import Fate, Rule
from tests.support.dialect_samples import HOLDERS, KINDS, OF_KIND, TABLES, TOGETHER, VALUES

Row = tuple[Dialect, Dialect, str, str, Rule]
SAYS_THE_KIND = {"type", "role"}  # with another value it is another object, which has rows of its own
# These change what is answered, not what is asked, or are for Claude, where its thoughts' own tests prove them.
OF_THE_ANSWER = {"openai_chat/The request/stream_options", "openai_chat/`stream_options`/include_usage",
                 "openai_responses/The request/include", "openai_responses/An item `reasoning`/summary"}  # fmt: skip


def rows(holders: Any) -> Iterator[Any]:
    for (source, target), sections in TABLES.items():
        for title, rules in sections.items():
            if (source, title) in holders:
                for name, rule in rules.items():
                    yield pytest.param((source, target, title, name, rule), id=f"{source.value}/{title}/{name}")


def test_every_section_is_proved() -> None:
    titles = {(source, title) for (source, _), sections in TABLES.items() for title in sections}

    assert titles == set(HOLDERS) | set(KINDS)


@pytest.mark.parametrize("row", list(rows(HOLDERS)))
def test_a_field_becomes_what_its_row_says(row: Row) -> None:
    source, target, title, name, rule = row
    path = f"{source.value}/{title}/{name}"
    whole, embed = HOLDERS[source, title]
    whole = whole | TOGETHER.get(path, {})
    before = cross_request(source, target, embed(whole))
    for fine in (*rule.fine, None) if name not in whole else rule.fine:
        assert cross_request(source, target, embed(whole | {name: fine})) == before
    if name in SAYS_THE_KIND and path not in VALUES:
        return

    value = VALUES[path] if path in VALUES else VALUES[name]
    request = embed(whole | {name: value})
    if rule.fate is Fate.REFUSED:
        with pytest.raises(Untranslatable) as refused:
            cross_request(source, target, request)
        assert refused.value.field.split(".")[-1] == name
        assert refused.value.reason == rule.words
        return
    try:
        after = cross_request(source, target, request)
    except Untranslatable as refusal:
        assert (rule.fate, "refused" in rule.words, refusal.field.split(".")[-1]) == (Fate.TRANSLATED, True, name)
        return
    assert (after != before) is (rule.fate is Fate.TRANSLATED and path not in OF_THE_ANSWER)


@pytest.mark.parametrize("row", list(rows(KINDS)))
def test_a_kind_becomes_what_its_row_says(row: Row) -> None:
    source, target, title, kind, rule = row
    path = f"{source.value}/{title}/{kind}"
    known = OF_KIND[path] if path in OF_KIND else OF_KIND.get(kind, {})
    request = KINDS[source, title]({"type": kind} | known)

    if rule.fate is Fate.TRANSLATED:
        assert cross_request(source, target, request)
        return
    with pytest.raises(Untranslatable) as refused:
        cross_request(source, target, request)
    assert refused.value.field.endswith("type")
    assert refused.value.reason == f"“{kind}”: {rule.words}"


@pytest.mark.parametrize("pair", TABLES)
def test_every_row_is_of_use(pair: tuple[Dialect, Dialect]) -> None:
    for rules in TABLES[pair].values():
        assert all(rule.words and not rule.words.endswith(".") for rule in rules.values())
