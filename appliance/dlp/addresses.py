"""Postal addresses whole: what rules and a model found of one, with what stands beside it and can only belong to it.

A flat or a floor, a number, a town with its code, a region and a country are no finding by themselves; beside a street they are its address. What
is looked at reaches no farther than a few lines, so that it is linear in the text. Nothing is found here that was not found before.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from appliance.dlp.look import Found, pattern
from appliance.dlp.rules.countries import COUNTRIES
from appliance.dlp.rules.names import NOT_NAMES

_BEFORE, _AFTER = 64, 160
"""Bytes."""
_UNITS: Final = (
    r"(?:(?i:apt|apartment|suite|ste|unit|flat|floor|fl|room|rm|level|lot|bldg|building|block|tower|p\.? ?o\.? ?box|box|wohnung|whg|etage|stock|stiege|top|tür|zimmer|haus"
    r"|aufgang|appartement|appt|b[âa]t(?:iment)?|escalier|esc|étage|porte|piso|puerta|dpto|interno|int|scala|piano)\b\.?|#)"
)
_ORDINALS: Final = r"(?i:\d{1,3}(?:\.|st|nd|rd|th|er|[eè]me|e|º|ª)? ?(?:floor|fl\.|og|etage|stock|obergeschoss|étage|piso|piano)\b|(?:ground floor|erdgeschoss|rez-de-chaussée|dachgeschoss)\b)|\b[ED]G\b|(?i:hinterhaus|vorderhaus|gartenhaus|seitenflügel)(?: \d{1,2})?\b"
_UNIT: Final = rf"(?:{_UNITS} ?#?(?:\d[\w/-]{{0,5}}|[A-Z]\d{{0,4}})\b|{_ORDINALS})"
_NUMBER: Final = r"\d{1,5} ?[A-Za-z]?\b(?:[/-]\d{1,4}[A-Za-z]?\b)?"
# At most one line's end; not a dash, nor a sentence's end: behind them something else begins.
_LINE: Final = r"[ \t]*\r?\n[ \t]*,?[ \t]*"
_COMMA: Final = rf"(?:[ \t]*[,;|/][ \t]*(?:\r?\n[ \t]*)?|{_LINE})"
_GLUE: Final = rf"(?:[ \t]|{_COMMA})"
# Not between the columns of a table, of which the next may be any number.
_NEAR: Final = rf"(?:,?[ \t]|{_LINE})"
_WORD: Final = r"\p{Lu}[\pL'.-]+"
_LITTLE: Final = "am|an der|an|auf der|im|in|ob|bei|de la|de|del|della|di|da|do|dos|des|du|le|la|les|sur|sous|upon|on|of|the"
_TOWN: Final = rf"{_WORD}(?:[ -](?:(?:{_LITTLE}) )?{_WORD}){{0,3}}"
_SURE_CODE: Final = r"(?:[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d|[A-Z]{1,2}-\d{4,5}|\d{5}(?:-\d{4})?)\b"
_POSTCODE: Final = rf"(?:{_SURE_CODE}|(?:\d{{4}}(?: ?[A-Z]{{2}})?|\d{{3}} \d{{2,3}}|\d{{2}}-\d{{3}}|\d{{5}}-\d{{3}})\b)"
_REGION: Final = r"[A-Z]{2,3}\b"
_END: Final = r"(?:[\s,.;:!?)\]}\"'<|\\]|$)"
_STOP: Final = r"(?:[ \t]*[\r\n,.;:!?)\]}\"'<|\\]|[ \t]*$)"
_NUMBERED: Final = pattern(rf" {_NUMBER}")
_STOPPED: Final = pattern(_STOP)
_FLATS: Final = pattern(rf"(?:(?:{_GLUE}|\.{_GLUE}?){_UNIT}){{0,3}}")
# With a code of the post all of it is believed; what could begin another thought has to end there.
_POSTAL: Final = pattern(
    rf"((?:{_COMMA}{_POSTCODE}| \d{{5}})[ \t]{_TOWN}|(?:{_GLUE}{_TOWN})?{_COMMA}{_REGION}{_GLUE}{_POSTCODE}"
    rf"|(?:{_GLUE}{_TOWN}){{1,2}}{_NEAR}{_SURE_CODE}){_END}"
    rf"|((?:{_GLUE}{_TOWN}){{1,2}}{_NEAR}{_POSTCODE}|{_NEAR}{_POSTCODE}|{_COMMA}{_REGION}){_STOP}"
)
_STATE: Final = pattern(
    rf"((?:{_GLUE}{_TOWN})?(?:{_COMMA}{_REGION})?(?:({_COMMA})|[ \t])(?i:{COUNTRIES})\b({_GLUE}{_POSTCODE})?)(?:({_STOP})|)"
)
_YEAR: Final = pattern(r"(?:19|20)\d\d ")
_CODE_LAST: Final = pattern(r"[,\n][ \t]*(?:[A-Z]{1,2}-)?\d{4,5}$")
_TOWN_BEHIND: Final = pattern(rf" {_TOWN}")
_SAINT_LAST: Final = pattern(r"\d{4,5} Ste?$")
_SAINT_BEHIND: Final = pattern(rf"\. ?{_TOWN}")
_CORNER: Final = pattern(r"(?i:\b((?:the )?(?:corner|intersection|junction) of ))$")
_CROSSING: Final = pattern(rf"\.? (?:and|&|with) (?:\d{{1,5}} )?(?:\pL+ )?{_WORD}(?: {_WORD}){{0,3}}")
_BEFORE_IT: Final = pattern(
    rf"(?:^|[\n(\"'>\[]|[^\d \t./+-][ \t]+|[,;:|][ \t]*)((?:{_UNIT}(?:[ \t]*[,;|/-]?[ \t]*|{_LINE}))?(?:\d{{1,5}}[A-Za-z]?[ /-]){{0,2}})$"
)
_DESIGNATED: Final = pattern(rf"(?:^|[^\pL\pN_])({_UNITS} ?#?)$")
_WITHIN_TOWN: Final = pattern(rf"[ -](?:{_LITTLE})[ -]")
_BETWEEN: Final = pattern(rf"(?:[ \t,.;|#()/&-]{{0,3}}(?:{_UNITS}|\d{{1,5}}[A-Za-z]?\b)?[ \t,.;|#()/&-]{{0,3}}|\.?{_LINE})$")
_DIGIT: Final = pattern(r"\d")
_LETTERS: Final = pattern(r"\pL{3}")
_WORDS: Final = re.compile(r"[^\W\d_]+")
_ENDS_OPEN: Final = pattern(rf"(?:^|[^\pL]){_UNITS}$")
_BETWEEN_MOST: Final = 20
_LOOSE: Final = b".'-"
_OF_PLACES: Final = frozenset({"Avenue", "Bank", "Center", "Das", "Der", "Die", "Drive", "East", "Hospital", "Lane", "March", "New", "Of", "Old", "On", "Road", "Street", "The", "University", "Way"})
_OTHER_WORDS: Final = (NOT_NAMES - _OF_PLACES) | {"Fax", "Page", "Tel", "Telefon", "Telephone"}


def whole(raw: bytes, found: Iterable[Found], others: Sequence[Found]) -> list[Found]:
    """Return found addresses of a shadow as far as each goes, and as one what is one, in order. Linear but for sorting.

    `others` is what stands of other kinds, in order and without overlaps: an address neither grows over it nor is joined across
    it, and one that overlaps with it stays as it is.
    """
    taken = _Taken(others)
    ordered = sorted(found, key=lambda one: (one.start, -one.end))
    held = [one for one in ordered if taken.between(one.start, one.end)]
    if not held:
        return _joined(raw, ordered, taken)
    # Nor does one grow over these, or is joined with them.
    taken = _Taken(_covered([*others, *held]))
    free = [one for one in ordered if not taken.between(one.start, one.end)]
    kept = [one for one in ordered if taken.between(one.start, one.end)]
    return [*kept, *_joined(raw, free, taken)]


class _Taken:
    """Where findings stand that are in order and do not overlap."""

    def __init__(self, found: Sequence[Found]) -> None:
        self._starts, self._ends = [one.start for one in found], [one.end for one in found]

    def between(self, start: int, end: int) -> bool:
        """Say whether one stands between these, or in part."""
        place = bisect_right(self._ends, start)
        return place < len(self._starts) and self._starts[place] < end


def _covered(found: Iterable[Found]) -> list[Found]:
    """Return what covers all of these, without overlaps."""
    kept = list[Found]()
    for one in sorted(found, key=lambda one: one.start):
        if kept and one.start < kept[-1].end:
            kept[-1] = replace(kept[-1], end=max(kept[-1].end, one.end))
        else:
            kept.append(one)
    return kept


def _joined(raw: bytes, found: Sequence[Found], taken: _Taken) -> list[Found]:
    kept = list[Found]()
    for one in found:
        grown = _grown(raw, one, taken)
        last = kept[-1] if kept else None
        if last and not taken.between(last.start, max(last.end, grown.end)) and (grown.start <= last.end or _is_one(raw, last, grown)):
            likelier = max(last, grown, key=lambda each: each.confidence)
            kept[-1] = replace(likelier, start=min(last.start, grown.start), end=max(last.end, grown.end))
        else:
            kept.append(grown)
    return kept


def _is_one(raw: bytes, left: Found, right: Found) -> bool:
    """Say whether a word of a town's name stands between, or hardly anything, and one of both is no address by itself."""
    between = raw[left.end : right.start][: _BETWEEN_MOST + 1]
    if _WITHIN_TOWN.fullmatch(between):
        return True
    if len(between) > _BETWEEN_MOST or not _BETWEEN.fullmatch(between):
        return False
    return not (_is_complete(raw, left) and _is_complete(raw, right))


