"""The operations of a PATCH on a group that add, remove or set people by id, as Entra ID and Okta write them.

RFC 7644 3.5.2: `members` with a list; `members[value eq "…"]`; and within a value without a path. Entra ID removes with a
list as the value, and writes the names of operations with a capital.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from scim2_models import InvalidPathException

from appliance.identity.scim.filtering import MOST_SIGNS

_ONE: Final = re.compile(r'members\[\s*value\s+eq\s+"([^"\\]*)"\s*\]', re.IGNORECASE)
_PREFIX: Final = "urn:ietf:params:scim:schemas:core:2.0:group:"


class MemberStep(Enum):
    """What is done with the people who are named."""

    ADD = auto()
    REMOVE = auto()
    SET = auto()


@dataclass(frozen=True)
class Step:
    """One operation on who is in a group, by id."""

    kind: MemberStep
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Steps:
    """What a PATCH does with people, in its order, and the rest of it; None where that is all."""

    steps: tuple[Step, ...]
    rest: dict[str, Any] | None


def member_steps(body: Any) -> Steps | None:
    """Return what a PATCH that is well formed does with people, or None where it says so in another way."""
    steps, rest = list[Step](), list[Any]()
    for one in body_steps(body):
        found = _split(one)
        if found is None:
            return None
        steps += found[0]
        rest += found[1]
    whole = {name: value for name, value in body.items() if name.lower() != "operations"}
    return Steps(tuple(steps), {**whole, "Operations": rest} if rest else None)


def body_steps(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the operations of a PATCH that is well formed."""
    found = _get(body, "operations")
    return found if isinstance(found, list) else []


def check_paths(body: dict[str, Any]) -> None:
    """Raise InvalidPathException for paths that no provider sends: what they choose is looked for in each element.

    Who leaves a group, by id, is not looked for: of such there may be as many as there are operations.
    """
    total = 0
    for one in body_steps(body):
        value = _get(one, "value") if isinstance(one, dict) else None
        for path in (_get(one, "path") if isinstance(one, dict) else None, *(value if isinstance(value, dict) else ())):
            said = path if isinstance(path, str) else ""
            total += len(said) if "[" in said and not _ONE.fullmatch(said.strip()) else 0
            if len(said) > MOST_SIGNS or total > MOST_SIGNS:
                raise InvalidPathException(detail=f"Paths that choose have at most {MOST_SIGNS} characters in a request.")


def _split(operation: dict[str, Any]) -> tuple[list[Step], list[dict[str, Any]]] | None:
    """Return an operation's steps, and what of it is about something else; None where it is about people otherwise."""
    verb, path, value = str(_get(operation, "op")).lower(), _get(operation, "path"), _get(operation, "value")
    name = "" if path is None else str(path).strip()
    if name.lower().startswith(_PREFIX):
        name = name[len(_PREFIX) :]
    if not name and isinstance(value, dict):
        keys = [key for key in value if key.lower().removeprefix(_PREFIX).startswith("members")]
        if not keys:
            return [], [operation]
        others = {key: one for key, one in value.items() if key not in keys}
        found = [_step(verb, value[key]) for key in keys if key.lower().removeprefix(_PREFIX) == "members"]
        if len(found) != len(keys) or None in found:
            return None
        rest = [{"op": verb, "value": others}] if others else []
        return [one for one in found if one], rest
    if not name.lower().startswith("members"):
        return [], [operation]
    if (single := _ONE.fullmatch(name)) and verb == "remove":
        return [Step(MemberStep.REMOVE, (single[1],))], []
    step = _step(verb, value) if name.lower() == "members" else None
    return None if step is None else ([step], [])


def _step(verb: str, value: Any) -> Step | None:
    given = value if isinstance(value, list) else [value] if isinstance(value, dict) else None
    if verb == "remove":
        if value is None or value == []:
            return Step(MemberStep.SET, ())
        return None if given is None or not _are_ids(given) else Step(MemberStep.REMOVE, _ids(given))
    if value is None and verb == "replace":
        return Step(MemberStep.SET, ())
    if given is None or not _are_ids(given):
        return None
    return Step(MemberStep.ADD if verb == "add" else MemberStep.SET, _ids(given))


def _are_ids(given: list[Any]) -> bool:
    return all(isinstance(one, dict) and isinstance(_get(one, "value"), str) for one in given)


def _ids(given: list[Any]) -> tuple[str, ...]:
    return tuple(_get(one, "value") for one in given)


def _get(given: dict[str, Any], name: str) -> Any:
    return next((value for key, value in given.items() if key.lower() == name), None)
