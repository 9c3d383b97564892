"""Refusals: what the house says no to, in words a person can act on.

Refusal (kind, code)           the docstring is the message; it says what to do next
├── each room's own errors.py  draws its branch of this tree
├── Invalid                    for input that is wrong at the door
└── StorageFull                for a disk that takes no more

Anything that is not a Refusal is our bug: a 500 with a request id and no detail.
"""

from enum import StrEnum


class Kind(StrEnum):
    """How a refusal is answered; `api.problems` maps each to a status, once."""

    BLOCKED = "blocked"
    CONFLICT = "conflict"
    FORBIDDEN = "forbidden"
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
        super().__init__(self.template.format(**facts) if facts else self.template)


class Invalid(Refusal):
    """Something in the request is not valid."""

    kind = Kind.INVALID
    code = "invalid"


class StorageFull(Refusal):
    """The disk is full. Nothing was stored; ask the operator to free space, then try again."""

    kind = Kind.UNAVAILABLE
    code = "storage_full"
