"""Refusals: what the house says no to, in words a person can act on.

Refusal (kind, code)           the docstring is the message; it says what to do next
├── each room's own errors.py  draws its branch of this tree
├── Invalid                    for input that is wrong at the door
│   └── TextUnstorable         for signs that a database's text cannot hold
├── StorageBroken              for a disk that takes nothing
└── StorageFull                for a disk that takes no more

Anything that is not a Refusal is our bug: a 500 with a request id and no detail.
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_ONE = {"seconds": "second", "minutes": "minute", "Sekunden": "Sekunde", "Minuten": "Minute"}
_COUNTED = re.compile(rf"({{(\w+)}}) ({'|'.join(_ONE)})\b")


class Kind(StrEnum):
    """How a refusal is answered; `api.problems` maps each to a status, once."""

    BLOCKED = "blocked"
    BROKEN = "broken"
    CONFLICT = "conflict"
    FORBIDDEN = "forbidden"
    GONE = "gone"
    INVALID = "invalid"
    MALFORMED = "malformed"
    NOT_FOUND = "not_found"
    OVER_LIMIT = "over_limit"
    OUTDATED = "outdated"
    TOO_LARGE = "too_large"
    UNAUTHENTICATED = "unauthenticated"
    UNAVAILABLE = "unavailable"
    UNSUPPORTED = "unsupported"


class Refusal(Exception):
    """This is not possible."""

    kind: Kind = Kind.INVALID
    code: str = "refused"

    def __init__(self, message: str | None = None, /, **facts: str | int) -> None:
        """Take facts that fill the docstring's {placeholders}; they are shown, so never content or secrets."""
        self.facts = facts
        self.template = message or " ".join((self.__doc__ or "").split())
        super().__init__(filled(self.template, facts) if facts else self.template)


class Invalid(Refusal):
    """Something in the request is not valid."""

    kind = Kind.INVALID
    code = "invalid"


class TextUnstorable(Invalid):
    """A text holds a sign that cannot be kept: NUL, or half of a surrogate pair. Take it out and send it again."""

    code = "text_unstorable"


class StorageBroken(Refusal):
    """The storage takes no files ({reason}). Nothing was stored; ask the operator to look at it, then try again."""

    kind = Kind.UNAVAILABLE
    code = "storage_broken"


class StorageFull(Refusal):
    """The disk is full. Nothing was stored; ask the operator to free space, then try again."""

    kind = Kind.UNAVAILABLE
    code = "storage_full"


def filled(template: str, facts: Mapping[str, object]) -> str:
    """Return a message with its facts in their places, and "1 second" for "1 seconds", in English and in German."""
    return _COUNTED.sub(lambda found: _counted(found, facts), template).format(**facts)


def _counted(found: re.Match[str], facts: Mapping[str, object]) -> str:
    return f"{found[1]} {_ONE[found[3]]}" if str(facts.get(found[2])) == "1" else found[0]


def is_storable(text: str) -> bool:
    """Say whether a database can hold a text."""
    return _UNSTORABLE.search(text) is None


def check_storable(value: object) -> None:
    """Look through texts, lists and mappings for what no database text can hold. Raises TextUnstorable."""
    if isinstance(value, str):
        if not is_storable(value):
            raise TextUnstorable
    elif isinstance(value, Mapping):
        for name, one in value.items():
            check_storable(name)
            check_storable(one)
    elif isinstance(value, Sequence) and not isinstance(value, bytes):
        for one in value:
            check_storable(one)
