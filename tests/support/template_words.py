"""What the four policies to begin from do about twelve kinds, written by hand from the words of their rules."""

from dataclasses import dataclass
from typing import Any

from tests.support.twelve import Kind

ALL = frozenset(Kind)
PERSONAL = frozenset({Kind.NAME, Kind.ADDRESS, Kind.EMAIL, Kind.PHONE, Kind.BIRTH, Kind.IDENTITY, Kind.IBAN})
KEYS = frozenset({Kind.API_KEY, Kind.PRIVATE_KEY})
NONE: frozenset[Kind] = frozenset()


@dataclass(frozen=True)
class Says:
    """What a policy does about each kind; of what stands in none of its sets it says nothing, and that passes."""

    name: str
    not_kept: frozenset[Kind]
    held: frozenset[Kind]
    warned: frozenset[Kind]
    refused: frozenset[Kind]
    """In a request to a provider whose contract grants what is asked."""
    blacked: frozenset[Kind]
    renamed: frozenset[Kind]
    refused_without: frozenset[Kind]
    """In a request to a provider of whom no contract is known: these, too."""
    ends: frozenset[Kind]
    """In an answer."""
    blacked_in_answers: frozenset[Kind]
    is_reviewed: bool = False


_CARD, _HEALTH = frozenset({Kind.CARD}), frozenset({Kind.RECORD})
FLOOR = _CARD | {Kind.PRIVATE_KEY}  # which no rule lowers: a call is refused that a rule would black out
_PAPERS: dict[str, Any] = {"held": _HEALTH | KEYS, "warned": PERSONAL, "refused": FLOOR, "blacked": KEYS - FLOOR, "renamed": PERSONAL | _HEALTH,
           "refused_without": PERSONAL | _HEALTH, "ends": _CARD, "blacked_in_answers": KEYS}  # fmt: skip
_STOPPED, _NUMBERS = _CARD | KEYS, frozenset({Kind.IDENTITY, Kind.IBAN})
SAYS = {
    "gdpr": Says("GDPR", _CARD, **_PAPERS, is_reviewed=True),
    "hipaa": Says("HIPAA", _CARD, **_PAPERS),
    "pci": Says(
        "PCI DSS", _STOPPED, held=frozenset({Kind.IBAN}), warned=NONE, refused=_STOPPED, blacked=frozenset({Kind.IBAN}), renamed=NONE,
        refused_without=NONE, ends=_STOPPED, blacked_in_answers=frozenset({Kind.IBAN}), is_reviewed=True,
    ),
    "wiki": Says(
        "Internal wiki", _STOPPED, held=_NUMBERS | _HEALTH | {Kind.MARKING}, warned=NONE, refused=_STOPPED | {Kind.MARKING},
        blacked=_NUMBERS | _HEALTH, renamed=NONE, refused_without=NONE, ends=_STOPPED, blacked_in_answers=NONE,
    ),
}  # fmt: skip

MORE = {"Logged in from IP address ": "203.0.113.77", "password = ": "Tr7!kvel-92xQp", "Passport number: ": "C01X00T47"}
