"""Exact detectors: shape, then checksum. Each runs in linear time over the text."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Category(StrEnum):
    PAYMENT_CARD = "payment card number"
    PRIVATE_KEY = "private key"


@dataclass(frozen=True)
class Finding:
    """What was found, by which rule, at characters start to end. The value itself is not kept."""

    category: Category
    rule: str
    start: int
    end: int


# 13 to 19 digits, singly apart by at most one space or hyphen, not inside a longer run of digits or a decimal.
_CARD = re.compile(r"(?<![\d.,])(?<!\d[ -])[3-6]\d(?:[ -]?\d){11,17}(?![\d])(?![ -]\d)(?![.,]\d)")
_PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z]{2,10} ){0,2}PRIVATE KEY(?: BLOCK)?-----")
# Length and prefix by network: Visa, Mastercard, American Express, Discover, JCB (ISO/IEC 7812 ranges, as published).
_NETWORKS = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:2[2-9]|[3-6]\d|7[01])\d{13}|3[47]\d{13}|6(?:011|5\d\d)\d{12}|35\d{14}"
)


def inspect(text: str) -> list[Finding]:
    """Return the findings in order. Full-width digits and no-break spaces count as what they look like."""
    shadow = _shadow(text)
    return sorted([*_cards(shadow), *_private_keys(shadow)], key=lambda finding: finding.start)


def _cards(text: str) -> Iterator[Finding]:
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        if _NETWORKS.fullmatch(digits) and len(set(digits)) > 1 and _luhn(digits):  # sixteen times one digit is no card
            yield Finding(Category.PAYMENT_CARD, "card/luhn/1", match.start(), match.end())


def _private_keys(text: str) -> Iterator[Finding]:
    for match in _PRIVATE_KEY.finditer(text):
        yield Finding(Category.PRIVATE_KEY, "key/pem/1", match.start(), match.end())


def _luhn(digits: str) -> bool:
    total = 0
    for place, sign in enumerate(reversed(digits)):
        value = int(sign) * (1 + place % 2)
        total += value - 9 * (value > 9)  # noqa: PLR2004 - Luhn's rule
    return total % 10 == 0


def _shadow(text: str) -> str:
    # Sign by sign and of the same length, so that offsets stay those of the text.
    if text.isascii():
        return text
    return "".join(_plain(sign) for sign in text)


def _plain(sign: str) -> str:
    if sign.isascii():
        return sign
    if sign.isdecimal():
        return str(unicodedata.decimal(sign))
    if unicodedata.category(sign) in {"Zs", "Cf"}:
        return " "
    return "-" if unicodedata.category(sign) == "Pd" else sign
