"""Payment cards: numbers by network and check digit (ISO/IEC 7812), verification codes, and what a magnetic stripe holds."""

import re
from typing import Final

from appliance.dlp.look import NO, Cues, Judged, Look, Rule
from appliance.dlp.rules.checksums import luhn
from appliance.dlp.values import Category

# Ranges of issuers, as the networks publish them: length, first digits.
_NETWORKS: Final = (
    ("visa", re.compile(r"4\d{12}(?:\d{3}){0,2}")),
    ("mastercard", re.compile(r"(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}")),
    ("amex", re.compile(r"3[47]\d{13}")),
    ("discover", re.compile(r"6(?:011|4[4-9]\d|5\d\d)\d{12}(?:\d{3})?")),
    ("jcb", re.compile(r"35(?:2[89]|[3-8]\d)\d{12}")),
    ("diners", re.compile(r"(?:30[0-5]|36\d|3[89]\d)\d{11}(?:\d\d)?")),
    ("unionpay", re.compile(r"62\d{14,17}")),
    ("maestro", re.compile(r"(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{8,15}")),
)
_CARD: Final = Cues(
    "card(?:holder)?s?|pan|visa|master ?card|amex|american express|discover|maestro|jcb|diners|credit|debit|cc|ccn|cvv2?|cvc2?"
    "|exp(?:iry|ires|iration)?|tarjeta|karte|kreditkarte|kartennummer|carte|carta|cartão|kaart|karta|payment|paid with"
)
_OTHER: Final = Cues(
    "order|tracking|track|imei|txn|transaction|confirmation|reference|ref|serial|invoice|batch|ticket|po|meid|iccid|isbn|upc|ean"
    "|gtin|sku|awb|uuid|id|ts|timestamp|orderid|trace|span|bestellung|auftrag|sendung|rechnung"
)
_GROUPED, _UNGROUPED, _NAMED, _PARTED = 0.85, 0.7, 0.99, 0.65
_OLD_VISA: Final = 13
_NEAR: Final = 26
_LONGER: Final = re.compile(rb"\.\d")
_PART: Final = re.compile(rb"[-/]\d")
# A comma is what parts the cells of a table: no one parts so many digits' thousands, or writes a fraction so long.
_END_OF_NUMBER: Final = re.compile(rb"[0-9]\.$|(?:^|[^0-9])0,$")
_END_OF_PART: Final = re.compile(rb"[0-9][-/]$|[$#]$")
_SEPARATORS: Final = re.compile(r"\D+")
# What stands between numbers of a list as well.
_LISTS: Final = frozenset(",;|\t\n")
_GROUPS: Final = ((4, 4, 4, 4), (4, 6, 5), (4, 6, 4))


def _card(look: Look) -> float:
    digits = look.digits
    network = _network(digits)
    if network is None or look.goes_on(_LONGER) or look.comes_after(_END_OF_NUMBER):
        return NO
    before = look.before(56)
    if not look.stands_alone() and not _is_joined_to_its_name(look, before):
        return NO
    is_named = _CARD.within(before, look.after(30))
    likely = _NAMED if is_named else _GROUPED if len(look.value) > len(digits) else _UNGROUPED
    if look.goes_on(_PART) or look.comes_after(_END_OF_PART):
        likely -= 0.3
    against, towards = _OTHER.last(before[-_NEAR:]), _CARD.last(before[-_NEAR:])
    if against >= 0 and not 0 <= towards <= against:
        likely -= 0.35
    # Visa has given out none of 13 digits for decades; articles' numbers (GTIN) have 13.
    is_rare = network == "maestro" or (network == "visa" and len(digits) == _OLD_VISA)
    return likely - 0.3 if is_rare and not is_named else likely


def _network(digits: str) -> str | None:
    """Return whose card a number with a right check digit could be; None for nobody's, and for sixteen times one digit."""
    network = next((name for name, shape in _NETWORKS if shape.fullmatch(digits)), None)
    return network if network and len(set(digits)) > 1 and luhn(digits) else None


def _is_joined_to_its_name(look: Look, before: bytes) -> bool:
    """Say whether only such a word stands directly beside it: card_4111…, Visa4111…"""
    name, after = before.rstrip(b"_"), look.after(1)
    return (len(name) < len(before) or name[-1:].isalpha()) and _CARD.last(name) == 0 and not after.isalnum()


def _parted(look: Look) -> float | Judged:
    """Weigh groups, or single digits, with other signs between them than a card's own; the groups of any card among them."""
    groups = _SEPARATORS.split(look.value)
    wanted = (tuple(map(len, _digits_of(groups))),) if len(groups[0]) == 1 else _GROUPS
    for first in range(len(groups)):
        for sizes in wanted:
            chosen = groups[first : first + len(sizes)]
            if tuple(map(len, chosen)) == sizes and (network := _network("".join(chosen))):
                return _parts(look, first, len(sizes), network)
    return NO


def _digits_of(groups: list[str]) -> list[str]:
    return groups if all(len(one) == 1 for one in groups) else []


def _parts(look: Look, first: int, count: int, network: str) -> float | Judged:
    raw = look.shadow.raw[look.start : look.end]
    places = [match.span() for match in _DIGITS.finditer(raw)][first : first + count]
    part = look.shrunk(look.start + places[0][0], look.start + places[-1][1])
    if not part.stands_alone() or network == "maestro" or part.value.isdigit():
        return NO
    is_named = _CARD.within(part.before(56), part.after(30))
    if not is_named and (_OTHER.within(part.before(_NEAR)) or _LISTS & set(part.value)):
        return NO
    return Judged(0.9 if is_named else _PARTED, part.start, part.end)


_DIGITS: Final = re.compile(rb"[0-9]+")


def _code(look: Look) -> float:
    return 0.95 if look.stands_alone() else NO


def _track(look: Look) -> float:
    return 0.99 if luhn(look.match.group(1).decode()) else 0.6


RULES: Final = (
    # Groups with whatever between, of up to eight signs.
    Rule("card/parted/1", Category.PAYMENT_CARD,
         r"\b\d{4}(?:[^0-9A-Za-z]{1,8}(?:\d{4}|\d{6}|\d{5})){2,12}\b|\b\d(?:[^0-9A-Za-z]{1,3}\d){12,18}\b", _parted),
    # Four groups of four, Amex's 4-6-5, Diners' 4-6-4, any even spacing, or none.
    Rule("card/pan/2", Category.PAYMENT_CARD, r"\d(?:[ -]?\d){11,18}(?:\b|_)", _card),
    Rule("card/code/1", Category.CARD_CODE,
         r"(?i)\b(?:cvv2?|cvc2?|cid|cav2?|card verification(?: value| code| number)?|security code|sicherheitscode|prüfziffer"
         r"|kartenprüfnummer|cryptogramme|código de seguridad|codice di sicurezza)\b[\s:=#\"'-]{0,6}(?:is|number|code|:)?\s{0,2}[\"']?(\d{3,4})\b",
         _code, group=1),
    # ISO/IEC 7813: track 1 begins with %B, track 2 with ;.
    Rule("card/track/1", Category.CARD_TRACK, r"(?:%B|;)(\d{12,19})(?:\^[^^\n]{2,26}\^|=)\d{7,40}\??", _track),
)  # fmt: skip
