"""Tables in a text: CSV, tabs, pipes, the rows of an INSERT. What a column is called speaks for all that stands in it.

A column is judged, not a cell: of true card numbers nearly all pass their check digit, of any others one in ten. One walk
over the rows below each header, and no row is read twice.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from appliance.dlp.look import Found, pattern
from appliance.dlp.rules.checksums import luhn
from appliance.dlp.shadow import Shadow
from appliance.dlp.values import Category

Cell = tuple[int, int]
Row = list[Cell]
_C: Final = Category
_MOST: Final = 0.6
_CONFIDENCE: Final = 0.9
_LONGEST_HEADER, _LONGEST_LINE, _FEWEST_COLUMNS = 1_000, 20_000, 2


@dataclass(frozen=True)
class _Column:
    """What a column by one of these names holds, and what a cell of it looks like."""

    category: Category
    names: str
    fits: Callable[[str], bool]
    is_ambiguous: bool = False
    """Whether only another column about people shows that it is about people."""


def _digits(value: str) -> str:
    return re.sub(r"\D", "", value)


def _shape(expression: str) -> Callable[[str], bool]:
    compiled = re.compile(expression)
    return lambda value: compiled.fullmatch(value) is not None


def _is_card(value: str) -> bool:
    digits = _digits(value)
    return re.fullmatch(r"\d(?:\D?\d){12,18}", value) is not None and len(set(digits)) > 1 and luhn(digits)


def _is_phone(value: str) -> bool:
    return re.fullmatch(r"[+(]?\d[\d ()./-]{5,22}", value) is not None and 7 <= len(_digits(value)) <= 15  # noqa: PLR2004 - E.164


_NAME: Final = _shape(r"[^\W\d_][^\d_@/\\=<>{}\[\]|#$%*+:;]{1,60}")
_DATE: Final = _shape(r"\d{1,4}[-./ ]\d{1,2}[-./ ]\d{1,4}(?:[T ].{0,20})?|\d{8}|\d{1,2}\.? \w{3,10}\.? \d{4}")
_COLUMNS: Final = (
    _Column(_C.PAYMENT_CARD, r"(?:credit|debit|payment|bank)? ?card(?: ?(?:number|no|num|nr))?|pan|cc(?: ?(?:number|no|num))?|ccn|kartennummer|kreditkarte(?:nnummer)?|tarjeta|num carte", _is_card),
    _Column(_C.CARD_CODE, r"(?:card )?(?:cvv2?|cvc2?|security code)|card code|card verification(?: code| value)?|kartenprüfnummer", _shape(r"\d{3,4}")),
    _Column(_C.SOCIAL_SECURITY, r"ssn|social security(?: ?(?:number|no))?|social|itin", _shape(r"(?!000|666)\d{3}[- .]?(?!00)\d{2}[- .]?(?!0000)\d{4}")),
    _Column(_C.NATIONAL_ID, r"national id(?: ?(?:number|no))?|identity (?:number|no)|tax id|steuer ?id|dni|nie|pesel|cpf|bsn|nir|nino|personnummer|ausweisnummer", _shape(r"(?=(?:.*\d){5})[A-Z0-9][A-Z0-9 ./-]{6,18}")),
    _Column(_C.PERSON, r"(?:first|last|given|family|middle|full|maiden|sur|fore) ?name|(?:customer|patient|employee|client|contact|person|member|insured|cardholder|holder|student|guest|passenger) ?(?:first |last |full )?name"
            r"|surname|cardholder|vorname|nachname|familienname|prenom|prénom|apellidos?|nombre completo|nom de famille|cognome|sobrenome|achternaam|voornaam|fname|lname", _NAME),
    _Column(_C.PERSON, r"name|nom|nombre|nome|naam|patient|customer|employee|client|kunde|mitarbeiter", _shape(r"[^\W\d_a-z][^\W\d_]*(?:[ ,'-]+[^\W\d_][^\W\d_.]*\.?){1,3}"), is_ambiguous=True),
    _Column(_C.PHONE, r"(?:home |work |cell |mobile |contact |customer )?(?:phone|telephone|tel|mobile|cell|fax|handy|telefon|téléphone|teléfono|telefono)(?: ?(?:number|no|num|nr))?|telefonnummer", _is_phone),
    _Column(_C.BIRTH_DATE, r"dob|birth ?(?:date|day)|date of birth|geburtsdatum|geboren|date de naissance|fecha de nacimiento|data di nascita|born", _DATE),
    _Column(_C.ADDRESS, r"(?:street|home|postal|mailing|billing|shipping|customer)? ?address(?: ?(?:line ?)?1)?|street|straße|strasse|anschrift|adresse|dirección|indirizzo", _shape(r"(?=.*\d)(?=.*[^\W\d_]).{5,120}")),
    _Column(_C.MEDICAL_RECORD, r"mrn|medical record(?: ?(?:number|no))?|patient (?:id|number|no)|patientennummer|chart (?:number|no)", _shape(r"(?=(?:.*\d){4})[A-Za-z0-9][A-Za-z0-9-]{3,19}")),
    _Column(_C.PASSPORT, r"passport(?: ?(?:number|no|num))?|reisepass(?:nummer)?|passnummer", _shape(r"(?=(?:.*\d){4})[A-Z0-9]{6,10}")),
    _Column(_C.DRIVING_LICENCE, r"driv(?:ers?|ing) licen[cs]e(?: ?(?:number|no))?|dln?|führerschein(?:nummer)?", _shape(r"(?=(?:.*\d){4})[A-Z0-9 -]{6,20}")),
    _Column(_C.BANK_ACCOUNT, r"(?:bank )?account (?:number|no)|acct(?: ?(?:number|no))|kontonummer", _shape(r"\d[\d -]{5,18}")),
    _Column(_C.SECRET, r"password|passwd|pwd|passwort|kennwort|passphrase", _shape(r"\S{4,128}")),
)  # fmt: skip
_KNOWN: Final = tuple((column, re.compile(column.names)) for column in _COLUMNS)
_CALLED: Final = "|".join(f"(?:{column.names})" for column in _COLUMNS).replace(" ", "[ _.-]")
_HEADER: Final = pattern(rf"(?im)(?:^|[,;\t|])[ \t]*[\"']?(?:{_CALLED})[\"']?[ \t]*(?:[,;\t|]|\r?$)")
_INSERT: Final = pattern(r"(?i)\binsert\s+(?:into\s+)?[\w.\"`\[\]]{1,120}\s*\(([^()]{1,1000})\)\s*values\s*")
_TUPLE: Final = pattern(r"\s*,?\s*\(((?:'(?:[^'\\]|''|\\.)*'|[^()';])*)\)")
_CSV: Final = {delimiter: re.compile(rb'"(?:[^"\n]|"")*"|[^%b\n]*' % re.escape(delimiter)) for delimiter in (b",", b";", b"\t", b"|")}
_SQL: Final = re.compile(rb"'(?:[^'\\]|''|\\.)*'|[^,]*")
_RULED: Final = b"|-+:= \t\r"
"""What a line under a header is drawn with."""
_QUOTES: Final = b" \t\r\"'`[]"


def find(shadow: Shadow) -> Iterator[Found]:
    """Return what stands in columns whose name says what they hold. Linear in the text."""
    if b"\n" in shadow.raw:  # below a header there is a row
        yield from _written(shadow.raw)
    if b"insert" in shadow.lower:
        yield from _inserted(shadow.raw)


def _written(raw: bytes) -> Iterator[Found]:
    done = 0
    for match in _HEADER.finditer(raw):
        if match.start() < done:
            continue
        start = raw.rfind(b"\n", 0, match.start()) + 1
        end = done = _line_end(raw, start)
        if end - start > _LONGEST_HEADER:
            continue
        delimiter = max(_CSV, key=partial(_count, raw, start, end))
        header = _cells(raw, start, end, _CSV[delimiter], delimiter)
        if len(header) < _FEWEST_COLUMNS:
            continue
        rows, done = _rows(raw, end, delimiter, len(header))
        yield from _judged(raw, header, rows)


def _rows(raw: bytes, at: int, delimiter: bytes, width: int) -> tuple[list[Row], int]:
    """Return the rows below a header, and where they end: with the first line that has other cells."""
    rows = list[Row]()
    while at < len(raw):
        start, end = at + 1, _line_end(raw, at + 1)
        if not 0 < end - start <= _LONGEST_LINE:
            break
        cells = _cells(raw, start, end, _CSV[delimiter], delimiter)
        if len(cells) != width:
            break
        if raw[start:end].strip(_RULED):
            rows.append(cells)
        at = end
    return rows, at


def _count(raw: bytes, start: int, end: int, delimiter: bytes) -> int:
    return raw.count(delimiter, start, end)


def _line_end(raw: bytes, start: int) -> int:
    found = raw.find(b"\n", start)
    return len(raw) if found < 0 else found


def _inserted(raw: bytes) -> Iterator[Found]:
    at = 0
    while (match := _INSERT.search(raw, at)) is not None:
        (start, end), rows, at = match.span(1), list[Row](), match.end()
        header = _cells(raw, start, end, _CSV[b","], b",")
        while (values := _TUPLE.match(raw, at)) is not None:
            start, end = values.span(1)
            cells, at = _cells(raw, start, end, _SQL, b","), values.end()
            if len(cells) == len(header):
                rows.append(cells)
        yield from _judged(raw, header, rows)


def _cells(raw: bytes, start: int, end: int, cell: Any, delimiter: bytes) -> Row:
    """Return where the cells of a line stand, without what is around their values."""
    cells, at = list[Cell](), start
    while at <= end:
        after = min(cell.match(raw, at, end).end(), end)
        if after < end and raw[after : after + 1] != delimiter:
            stop = raw.find(delimiter, after, end)
            after = end if stop < 0 else stop
        cells.append(_trimmed(raw, at, after))
        at = after + 1
    return cells


def _trimmed(raw: bytes, start: int, end: int) -> Cell:
    value = raw[start:end]
    first = start + len(value) - len(value.lstrip(_QUOTES))
    return first, max(first, start + len(value.rstrip(_QUOTES)))


def _judged(raw: bytes, header: Row, rows: Sequence[Row]) -> Iterator[Found]:
    columns = [_called(raw[start:end]) for start, end in header]
    told = [(column, _fitting(raw, column, place, rows)) for place, column in enumerate(columns) if column]
    is_about_people = any(cells and not column.is_ambiguous for column, cells in told)
    for column, cells in told:
        if is_about_people or not column.is_ambiguous:
            yield from (Found(column.category, "column/1", start, end, _CONFIDENCE) for start, end in cells)


def _fitting(raw: bytes, column: _Column, place: int, rows: Sequence[Row]) -> list[Cell]:
    """Return the cells that look like what the column should hold, or none if most do not."""
    filled = [row[place] for row in rows if row[place][0] < row[place][1]]
    fitting = [cell for cell in filled if column.fits(raw[cell[0] : cell[1]].decode("utf-8", "replace"))]
    return fitting if len(fitting) >= _MOST * len(filled) else []


def _called(name: bytes) -> _Column | None:
    told = re.sub(r"[ _.-]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.decode("utf-8", "replace"))).strip().lower()
    return next((column for column, shape in _KNOWN if shape.fullmatch(told)), None)
