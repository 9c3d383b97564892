"""Numbers that states give to people: social security, tax, identity cards, passports, licences."""

import re
from collections.abc import Callable
from typing import Final

from stdnum.br import cpf
from stdnum.ch import ssn as ahv
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.in_ import aadhaar
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.se import personnummer

from appliance.dlp.look import NO, Cues, Look, Rule
from appliance.dlp.values import Category

GAP: Final = r"[\s:=#\"'.)>\]-]{0,6}(?:is|are|was|of|ist|lautet|es|est|no\.?|nr\.?|number|num|id|card|#|:|=|n[°ºo]\.?)?[\s:=#\"'.(>-]{0,4}"
"""What stands between the name of a number and the number."""
_SOCIAL: Final = Cues(
    "ssns?|social(?: security)?(?: number| no| num)?|soc sec|ss#|ss|tax ?id|taxpayer|tin|itin|w-?9|w-?2|last (?:4|four)"
)
_NOT_SOCIAL: Final = Cues(
    "routing|aba|account|acct|passport|npi|flyer|employee|part|sku|order|ref|reference|isbn|model|serial|invoice|ticket|phone|tel"
    "|fax|zip|mrn|record|case|po|tracking|extension|ext"
)
_NOT_ALONE: Final = re.compile(rb"[-.]\d|-[A-Za-z]")
_WITHIN: Final = re.compile(rb"[A-Za-z0-9][-.]$")
_ITIN_GROUPS: Final = frozenset((*range(50, 66), *range(70, 89), *range(90, 93), *range(94, 100)))
_ID_WORDS: Final = Cues(
    "dni|nie|nif|identidad|document(?:o)? (?:nacional)?|pesel|cpf|cpf/mf|pan|permanent account|tax|india|personnummer|ahv|avs|nir"
    "|sécurité sociale|insee|national insurance|nino|ni number|ni no|codice fiscale|bsn|aadhaar|uidai"
)
_FAR, _NEAR = 60, 24


def _social(look: Look) -> float:
    value = look.value
    digits, between = look.digits, value[3] if not value[3].isdigit() else ""
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    if area in {"000", "666"} or group == "00" or serial == "0000" or len(set(digits)) == 1:
        return NO
    if not look.stands_alone() or look.goes_on(_NOT_ALONE) or look.comes_after(_WITHIN):
        return NO
    is_tax = area[0] == "9"
    if is_tax and int(group) not in _ITIN_GROUPS:
        return NO
    before = look.before(_FAR)
    towards, against = _SOCIAL.last(before), _NOT_SOCIAL.last(before[-34:])
    is_named = (towards >= 0 and (against < 0 or towards <= against)) or _SOCIAL.within(look.after(20))
    if not between:
        return 0.85 if is_named else NO
    if is_named:
        return 0.95
    likely = {"-": 0.85, " ": 0.5, ".": 0.45}[between]
    if 0 <= against <= _NEAR:
        likely -= 0.4
    return likely - 0.3 if is_tax else likely


def _valid(check: Callable[[str], bool], *, named: float, alone: float = NO) -> Callable[[Look], float]:
    """Return the judge of a number that a check digit proves: how likely with a word for it near, and without."""

    def judge(look: Look) -> float:
        if not look.stands_alone() or look.goes_on(_NOT_ALONE) or look.comes_after(_WITHIN):
            return NO
        value = look.value.replace(" ", "").replace("-", "")
        if not check(value) or len(set(look.digits)) == 1:
            return NO
        return named if look.has_around(_ID_WORDS, 48, 24) else alone

    return judge


def _any(_value: str) -> bool:
    return True


def _after_its_name(check: Callable[[str], bool] = _any, confidence: float = 0.9) -> Callable[[Look], float]:
    """Return the judge of a number whose name the pattern found before it."""

    def judge(look: Look) -> float:
        return confidence if look.stands_alone() and check(look.value.replace(" ", "").replace("-", "")) else NO

    return judge


def _spanish(value: str) -> bool:
    return bool(nie.is_valid(value) if value[0] in "XYZ" else dni.is_valid(value))


def _has_digits(least: int) -> Callable[[str], bool]:
    return lambda value: sum(sign.isdigit() for sign in value) >= least


