"""What the worker's mails share: the reader's language, names on one line, and dates."""

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
    """Return a name on one line: with a line break in it, whoever chose it could write a header of the mail."""
    return " ".join(name.split())


def day(moment: datetime, language: str) -> str:
    """Return the date of a moment in UTC, as it is written in a language."""
    return dates.format_date(moment.astimezone(UTC).date(), "medium" if language == "de" else "y-MM-dd", language)
