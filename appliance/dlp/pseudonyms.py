"""Values that leave under another name, `[PERSON_7Q2FA]`, and come back as what they are.

Within a conversation a value has one surrogate, made of its kind and its canonical form under a key of the conversation: a model
can tell that two sentences are about one person, and two conversations cannot be laid beside each other. Who has the key and the
values is the conversation's owner, sealed (`chat`); a call that is kept nowhere keeps this in memory for as long as it lasts.

Trusted: the key, and what is kept under it. Not trusted: texts, which may say what looks like a surrogate, and models, which
invent some, or write theirs as they like. Cards, codes, keys and passwords are never kept: they do not come back.
"""

import json
import os
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from appliance.dlp.surrogate_forms import (
    CODE_LENGTH,
    CODE_SIGNS,
    LITERAL,
    LONGEST,
    MAY_CLOSE,
    WORD,
    any_beginning,
    any_surrogate,
    redacted,
    surrogate,
)
from appliance.dlp.values import FAMILIES, Category, Family, Finding
from appliance.kernel.sealing import KEY_BYTES, token_for

IRREVERSIBLE: Final = frozenset(
    one for one, family in FAMILIES.items() if family in {Family.PAYMENT, Family.CREDENTIAL}
)
"""What has no way back, whatever a policy says."""
_IN_WORDS: Final = frozenset({Category.PERSON, Category.ADDRESS, Category.EMAIL, Category.MARKING})
_SHORTEST: Final = 3
"""Signs of a value that is looked for where no rule found it."""
_AROUND_NAMES: Final = ".,;:'\"()[]"
_BRACKETS: Final = re.compile(r"[\[\]\n]")
_MOST: Final = 2_000
"""Values that are kept of a conversation: the latest."""
_RUN: Final = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class _Original:
    label: str
    canonical: str
    value: str


@dataclass(frozen=True)
class Written:
    """A text as it goes out, and where each of its signs stood in the text as it was."""

    text: str
    _spans: tuple[tuple[int, int, int, int], ...] = ()
    """Of what was replaced: start and end as it goes out, start and end as it was."""

    def place(self, offset: int, *, is_end: bool = False) -> int:
        """Return where a sign stood; of what was replaced, its beginning or its end."""
        number = bisect_right(self._spans, offset, key=lambda one: one[0]) - 1
        if number < 0:
            return offset
        start, end, was_start, was_end = self._spans[number]
        if offset >= end:
            return was_end + offset - end
        return was_start if offset == start or not is_end else was_end