_NATIONAL = Category.NATIONAL_ID
RULES: Final = (
    Rule("us/ssn/1", Category.SOCIAL_SECURITY, r"\b\d{3}(?:-\d{2}-|\.\d{2}\.| \d{2} |\d{2})\d{4}\b", _social),
    # Proved by a check digit, or by a shape that hardly anything else has.
    Rule("gb/nino/1", _NATIONAL, r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b",
         _valid(lambda value: value[:2] not in {"BG", "GB", "NK", "KN", "TN", "NT", "ZZ"}, named=0.95, alone=0.8)),
    Rule("es/dni/1", _NATIONAL, r"\b(?:[XYZ]\d{7}|\d{8})-?[A-HJ-NP-TV-Z]\b", _valid(_spanish, named=0.95, alone=0.75)),
    Rule("it/codice-fiscale/1", _NATIONAL, r"\b[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]\b",
         _valid(codicefiscale.is_valid, named=0.98, alone=0.95)),
    Rule("fr/nir/1", _NATIONAL, r"\b[12] ?\d{2} ?(?:0[1-9]|1[0-2]|20) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}\b",
         _valid(nir.is_valid, named=0.97, alone=0.8)),
    Rule("br/cpf/1", _NATIONAL, r"\b\d{3}\.\d{3}\.\d{3}-\d{2}\b", _valid(lambda value: cpf.is_valid(value.replace(".", "")), named=0.97, alone=0.95)),
    Rule("pl/pesel/1", _NATIONAL, r"\b\d{11}\b", _valid(pesel.is_valid, named=0.97)),
    Rule("ch/ahv/1", _NATIONAL, r"\b756\.?\d{4}\.?\d{4}\.?\d{2}\b", _valid(lambda value: ahv.is_valid(value.replace(".", "")), named=0.97, alone=0.9)),
    Rule("se/personnummer/1", _NATIONAL, r"\b(?:19|20)?\d{6}[-+]\d{4}\b", _valid(personnummer.is_valid, named=0.97, alone=0.55)),
    Rule("in/pan/1", _NATIONAL, r"\b[A-Z]{3}[PCHABGJLFT][A-Z]\d{4}[A-Z]\b", _valid(_any, named=0.85)),
    # Known by what stands before them.
    Rule("nl/bsn/1", _NATIONAL, rf"(?i)\b(?:bsn|burgerservicenummer|sofinummer){GAP}(\d{{9}})\b", _after_its_name(bsn.is_valid), group=1),
    Rule("de/steuer-id/1", _NATIONAL,
         rf"(?i)\b(?:steuer-?(?:id|identifikationsnummer|nummer)|idnr\.?|tax id){GAP}(\d{{2}} ?\d{{3}} ?\d{{3}} ?\d{{3}})\b", _after_its_name(idnr.is_valid), group=1),
    Rule("in/aadhaar/1", _NATIONAL, rf"(?i)\b(?:aadhaa?r|uidai|uid){GAP}(\d{{4}}[ -]?\d{{4}}[ -]?\d{{4}})\b", _after_its_name(aadhaar.is_valid), group=1),
    Rule("gb/nhs/1", _NATIONAL, rf"(?i)\bnhs(?: number| no\.?)?{GAP}(\d{{3}}[ -]?\d{{3}}[ -]?\d{{4}})\b", _after_its_name(nhs.is_valid), group=1),
    Rule("pl/pesel-named/1", _NATIONAL, rf"(?i)\bpesel{GAP}(\d{{11}})\b", _after_its_name(), group=1),
    Rule("de/personalausweis/1", _NATIONAL,
         rf"(?i)\b(?:personalausweis(?:nummer|nr\.?)?|ausweisnummer|id card(?: number| no\.?)?|identity card(?: number| no\.?)?|carte d'identité){GAP}([A-Z0-9]{{8,12}})\b",
         _after_its_name(_has_digits(4), 0.8), group=1),
    Rule("passport/1", Category.PASSPORT,
         rf"(?i)\b(?:(?:us |u\.s\. |uk )?passports?(?: number| no\.?| num| #)?|reisepass(?:nummer)?|passeport|pasaporte|passaporto|paspoort){GAP}([A-Z]{{0,2}}[0-9][A-Z0-9]{{5,8}})\b",
         _after_its_name(_has_digits(5)), group=1),
    Rule("driving-licence/1", Category.DRIVING_LICENCE,
         rf"(?i)\b(?:(?:driver'?s?'?|driving) licen[cs]e(?: number| no\.?| num| #)?|licen[cs]e number|dl(?: no\.?| #| number)?|d\.l\.|dln|führerschein(?:nummer)?|permis de conduire|patente){GAP}"
         r"([A-Z]{1,3}[ -]?\d{3,4}(?:-?\d{2,5}){0,3}\d{0,8}|\d{7,12}|[A-Z]{5}\d{6}[A-Z]{2}\d?[A-Z]{0,2})\b",
         _after_its_name(_has_digits(6)), group=1),
)  # fmt: skip
