"""What the model of names is spared of a text, and that what it says is told where it stands."""

from dataclasses import dataclass

import pytest

from appliance.dlp.condensing import Condensed


@dataclass(frozen=True)
class Tag:
    label: str
    start: int
    end: int
    score: float = 1.0


@pytest.mark.parametrize("word", [
    "John-Smith-1980.pdf", "Müller-Lüdenscheidt", "jsmith:x:1001:John", "Donaudampfschifffahrt", "name:Margaret", "2024-Report-Holloway", "kim.holloway@harrow.example", "O'Connor-Fitzgerald",
])  # fmt: skip
def test_what_may_hold_a_name_is_read_whole(word: str) -> None:
    assert Condensed(f"See {word} there").text == f"See {word} there"


@pytest.mark.parametrize("word", [
    "6ed9a679-9a33-45d6-a3eb-8d6820a51877", "2026-03-11T09:11:35Z", "fa:32:90:b6:9c:35", "4111111111111111", "ghp_x8Kq2Lm4Zt6Rv9Yw1Bn3",
    "deadbeefdeadbeef00",
])  # fmt: skip
def test_what_holds_none_is_read_as_it_begins(word: str) -> None:
    assert Condensed(f"See {word} there").text == f"See {word[:4]} there"


def test_tags_stand_where_they_stood_and_what_was_cut_short_is_no_name() -> None:
    text = "id 6ed9a679-9a33-45d6-a3eb-8d6820a51877 Margaret Holloway 4111111111111111 Kim"
    short = Condensed(text)
    said = [(short.text.index(name), len(name)) for name in ("Margaret Holloway", "4111", "Kim")]
    moved = list(short.moved(Tag("GIVEN_NAME", start, start + length) for start, length in said))

    assert [text[one.start : one.end] for one in moved] == ["Margaret Holloway", "Kim"]


def test_compact_records_keep_their_names() -> None:
    row = '{"name":"Margaret Holloway","id":"6ed9a679-9a33-45d6-a3eb-8d6820a51877"},Kim Lee,1980-01-01T00:00:00Z'
    assert Condensed(row).text == '{"name":"Margaret Holloway","id":"6ed9"},Kim Lee,1980'
