"""How a surrogate is written, `[PERSON_7Q2FA]`, and how models write it again: without brackets, in small letters, with a
space for the line, with Markdown around or between.

One form serves both ways: what would be taken for a surrogate in an answer is what is looked for in a text that goes out, so
that nobody's own words are ever taken for one. A code has a digit and a letter: no word is one.
"""

import re
from functools import cache
from typing import Final

from appliance.dlp.values import Category

LITERAL: Final = "LITERAL"
"""The label of what stood in a text and looks like a surrogate itself."""
LABELS: Final = (LITERAL, *(one.name for one in Category if one is not Category.UNREADABLE))
CODE_SIGNS: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH: Final = 5
LONGEST: Final = 48
"""No form of a surrogate has more signs."""

_SIGN: Final = f"[{CODE_SIGNS}]"
_BETWEEN: Final = r"[\s_\\*`-]{0,3}"
_FILL: Final = r"[\s*`_\\]{0,2}"
_NOT_INSIDE: Final = r"(?<![^\W_])"
_ENDS: Final = r"(?![^\W_])"
_LABEL: Final = "|".join(_BETWEEN.join(label.split("_")) for label in sorted(LABELS, key=len, reverse=True))
_SURROGATE: Final = (
    rf"(?:(?P<open>\[{_FILL})|{_NOT_INSIDE})(?:(?:{_LABEL}){_BETWEEN})?"
    rf"(?P<code>(?={_SIGN}*[2-9])(?=[2-9]*[A-Z]){_SIGN}{{{CODE_LENGTH}}}){_ENDS}"
    rf"(?(open)(?P<close>{_FILL}\])?|(?P<stray>\])?)"
)
WORD: Final = re.compile(rf"{_NOT_INSIDE}{_SIGN}{{{CODE_LENGTH}}}{_ENDS}", re.IGNORECASE)
"""What could be a code."""
MAY_CLOSE: Final = re.compile(rf"{_FILL}\Z")
"""What may yet become the closing bracket behind a code."""


def surrogate(label: str, code: str) -> str:
    """Return a surrogate as it is sent."""
    return f"[{label}_{code}]"


def redacted(category: Category) -> str:
    """Return what stands for a value that is not to come back."""
    return f"[{category.name}]"


def _begun(signs: list[str]) -> str:
    """Return the expression of everything that these begin with, up to the end of the text."""
    expression = r"\Z"
    for sign in reversed(signs):
        expression = rf"{sign}(?:{expression}|\Z)"
    return expression


def _signs(label: str) -> list[str]:
    return [_BETWEEN if sign == "_" else sign for sign in label] + [_BETWEEN] + [_SIGN] * CODE_LENGTH


@cache
def any_surrogate() -> re.Pattern[str]:
    """Return what finds a surrogate in any of its forms, known or not. Made when it is first wanted: it is large."""
    return re.compile(_SURROGATE, re.IGNORECASE)


@cache
def any_beginning() -> re.Pattern[str]:
    """Return what finds the end of a text that may be the beginning of a surrogate. Made when it is first wanted, too."""
    begun = "|".join(_begun(signs) for signs in (*map(_signs, LABELS), [_SIGN] * CODE_LENGTH))
    return re.compile(rf"\[{_FILL}(?:{begun}|\Z)|{_NOT_INSIDE}(?:{begun})", re.IGNORECASE)