@dataclass
class Surrogates:
    """Those of one conversation."""

    key: bytes = field(default_factory=lambda: os.urandom(KEY_BYTES), repr=False)
    _known: dict[str, _Original] = field(default_factory=dict, repr=False)
    _codes: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)
    _used: set[str] = field(default_factory=set, repr=False)
    _seen: set[str] = field(default_factory=set, repr=False)
    _spoken: dict[str, _Original] = field(default_factory=dict, repr=False)
    _places: dict[str, list[tuple[int, int]]] = field(default_factory=dict, repr=False)

    @property
    def used(self) -> int:
        """How many values surrogates stood for since this was opened."""
        return sum(self._known[code].label != LITERAL for code in self._used)

    def __len__(self) -> int:
        return len(self._known)

    def pack(self) -> bytes:
        """Return them as they are sealed."""
        kept = [[code, one.label, one.canonical, one.value] for code, one in list(self._known.items())[-_MOST:]]
        return json.dumps([self.key.hex(), kept], ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def unpack(cls, packed: bytes) -> "Surrogates":
        """Return what `pack` made."""
        key, kept = json.loads(packed)
        made = cls(bytes.fromhex(key))
        for code, *original in kept:
            made._keep(code, _Original(*original))
        return made

    def take(self, others: "Surrogates") -> None:
        """Take in the values of the same conversation that were kept meanwhile."""
        for code, original in others._known.items():  # noqa: SLF001 - another one of its kind
            if (original.label, original.canonical) not in self._codes and code not in self._known:
                self._keep(code, original)

    def replace(self, text: str, findings: Sequence[Finding], *, hidden: Iterable[Finding] = ()) -> str:
        """Return the text with surrogates for what was found, which is in order and without overlaps.

        Where several texts go out together, all of them are noted first (`note`): a value that was found in one is replaced
        in all. What is `hidden` does not come back.
        """
        self.note(text, findings)
        return self.written(text, findings, hidden=hidden).text

    def note(self, text: str, findings: Iterable[Finding]) -> None:
        """Give surrogates to the values that were found in a text."""
        self._seen |= {found[0].upper() for found in WORD.finditer(text)}
        self._seen |= {found["code"].upper() for found in any_surrogate().finditer(text)}
        for one in findings:
            if one.category not in IRREVERSIBLE:
                self._used.add(self._code(_original(text[one.start : one.end], one)))

    def written(self, text: str, findings: Sequence[Finding], *, hidden: Iterable[Finding] = ()) -> Written:
        """Return a text that was noted as it goes out."""
        spans = [(one.start, one.end, self._stands(text, one)) for one in findings]
        spans = sorted([*spans, *((one.start, one.end, redacted(one.category)) for one in hidden)])
        spans = _merged(spans, self._said_again(text))
        return _put(text, _merged(spans, self._looking_alike(text)))

    def restoring(self) -> "Restoring":
        """Return what gives an answer its values back as it flows."""
        return Restoring(self)

    def restore(self, text: str) -> str:
        """Return a whole answer with its values."""
        restoring = self.restoring()
        return restoring.feed(text) + restoring.close()

    def find(self, code: str) -> str | None:
        """Return the value that a code stands for, or None for one that was never given."""
        original = self._known.get(code.upper())
        return original.value if original else None

    def others(self, text: str, findings: Iterable[Finding]) -> list[Finding]:
        """Return what was found in an answer besides its surrogates, which are no values."""
        ours = [found.span() for found in any_surrogate().finditer(text) if found["code"].upper() in self._known]
        return [one for one in findings if not any(start < one.end and one.start < end for start, end in ours)]

    def _stands(self, text: str, finding: Finding) -> str:
        if finding.category in IRREVERSIBLE:
            return redacted(finding.category)
        original = _original(text[finding.start : finding.end], finding)
        return surrogate(original.label, self._code(original))

    def _code(self, original: _Original) -> str:
        found = self._codes.get((original.label, original.canonical))
        if found is not None:
            return found
        for number in count():
            code = _code_of(token_for(self.key, f"{original.label}|{original.canonical}|{number}"))
            # What a text says already, and what another value has, is not given away.
            if code not in self._known and code not in self._seen and _is_mixed(code):
                break
        self._keep(code, original)
        return code

    def _keep(self, code: str, original: _Original) -> None:
        self._known[code] = original
        self._codes[original.label, original.canonical] = code
        self._note_spoken(original)

    def _said_again(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Yield where values of this conversation stand without having been found there. Linear in the text, however many there are."""
        at = 0
        for run in _RUN.finditer(text) if self._spoken else ():
            for before, length in self._places.get(run[0], ()):
                start, end = run.start() - before, run.start() - before + length
                original = self._spoken.get(text[start:end]) if start >= at else None
                if original is None or text[start - 1 : start].isalnum() or text[end : end + 1].isalnum():
                    continue
                code = self._code(original)
                self._used.add(code)
                yield start, end, surrogate(original.label, code)
                at = end
                break

    def _note_spoken(self, one: _Original) -> None:
        """Note what may be said again, by the first word in it: of a value from where on it stands, and how long it is."""
        for spoken in _spoken_of(one):
            first = _RUN.search(spoken.value)
            if first is None:
                continue
            self._spoken[spoken.value] = spoken
            places = self._places.setdefault(first[0], [])
            place = first.start(), len(spoken.value)
            if place not in places:
                places.append(place)
                places.sort(key=lambda one: (one[1] - one[0], one[1]), reverse=True)

    def _looking_alike(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Yield what a text says itself that would be taken for a surrogate, each to stand under one of its own."""
        for found in any_surrogate().finditer(text):
            if found["code"].upper() in self._known:
                code = self._code(_Original(LITERAL, found[0], found[0]))
                self._used.add(code)
                yield found.start(), found.end(), surrogate(LITERAL, code)


class Restoring:
    """Gives flowing text its values back. Holds back no more than may be the beginning of a surrogate."""

    def __init__(self, surrogates: Surrogates) -> None:
        self._surrogates = surrogates
        self._held = ""
        self._before = ""
        """The sign before what is held: inside of a word, no surrogate begins."""
        self._depth = 0
        """Brackets of this line that are still open."""

    @property
    def holds_back(self) -> bool:
        """Say whether something came that may yet be a surrogate."""
        return bool(self._held)

    def feed(self, text: str) -> str:
        """Return what is certain by now."""
        return self._restored(text, is_end=False) if self._surrogates else text

    def close(self) -> str:
        """Return the rest."""
        return self._restored("", is_end=True) if self._surrogates else ""

    def _restored(self, text: str, *, is_end: bool) -> str:
        text = self._before + self._held + text
        at, out = len(self._before), list[str]()
        hold = len(text)
        start = at
        while (found := any_surrogate().search(text, start)) is not None:
            if not is_end and _is_open(text, found.end(), is_closed=bool(found["close"] or found["stray"])):
                hold = found.start()
                break
            value = self._surrogates.find(found["code"])
            if value is None:
                start = found.end("code")
                continue
            out += [self._passed(text[at : found.start()]), value]
            at = start = found.end()
            if found["stray"] and self._depth > 0:
                at = start = found.start("stray")
        if not is_end:
            begun = any_beginning().search(text, max(at, start, len(text) - LONGEST))
            hold = min(hold, begun.start()) if begun else hold
        hold = max(hold, at)
        out.append(self._passed(text[at:hold]))
        self._before, self._held = text[max(0, hold - 1) : hold], text[hold:]
        return "".join(out)

    def _passed(self, text: str) -> str:
        for found in _BRACKETS.finditer(text):
            step = {"[": 1, "]": -1}.get(found[0], -self._depth)
            self._depth = max(0, self._depth + step)
        return text


def _is_open(text: str, end: int, *, is_closed: bool) -> bool:
    """Say whether what comes next may still belong to what ends here."""
    return not is_closed and MAY_CLOSE.match(text, end) is not None


def _spoken_of(one: _Original) -> Iterator[_Original]:
    """Yield what may be said again: a value as it was found, and of a person a part of the name, which is a value of its own."""
    if one.label == Category.PERSON.name:
        words = (word.strip(_AROUND_NAMES) for word in one.value.split())
        yield from (_Original(one.label, word.casefold(), word) for word in words if len(word) > _SHORTEST and word[0].isupper())
    if one.label != LITERAL and len(one.value) >= _SHORTEST:
        yield one


def _original(value: str, finding: Finding) -> _Original:
    if finding.through:  # of what is encoded, each sign counts
        return _Original(finding.category.name, value, value)
    shown = " ".join(value.split())
    folded = unicodedata.normalize("NFKC", shown).casefold()
    if finding.category not in _IN_WORDS:
        folded = "".join(sign for sign in folded if sign.isalnum()) or folded
    return _Original(finding.category.name, folded, shown)


def _code_of(token: str) -> str:
    number, signs = int(token, 16), list[str]()
    for _ in range(CODE_LENGTH):
        number, sign = divmod(number, len(CODE_SIGNS))
        signs.append(CODE_SIGNS[sign])
    return "".join(signs)


def _is_mixed(code: str) -> bool:
    return not code.isalpha() and not code.isdigit()


def _merged(
    spans: Sequence[tuple[int, int, str]], further: Iterable[tuple[int, int, str]]
) -> list[tuple[int, int, str]]:
    """Return spans in order with those further ones that touch none of them."""
    starts = [span[0] for span in spans]
    added = list[tuple[int, int, str]]()
    for one in further:
        number = bisect_right(starts, one[0])
        is_free = number == 0 or spans[number - 1][1] <= one[0]
        if is_free and (number == len(spans) or spans[number][0] >= one[1]):
            added.append(one)
    return sorted([*spans, *added])


def _put(text: str, spans: Sequence[tuple[int, int, str]]) -> Written:
    pieces, places, at, length = list[str](), list[tuple[int, int, int, int]](), 0, 0
    for start, end, stands in spans:
        pieces += [text[at:start], stands]
        begins = length + start - at
        places.append((begins, begins + len(stands), start, end))
        at, length = end, begins + len(stands)
    pieces.append(text[at:])
    return Written("".join(pieces), tuple(places))
