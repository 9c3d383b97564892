"""E-mail addresses, phone numbers, dates of birth."""

import re
from typing import Final

import phonenumbers

from appliance.dlp.look import NO, Cues, Judged, Look, Rule
from appliance.dlp.values import Category

_PACKAGE: Final = re.compile(rb"\.\d|@")
_LOCAL: Final = re.compile(r"[^\W_](?:[\w.%+'-]*[\w+-])?$|[\w.%+'-]*[\w+-]$")
_LONGEST_LABEL: Final = 63
_IN_URL: Final = re.compile(rb"(?:://[^\s/@]{0,12}:|:)$")


def _email(look: Look) -> Judged | float:
    """Take what stands before the sign as far as it can be part of an address: looking for that first would cost much more."""
    before = _LOCAL.search(look.shadow.raw[max(0, look.start - 64) : look.start].decode("utf-8", "ignore"))
    labels = look.value[1:].split(".")
    # Counted here: in the expression, it would be nine tenths of the time that all rules take to be made ready.
    if max(map(len, labels)) > _LONGEST_LABEL:
        return NO
    if before is None or labels[0].isdigit() or look.goes_on(_PACKAGE):  # lodash@4.17
        return NO
    look = look.shrunk(look.start - len(before.group().encode()), look.end)
    if _IN_URL.search(look.shadow.raw[max(0, look.start - 60) : look.start]) and b"://" in look.before(60):
        return NO  # user:password@host: a connection, which its own rule takes
    return Judged(0.99, look.start, look.end)


PHONE: Final = Cues(
    "phones?|tel|telephone|telefono|teléfono|telefon|téléphone|mobile?|mobil|handy|cell|cellphone|call(?:ed|ing|s|er)?|fax|whatsapp"
    "|sms|text(?:ed)?|contact|reach|number is|hotline|dial|ring|voicemail|móvil|celular|portable|rufnummer|telefonisch|[tm][:.]|ph"
    "|landline|pager|signal|mobiel|komórka|numero|rückruf|durchwahl|gsm"
)
_STRONG: Final = Cues(
    "phone|tel|telephone|mobile|cell|fax|call me (?:on|at)|whatsapp|desk|office|telefon|teléfono|telefonisch unter|my number is"
    "|number is|tél|telefonnummer|handynummer|mobil"
)
NOT_PHONE: Final = Cues(
    "order|tracking|invoice|isbn|serial|part|model|ticket|ref|reference|imei|version|build|lot|batch|sku|po|docket|exhibit|id"
    "|account|acct|routing|aba|mrn|npi|ssn|policy|member|claim|card|flyer|seat|series|seats|room|bytes|epoch|ts|items|confirmation"
    "|license|passport|sequence|protocolo|uuid|sha|temperatures?|coordinates|date|dated|on|dob|bestellung|rechnung|konto|artikel|ean|gtin|upc|parcel"
    "|auftrag|sendung|lieferung|facture|commande|colis|factura|pedido|fattura|ordine|fatura"
)
_BESIDE: Final = re.compile(r"^[\s-]{0,2}(?:office|fax|mobile|cell|home|work)")
_REGIONS: Final = ("US", "GB", "DE", "FR", "ES", "IT", "IN", "AU", "NL", "PL", "BR", "MX", "CH", "AT", "IE", "SE", "JP")
_DATE: Final = re.compile(
    r"(?:19|20)\d\d[-. /]\d\d?[-. /]\d\d?|\d\d?[-. /]\d\d?[-. /](?:19|20)?\d\d|\d{1,3}(?:\.\d{1,3}){3}|\d{3}-\d{2}-\d{4}"
)
_AMERICAN: Final = re.compile(
    r"(?:\+?1[ .-]?)?\(?[2-9]\d\d\)?[ .-]?\d\d\d[ .-]\d{4}(?:\s?(?:x|ext\.?|extension)\s?\d+)?"
)
_GOES_ON: Final = re.compile(rb"[-.:/]\d|,\d{3}|@|[-.][A-Za-z]\d")
_IS_PART: Final = re.compile(rb"(?:[A-Za-z0-9][-./=:]|[$#@\xa3\xac/=])$")
_OF_A_LIST: Final = re.compile(rb"[0-9] $")
_FRACTION: Final = re.compile(r"\d+\.\d+")
_EXTENSION: Final = re.compile(r"x|ext|durchwahl", re.IGNORECASE)
_FEWEST, _MOST = 7, 15


