"""What becomes of each field: the data that the translation obeys and of which `deploy/docs/dialects.md` is made.

A field that no rule knows is refused: it may ask for something that would otherwise be left undone in silence.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from appliance.gateway.dialects.refusals import Untranslatable

UNKNOWN = "the gateway does not know this field"
_LONGEST_NAME = 64
_UNPRINTABLE = re.compile(r"[^\w.\-\[\]$@ ]")


class Fate(StrEnum):
    """What happens to a field on its way into another dialect."""

    TRANSLATED = "translated"
    LEFT_OUT = "left out"
    REFUSED = "refused"


@dataclass(frozen=True)
class Rule:
    """`words` say what a field becomes, or why it does not; a value of `fine` says no more than the field's absence."""

    fate: Fate
    words: str
    fine: tuple[object, ...] = ()


Rules = Mapping[str, Rule]


def becomes(words: str, *, fine: tuple[object, ...] = ()) -> Rule:
    """Return the rule of a field that is said in the other dialect, in these words."""
    return Rule(Fate.TRANSLATED, words, fine)


def left_out(reason: str) -> Rule:
    """Return the rule of a field without which the answer is the same."""
    return Rule(Fate.LEFT_OUT, reason)


def refused(reason: str, *, fine: tuple[object, ...] = ()) -> Rule:
    """Return the rule of a field that asks for what cannot be had."""
    return Rule(Fate.REFUSED, reason, fine)


def admit(rules: Rules, value: object, at: str) -> dict[str, Any]:
    """Return the fields of an object that are translated. Raises Untranslatable for what is refused or unknown."""
    kept = {}
    for name, one in an_object(value, at).items():
        rule = rules.get(name)
        if one is None or (rule and any(_is_same(one, fine) for fine in rule.fine)):
            continue
        if rule is None or rule.fate is Fate.REFUSED:
            raise Untranslatable(inside(at, name), rule.words if rule else UNKNOWN)
        if rule.fate is Fate.TRANSLATED:
            kept[name] = one
    return kept


def kind_of(rules: Rules, value: object, at: str) -> str:
    """Return the `type` of an object. Raises Untranslatable unless it is one of those that are translated."""
    kind = a_text(an_object(value, at).get("type"), inside(at, "type"))
    rule = rules.get(kind)
    if rule is None or rule.fate is Fate.REFUSED:
        raise Untranslatable(inside(at, "type"), f"“{_shown(kind)}”: {rule.words if rule else 'not known here'}")
    return kind


def names_left_out(rules: Rules, body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the fields of a request that the provider is not told of."""
    return tuple(
        name for name in body if name in rules and rules[name].fate is Fate.LEFT_OUT and body[name] is not None
    )


def an_object(value: object, at: str) -> Mapping[str, Any]:
    """Return it. Raises Untranslatable unless it is an object."""
    if not isinstance(value, Mapping):
        raise Untranslatable(at or "the body", "it must be an object")
    return value


def a_list(value: object, at: str) -> list[Any]:
    """Return it. Raises Untranslatable unless it is a list."""
    if not isinstance(value, list):
        raise Untranslatable(at, "it must be a list")
    return value


def a_text(value: object, at: str) -> str:
    """Return it. Raises Untranslatable unless it is a text."""
    if not isinstance(value, str):
        raise Untranslatable(at, "it must be a text")
    return value


def a_number(value: object, at: str, *, least: float, most: float = math.inf) -> int | float:
    """Return it. Raises Untranslatable unless it is a number between the two."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        bounds = f"from {least:g}" if most == math.inf else f"from {least:g} to {most:g}"
        raise Untranslatable(at, f"it must be a number {bounds}")
    return value


def a_count(value: object, at: str) -> int:
    """Return it. Raises Untranslatable unless it is a whole number from 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise Untranslatable(at, "it must be a whole number from 1")
    return value


def one_of(value: object, choices: Mapping[str, Any], at: str) -> Any:
    """Return what a text stands for. Raises Untranslatable unless it is among the choices."""
    if not isinstance(value, str) or value not in choices:
        raise Untranslatable(at, "it must be one of " + ", ".join(choices))
    return choices[value]


def inside(at: str, name: str | int) -> str:
    """Return the path of a field or of an item, as people write it."""
    if isinstance(name, int):
        return f"{at}[{name}]"
    return f"{at}.{_shown(name)}" if at else _shown(name)


def _shown(name: str) -> str:
    return _UNPRINTABLE.sub("?", name[:_LONGEST_NAME])


def _is_same(value: object, fine: object) -> bool:
    return isinstance(value, bool) == isinstance(fine, bool) and value == fine
