"""What a model that writes may say: only what a passage says that it cites. The rest is left out, or marked.

A model's word is not trusted, nor its citations. An answer is read claim by claim, a claim being a sentence with the marks behind
it, and nothing is shown before its claim was judged:

- it cites a passage that was sent;
- one sentence of a cited passage holds all of the claim's numbers, what they count, and most of its words; of a claim of several
  parts, one sentence for each part with a number;
- its names and, in German, its nouns stand there as well, or in the sentence before; its quotations in a cited passage;
- it denies what that sentence denies, and only that, and turns nothing around (`turning`);
- no phrase of that sentence is replaced by another one of the passage (`aligning`);
- no three words in a row come from elsewhere, but for those of another clause that another sentence there bears out; addresses stand there.

This compares words and not meanings: what a model says truly in other words is lost, too, and a sentence made of a passage's own words
in another order is not caught. Beside each claim stands the sentence that it was measured by.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from appliance.chat.aligning import puts_elsewhere
from appliance.chat.claims import Claim, claim_of, parts_of, share, speaking_of, words_of
from appliance.chat.quantities import bounds_in, near_numbers, numbers_in, spelt_out
from appliance.chat.turning import is_undone, turns_of
from appliance.gateway import Cited, Delta, Passage
from appliance.gateway.prompting import NO_ANSWER
from appliance.kernel.languages import language_of
from appliance.kernel.words import sentences, terms

MARK: Final = "[?]"
"""Behind a sentence that no passage bears out, where a chatbot shows those."""
_ONE: Final = r"\[(?:[Pp]assage\s?)?\d{1,3}(?:\s?[,;]\s?\d{1,3}){0,19}\]"
_MARKS: Final = re.compile(rf"({_ONE}(?:\s{{0,9}}(?:,\s{{0,9}})?{_ONE}){{0,19}})([.!?:;]{{0,9}})")
_LONGEST_MARK: Final = 200
"""A model may write without end: each piece is looked at once, from so far before it."""
_MOST_CLAIMS: Final = 300
_BEGUN: Final = re.compile(r",?\s*(?:\[[^\]]{0,40})?")
_JOINED: Final = re.compile(r"\s*[,;]\s*(?=\S)")
_ODD: Final = re.compile(r"\[\?\]")
_HELD_BY_ONE, _HELD_BY_ALL = 0.5, 0.85
_HEADING_WORDS, _LIKELY = 8, 0.4
_CLAUSE_WORDS: Final = 3


@dataclass(frozen=True)
class _Window:
    """A sentence of a passage, with the heading before it, and what of it can be compared."""

    start: int
    end: int
    said: str
    language: str
    around: str = ""

    @cached_property
    def known(self) -> frozenset[str]:
        """The words of what is called by name there: of the document's title, and of the sentence before, too."""
        return words_of(self.around, self.language)

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Its words in their order."""
        return tuple(terms(spelt_out(self.said), self.language))

    @cached_property
    def terms(self) -> frozenset[str]:
        return frozenset(self.order)

    @cached_property
    def numbers(self) -> frozenset[str]:
        return numbers_in(self.said)

    @cached_property
    def bounds(self) -> frozenset[tuple[str, frozenset[str]]]:
        """Its numbers with what bounds them, read in the whole sentence and in each part of it that could stand alone."""
        return bounds_in(self.said).union(*(bounds_in(one) for one in parts_of(self.said)))

    @cached_property
    def near(self) -> dict[str, frozenset[str]]:
        return near_numbers(self.said, self.language)


class _Source:
    """A passage as claims are compared with it."""

    def __init__(self, passage: Passage) -> None:
        self.number, self.language = passage.number, language_of(passage.text)
        self.said = f"{passage.title}\n{passage.text}"
        self.called = words_of(passage.title, self.language)
        windows = list(_windows(passage.text, self.language))
        said = ["", *(one.said for one in windows), ""]
        self.windows = [
            replace(one, around="\n".join((passage.title, *said[place : place + 2]))) for place, one in enumerate(windows)
        ]

    @cached_property
    def terms(self) -> frozenset[str]:
        return words_of(self.said, self.language)


class Grounding:
    """One answer, as it comes: what is fed is given back as far as it was judged."""

    def __init__(self, passages: Sequence[Passage], *, is_strict: bool) -> None:
        self.untraced = 0
        """How many claims no passage bears out."""
        self.is_answered = False
        self._passages = {one.number: one for one in passages}
        self._sources: dict[int, _Source] = {}
        self._is_strict = is_strict
        self._rest, self._looked, self._claims = "", 0, 0

    def feed(self, text: str) -> Iterator[Delta | Cited]:
        """Yield what may be shown."""
        self._rest += _ODD.sub("", text)
        while found := _MARKS.search(self._rest, self._looked):
            if not _is_whole(self._rest[found.end() :]):
                self._looked = found.start()
                return
            yield from self._cut(found)
        self._looked = max(self._looked, len(self._rest) - _LONGEST_MARK)

    def close(self) -> Iterator[Delta | Cited]:
        """Yield what may be shown of the end."""
        while found := _MARKS.search(self._rest, self._looked):
            yield from self._cut(found)
        rest, self._rest = self._rest, ""
        yield from self._judged(rest, None)

    def _cut(self, found: re.Match[str]) -> Iterator[Delta | Cited]:
        said, self._rest, self._looked = self._rest[: found.start()], self._rest[found.end() :], 0
        yield from self._judged(said, found)

    def _judged(self, said: str, marks: re.Match[str] | None) -> Iterator[Delta | Cited]:
        cited = list(dict.fromkeys(int(one) for one in re.findall(r"\d+", marks[1]))) if marks else []
        sources = [self._source(number) for number in cited if number in self._passages]
        said = _JOINED.sub(" ", said, count=1) if _JOINED.match(said) else said
        spans, at = sentences(said), 0
        for place, (start, end) in enumerate(spans):
            sentence = said[start:end] + (marks[2] if marks and place == len(spans) - 1 else "")
            gap, at = said[at:start], end
            yield from self._shown(gap, sentence, sources)

    def _shown(self, gap: str, sentence: str, sources: Sequence[_Source]) -> Iterator[Delta | Cited]:
        if sentence.strip(" .*_`\"'") == NO_ANSWER:
            return
        gap = (gap or " ") if self.is_answered else ""
        claim = claim_of(sentence, sources[0].language if sources else language_of(sentence))
        if not claim.words:
            return
        self._claims += 1
        found = _borne_out(claim, sources) if self._claims <= _MOST_CLAIMS else []
        if not found:
            self.untraced += not sentence.endswith(":")  # which announces, and says nothing yet
            if not self._is_strict:
                yield Delta(f"{gap}{sentence} {MARK}")
                self.is_answered = True
            return
        yield Delta(f"{gap}{sentence}" + "".join(f" [{source.number}]" for source, _ in found))
        self.is_answered = True
        for source, window in found:
            yield Cited(source.number, window.start, window.end)

    def _source(self, number: int) -> _Source:
        if number not in self._sources:
            self._sources[number] = _Source(self._passages[number])
        return self._sources[number]


def _borne_out(claim: Claim, sources: Sequence[_Source]) -> list[tuple[_Source, _Window]]:
    """Return which of the cited passages bear a claim out, and with which sentence; nothing if they do not."""
    said = "\n".join(one.said for one in sources)
    every = frozenset[str]().union(*(one.terms for one in sources))
    windows = [(source, window) for source in sources for window in source.windows if claim.names_are_among(window.known)]
    if not windows or not claim.quotes_are_in(said):
        return []
    ranked = sorted(windows, key=lambda one: -claim.share_in(one[1].terms))
    best = claim.share_in(ranked[0][1].terms)
    if best <= _HELD_BY_ONE and (claim.numbers or claim.share_in(every) < _HELD_BY_ALL):
        return []
    alike = [one for one in ranked if claim.share_in(one[1].terms) >= best - 0.1]
    if not any(claim.denies_as(window.said) for _, window in alike):
        return []
    found: dict[int, tuple[_Source, _Window]] = {}
    for part in claim.parts:
        fits = [one for one in ranked if part.bounds <= one[1].bounds and part.counts_are_in(one[1].near)]
        fits = [one for one in fits if part.share_in(one[1].terms) > _HELD_BY_ONE]
        if part.numbers and not fits:
            return []
        for source, window in fits[:1] if part.numbers else []:
            found.setdefault(source.number, (source, window))
    for source, window in ranked:
        if claim.share_in(window.terms) > (_LIKELY if found else 0):
            found.setdefault(source.number, (source, window))
    told = [found[number] for number in sorted(found)]
    return told if _keeps_to(claim, told, windows) else []


def _keeps_to(claim: Claim, found: Sequence[tuple[_Source, _Window]], windows: Sequence[tuple[_Source, _Window]]) -> bool:
    """Say whether a claim says no more than the sentences that bear it and its clauses out, and does not turn around what they say."""
    telling = list(found)
    for clause in (frozenset(one) for one in claim.clauses if len(one) >= _CLAUSE_WORDS):
        best = max(windows, key=lambda one: share(clause, one[1].terms))
        telling += [best] if share(clause, best[1].terms) > _HELD_BY_ONE else []
    said = frozenset[str]().union(*(one.terms for _, one in telling))
    if is_undone(said, claim.words) or not turns_of(spelt_out(claim.text)) <= turns_of(spelt_out("\n".join(one.said for _, one in telling))):
        return False
    named = speaking_of(claim.language).union(*(source.called for source, _ in found))
    every = frozenset[str]().union(*(source.terms for source, _ in found))
    places = {(source.number, one.start): one.order for source, one in telling}
    orders = [*places.values(), tuple(word for place in sorted(places) for word in places[place])]
    return claim.keeps_to(said | named) and any(not puts_elsewhere(claim.order, one, every - named) for one in orders)


def _windows(text: str, language: str) -> Iterator[_Window]:
    heading = ""
    for start, end in sentences(text):
        said = text[start:end]
        yield _Window(start, end, f"{heading}\n{said}" if heading else said, language)
        is_heading = len(said.split()) <= _HEADING_WORDS and said[-1].isalnum() and not numbers_in(said)
        heading = said if is_heading else ""


def _is_whole(rest: str) -> bool:
    """Say whether what follows marks is neither one more of them, nor their sentence's full stop."""
    follows = rest.lstrip()
    return bool(follows) and not _BEGUN.fullmatch(follows)
