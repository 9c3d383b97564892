"""What a text holds in another form: base64, percent signs, entities, escapes, hexadecimal digits, s p a c e d out, split over lines.

Each run is decoded by itself and inspected with the words that stand before it; what is found there is found in the
whole run. Runs of one form do not overlap, what comes of one is shorter than it, and what stands before it is not decoded
again, so that this is linear, too.
"""

import base64
import binascii
import html
import quopri
import re
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_plus

from appliance.dlp.look import pattern
from appliance.dlp.shadow import Shadow

_BEFORE: Final = 60
_PRINTABLE: Final = 0.95
_NO_DIGITS: Final = bytes.maketrans(b"0123456789", b" " * 10)
_SHORT, _LONG = 6, 16
Form = tuple[str, tuple[bytes, ...], Any, Callable[[str], str]]
"""How it is called, of which signs it has one (none: it may have any), how it is found, and how it is read."""
# As far as the words near a candidate are looked for.
_APART: Final = "\n" * 60


@dataclass(frozen=True)
class Run:
    """Bytes start to end of a shadow, and what they say."""

    through: str
    start: int
    end: int
    text: str
    before: str
    """What stands before the run but for digits, for the words that speak for or against a finding."""
    is_guess: bool = False
    """Whether it may as well be what it looks like: two numbers under each other, say."""


def runs(shadow: Shadow) -> Iterator[Run]:
    """Return what can be read in another form."""
    for through, _signs, expression, decode in _possible(shadow.raw):
        is_guess = decode is _joined_digits
        for match in expression.finditer(shadow.raw):
            start, end = match.span(1)
            text = decode(shadow.raw[start:end].decode("utf-8", "replace"))
            if _may_say(text):
                before = shadow.raw[max(0, start - _BEFORE) : start].translate(_NO_DIGITS).decode("utf-8", "ignore")
                yield Run(through, start, end, text, before, is_guess)


def _possible(raw: bytes) -> Iterator[Form]:
    """Return the forms that something in a text may be of, in order: most texts have not a sign of any."""
    signs = {sign for sign in _SIGNS if sign in raw}
    if _RUN.search(raw) is not None:
        signs.add(_RUN_SIGN)
    yield from (form for form in FORMS if not (form[1] and signs.isdisjoint(form[1])))


def _may_say(text: str) -> bool:
    """Say whether it is long enough for an address, a number or a secret; most encoded pieces of ordinary texts are not."""
    bare = text.strip()
    return len(bare) >= _LONG or (len(bare) >= _SHORT and ("@" in bare or any(map(str.isdigit, bare))))


class Pieces:
    """What several runs say, each with what stands before it, as one text: looking at each by itself would cost much more."""

    def __init__(self, told: Sequence[Run]) -> None:
        self._runs = told
        self._begins, pieces, at = list[int](), list[str](), 0
        for run in told:
            begins = at + len(_APART) + len(run.before)
            self._begins.append(begins)
            pieces += [_APART, run.before, run.text]
            at = begins + len(run.text)
        self.shadow = Shadow("".join(pieces))

    def behind(self, offsets: Iterable[tuple[int, int]]) -> Iterator[Run | None]:
        """Return for each start and end in bytes the run that says it; None for what stands before or between them."""
        asked = list(offsets)
        places = self.shadow.places(offset for one in asked for offset in one)
        for start, end in asked:
            place = bisect_right(self._begins, places[start]) - 1
            run = self._runs[place] if place >= 0 else None
            yield run if run and places[end] <= self._begins[place] + len(run.text) else None


def _base64(said: str) -> str:
    try:
        raw = base64.b64decode(said.replace("-", "+").replace("_", "/") + "=" * (-len(said) % 4), validate=True)
    except (binascii.Error, ValueError):
        return ""
    return _readable(raw)


def _hexadecimal(said: str) -> str:
    digits = _NOT_HEXADECIMAL.sub("", said)
    return _readable(bytes.fromhex(digits)) if len(digits) % 2 == 0 else ""


def _readable(raw: bytes) -> str:
    """Return what bytes say in UTF-8, in UTF-16 as Windows writes it, or in its letters of Western Europe; "" for nothing."""
    is_wide = len(raw) % 2 == 0 and raw[1::2].count(0) * 2 > len(raw[1::2])
    for encoding in ("utf-16-le",) if is_wide else ("utf-8", "cp1252"):
        # Any bytes are letters of Windows': most must be plain ones. A name that only looks like base64 ends here.
        if encoding == "cp1252" and len(raw.translate(None, _HIGH)) < _PLAIN * max(len(raw), 1):
            return ""
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        seen = sum(sign.isprintable() or sign in "\r\n\t" for sign in text)
        return text if text and seen >= _PRINTABLE * len(text) else ""
    return ""


