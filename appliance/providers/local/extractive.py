"""The built-in answerer: it quotes, it never writes.

The best one to three sentences of the passages, word for word, each with its citation; or it says plainly that
it found nothing. Every character of an answer outside `NOTHING` is a substring of a passage, so it cannot invent.

Choice: cosine to the question and IDF-weighted overlap of its terms, each standardised over the candidates.
Abstention: 2 · cosine + overlap of the best sentence below a threshold. Measured with this int8 model on XQuAD (300
questions a language, each once with and once without its own paragraph): see appliance/decisions/0003.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from appliance.kernel.words import sentences, terms
from appliance.providers.base import ChatRequest, Cited, Delta, Embedder, Finish, Item, Passage, Purpose, Vectors

NOTHING = "I found nothing in these documents that answers this."
THRESHOLD = 2.02
_CANDIDATES = 48
_QUOTES = 3
_FOLLOW_UP_TERMS = 3
_SHORTEST, _LONGEST = 15, 600


@dataclass(frozen=True)
class Candidate:
    """A sentence of a passage, as characters start to end of its text."""

    passage: Passage
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.passage.text[self.start : self.end]


class ExtractiveAnswerer:
    """A ChatModel that quotes."""

    name = "extractive"
    is_local = True

    def __init__(self, embedder: Embedder, *, threshold: float = THRESHOLD) -> None:
        self._embedder = embedder
        self._threshold = threshold

    def stream(self, request: ChatRequest) -> Iterator[Item]:
        """Yield quotes with their citations, then Finish."""
        question = standalone(request)
        candidates = _candidates(request.passages, question, request.term_weights)
        chosen = self._choose(candidates, question, request.term_weights) if candidates else []
        prompt_tokens = _tokens(question) + sum(_tokens(passage.text) for passage in request.passages)
        if not chosen:
            yield from _spoken(NOTHING)
            yield Finish("abstained", prompt_tokens, _tokens(NOTHING))
            return
        for place, candidate in enumerate(chosen):
            if place:
                yield Delta("\n\n")
            yield from _spoken(candidate.text)
            yield Delta(f" [{candidate.passage.number}]")
            yield Cited(candidate.passage.number, candidate.start, candidate.end)
        yield Finish("answered", prompt_tokens, sum(_tokens(candidate.text) for candidate in chosen))

    def _choose(self, candidates: Sequence[Candidate], question: str, weights: Mapping[str, float]) -> list[Candidate]:
        vectors = self._embedder.embed([candidate.text for candidate in candidates], purpose=Purpose.PASSAGE)
        asked = self._embedder.embed([question], purpose=Purpose.QUERY)[0]
        cosine = vectors @ asked
        overlap = np.array([_overlap(candidate.text, question, weights) for candidate in candidates])
        mixed = _standardised(cosine) + _standardised(overlap)
        order = np.argsort(-mixed, kind="stable")
        score = 2 * cosine + overlap
        if score[order[0]] < self._threshold:
            return []
        worthy = [place for place in order[:_QUOTES] if _is_close(place, order[0], score)]
        return _in_reading_order([candidates[place] for place in worthy])


def standalone(request: ChatRequest) -> str:
    """Return the question; a short follow-up takes the person's previous question along."""
    asked_before = [turn.text for turn in request.history if turn.role == "user"]
    if asked_before and len(terms(request.question)) < _FOLLOW_UP_TERMS:
        return f"{asked_before[-1]} {request.question}"
    return request.question


def score(embedder: Embedder, question: str, passages: Sequence[Passage], weights: Mapping[str, float]) -> float:
    """Return the best sentence's abstention score, for calibration; 0 without candidates."""
    candidates = _candidates(passages, question, weights)
    if not candidates:
        return 0.0
    vectors = embedder.embed([candidate.text for candidate in candidates], purpose=Purpose.PASSAGE)
    cosine = vectors @ embedder.embed([question], purpose=Purpose.QUERY)[0]
    overlap = np.array([_overlap(candidate.text, question, weights) for candidate in candidates])
    best = int(np.argmax(_standardised(cosine) + _standardised(overlap)))
    return float(2 * cosine[best] + overlap[best])


def _candidates(passages: Sequence[Passage], question: str, weights: Mapping[str, float]) -> list[Candidate]:
    found = [
        Candidate(passage, start, end)
        for passage in passages
        for start, end in sentences(passage.text)
        if _SHORTEST <= end - start <= _LONGEST
    ]
    if len(found) > _CANDIDATES:
        # The sentences with most of the question's words, but still some of each passage, in order of rank.
        ranked = sorted(found, key=lambda one: (-_overlap(one.text, question, weights), one.passage.number))
        found = ranked[:_CANDIDATES]
    return found


def _overlap(text: str, question: str, weights: Mapping[str, float]) -> float:
    asked = set(terms(question))
    total = sum(weights.get(term, 1.0) for term in asked)
    if not total:
        return 0.0
    return sum(weights.get(term, 1.0) for term in asked & set(terms(text))) / total


def _is_close(place: int, best: int, scores: Vectors) -> bool:
    return bool(place == best or scores[place] >= scores[best] - 0.25)


def _in_reading_order(chosen: list[Candidate]) -> list[Candidate]:
    # The best quote leads; the others follow in the order in which their documents were ranked.
    best, *others = chosen
    seen = {best.text}
    unique = [other for other in others if not (other.text in seen or seen.add(other.text))]  # type: ignore[func-returns-value]
    return [best, *sorted(unique, key=lambda one: (one.passage.number, one.start))]


def _standardised(values: Vectors) -> Vectors:
    return np.asarray((values - values.mean()) / (values.std() + 1e-9), np.float32)


def _spoken(text: str) -> Iterator[Delta]:
    for word in re.findall(r"\S+\s*|\s+", text):
        yield Delta(word)


def _tokens(text: str) -> int:
    return len(text.split())
