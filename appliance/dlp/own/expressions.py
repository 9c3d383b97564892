"""Expressions of an organisation's own: compiled, and tried, before they are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import re2

from appliance.dlp.own.errors import ExpressionMalformed, SampleFound, SampleMissed
from appliance.dlp.shadow import Shadow

LONGEST: Final = 1_000
_MEMORY: Final = 1 << 20
_MOST_SAMPLES, _LONGEST_SAMPLE = 20, 2_000
# What an expression that finds nearly everything finds something in.
_PROSE: Final = ("the", "meeting", "42", "lorem ipsum dolor sit amet", "Wednesday", "?")


@dataclass(frozen=True)
class Expression:
    """An expression that was tried."""

    text: str


def read_expression(expression: str, *, samples: Sequence[str] = (), clean: Sequence[str] = ()) -> Expression:
    """Return an expression that compiles small, finds each sample and nothing in what is clean; neither is kept. Computes.

    Raises ExpressionMalformed, SampleMissed, SampleFound.
    """
    compiled = _compiled(expression)
    if compiled.search(b"") is not None:
        raise ExpressionMalformed(fault="it finds nothing at all, everywhere")
    if all(compiled.search(one) for one in _PROSE):
        raise ExpressionMalformed(fault="it finds something in every text")
    for samples_of, is_found, refusal in ((samples, True, SampleMissed), (clean, False, SampleFound)):
        for line, sample in enumerate(samples_of[:_MOST_SAMPLES], 1):
            if (compiled.search(Shadow(sample[:_LONGEST_SAMPLE]).raw) is not None) is not is_found:
                raise refusal(line=line)
    return Expression(expression)


def _compiled(expression: str) -> Any:
    if not 0 < len(expression) <= LONGEST or "\0" in expression:
        raise ExpressionMalformed(fault="it has not 1 to 1,000 signs")
    if "\\C" in expression:
        raise ExpressionMalformed(fault="it has \\C, a part of a sign")
    options = re2.Options()
    options.log_errors, options.max_mem = False, _MEMORY
    try:
        return re2.compile(expression, options)
    except re2.error as error:
        told = error.args[0] if error.args else ""
        words = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
        raise ExpressionMalformed(fault=words[:200] or "it does not compile") from error
