"""What all mails of the worker have in common: the language of whom they are for, names on one line, and days as people write them."""

from datetime import UTC, datetime
from typing import TypeAlias

from babel import dates

from appliance.web.language import DEFAULT, LANGUAGES, catalogue

Letter: TypeAlias = tuple[str, str]
"""Subject and body of a mail."""


def gettext(message: str, language: str) -> str:
    """Return the message in a language."""
    return str(catalogue(language).get(message) or message)


def language_of(asked: str | None) -> str:
    """Return the language in which somebody is written to."""
    return asked if asked is not None and asked in LANGUAGES else DEFAULT


def on_one_line(name: str) -> str:
    """Return a name as a subject may have it: whoever chose it begins no line of the mail's head."""
    return " ".join(name.split())


def day(moment: datetime, language: str) -> str:
    """Return the day of a moment, in UTC."""
    return dates.format_date(moment.astimezone(UTC).date(), "medium" if language == "de" else "y-MM-dd", language)
