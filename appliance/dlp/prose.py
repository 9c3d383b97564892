"""What a model tags in prose, made into findings: names from given and family names, addresses from their parts.

The model reads the shadow's text. It is a second opinion: where rules found something at a place, theirs stands. Of an address
what both found is told (`addresses`).
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from appliance.dlp.look import Found
from appliance.dlp.rules.contacts import NOT_PHONE, PHONE
from appliance.dlp.rules.names import NOT_NAMES
from appliance.dlp.tags import Tag
from appliance.dlp.values import Category

OPAQUE: Final = frozenset({
    Category.API_KEY, Category.CARD_TRACK, Category.CONNECTION, Category.IBAN, Category.PAYMENT_CARD, Category.PRIVATE_KEY, Category.SECRET,
    Category.WALLET,
})  # fmt: skip
"""Of these the model reads only how they begin. It reads all of an address, a number or a date: they speak for a name beside them."""
_NAME_PARTS: Final = frozenset({"GIVEN_NAME", "SURNAME"})
_PLACE_PARTS: Final = frozenset({"BUILDING_NUMBER", "STREET_NAME", "SECONDARY_ADDRESS", "CITY", "STATE", "ZIP_CODE"})
_REGIONS: Final = frozenset({"CITY", "STATE"})
_BETWEEN_NAMES: Final = re.compile(r"[ ,.'-]{0,3}(?:[A-Z]\.[ ])?")
_BETWEEN_PLACES: Final = re.compile(r"[\s,.#-]{0,3}")
_NO_NAME: Final = re.compile(r"[\d@/\\=<>{}\[\]|_#$%*+:;\n]")
_PLACE: Final = re.compile(r"(?i)\b(?:zip|post(?:al)?[ -]?(?:code)?|plz|postleitzahl|cap|cp|código postal|code postal|address|street|adresse|anschrift)\b")
_PLACE_WORD: Final = re.compile(r"[^\W\d_]{3}|[A-Z]|[^\x00-\x7f]")
_LEVELS: Final = frozenset({"DEBUG", "ERROR", "FATAL", "INFO", "TRACE", "WARN", "WARNING"})
_OF_CODE: Final = re.compile(r"[a-z]\w*[A-Z]\w*")
_SURE, _PHONE_DIGITS, _FEWEST = 0.6, 7, 2


def findings(text: str, tags: Iterable[Tag]) -> Iterator[Found]:
    """Return names, addresses and phone numbers that the tags say, with offsets in characters of the text."""
    for first, last, labels, score in _runs(text, tags):
        start, end = _whole_words(text, first, last)
        if labels <= _NAME_PARTS:
            yield from _name(text, start, end, score)
        elif labels <= _PLACE_PARTS:
            if labels - _REGIONS and _is_place(text, start, end):
                yield Found(Category.ADDRESS, "address/model/1", start, end, 0.75)
        elif labels == {"PHONE"} and sum(sign.isdigit() for sign in text[start:end]) >= _PHONE_DIGITS and score > 0.8:  # noqa: PLR2004 - measured
            before = text[max(0, start - 40) : start].lower().encode()
            if PHONE.within(before) and not NOT_PHONE.within(before[-20:]):
                yield Found(Category.PHONE, "phone/model/1", start, end, 0.6)


def _is_place(text: str, start: int, end: int) -> bool:
    """Say whether there is a word in it, or one before it says that a number is of a place: else any number may be one.

    Two small letters are no word: "8856 ms" took that long, and is not in Mississippi.
    """
    return _PLACE_WORD.search(text, start, end) is not None or _PLACE.search(text[max(0, start - 30) : start]) is not None


def _whole_words(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the words that a tag is about: the model reads pieces of words, and may be unsure of one."""
    while start and text[start].isalnum() and text[start - 1].isalnum():
        start -= 1
    while 0 < end < len(text) and text[end - 1].isalnum() and text[end].isalnum():
        end += 1
    return start, end


def _runs(text: str, tags: Iterable[Tag]) -> Iterator[tuple[int, int, set[str], float]]:
    """Join parts of one name, or of one address, that hardly anything stands between."""
    current: tuple[int, int, set[str], float] | None = None
    for tag in tags:
        family = next((parts for parts in (_NAME_PARTS, _PLACE_PARTS) if tag.label in parts), None)
        if current and family and current[2] <= family:
            between = _BETWEEN_NAMES if family is _NAME_PARTS else _BETWEEN_PLACES
            if between.fullmatch(text, current[1], max(tag.start, current[1])):
                current = current[0], tag.end, current[2] | {tag.label}, min(current[3], tag.score)
                continue
        if current:
            yield current
        current = tag.start, tag.end, {tag.label}, tag.score
    if current:
        yield current


def _name(text: str, start: int, end: int, score: float) -> Iterator[Found]:
    told = text[start:end]
    bare = told.rstrip(",'- ") if re.search(r"\b[A-Z]\.$", told) else told.rstrip(".,'- ")
    words = bare.split()
    is_short = bare.isupper() and len(bare) < 4  # noqa: PLR2004 - an abbreviation
    if (
        len(bare) < _FEWEST
        or _NO_NAME.search(bare)
        or is_short
        or _is_of_code(text, start, bare)
        or all(word.strip(".,'") in NOT_NAMES for word in words)
    ):
        return
    yield Found(Category.PERSON, "name/model/1", start, start + len(bare), 0.62 if score > _SURE else 0.52)


def _is_of_code(text: str, start: int, bare: str) -> bool:
    """Say whether it is a level of a log, or a part of a name in a program: camelCase, SNAKE_CASE."""
    around = text[start - 1 : start] + text[start + len(bare) : start + len(bare) + 1] if start else text[len(bare) : len(bare) + 1]
    return bare in _LEVELS or "_" in around or _OF_CODE.fullmatch(bare) is not None


def in_bytes(raw: bytes, found: Iterable[Found]) -> Iterator[Found]:
    """Return the same with offsets in bytes of the shadow, in one walk."""
    at = characters = 0
    text_is_bytes = raw.isascii()
    for one in sorted(found, key=lambda one: one.start):
        if text_is_bytes:
            yield one
            continue
        start = _advance(raw, at, one.start - characters)
        end = _advance(raw, start, one.end - one.start)
        at, characters = start, one.start
        yield Found(one.category, one.rule, start, end, one.confidence)


def in_characters(raw: bytes, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Return the same stretches of bytes in characters of the text, in one walk."""
    ordered = sorted(spans)
    if raw.isascii():
        yield from ordered
        return
    at = characters = 0
    for start, end in ordered:
        characters += len(raw[at:start].decode("utf-8", "ignore"))
        at = start
        yield characters, characters + len(raw[start:end].decode("utf-8", "ignore"))


def _advance(raw: bytes, at: int, characters: int) -> int:
    for _ in range(characters):
        at += 1
        while at < len(raw) and raw[at] & 0xC0 == 0x80:  # noqa: PLR2004 - goes on with a character
            at += 1
    return at
