"""Runs a client's cases one after the other, and prints what came of each as JSON."""

import json
import sys
from collections.abc import Callable
from typing import Any

GIVEN: dict[str, Any] = json.load(sys.stdin)
URL, KEY, BAD_KEY, PICTURE = GIVEN["url"], GIVEN["key"], "cloister_no-key", GIVEN["picture"]
SECRET = "My card is 4111 1111 1111 1111."
SCHEMA: dict[str, Any] = {
    "type": "object", "additionalProperties": False, "required": ["city", "days"],
    "properties": {"city": {"type": "string"}, "days": {"type": "array", "items": {"type": "integer"}}},
}  # fmt: skip
NOTHING: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
TOOLS = (("weather", "The weather of a place", SCHEMA), ("now", "The time", NOTHING))


def failed(error: BaseException) -> dict[str, Any]:
    """Return what the client says went wrong: the status, and the words."""
    while error.__cause__ is not None and getattr(error, "status_code", None) is None:
        error = error.__cause__
    return {"status": getattr(error, "status_code", None), "kind": type(error).__name__, "said": str(error)[:500]}


def run(cases: dict[str, Callable[[], Any]]) -> None:
    """Run them all, whatever fails."""
    found: dict[str, Any] = {}
    for name, case in cases.items():
        try:
            found[name] = case()
        except BaseException as error:  # noqa: BLE001 - what went wrong is the result
            found[name] = failed(error)
    json.dump(found, sys.stdout)
