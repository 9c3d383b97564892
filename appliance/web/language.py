"""The reader's language and time zone: their own choice, or else what the browser asks for.

The catalogue of a language is `translations/<language>.po` (GNU gettext), read when the site starts; English is what
the templates say. Nothing is compiled or fetched. To add a language, write its catalogue and name it in LANGUAGES.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, dates, numbers
from babel.messages.pofile import read_po
from flask import Flask, g, has_request_context, request

from appliance.chat import ExportWords, FirstWords

LANGUAGES: Final[Mapping[str, str]] = {"en": "English", "de": "Deutsch"}
DEFAULT: Final = "en"
ZONE_COOKIE: Final = "zone"
_MILLION, _HUNDREDTH = 1_000_000, 10_000
_HERE = Path(__file__).parent / "translations"
_Words = TypeVar("_Words", ExportWords, FirstWords)


def install(app: Flask) -> None:
    """Give templates `_()`, `{% trans %}`, and what is written differently in each language."""
    for code in LANGUAGES:
        catalogue(code)  # a broken catalogue is no start
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    app.jinja_env.globals.update(language=language, languages=LANGUAGES)
    app.jinja_env.filters.update(when=when, day=day, calendar=calendar, count=count, lasting=lasting, money=money)


def language() -> str:
    """Return the language of this request."""
    if not has_request_context():
        return DEFAULT
    found: str | None = g.get("language")
    if found is None:
        person = g.get("caller")
        chosen = person.language if person and person.language in LANGUAGES else None
        found = g.language = chosen or request.accept_languages.best_match(list(LANGUAGES), DEFAULT)
    return found


def zone() -> tzinfo:
    """Return the reader's time zone: as they chose, or as their browser says in a cookie, or else UTC."""
    if not has_request_context():
        return UTC
    found: tzinfo | None = g.get("zone")
    if found is None:
        person = g.get("caller")
        found = g.zone = _zone((person and person.zone) or request.cookies.get(ZONE_COOKIE, ""))
    return found


def gettext(message: str) -> str:
    """Return the message in the reader's language; untranslated, it stays as it is."""
    return str(catalogue(language()).get(message) or message)


def translated(words: _Words) -> _Words:
    """Return the texts that a room writes down, in the reader's language."""
    return replace(words, **{name: gettext(text) for name, text in vars(words).items()})


def ngettext(one: str, many: str, n: int) -> str:
    """Return the form for this number. Every language here has the two forms of English."""
    forms = catalogue(language()).get((one, many))
    return (forms[0] if n == 1 else forms[1]) if forms else (one if n == 1 else many)


@cache
def catalogue(code: str) -> Mapping[object, str | tuple[str, ...] | list[str]]:
    """Return a language's catalogue. Plural messages are found under the pair of their forms."""
    file = _HERE / f"{code}.po"
    if code == DEFAULT:
        return {}
    with file.open("rb") as lines:
        return {message.id: message.string for message in read_po(lines, locale=code) if message.id and message.string}


def when(moment: datetime | None) -> str:
    """Return a moment in the reader's zone and language, to the minute."""
    if moment is None:
        return "–"
    # Written here, and not by babel: pages have a hundred of them, and it takes twenty times as long.
    return moment.astimezone(zone()).strftime("%d.%m.%y, %H:%M" if language() == "de" else "%Y-%m-%d %H:%M")


def day(moment: datetime | None) -> str:
    """Return a day in the reader's zone and language."""
    if moment is None:
        return "–"
    return calendar(moment.astimezone(zone()).date())


def calendar(date_: date) -> str:
    """Return a day of the calendar in the reader's language."""
    return date_.strftime("%d.%m.%Y" if language() == "de" else "%Y-%m-%d")


def lasting(seconds: int) -> str:
    """Return a span of time as people say it, such as "3 minutes"."""
    return dates.format_timedelta(timedelta(seconds=max(seconds, 1)), locale=_locale(language()))


def count(number: float) -> str:
    """Return a number with the marks of the reader's language."""
    if isinstance(number, int):  # pages have hundreds of them; every language here marks each three digits
        return f"{number:,}".replace(",", _mark(language()))
    return numbers.format_decimal(number, locale=_locale(language()))


def money(micros: int, currency: str) -> str:
    """Return an amount of millionths of a currency, to the hundredth; what is less is written out, so that it is not nothing."""
    pattern = "#,##0.000000" if 0 < micros < _HUNDREDTH else "#,##0.00"
    return f"{numbers.format_decimal(Decimal(micros) / _MILLION, pattern, locale=language())} {currency}"


@cache
def zones() -> tuple[str, ...]:
    """Return the names of the zones that one can choose (IANA)."""
    return tuple(sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/")))


@cache
def _mark(code: str) -> str:
    return numbers.get_group_symbol(_locale(code))


@cache
def _locale(code: str) -> Locale:
    return Locale.parse(code)


def _zone(name: str) -> tzinfo:
    return ZoneInfo(name) if name in available_names() else UTC


@cache
def available_names() -> frozenset[str]:
    """Return every zone's name that is known here."""
    return frozenset(available_timezones())
