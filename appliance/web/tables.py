"""Tables whose filter, order and page stand in the address, so that a link shows what its sender saw."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from flask import request

from appliance.web.language import gettext

PAGE = 50
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
        parts = {name: value for name, value in request.args.items() if name != "notice"} | changes
        kept = {name: value for name, value in parts.items() if value not in {None, ""}}
        return f"{request.path}?{urlencode(kept)}" if kept else request.path

    def span(self) -> str:
        """Return which rows these are, of how many."""
        if not self.total:
            return gettext("Nothing here")
        first = (self.page - 1) * PAGE + 1
        return gettext("{first}–{last} of {total}").format(
            first=first, last=first + len(self.rows) - 1, total=self.total
        )


def table_of(
    items: Sequence[Item], *, keys: Mapping[str, Callable[[Item], Any]], text: Callable[[Item], str], default: str
) -> Table[Item]:
    """Filter, sort and cut rows as the address says; what it says wrongly is passed over."""
    query = request.args.get("q", "").strip()[:200]
    found = [item for item in items if query.casefold() in text(item).casefold()] if query else list(items)
    asked = request.args.get("sort", default)
    sort, is_reversed = asked.removeprefix("-"), asked.startswith("-")
    if sort not in keys:
        sort, is_reversed = default.removeprefix("-"), default.startswith("-")
    found.sort(key=keys[sort], reverse=is_reversed)
    pages = max(1, -(-len(found) // PAGE))
    page = min(max(1, request.args.get("page", 1, type=int)), pages)
    return Table(found[(page - 1) * PAGE : page * PAGE], len(found), query, sort, is_reversed, page, pages)
