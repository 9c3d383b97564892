"""Bodies as JSON, read and written alike everywhere: https://datatracker.ietf.org/doc/html/rfc8259."""

import json
from typing import Any

from appliance.gateway.dialects.refusals import Untranslatable


def read_request(raw: bytes) -> dict[str, Any]:
    """Return a client's request. Raises Untranslatable unless all readers would read it in one way.

    Of two fields of one name, one reader takes the first and another the last; a rule that was kept for the one would
    be broken by the other. That holds too where the bytes are passed on as they came.
    """
    try:
        body = json.loads(raw, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise Untranslatable("the body", "it is not JSON that every reader reads in one way") from error
    if not isinstance(body, dict):
        raise Untranslatable("the body", "it must be an object")
    return body


def write_json(body: object) -> bytes:
    """Return compact JSON in UTF-8; half of a surrogate pair, which UTF-8 cannot say, stays an escape.

    Raises ValueError for NaN and for what is infinite, which JSON cannot say, and for depth.
    """
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def read_json(text: str | bytes) -> Any:
    """Return what a JSON text says. Raises ValueError, also for numbers that cannot be held and for depth."""
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is there twice")
    return found


def _refuse(name: str) -> float:
    raise ValueError(name)


def _finite(digits: str) -> float:
    number = float(digits)
    if number in {float("inf"), float("-inf")}:
        raise ValueError("a number beyond all measure")
    return number