def _is_complete(raw: bytes, one: Found) -> bool:
    said = raw[max(one.start, one.end - _AFTER) : one.end]
    return _DIGIT.search(said) is not None and _LETTERS.search(said) is not None and not _ENDS_OPEN.search(said)


def _grown(raw: bytes, one: Found, taken: _Taken) -> Found:
    """Return an address with what belongs to it on either side."""
    before = raw[max(0, one.start - _BEFORE) : one.start]
    corner = _CORNER.search(before)
    ahead = corner or _DESIGNATED.search(before) or _BEFORE_IT.search(before)
    start = one.start - (len(before) - ahead.start(1)) if ahead else one.start
    if taken.between(start, one.start) or _YEAR.fullmatch(raw[start : one.start]):
        start = one.start
    ends = (end for end in _ends(raw, one, is_corner=corner is not None) if not taken.between(one.end, end))
    return replace(one, start=start, end=next(ends, one.end))


def _ends(raw: bytes, one: Found, *, is_corner: bool) -> list[int]:
    """Return how far it may go, the farthest first."""
    behind = raw[one.end : one.end + _AFTER]
    if is_corner and (crossing := _CROSSING.match(behind)):
        return [one.end + len(crossing.group().rstrip(_LOOSE))]
    said = raw[max(one.start, one.end - _AFTER) : one.end]
    lacks_number = not _DIGIT.search(said) or _ENDS_OPEN.search(said)
    number = _NUMBERED.match(behind) if lacks_number else None
    at = number.end() if number else 0
    town = _TOWN_BEHIND.match(behind) if _CODE_LAST.search(said) else _SAINT_BEHIND.match(behind) if _SAINT_LAST.search(said) else None
    at = len(town.group().rstrip(_LOOSE)) if town else at
    flats = at if town else _FLATS.match(behind, at).end()
    most = _farthest(behind, flats)
    if number and most == at and not _STOPPED.match(behind, at):
        return []
    most = max(flats, len(behind[:most].rstrip(_LOOSE)))
    words = _WORDS.findall(behind[flats:most].decode("utf-8", "ignore"))
    return [one.end + flats] if any(word in _OTHER_WORDS for word in words) else [one.end + most, one.end + flats]


def _farthest(behind: bytes, at: int) -> int:
    """Return where a town, a code and a state end that stand there, in any order that is usual."""
    for _ in range(2):
        if (match := _STATE.match(behind, at)) and any(match.span(group)[0] >= 0 for group in (2, 3, 4)):
            return int(match.end(1))
        match = _POSTAL.match(behind, at)
        if match is None:
            break
        at = max(match.end(1), match.end(2))
    return at
