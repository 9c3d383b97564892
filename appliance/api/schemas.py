"""What goes in and out of /api/v1: the models that check requests are the ones that the documentation is made of."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MOST = 200
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=120, pattern=r"^[^\x00]*$"), Field(examples=["Finance"])
]
Text = Annotated[str, StringConstraints(max_length=4_000, pattern=r"^[^\x00]*$")]
Email = Annotated[
    str,
    StringConstraints(min_length=3, max_length=254, pattern=r"^[^\x00]*$"),
    Field(examples=["mia@example.com"]),
]


class Input(BaseModel):
    """What a program sends. A field that is not known is a mistake, not a wish."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Output(BaseModel):
    """What a program gets."""

    model_config = ConfigDict(from_attributes=True, frozen=True, defer_build=True)


class Page(Input):
    """Which part of a list."""

    limit: int = Field(50, ge=1, le=MOST, description="How many at most.")
    cursor: UUID | None = Field(None, description="`next_cursor` of the page before.")


Item = TypeVar("Item", bound=Output)


class Listed(Output, Generic[Item]):
    """A page of a list; `next_cursor` is null on the last one."""

    items: list[Item]
    next_cursor: UUID | None = None


def cut(rows: Sequence[Any], query: Page, *, key: Callable[[Any], UUID]) -> tuple[Sequence[Any], UUID | None]:
    """Return the rows of a page, in the order of their ids, and the cursor of the next."""
    ordered = sorted(rows, key=key)
    after = [row for row in ordered if query.cursor is None or key(row) > query.cursor]
    return part(after, query, key=key)


def part(found: Sequence[Any], query: Page, *, key: Callable[[Any], UUID]) -> tuple[Sequence[Any], UUID | None]:
    """Return the rows of a page, of which at least one row more was asked for, and the cursor of the next."""
    rows = found[: query.limit]
    return rows, key(rows[-1]) if len(found) > query.limit else None


class Problem(BaseModel):
    """RFC 9457. `code` is stable; `detail` is for people and may change."""

    type: str
    title: str
    status: int
    detail: str
    code: str | None = None
    request_id: str
    errors: list[dict[str, str]] | None = None
