"""Bank accounts: IBAN by its check digits (ISO 13616), others by what stands before them."""

from typing import Final

from stdnum import iban

from appliance.dlp.look import NO, Judged, Look, Rule
from appliance.dlp.rules.checksums import aba
from appliance.dlp.rules.government import GAP
from appliance.dlp.values import Category

_SHORTEST, _LEAST, _MOST, _SORT_CODE = 15, 6, 17, 6


def _iban(look: Look) -> Judged | float:
    """Take the longest beginning that its check digits prove: what follows may be the next word."""
    raw = look.shadow.raw[look.start : look.end]
    ends = [place + 1 for place, sign in enumerate(raw) if sign not in b" -"]
    for cut in range(len(ends) - 1, _SHORTEST - 2, -1):
        if len(ends) - cut > 4:  # noqa: PLR2004 - no more than the next word's beginning can have been taken with it
            break
        value = raw[: ends[cut]].translate(None, b" -").decode()
        if iban.is_valid(value, check_country=False):
            return Judged(0.99, look.start, look.start + ends[cut])
    return NO


def _account(look: Look) -> float:
    return 0.9 if look.stands_alone() and _LEAST <= len(look.digits) <= _MOST else NO


def _routing(look: Look) -> float:
    return 0.9 if look.stands_alone() and aba(look.digits) else NO


def _sort_code(look: Look) -> float:
    return 0.85 if look.stands_alone() and len(look.digits) == _SORT_CODE else NO


RULES: Final = (
    Rule("iban/1", Category.IBAN, r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?\b", _iban),
    Rule("account/1", Category.BANK_ACCOUNT,
         rf"(?i)\b(?:(?:bank )?(?:account|acct|a/c)(?: number| no\.?| num| #)?|kontonummer|konto-nr\.?|konto|n[uú]mero de cuenta|compte|rekeningnummer|numero di conto){GAP}"
         r"(\d{4,6}[ -]?\d{2,6}[ -]?\d{0,6}\d)\b", _account, group=1),
    Rule("routing/1", Category.BANK_ACCOUNT,
         rf"(?i)\b(?:routing(?: number| no\.?| transit(?: number)?)?|aba(?: number| no| routing)?|rtn|transit){GAP}(\d{{9}})\b", _routing, group=1),
    Rule("sort-code/1", Category.BANK_ACCOUNT, rf"(?i)\bsort ?code{GAP}(\d{{2}}-?\d{{2}}-?\d{{2}})\b", _sort_code, group=1),
)  # fmt: skip