def _escaped(said: str) -> str:
    return _ESCAPE.sub(_unescaped, said)


def _unescaped(match: "re.Match[str]") -> str:
    told = match.group(1)
    if told in _CONTROLS:
        return _CONTROLS[told]
    code = int(told.strip("uUx{}"), 16)
    return chr(code) if code <= sys.maxunicode else ""


def _printable_quoted(said: str) -> str:
    return quopri.decodestring(said.encode()).decode("utf-8", "replace")


def _without_marks(said: str) -> str:
    return _MARKS.sub("", said)


def _joined(said: str) -> str:
    # Words of a list, one a line, are no secret cut in two.
    return re.sub(r"\s*\n[\s>]*", "", said) if any(map(str.isdigit, said)) else ""


def _joined_digits(said: str) -> str:
    joined = _joined(said)
    return joined if sum(map(str.isdigit, joined)) >= _FEWEST_DIGITS else ""


def _looked_alike(said: str) -> str:
    return (
        said.translate(_LIKE_DIGITS)
        if _FEWEST_TRUE <= sum(map(str.isdigit, said)) < len(said.replace(" ", "").replace("-", ""))
        else ""
    )


def _base32(said: str) -> str:
    bare = said.rstrip("=")
    try:
        return _readable(base64.b32decode(bare + "=" * (-len(bare) % 8)))
    except (binascii.Error, ValueError):
        return ""


def _binary(said: str) -> str:
    digits = "".join(one for one in said if one in "01")
    return _readable(bytes(int(digits[at : at + 8], 2) for at in range(0, len(digits), 8)))


def _octal(said: str) -> str:
    return _readable(bytes(int(one, 8) for one in _OCTAL.findall(said)))


def _of_codes(said: str) -> str:
    return "".join(chr(int(one)) for one in _NUMBER.findall(said))


def _spoken(said: str) -> str:
    return "".join(_SPOKEN[one.lower()] for one in _LETTERS.findall(said))


def _backwards(said: str) -> str:
    return said[::-1]


_PLAIN: Final = 0.7
_HIGH: Final = bytes(range(0x80, 0x100))
_OCTAL: Final = re.compile(r"[0-3][0-7]{2}")
_NUMBER: Final = re.compile(r"[0-9]+")
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_SPOKEN: Final = {
    word: str(digit)
    for words in ("zero one two three four five six seven eight nine", "null eins zwei drei vier fünf sechs sieben acht neun",
                  "cero uno dos tres cuatro cinco seis siete ocho nueve", "zéro un deux trois quatre cinq six sept huit neuf")
    for digit, word in enumerate(words.split())
} | {"oh": "0", "zwo": "2"}  # fmt: skip
_DIGIT_WORDS: Final = "|".join(sorted(_SPOKEN, key=len, reverse=True))
_CODE: Final = r"(?:[3-9]\d|1[01]\d|12[0-6])"
_FEWEST_DIGITS, _FEWEST_TRUE = 9, 4
_NOT_HEXADECIMAL: Final = re.compile(r"0x|\\x|[^0-9a-fA-F]")
_CONTROLS: Final = {"n": " ", "r": " ", "t": " ", "/": "/"}
_ESCAPE: Final = re.compile(r"\\(u\{[0-9a-fA-F]{1,6}\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[nrt/])")
_MARKS: Final = re.compile(r"<[^<>]{0,200}>|\x1b\[[0-9;]{0,12}[A-Za-z]")
_LIKE_DIGITS: Final = str.maketrans("OoIl", "0011")
_NEAR: Final = r"[\w.@+ -]{0,40}"
_MARK: Final = r"(?:</?(?i:b|i|u|s|em|strong|span|font|small|big|mark|code|wbr|a|sub|sup|tt|bdi|bdo|nobr)(?:\s[^<>]{0,120})?/?>|<!--[^<>]{0,80}-->|\x1b\[[0-9;]{0,12}[A-Za-z])"
_ENTITY: Final = r"&(?:amp;)?(?:#x[0-9a-fA-F]{1,6}|#\d{1,7}|nbsp|shy|commat|period|hyphen|dash|lowbar|colon|zwn?j|ensp|emsp|thinsp|ndash|mdash);?"

_RUN_SIGN: Final = b""
_RUNS: Final = (_RUN_SIGN,)
_RUN: Final = pattern(
    r"[A-Za-z0-9+/_-]{16}|(?:[\w@.+-] ){8}|[\dOoIl](?:[ -]?[\dOoIl]){12}"
    r"|[0-9a-fA-F]{2}(?:(?:[ :,]{1,2}(?:0x)?|\\x)[0-9a-fA-F]{2}){8}|[0-9]{2,8}(?:[ ,;]{1,2}[0-9]{2,8}){8}"
)
"""A run of signs as long as what is written by these alone: base64, hexadecimal digits, letters with spaces, look-alikes."""

