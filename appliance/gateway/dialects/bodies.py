"""Bodies as JSON, written here and as providers send them: https://datatracker.ietf.org/doc/html/rfc8259.

What clients send is read in one place too, and more strictly: `gateway/requests.py`.
"""

import json
from typing import Any


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


def read_json(text: str | bytes, *, with_any_number: bool = False) -> Any:
    """Return what a provider's JSON says. Raises ValueError, also for depth, and for numbers that cannot be held.

    `with_any_number`: of what passes on as it is, these are the reader's affair; only what is none of JSON's is refused.
    """
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=None if with_any_number else _finite)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _refuse(name: str) -> float:
    raise ValueError(name)


def _finite(digits: str) -> float:
    number = float(digits)
    if number in {float("inf"), float("-inf")}:
        raise ValueError("a number beyond all measure")
    return number
