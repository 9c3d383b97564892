"""The built-in answerer: it quotes, it never writes.

The best one to three sentences of the passages, word for word, each with its citation; or it says plainly that it
found nothing. Every character of an answer outside `NOTHING` and the citation marks is a substring of a passage, so
it cannot invent.

Choice of quotes: a sentence's cosine to the question and the share of the question's words that it holds, weighted by
how rare they are, each standardised over the candidates; what the sentence before and after add to that share, since
"he" and "it" stand for words that were said there; the place of its passage; and a number where one is asked for. A
word counts as .8 where only its beginning is there, which is what a compound or an inflection leaves of it.

Abstention, from what holds in any collection of documents: the best quote's cosine, how much of the question the best
passage holds at all, by how much the best sentence stands out from the sixth (where nothing answers, many fit equally
badly), and a number that is asked for and not there. The weights are those of a logistic regression, rounded; the
thresholds keep 95 % of the answerable questions. Both were fitted on one half of the articles of XQuAD, English and
German, and measured on the other half, each question once with its own paragraph and once without it, over what
retrieval finds (`make bench ONLY=knowledge`):

                                          English   German
    answer in the first three quotes      94 %      89 %
    abstention, area under the curve      .974      .960
    answerable questions answered         97 %      97 %
    unanswerable questions refused        82 %      71 %
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from appliance.kernel.computing import Aside, here
from appliance.kernel.languages import language_of
from appliance.kernel.words import asked_terms, sentences, terms
from appliance.providers.base import ChatRequest, Cited, Delta, Embedder, Finish, Item, Passage, Purpose, Vectors
from appliance.providers.local.numbers import asks_for_number, holds_number

NOTHING = "I found nothing in these documents that answers this."
THRESHOLDS = {"en": 3.93, "de": 3.81}
_THRESHOLD = min(THRESHOLDS.values())
_CLOSE = 0.3
_COSINE, _HELD, _HELD_WHOLE, _STANDING_OUT, _NUMBER_MISSING = 4.0, 0.4, 0.45, 4.5, 0.23
_CHOICE_COSINE, _CHOICE_BEFORE, _CHOICE_AFTER, _CHOICE_PLACE, _CHOICE_NUMBER = 1.3, 2.0, 1.0, 2.0, 0.5
# The sixth best sentence; with fewer there is no telling, and what answers and what does not are half-way apart.
_CROWD, _STANDS_OUT_UNKNOWN = 6, 0.04
_CANDIDATES, _QUOTES = 24, 3
_SHORTEST, _LONGEST = 15, 600
_PART = 0.8
_COMMON_START, _COMMON_SHARE = 4, 0.6
_FOLLOW_UP = re.compile(
    r"^(?:and|but|so|what about|how about|und|aber|was ist mit|wie ist es mit)\b"
    r"|\b(?:it|its|they|them|their|that|those|these|dies|diese[rsmn]?|dazu|davon|dafür)\b",
    re.IGNORECASE,
)
_FOLLOW_UP_TERMS, _SHORT_TERMS = 5, 2


@dataclass(frozen=True)
class Candidate:
    """A sentence of a passage, as characters start to end of its text.

    `overlap` is the share of the question's words in it; `before` and `after` what its neighbours add to that.
    """

    passage: Passage
    start: int
    end: int
    overlap: float
    before: float = 0.0
    after: float = 0.0

    @property
    def text(self) -> str:
        return self.passage.text[self.start : self.end]


@dataclass(frozen=True)
class Ranking:
    """Candidates, best first, with how near each is, and the score by which to abstain from all of them."""

    candidates: tuple[Candidate, ...]
    nearness: tuple[float, ...]
    score: float


@dataclass(frozen=True)
class _Question:
    """A question's words, each with the terms it may stand as in one language, and how telling each is."""

    forms: Mapping[str, AbstractSet[str]]
    weights: Mapping[str, float]

    def share(self, presence: Mapping[str, float]) -> float:
        total = sum(self.weights[word] for word in self.forms)
        return sum(self.weights[word] * value for word, value in presence.items()) / total if total else 0.0

    def presence(self, said: AbstractSet[str]) -> dict[str, float]:
        return {word: _presence(forms, said) for word, forms in self.forms.items()}


class ExtractiveAnswerer:
    """A ChatModel that quotes."""

    name = "extractive"
    is_local = True
    only_quotes = True

    def __init__(self, embedder: Embedder, *, threshold: float | None = None, aside: Aside = here) -> None:
        self._embedder, self._aside = embedder, aside
        self._threshold = threshold

    def stream(self, request: ChatRequest) -> Iterator[Item]:
        """Yield quotes with their citations, then Finish. Raises what the embedder raises."""
        question = standalone(request)
        ranking = self._aside(lambda: rank(self._embedder, question, request.passages, request.term_weights))
        chosen = self._quotes(question, ranking)
        read = _tokens(question) + sum(_tokens(passage.text) for passage in request.passages)
        if not chosen:
            yield from _spoken(NOTHING)
            yield Finish("abstained", read, _tokens(NOTHING))
            return
        for place, candidate in enumerate(chosen):
            if place:
                yield Delta("\n\n")
            yield from _spoken(candidate.text)
            yield Delta(f" [{candidate.passage.number}]")
            yield Cited(candidate.passage.number, candidate.start, candidate.end)
        yield Finish("answered", read, sum(_tokens(candidate.text) for candidate in chosen))

    def _quotes(self, question: str, ranking: Ranking) -> list[Candidate]:
        wanted = threshold_for(question) if self._threshold is None else self._threshold
        if not ranking.candidates or ranking.score < wanted:
            return []
        best, *others = (
            candidate
            for candidate, near in zip(ranking.candidates[:_QUOTES], ranking.nearness, strict=False)
            if near >= ranking.nearness[0] - _CLOSE
        )
        # The best quote leads; the others follow in the order in which they are read.
        return [best, *sorted(others, key=lambda one: (one.passage.number, one.start))]


