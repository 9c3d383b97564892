"""Numbers that further states give to people, known by a check digit and a word near, or by a shape that nothing else has."""

from collections.abc import Callable
from datetime import date
from typing import Final

from stdnum.au import tfn
from stdnum.be import nn
from stdnum.ca import sin
from stdnum.dk import cpr
from stdnum.fi import hetu
from stdnum.ie import pps
from stdnum.no import fodselsnummer
from stdnum.pt import cc, nif

from appliance.dlp.look import NO, Cues, Look, Rule
from appliance.dlp.values import Category

_BEFORE, _AFTER = 48, 24
_MY_NUMBER_LENGTH: Final = 12
_KOREAN_CENTURIES: Final = {"1": 1900, "2": 1900, "3": 2000, "4": 2000, "5": 1900, "6": 1900, "7": 2000, "8": 2000, "9": 1800, "0": 1800}


def _proved(check: Callable[[str], bool], words: str, *, alone: float = NO) -> Callable[[Look], float]:
    """Return the judge of a number that is right by `check`: sure with one of these words near, else as likely as said."""
    cues = Cues(words)

    def judge(look: Look) -> float:
        if not look.stands_alone(b"-./", b"-/") or len(set(look.digits)) == 1 or not check(look.value):
            return NO
        return 0.95 if look.has_around(cues, _BEFORE, _AFTER) else alone

    return judge


def _korean(value: str) -> bool:
    """Say whether it begins with a day of birth: numbers given out since 2020 have no check digit."""
    digits = value.replace("-", "").replace(" ", "")
    try:
        date(_KOREAN_CENTURIES[digits[6]] + int(digits[:2]), int(digits[2:4]), int(digits[4:6]))
    except ValueError:
        return False
    return True


def _my_number(value: str) -> bool:
    """Say whether the last of twelve digits checks the others (Japan, order 85 of 2014, article 5)."""
    digits = [int(sign) for sign in value if sign.isdigit()]
    if len(digits) != _MY_NUMBER_LENGTH:
        return False
    weights = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
    rest = sum(digit * weight for digit, weight in zip(digits, weights, strict=False)) % 11
    return digits[-1] == (0 if rest <= 1 else 11 - rest)


_NATIONAL = Category.NATIONAL_ID
_BELGIAN: Final = "rijksregister(?:nummer)?|numéro national|registre national|nationaal nummer|niss|insz|nrn|national number|belg(?:ian|ium)"
RULES: Final = (
    Rule("be/nn/1", _NATIONAL, r"\b\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}\b", _proved(nn.is_valid, _BELGIAN, alone=0.9)),
    Rule("be/nn-bare/1", _NATIONAL, r"\b\d{11}\b", _proved(nn.is_valid, _BELGIAN)),
    Rule("pt/cc/1", _NATIONAL, r"\b\d{8}[ -]?\d[ -]?[A-Z0-9]{2}\d\b",
         _proved(cc.is_valid, "cartão de cidadão|cartao de cidadao|citizen card|número de documento|bilhete de identidade")),
    Rule("pt/nif/1", _NATIONAL, r"\b[1-3]\d{2} ?\d{3} ?\d{3}\b", _proved(nif.is_valid, "nif|contribuinte|identificação fiscal|portugal|portuguese")),
    Rule("dk/cpr/1", _NATIONAL, r"\b[0-3]\d[01]\d{3}[- ]?\d{4}\b", _proved(cpr.is_valid, "cpr|cpr-?(?:nr|nummer)|personnummer|danish|denmark")),
    Rule("fi/hetu/1", _NATIONAL, r"\b[0-3]\d[01]\d{3}[-+ABCDEFYXWVU]\d{3}[0-9A-FHJ-NPR-Y]\b",
         _proved(hetu.is_valid, "hetu|henkilötunnus|personbeteckning|finnish|finland", alone=0.85)),
    Rule("no/fnr/1", _NATIONAL, r"\b[0-7]\d[0-6]\d{3} ?\d{5}\b",
         _proved(fodselsnummer.is_valid, "fødselsnummer|fodselsnummer|fnr|personnummer|d-nummer|norwegian|norway")),
    Rule("ie/pps/1", _NATIONAL, r"\b\d{7}[A-W][ABWTXZ]?\b", _proved(pps.is_valid, "ppsn?|pps (?:no|number)|personal public service|irish|ireland")),
    Rule("au/tfn/1", _NATIONAL, r"\b\d{3}[ -]?\d{3}[ -]?\d{2,3}\b", _proved(tfn.is_valid, "tfn|tax file(?: number| no)?")),
    Rule("ca/sin/1", _NATIONAL, r"\b[1-79]\d{2}[ -]?\d{3}[ -]?\d{3}\b", _proved(sin.is_valid, "sin[:#]|sin (?:no\\.?|number)|s\\.i\\.n\\.?|social insurance(?: number| no)?|nas|numéro d'assurance sociale")),
    Rule("kr/rrn/1", _NATIONAL, r"\b\d{2}[01]\d[0-3]\d[- ]?\d{7}\b",
         _proved(_korean, "rrn|resident registration(?: number| no)?|korean?|주민등록번호|주민번호")),
    Rule("jp/my-number/1", _NATIONAL, r"\b\d{4}[ -]?\d{4}[ -]?\d{4}\b", _proved(_my_number, "my ?number|individual number|マイナンバー|個人番号")),
)  # fmt: skip
