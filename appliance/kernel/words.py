"""Words and sentences: what counts as a term, the same wherever it is counted.

Used for BM25 over an organisation's chunks and by the built-in answerer.
"""

import re
import threading
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache

from appliance.kernel.languages import OTHERWISE, STEMMERS, STOP_WORDS, language_of

_TERM_LIMIT = 64
# Scripts written without spaces (Thai, Lao, Burmese, Khmer, Chinese, Japanese), and Korean, whose particles hang on
# the word: overlapping pairs of signs stand in for words.
_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\uac00-\ud7af\U00020000-\U0003ffff"
)
_PAIRED = re.compile(rf"[{_UNSPACED}]")
# Written or not at the writer's choice: Hebrew and Arabic vowel points, the Arabic stretcher, soft hyphens.
_OPTIONAL = [*range(0x591, 0x5C8), *range(0x610, 0x61B), 0x640, *range(0x64B, 0x660), 0x670, *range(0x6D6, 0x6EE), 0xAD]
_FOLDING = dict.fromkeys(_OPTIONAL) | {ord("’"): "'"}
# Articles and the like that French, Italian and Catalan hang before the word.
_ELIDED = re.compile(r"^(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|all|dall|dell|nell|sull|un|quest)'")
_ELIDING = frozenset({"ca", "fr", "it"})
_local = threading.local()

_BORDER = re.compile(r"(?<=[.!?؟۔।。！？])[\"'”’»)\]]*(?:\s+|(?<=[。！？]))|\n+")
# No sentence ends behind these; behind the numbered ones only if a number follows, as in "no. 5".
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|cf|vs|approx|dr|mr|mrs|ms|prof|jr|sr|bzw|ca|inkl|vgl|ggf|evtl|zzgl|tel)"
    r"|\b[^\W\d_]|(?:^|[^\w.,])\d{1,2})\.$",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"\b(?:no|nr|art|abs|fig|sec|ch|p|pp|s|st|vol|ver)\.$", re.IGNORECASE)


def terms(text: str, language: str | None = None) -> list[str]:
    """Return the index terms of a text in order: normalised (NFKC), case-folded, stemmed, without stop words.

    Without a language the text's own is guessed.
    """
    language = language_of(text) if language is None else language
    nothing = STOP_WORDS.get(language, frozenset[str]())
    found: list[str] = []
    for word in _words(text):
        if _PAIRED.match(word):
            found += _pairs(word)
        elif word not in nothing:
            found.append(_stem(word[:_TERM_LIMIT], language))
    return found


def asked_terms(question: str, languages: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return each word of a question with the terms it may stand as in texts of these languages, and of its own.

    A word that carries nothing in the question's own language is left out, whatever it means in another one.
    """
    spoken = set(languages)
    own = language_of(question, otherwise="", likely=spoken)
    nothing = STOP_WORDS.get(own, frozenset[str]())
    spoken.add(own or OTHERWISE)
    asked: dict[str, frozenset[str]] = {}
    for word in _words(question):
        if _PAIRED.match(word):
            asked |= {pair: frozenset({pair}) for pair in _pairs(word)}
        elif word not in nothing:
            asked[word] = frozenset(_stem(word[:_TERM_LIMIT], language) for language in spoken)
    return asked


def sentences(text: str) -> list[tuple[int, int]]:
    """Return the spans (start, end) of the sentences, in characters, without surrounding white space."""
    spans: list[tuple[int, int]] = []
    start = 0
    for border in _BORDER.finditer(text):
        if "\n" not in border.group() and _goes_on(text, start, border):
            continue
        _add(spans, text, start, border.start() + len(border.group().rstrip()))
        start = border.end()
    _add(spans, text, start, len(text))
    return spans


def _goes_on(text: str, start: int, border: re.Match[str]) -> bool:
    before = text[max(start, border.start() - 12) : border.start()]
    follows = text[border.end() : border.end() + 1]
    if before.endswith(".") and follows.islower():
        return True
    return bool(_ABBREVIATION.search(before) or (follows.isdigit() and _NUMBERED.search(before)))


def _add(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    if piece.strip():
        spans.append((start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())))


def _words(text: str) -> list[str]:
    return _word().findall(unicodedata.normalize("NFKC", text).casefold().translate(_FOLDING))


@cache
def _word() -> "re.Pattern[str]":
    # Python's \w leaves out combining marks, and would cut most words of Hindi or Tamil at their vowels.
    # To list them takes 50 ms, which a process spends that reads a text.
    marks = "".join(chr(point) for point in range(0x300, 0x1E000) if unicodedata.category(chr(point))[0] == "M")
    letter = rf"(?:[^\W_{_UNSPACED}]|[{marks}])"
    return re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]{letter}*(?:'{letter}+)?")


def _pairs(word: str) -> list[str]:
    return [word] if len(word) == 1 else [word[i : i + 2] for i in range(len(word) - 1)]


@lru_cache(maxsize=100_000)
def _stem(word: str, language: str) -> str:
    if language not in STEMMERS:
        return word
    if language in _ELIDING:
        word = _ELIDED.sub("", word)
    # A stemmer keeps state between calls: one a thread.
    stemmers = _local.__dict__.setdefault("stemmers", {})
    if language not in stemmers:
        import Stemmer  # where words are counted, and nowhere else

        stemmers[language] = Stemmer.Stemmer(STEMMERS[language])
    return str(stemmers[language].stemWord(word))