FORMS: Final[tuple[Form, ...]] = (
    ("base64", _RUNS, pattern(r"(?:^|[^A-Za-z0-9+/_-])([A-Za-z0-9+/_-]{16,}={0,2})"), _base64),
    ("percent signs", (b"%",), pattern(r"(?:^|[^%\w.@+-])([\w.@+-]{0,40}(?:%[0-9A-Fa-f]{2}[\w.@+-]{0,40})+)"), unquote_plus),
    ("entities", (b"&",), pattern(rf"((?:{_NEAR}{_ENTITY})+{_NEAR})"), html.unescape),
    ("escapes", (b"\\",), pattern(rf"((?:{_NEAR}\\(?:u\{{[0-9a-fA-F]{{1,6}}\}}|u[0-9a-fA-F]{{4}}|x[0-9a-fA-F]{{2}}))+{_NEAR})"), _escaped),
    ("escapes", (b"\\",), pattern(r"(\d[\d -]{2,20}(?:\\[nrt][\d -]{3,20})+)"), _escaped),
    ("quoted-printable", (b"=",), pattern(r"((?:=[0-9A-F]{2}){6,}|\d[\d -]{3,20}=\r?\n[\d -]{3,20})"), _printable_quoted),
    ("marks", (b"<", b"\x1b"), pattern(rf"(\d[\d -]{{0,20}}(?:{_MARK}{{1,6}}[\d -]{{1,20}})+)"), _without_marks),
    ("hexadecimal", _RUNS, pattern(r"(?:^|[^0-9A-Za-z]|0x|\\x)((?:[0-9a-fA-F]{2}){9,})(?:$|[^0-9A-Za-z])"), _hexadecimal),
    ("hexadecimal", _RUNS, pattern(r"(?:^|[^0-9A-Za-z])((?:0x|\\x)?[0-9a-fA-F]{2}(?:(?:[ :,]{1,2}(?:0x)?|\\x)[0-9a-fA-F]{2}){8,})(?:$|[^0-9A-Za-z])"), _hexadecimal),
    ("base32", _RUNS, pattern(r"(?:^|[^A-Za-z0-9])([A-Z2-7]{16,}={0,6})(?:$|[^A-Za-z0-9=])"), _base32),
    ("binary digits", _RUNS, pattern(r"(?:^|[^0-9])([01]{8}(?:[ ,]?[01]{8}){8,})(?:$|[^0-9])"), _binary),
    ("octal digits", (_RUN_SIGN, b"\\"), pattern(r"(\\[0-3][0-7]{2}(?:\\[0-3][0-7]{2}){8,}|\b[0-1][0-7]{2}(?:[ ,]{1,2}[0-1][0-7]{2}){8,}\b)"), _octal),
    ("codes of signs", _RUNS, pattern(rf"(?:^|[^0-9.])({_CODE}(?:[ ,;]{{1,2}}{_CODE}){{8,}})(?:$|[^0-9.])"), _of_codes),
    ("words for digits", (), pattern(rf"(?i)(?:^|[^\pL])((?:{_DIGIT_WORDS})(?:[ ,.-]{{1,3}}(?:{_DIGIT_WORDS})){{8,}})(?:$|[^\pL])"), _spoken),
    ("writing backwards", _RUNS, pattern(r"(?i)(?:backwards?|reversed?|in reverse|rückwärts|umgekehrt)[^0-9\n]{0,40}(\d(?:[ -]?\d){12,18})(?:$|[^0-9])"), _backwards),
    ("spacing", _RUNS, pattern(r"(?:^|\s)((?:[\w@.+-] ){8,}[\w@.+-])(?:$|\s)"), lambda said: said.replace(" ", "")),
    ("look-alike digits", _RUNS, pattern(r"\b([\dOoIl](?:[ -]?[\dOoIl]){12,18})\b"), _looked_alike),
    ("split lines", (b"\n",), pattern(r"(?:^|[^\w])(\d[\d -]{3,20}\r?\n(?:> ?)?[\d -]{3,20})"), _joined_digits),
    ("split lines", (b"\n",), pattern(r"(?:^|[^A-Za-z0-9+/_-])([A-Za-z0-9+/_-]{8,200}\r?\n(?:> ?)?[A-Za-z0-9+/_-]{8,200})"), _joined),
)  # fmt: skip
_SIGNS: Final = tuple({sign for form in FORMS for sign in form[1] if sign})
