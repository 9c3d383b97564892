"""Words and sentences: what counts as a term, the same wherever it is counted.

Used for BM25 over an organisation's chunks and by the built-in answerer.
"""

import re
import threading
import unicodedata
from functools import lru_cache

import Stemmer

_TERM_LIMIT = 64
# Scripts written without spaces (Thai, Lao, Burmese, Khmer, Chinese, Japanese), and Korean, whose particles hang on
# the word: overlapping pairs of signs stand in for words.
_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\uac00-\ud7af\U00020000-\U0003ffff"
)
# Python's \w leaves out combining marks, and would cut most words of Hindi or Tamil at their vowels.
_MARKS = "".join(chr(point) for point in range(0x300, 0x1E000) if unicodedata.category(chr(point))[0] == "M")
_LETTER = rf"(?:[^\W_{_UNSPACED}]|[{_MARKS}])"
_WORD = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]{_LETTER}*(?:'{_LETTER}+)?")
_PAIRED = re.compile(rf"[{_UNSPACED}]")
# Written or not at the writer's choice: Hebrew and Arabic vowel points, the Arabic stretcher, soft hyphens.
_OPTIONAL = [*range(0x591, 0x5C8), *range(0x610, 0x61B), 0x640, *range(0x64B, 0x660), 0x670, *range(0x6D6, 0x6EE), 0xAD]
_FOLDING = dict.fromkeys(_OPTIONAL) | {ord("’"): "'"}
# Only words that carry nothing in either language: `may`, `war` or `man` would be lost to the other one.
_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
    a about an and are as at be been but by can could did do does for from had has have how i if in into is it
    its must of on or our shall should than that the their them then there these they this those to was we were
    what when where which who whom whose why will with would you your
    aber als am auch auf aus bei beim bis das dass dem den der des die dies diese dieser doch du durch ein eine
    einem einen einer eines er es für haben ich ihr ihre im ist kann können mit muss nach nicht noch nur oder
    sein sich sie sind so um und vom von vor waren welche welcher welches wenn wer werden wie wir wird wo wurde
    wurden zu zum zur über
    """,
    )
)
_local = threading.local()

_BORDER = re.compile(r"(?<=[.!?؟۔।。！？])[\"'”’»)\]]*(?:\s+|(?<=[。！？]))|\n+")
# No sentence ends behind these; behind the numbered ones only if a number follows, as in "no. 5".
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|cf|vs|approx|dr|mr|mrs|ms|prof|jr|sr|bzw|ca|inkl|vgl|ggf|evtl|zzgl|tel)"
    r"|\b[^\W\d_]|(?:^|[^\w.,])\d{1,2})\.$",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"\b(?:no|nr|art|abs|fig|sec|ch|p|pp|s|st|vol|ver)\.$", re.IGNORECASE)


def terms(text: str) -> list[str]:
    """Return the index terms of a text in order: normalised (NFKC), case-folded, stemmed, without stop words."""
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_FOLDING)
    found: list[str] = []
    for word in _WORD.findall(folded):
        if _PAIRED.match(word):
            found += [word] if len(word) == 1 else [word[i : i + 2] for i in range(len(word) - 1)]
        elif word not in _STOP_WORDS:
            found.append(_stem(word[:_TERM_LIMIT]))
    return found


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


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    # A stemmer keeps state between calls: one a thread. Words of other languages come out alike on both
    # sides, since the index and the question are cut in the same way.
    if not hasattr(_local, "stemmer"):
        _local.stemmer = Stemmer.Stemmer("english")
    return str(_local.stemmer.stemWord(word))
