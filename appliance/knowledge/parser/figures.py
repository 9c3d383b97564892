"""Numbers of a sheet as people see them: number formats of ECMA-376 18.8.31. Separators are the English ones.

A file does not say whose country its reader is in; where a date's format depends on that, the date is written as ISO 8601.
"""

import re
from datetime import datetime, timedelta

BUILT_IN = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "General", 13: "General",
    14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm",
    21: "h:mm:ss", 22: "yyyy-mm-dd hh:mm", 37: "#,##0;(#,##0)", 38: "#,##0;(#,##0)", 39: "#,##0.00;(#,##0.00)",
    40: "#,##0.00;(#,##0.00)", 45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "0.0E+0", 49: "@",
}  # fmt: skip
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TOKEN = re.compile(
    r'"([^"]*)"|\\(.)|[_*].|\[([^\]]*)\]|(AM/PM|A/P)|(General)|([yY]+|[mM]+|[dD]+|[hH]+|[sS]+(?:\.0+)?)'
    r"|([0#?][0#?,]*(?:\.[0#?]*)?,*(?:[Ee][+-][0#?]+)?|\.[0#?]+)|(.)"
)
_CURRENCY = re.compile(r"\$([^-]*)")
_MOST_DAYS = 2_958_466  # the year 9999
_DAY = 86_400

Token = tuple[str, str]  # literal, elapsed, half, general, date or digits; and its text


def shown(value: float, code: str, *, is_1904: bool = False) -> str:
    """Return a number as the format shows it; "" if the format hides it."""
    if code in {"", "General", "@"}:
        return general(value)
    sections = [_tokens(section) for section in _sections(code)]
    place = 0
    if len(sections) > 1:
        place = 1 if value < 0 else 2 if value == 0 and len(sections) > 2 else 0  # noqa: PLR2004 - the section of zero
    tokens = sections[place]
    if place == 1:
        value = -value
    if any(kind in {"date", "elapsed"} for kind, _ in tokens):
        return _moment(value, tokens, is_1904=is_1904)
    return _number(value, tokens)


def general(value: float) -> str:
    """Return a number in as many digits as people see without a format."""
    return str(int(value)) if abs(value) < 1e15 and value == int(value) else f"{value:.10g}"  # noqa: PLR2004 - exact integers


def _sections(code: str) -> list[str]:
    parts, start, is_quoted = [], 0, False
    for place, sign in enumerate(code):
        if sign == '"':
            is_quoted = not is_quoted
        elif sign == ";" and not is_quoted and code[place - 1 : place] != "\\":
            parts.append(code[start:place])
            start = place + 1
    return [*parts, code[start:]]


def _tokens(section: str) -> list[Token]:
    tokens: list[Token] = []
    for match in _TOKEN.finditer(section):
        quoted, escaped, bracketed, half, general_, date, digits, other = match.groups()
        if bracketed is not None:
            if currency := _CURRENCY.match(bracketed):
                tokens.append(("literal", currency[1]))
            elif bracketed.lower().strip("hms") == "" and bracketed:
                tokens.append(("elapsed", bracketed.lower()))
        elif half or general_:
            tokens.append(("half" if half else "general", ""))
        elif date:
            tokens.append(("date", date.lower()))
        elif digits:
            tokens.append(("digits", digits))
        else:
            tokens.append(("literal", quoted or escaped or other or ""))
    return tokens


def _number(value: float, tokens: list[Token]) -> str:
    value *= 100.0 ** sum(text == "%" for kind, text in tokens if kind == "literal")
    is_written = False
    parts = []
    for kind, text in tokens:
        if kind == "general" or (kind == "digits" and "/" in "".join(t for _, t in tokens)):
            parts.append("" if is_written else general(value))
            is_written = True
        elif kind == "digits":
            parts.append("" if is_written else _digits(value, text))
            is_written = True
        elif text not in {"/", "?"} or not is_written:
            parts.append(text)
    return "".join(parts).strip()


def _digits(value: float, form: str) -> str:
    if exponent := re.search(r"[Ee][+-]", form):
        return f"{value:.{_decimals(form[: exponent.start()])}E}"
    whole, _, fraction = form.partition(".")
    scale = len(form) - len(form.rstrip(","))
    value /= 1000.0**scale
    grouping = "," if "," in whole.rstrip(",") else ""
    text = f"{value:{grouping}.{_decimals(form)}f}"
    optional = len(fraction.rstrip(",")) - len(fraction.rstrip(",").rstrip("#?"))
    for _ in range(optional):
        text = text.removesuffix("0")
    text = text.removesuffix(".") if optional else text
    sign, text = ("-", text[1:]) if text.startswith("-") else ("", text)
    least = whole.count("0")
    return sign + (text if grouping else "0" * (least - len(text.partition(".")[0])) + text)


def _decimals(form: str) -> int:
    return min(15, sum(sign in "0#?" for sign in form.partition(".")[2]))


def _moment(value: float, tokens: list[Token], *, is_1904: bool) -> str:
    if not 0 <= value < _MOST_DAYS:
        return general(value)
    seconds = round(value * _DAY, 3)
    begin = datetime(1904, 1, 1) if is_1904 else datetime(1899, 12, 30)  # noqa: DTZ001 - a sheet knows no zone
    try:
        moment = begin + timedelta(seconds=round(seconds))
    except OverflowError:
        return general(value)
    has_half = any(kind == "half" for kind, _ in tokens)
    parts = []
    for place, (kind, text) in enumerate(tokens):
        if kind == "half":
            parts.append("AM" if moment.hour < 12 else "PM")  # noqa: PLR2004 - noon
        elif kind == "elapsed":
            parts.append(str(int(seconds // {"h": 3600, "m": 60, "s": 1}[text[0]])).zfill(len(text)))
        elif kind == "date":
            parts.append(_piece(moment, text, is_minute=_is_minute(tokens, place), has_half=has_half))
        else:
            parts.append(text)
    return "".join(parts).strip()


def _is_minute(tokens: list[Token], place: int) -> bool:
    clock = [(at, text[0]) for at, (kind, text) in enumerate(tokens) if kind in {"date", "elapsed"}]
    here = next(at for at, (found, _) in enumerate(clock) if found == place)
    before = clock[here - 1][1] if here else ""
    after = clock[here + 1][1] if here + 1 < len(clock) else ""
    return before == "h" or after == "s"


def _piece(moment: datetime, form: str, *, is_minute: bool, has_half: bool) -> str:
    letter, length = form[0], len(form)
    if letter == "y":
        return f"{moment.year:04d}" if length > 2 else f"{moment.year % 100:02d}"  # noqa: PLR2004 - "yy"
    if letter == "h":
        return str((moment.hour + 11) % 12 + 1 if has_half else moment.hour).zfill(min(length, 2))
    if letter == "s":
        return str(moment.second).zfill(min(len(form.partition(".")[0]), 2))
    if letter == "m" and is_minute:
        return str(moment.minute).zfill(min(length, 2))
    number, names = (moment.month, _MONTHS) if letter == "m" else (moment.day, _DAYS)
    if length <= 2:  # noqa: PLR2004 - "mm"
        return str(number).zfill(length)
    name = names[moment.month - 1] if letter == "m" else names[moment.weekday()]
    return name[: 1 if length == 5 else 3 if length == 3 else None]  # noqa: PLR2004 - "mmmmm", "mmm"
