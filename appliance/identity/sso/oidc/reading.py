"""JSON from outside: an object, each member once, no numbers that are none, no depth that ends the stack."""

import base64
import json
import math
from collections.abc import Mapping
from typing import Final, Never

from appliance.identity.sso.errors import RuleBroken
from appliance.kernel.errors import TextUnstorable, check_storable

_LONGEST_SHOWN, _MOST_SHOWN = 300, 60
_HIDDEN: Final = frozenset({"at_hash", "c_hash", "nonce", "s_hash"})


def as_object(content: bytes, what: str) -> dict[str, object]:
    """Return what a text of JSON says. Raises RuleBroken unless it is one object whose members are each there once."""
    try:
        found = json.loads(content.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise RuleBroken(rule=f"{what} is not JSON, or names a member twice") from None
    if not isinstance(found, dict):
        raise RuleBroken(rule=f"{what} is not an object")
    try:
        check_storable(found)  # JSON writes halves of characters, which are no text to compare, to show or to keep
    except (TextUnstorable, RecursionError):
        raise RuleBroken(rule=f"{what} holds what is no text") from None
    return found


def decoded(text: str, what: str) -> bytes:
    """Return the bytes of base64url without padding. Raises RuleBroken."""
    try:
        content = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise RuleBroken(rule=f"{what} is not base64url") from None
    return content


def text_of(members: Mapping[str, object], name: str, what: str) -> str:
    """Return a member that must be a text, and not an empty one. Raises RuleBroken."""
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise RuleBroken(rule=f"{what} has no {name}")
    return value


def seconds_of(members: Mapping[str, object], name: str, what: str) -> float:
    """Return a member that must be a moment, in seconds since 1970. Raises RuleBroken."""
    value = members.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value < 2**40:
        raise RuleBroken(rule=f"{what} has no {name}")
    return float(value)


def shown(members: Mapping[str, object]) -> dict[str, object]:
    """Return what a test shows of what came: names and values in short, nothing that opens or proves anything."""
    found: dict[str, object] = {}
    for name, value in list(members.items())[:_MOST_SHOWN]:
        if name not in _HIDDEN:
            found[name[:_LONGEST_SHOWN]] = str(value)[:_LONGEST_SHOWN]
    return found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


def _no_number(_text: str) -> Never:
    raise ValueError("NaN and Infinity are no numbers of JSON")
