"""Tables whose filter, order and page stand in the address, so that a link shows what its sender saw."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from flask import request

from appliance.kernel.ids import parse_id
from appliance.web.language import gettext

PAGE = 50
_DIGITS = 6
Item = TypeVar("Item")


@dataclass(frozen=True)
class Table(Generic[Item]):
    """One page of some rows, and what the address says about them."""

    rows: Sequence[Item]
    total: int
    query: str
    sort: str
    is_reversed: bool
    page: int
    pages: int

    def address(self, **changes: Any) -> str:
        """Return this page's address with some of its parts changed; None takes a part away."""
        return address(**changes)

    def span(self) -> str:
        """Return which rows these are, of how many."""
        if not self.total:
            return gettext("Nothing here")
        first = (self.page - 1) * PAGE + 1
        return gettext("{first}–{last} of {total}").format(
            first=first, last=first + len(self.rows) - 1, total=self.total
        )


@dataclass(frozen=True)
class Asked:
    """What the address asks of a table. What it says wrongly is passed over."""

    query: str
    sort: str
    is_reversed: bool
    page: int


@dataclass(frozen=True)
class Timeline:
    """A list in the order of time, which goes on after its last row; a head turns it around."""

    sort: str
    is_reversed: bool

    def address(self, **changes: Any) -> str:
        """Return this page's address with some of its parts changed, from the list's beginning."""
        return address(**{"before": None} | changes)


def timeline(key: str) -> Timeline:
    """Read from the address in which order of time a list is; the latest come first if it says nothing."""
    wanted = asked({key}, f"-{key}")
    return Timeline(wanted.sort, wanted.is_reversed)


def address(**changes: Any) -> str:
    """Return this page's address with some of its parts changed; None takes a part away."""
    parts = {name: value for name, value in request.args.items() if name != "notice"} | changes
    kept = {name: value for name, value in parts.items() if value not in {None, ""}}
    return f"{request.path}?{urlencode(kept)}" if kept else request.path


def query() -> str:
    """Return from the address what is looked for."""
    return request.args.get("q", "").replace("\0", "").strip()[:200]


def asked(keys: Collection[str], default: str) -> Asked:
    """Read the address."""
    given = request.args.get("sort", default)
    if given.removeprefix("-") not in keys:
        given = default
    page = request.args.get("page", "")
    number = int(page) if page.isascii() and page.isdigit() and len(page) <= _DIGITS else 1
    return Asked(query(), given.removeprefix("-"), given.startswith("-"), max(1, number))


def cut(wanted: Asked, total: int, rows: Callable[[int, int], Sequence[Item]]) -> Table[Item]:
    """Return the page that is asked for, or the last one; `rows` is called with limit and offset."""
    pages = max(1, -(-total // PAGE))
    page = min(wanted.page, pages)
    found = rows(PAGE, (page - 1) * PAGE)
    return Table(found, total, wanted.query, wanted.sort, wanted.is_reversed, page, pages)


def table_of(
    items: Sequence[Item], *, keys: Mapping[str, Callable[[Item], Any]], text: Callable[[Item], str], default: str
) -> Table[Item]:
    """Filter, sort and cut rows that are at hand as the address says."""
    wanted = asked(keys, default)
    found = [one for one in items if wanted.query.casefold() in text(one).casefold()] if wanted.query else list(items)
    found.sort(key=keys[wanted.sort], reverse=wanted.is_reversed)
    return cut(wanted, len(found), lambda limit, offset: found[offset : offset + limit])


def moment_before() -> tuple[datetime, UUID] | None:
    """Return from the address after which row a list goes on, in the order of time; see `mark`."""
    moment, _, text = request.args.get("before", "").partition("~")
    found = parse_id(text)
    try:
        at = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return (at, found) if found and at.tzinfo else None


def mark(at: datetime, row_id: UUID) -> str:
    """Return what an address says of the last row that was shown."""
    return f"{at.isoformat()}~{row_id}"
