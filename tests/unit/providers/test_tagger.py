"""Where texts are cut for the model of names, and what is remembered of them, and for whom."""

import random
from itertools import pairwise
from typing import Any

import pytest

from appliance.providers.local.catalogue import LABELS, TAGGER
from appliance.providers.local.recent import Recent, Said
from appliance.providers.local.tagger import LocalTagger
from appliance.providers.local.windows import MOST_TOKENS, pieces, windows
from tests.support.house import House

APART = "\n" * 60


def _words(text: str) -> list[tuple[int, int]]:
    found, at = [], 0
    for word in text.replace("\n", " ").split(" "):
        found += [(at, at + len(word))] if word else []
        at += len(word) + 1
    return found


@pytest.fixture(scope="module")
def tagger() -> LocalTagger:
    return LocalTagger(House.models_directory() / TAGGER.name, LABELS)


class Counting:
    """The model, and how many windows it was asked about."""

    def __init__(self, session: Any) -> None:
        self._session, self.asked = session, 0

    def run(self, names: Any, fed: Any) -> Any:
        self.asked += 1
        return self._session.run(names, fed)


def test_every_word_is_read_and_no_window_is_too_long() -> None:
    dice = random.Random(3)
    for _ in range(100):
        text = "".join(
            dice.choice(["name ", "end. ", "line\n", "\n\n\n\n", "x" * dice.randint(1, 9)])
            for _ in range(dice.randint(0, 500))
        )
        offsets = _words(text)
        told = list(windows(text, offsets))
        assert {place for first, last in told for place in range(first, last)} == set(range(len(offsets)))
        assert all(0 < last - first <= MOST_TOKENS for first, last in told)


def test_a_long_text_is_read_whole_in_linear_many_pieces() -> None:
    for text in ("a" * 50_000, "word " * 9_000, "a line\n" * 9_000, " " * 30_000):
        told = list(pieces(text))
        assert told[0][0] == 0
        assert told[-1][1] == len(text)
        assert all(after[0] <= before[1] for before, after in pairwise(told))
        assert sum(end - start for start, end in told) < 1.02 * len(text) + 100


def test_windows_end_where_sentences_and_texts_do() -> None:
    text = "One two three. " * 30 + APART + "Another text begins here. " * 9
    told = [(text[_words(text)[first][0] :], last) for first, last in windows(text, _words(text))]
    assert all(rest.startswith(("One two", "Another text")) for rest, _ in told)
    assert any(rest.startswith("Another text begins here. " * 9) for rest, _ in told)


def test_a_name_far_into_a_text_stands_where_it_stands(tagger: LocalTagger) -> None:
    text = "The committee met again in the morning. " * 300 + "Please ask Margaret Holloway about it."
    found = {text[one.start : one.end] for one in tagger.tags(text) if one.label in {"GIVEN_NAME", "SURNAME"}}
    assert found == {"Margaret", "Holloway"}


def test_a_history_is_read_once_for_whoever_sends_it(tagger: LocalTagger, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer, session = tagger._load()
    counting = Counting(session)
    monkeypatch.setattr(tagger, "_load", lambda: (tokenizer, counting))
    turns = [
        f"Please ask {name} Holloway to bring the papers of the committee to the room. " * 5
        for name in ("Margaret", "Anna", "Peter")
    ]
    first = tagger.tags(APART.join(turns), whose=b"ada")
    read = counting.asked

    again = tagger.tags(APART.join([*turns, "Thank you, Kim Lee."]), whose=b"ada")
    assert counting.asked == read + 1
    assert again[: len(first)] == first

    for others in (b"bo", b"", b""):
        before = counting.asked
        assert tagger.tags(APART.join(turns), whose=others) == first
        assert counting.asked == before + read


def test_what_a_text_repeats_is_read_once_and_told_wherever_it_stands(tagger: LocalTagger, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer, session = tagger._load()
    counting = Counting(session)
    monkeypatch.setattr(tagger, "_load", lambda: (tokenizer, counting))
    footer = "This letter was written for Margaret Holloway alone, and whoever else receives it is asked to send it back to the office and to keep no copy."
    other = "The papers of the committee were read by Anna Novak in the morning, and then sent on to those who had asked for them by letter."
    told = tagger.tags(APART.join([footer, other, footer, footer]))
    assert counting.asked == 2
    step = len(footer) + len(APART)
    begins = [0, step + len(other) + len(APART), 2 * step + len(other) + len(APART)]
    assert [tag.start for tag in told if tag.label == "SURNAME"] == sorted(
        [step + other.index("Novak"), *(begin + footer.index("Holloway") for begin in begins)]
    )


def test_what_is_remembered_is_bounded_expires_and_holds_no_text() -> None:
    now = [0.0]
    recent = Recent(most=6, now=lambda: now[0])
    said = (Said("SURNAME", 0, 8, 0.9),)
    digests = [recent.digest(b"ada", f"Holloway {number}", b"12") for number in range(4)]
    for one in digests:
        recent.keep(one, said)
    assert [recent.find(one) for one in digests] == [None, said, said, said]
    assert b"Holloway" not in b"".join(digests)
    now[0] = 3_601
    assert recent.find(digests[3]) is None


def test_digests_differ_by_whose_what_and_process() -> None:
    recent = Recent()
    ones = [
        recent.digest(b"a", "bc", b""),
        recent.digest(b"ab", "c", b""),
        recent.digest(b"a", "b", b"c"),
        Recent().digest(b"a", "bc", b""),
    ]
    assert len({*ones}) == 4
    assert recent.digest(b"a", "bc", b"") == ones[0]
