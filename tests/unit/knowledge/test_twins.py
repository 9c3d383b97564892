import pytest

from appliance.knowledge.twins import are_twins

LEAVE = "Employees receive 28 days of paid leave per calendar year. Requests are made two weeks ahead to the line manager, in writing or by mail, and are answered within three working days."


@pytest.mark.parametrize(
    ("other", "is_twin"),
    [
        (LEAVE, True),
        (LEAVE.upper() + " \n", True),
        ("Leave. " + LEAVE, True),
        (LEAVE.replace("28", "30"), False),
        (LEAVE.replace("28 days", "28 days (2024)"), False),
        (LEAVE[:90], False),
        ("", False),
        ("Quite another text, of much the same length, that says nothing whatever about the days which people may take off.", False),
    ],
)  # fmt: skip
def test_it_knows_what_says_the_same(other: str, is_twin: bool) -> None:
    assert are_twins(LEAVE, other) is is_twin


def test_it_joins_passages_without_words_only_when_they_are_the_same() -> None:
    assert are_twins("木", "木")
    assert not are_twins("木", "水")