def threshold_for(question: str) -> float:
    """Return the score below which a question of this language is not answered."""
    return THRESHOLDS.get(language_of(question, otherwise=""), _THRESHOLD)


def standalone(request: ChatRequest) -> str:
    """Return the question; a follow-up takes the person's previous question along."""
    asked_before = [turn.text for turn in request.history if turn.role == "user"]
    length = len(terms(request.question))
    leans = length <= _SHORT_TERMS or (length <= _FOLLOW_UP_TERMS and _FOLLOW_UP.search(request.question.strip()))
    return f"{asked_before[-1]} {request.question}" if asked_before and leans else request.question


def rank(embedder: Embedder, question: str, passages: Sequence[Passage], weights: Mapping[str, float]) -> Ranking:
    """Rank the passages' sentences by how well they answer the question."""
    held, held_whole = 0.0, 0.0
    found: dict[str, Candidate] = {}
    for passage in passages:
        asked, language = _asked(question, passage, weights)
        presence = asked.presence(set(terms(passage.text, language)))
        held = max(held, asked.share(presence))
        held_whole = max(held_whole, asked.share({word: float(value == 1) for word, value in presence.items()}))
        for candidate in _sentences(asked, passage, language):
            # Passages overlap: a sentence counts once, where it was ranked best.
            found.setdefault(candidate.text, candidate)
    # Embedding is the cost. Among sentences without a word of the question, those of the best passages are kept.
    candidates = sorted(found.values(), key=lambda one: -one.overlap)[:_CANDIDATES]
    if not candidates:
        return Ranking((), (), 0.0)
    vectors = embedder.embed([candidate.text for candidate in candidates], purpose=Purpose.PASSAGE)
    cosine = vectors @ embedder.embed([question], purpose=Purpose.QUERY)[0]
    order = (-_choice(question, candidates, cosine)).argsort(kind="stable")
    best = candidates[order[0]]
    score = _COSINE * cosine[order[0]] + _HELD * held + _HELD_WHOLE * held_whole + _STANDING_OUT * _standing_out(cosine)
    if asks_for_number(question) and not holds_number(best.text, beside=question):
        score -= _NUMBER_MISSING
    nearness = tuple(float(_COSINE * cosine[place] + candidates[place].overlap) for place in order)
    return Ranking(tuple(candidates[place] for place in order), nearness, float(score))


def _asked(question: str, passage: Passage, weights: Mapping[str, float]) -> tuple[_Question, str]:
    language = language_of(passage.text)
    forms = asked_terms(question, {language})
    return _Question(forms, {word: weights.get(word, 1.0) for word in forms}), language


def _sentences(asked: _Question, passage: Passage, language: str) -> Iterator[Candidate]:
    spans = sentences(passage.text)
    held = [asked.presence(set(terms(passage.text[start:end], language))) for start, end in spans]
    for place, (start, end) in enumerate(spans):
        if _SHORTEST <= end - start <= _LONGEST:
            own = asked.share(held[place])
            before, after = (
                asked.share({word: max(value, held[near][word]) for word, value in held[place].items()}) - own
                if 0 <= near < len(spans)
                else 0.0
                for near in (place - 1, place + 1)
            )
            yield Candidate(passage, start, end, own, before, after)


def _choice(question: str, candidates: Sequence[Candidate], cosine: Vectors) -> Vectors:
    import numpy as np

    overlap, before, after, place, number = np.array(
        [
            (one.overlap, one.before, one.after, 1 / one.passage.number, holds_number(one.text, beside=question))
            for one in candidates
        ],
        np.float32,
    ).T
    return np.asarray(
        _CHOICE_COSINE * _standardised(cosine)
        + _standardised(overlap)
        + _CHOICE_BEFORE * before
        + _CHOICE_AFTER * after
        + _CHOICE_PLACE * place
        + _CHOICE_NUMBER * asks_for_number(question) * number
    )


def _standing_out(cosine: Vectors) -> float:
    if len(cosine) < _CROWD:
        return _STANDS_OUT_UNKNOWN
    ordered = sorted(cosine)
    return float(ordered[-1] - ordered[-_CROWD])


def _presence(forms: AbstractSet[str], said: AbstractSet[str]) -> float:
    if not forms.isdisjoint(said):
        return 1.0
    return _PART if any(_begin_alike(form, other) for form in forms for other in said) else 0.0


def _begin_alike(one: str, other: str) -> bool:
    alike = max(_COMMON_START, math.ceil(_COMMON_SHARE * max(len(one), len(other))))
    return len(one) >= alike and one[:alike] == other[:alike]


def _standardised(values: Vectors) -> Vectors:
    standardised: Vectors = (values - values.mean()) / (values.std() + 1e-9)
    return standardised


def _spoken(text: str) -> Iterator[Delta]:
    for word in re.findall(r"\S+\s*|\s+", text):
        yield Delta(word)


def _tokens(text: str) -> int:
    return len(text.split())
