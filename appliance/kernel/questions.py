"""What several rooms ask and write in one transaction, in one trip.

A room says what it asks and how it reads the answer; whoever holds the transaction asks for all of them at once. The
order is kept, and each sees what those before it did. What is asked at every call is a function of the database: the
server keeps its plan, and neighbours go over as one statement. (Prepared statements would do the same, but for poolers.)
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import count, groupby
from typing import Any, Final, Generic, TypeVar

from sqlalchemy.exc import DBAPIError

from appliance.kernel.db import Tx
from appliance.kernel.exchange import Statement, spelled

Answer = TypeVar("Answer")
_TYPE: Final = re.compile(r"(?<=[(,])\s*([a-z]+(?:\[\])?)")
_HOPE_LOST: Final = "CL001"


@dataclass(frozen=True)
class Question(Generic[Answer]):
    """A function of the database that returns JSON or nothing, its values, and what is made of the answer.

    It is named with the types of its values, as in `callers_of_tokens(uuid[])`.
    """

    function: str
    values: Sequence[Any]
    read: Callable[[Any], Answer] = field(repr=False)


@dataclass(frozen=True)
class Saying:
    """A statement that answers nothing, with `$1`, `$2`… in the places of its values."""

    statement: str
    values: Sequence[Any]


Asked = Question[Any] | Saying


def ask(tx: Tx, *asked: Asked, ends: bool = False) -> list[Any]:
    """Return the answers to the questions in order. A failure is SQLAlchemy's, as if each had been asked by itself.

    `ends`: in the same trip, the transaction is committed; nothing can be asked in it any more.
    """
    if not asked and not ends:
        return []
    said = [*_statements(asked)]  # what cannot be said stops before the transaction begins
    rows = tx.end(said) if ends else tx.say(said)
    answers = (answer for row in rows for answer in row)
    return [one.read(json.loads(answer) if answer else None)
            for one, answer in zip((one for one in asked if isinstance(one, Question)), answers, strict=True)]  # fmt: skip


def say_later(tx: Tx, *said: Saying) -> None:
    """Say this with whatever is asked or executed next, or with the end of the transaction, so that it has no trip of its own."""
    if said:
        tx.say_later([*_statements(said)])


def is_hope_lost(error: DBAPIError) -> bool:
    """Say whether a function failed since not all that it was asked for could be: what can be is asked for by itself then."""
    return getattr(error.orig, "sqlstate", None) == _HOPE_LOST


def _statements(asked: Sequence[Asked]) -> Iterator[Statement]:
    for is_saying, some in groupby(asked, lambda one: isinstance(one, Saying)):
        if is_saying:
            yield from ((one.statement, spelled(one.values)) for one in some)  # type: ignore[union-attr]  # they are Sayings
        else:
            questions: list[Question[Any]] = list(some)  # type: ignore[arg-type]
            calling = _calling(tuple(one.function for one in questions))
            yield calling, spelled([value for one in questions for value in one.values])


@cache
def _calling(functions: tuple[str, ...]) -> str:
    numbers = count(1)
    calls = (_TYPE.sub(lambda found: f"${next(numbers)}::{found[1]}", function) for function in functions)
    return f"SELECT {', '.join(calls)}"