def _phone(look: Look) -> float:
    value = look.value
    digits = re.sub(r"\D", "", _EXTENSION.split(value)[0])
    if not _FEWEST <= len(digits) <= _MOST or len(set(digits)) == 1 or _DATE.fullmatch(value):
        return NO
    if not look.stands_alone() or look.goes_on(_GOES_ON) or look.comes_after(_IS_PART):
        return NO
    before, near = look.before(40), look.before(22)
    # What the next line says, it says of the next line.
    is_named, is_strong = PHONE.within(before, look.after(14).split(b"\n")[0]), _STRONG.within(look.before(18))
    is_strong = is_strong or bool(_BESIDE.match(look.after(12).decode("utf-8", "replace")))
    if (_FRACTION.fullmatch(value) and not is_strong) or (value[0].isdigit() and look.comes_after(_OF_A_LIST)):
        return NO
    against, towards = NOT_PHONE.last(near), PHONE.last(near)
    is_parted, is_international = any(sign in " -./()" for sign in value), value[0] == "+" or value.startswith("00")
    if is_international:
        known = _known(f"+{digits[2:]}" if value.startswith("00") else value, ("ZZ", "US"))
        likely = (0.5 if is_named else 0.1, 0.6, 0.9)[known]
    elif _AMERICAN.fullmatch(value):
        likely = 0.8 if is_parted else 0.3
        against = NOT_PHONE.last(before[-13:])
    elif "(" in value:
        likely = 0.75 if _known(value, _REGIONS) else 0.6 if is_named else 0.3
    elif is_parted:
        likely = (0.0, 0.3, 0.55)[_known(value, _REGIONS)] + (0.3 if is_named else 0.0 if digits[0] == "0" else -0.3)
    elif is_named:
        likely = 0.7 if _known(value, _REGIONS) == len(("possible", "valid")) else 0.45
    else:
        return NO
    return _weighed(
        likely, is_named=is_named, is_strong=is_strong, is_parted=is_parted, against=against, towards=towards
    )


def _weighed(likely: float, *, is_named: bool, is_strong: bool, is_parted: bool, against: int, towards: int) -> float:
    if is_named and against < 0:
        likely = min(0.99, likely + 0.15)
    elif against >= 0 and not is_named:
        likely -= 0.45
    elif against >= 0 and not 0 <= towards <= against:
        likely -= 0.3
    if is_strong and against < 0:
        likely = max(likely, 0.6 if is_parted else 0.55)
    return likely


def _known(number: str, regions: tuple[str, ...]) -> int:
    """Return 2 for a number that is given out somewhere, 1 for one that could be, else 0."""
    best = 0
    for region in regions:
        try:
            parsed = phonenumbers.parse(number, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(parsed):
            return 2
        best = max(best, int(phonenumbers.is_possible_number(parsed)))
    return best


def _trimmed_phone(look: Look) -> float | Judged:
    """Judge what is left without spaces and brackets that nothing closes."""
    raw = look.shadow.raw[look.start : look.end]
    end = look.start + len(raw.rstrip(b" -./("))
    start = look.start + (len(raw) - len(raw.lstrip(b" -./")))
    if raw[start - look.start : start - look.start + 1] == b"(" and b")" not in raw:
        start += 1
    inner = look.shrunk(start, end)
    likely = _phone(inner) if end > start else NO
    return Judged(likely, start, end) if likely > 0 else NO


_MONTH: Final = (
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|janv|févr|mars|avril|mai|juin|juil|août|sept|okt|dez|märz|enero|febrero|marzo"
    r"|abril|mayo|junio|julio|agosto|octubre|noviembre|diciembre|gennaio|febbraio|aprile|maggio|giugno|luglio|settembre|ottobre|dicembre)"
    r"[a-zé]*"
)
DAY: Final = (
    rf"(?:\d{{1,2}}[/.-]\d{{1,2}}[/.-](?:19|20)?\d{{2}}|(?:19|20)\d{{2}}[/.-]\d{{1,2}}[/.-]\d{{1,2}}"
    rf"|{_MONTH}\.? \d{{1,2}}(?:st|nd|rd|th)?,? (?:19|20)\d{{2}}|\d{{1,2}}\.?(?:st|nd|rd|th)? (?:de )?{_MONTH}\.?,? (?:de )?(?:19|20)\d{{2}})"
)


def _born(look: Look) -> float:
    return 0.95 if look.stands_alone() else NO


RULES: Final = (
    Rule("email/1", Category.EMAIL,
         r"@(?:[\pL\pN]+(?:-+[\pL\pN]+)*\.)+\pL{2,24}", _email),
    Rule("phone/1", Category.PHONE,
         r"(?i)(?:\+|\(|\b)\d[\d ()./-]{5,22}\d(?:\s?(?:x|ext\.?|extension|durchwahl)\s?\d{1,6})?\b", _trimmed_phone),
    Rule("birth-date/1", Category.BIRTH_DATE,
         r"(?i)\b(?:d\.?o\.?b\.?|date ?of ?birth|birth ?date|born(?: on)?|birthday|geb(?:oren|\.)?(?: am)?|geburtsdatum|née?\(?e?\)? le"
         r"|date de naissance|fecha de nacimiento|nacid[oa] el|data di nascita|nat[oa] il|data de nascimento|geboortedatum|geboren op|urodzon[ya]|data urodzenia)"
         rf"[\s:=\"'>,-]{{0,6}}(?:is|was|on|ist)?\s{{0,2}}({DAY})\b", _born, group=1),
)  # fmt: skip
