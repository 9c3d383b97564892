"""What is searched: sealed books of lines, an id and a folded text each (decision 0019).

Each conversation has one, of its title and messages, for its owner's search. An organisation has up to 256 pages of
titles, for the list of all conversations. Nothing of a search stands in the clear; it opens what it looks through.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, text

from appliance.chat.sealed import PAGES, TEXTS
from appliance.chat.tables import ConversationTextRow, TitlePageRow
from appliance.kernel.db import IN_BYTES, Tx
from appliance.kernel.sealing import SealedColumn, Sealer

Lines = Mapping[UUID, str]
"""Texts by what they are of; an empty one takes its line out."""
_ID = 32
_ROWS: dict[SealedColumn, type[ConversationTextRow] | type[TitlePageRow]] = {
    TEXTS: ConversationTextRow,
    PAGES: TitlePageRow,
}
_MAKE = {
    column: text(
        f"INSERT INTO {column.table} (tenant_id, {column.key[0]}) SELECT :tenant, unnest(CAST(:keys AS uuid[]))"
        " ON CONFLICT DO NOTHING"
    )
    for column in _ROWS
}
_PUT = {
    column: text(
        f"UPDATE {column.table} SET sealed = new.sealed FROM unnest(CAST(:keys AS uuid[]), CAST(:sealed AS bytea[])) AS new (key, sealed)"  # noqa: S608 - names of ours
        f" WHERE tenant_id = :tenant AND {column.key[0]} = new.key"
    )
    for column in _ROWS
}


def fold(said: str) -> str:
    """Return a text as it is compared: compatible signs and letters of either case are one, any blanks are one blank."""
    normal = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", said).casefold())
    return " ".join(normal.replace("\0", "").split())


def page_of(conversation_id: UUID) -> UUID:
    """Return which page of titles a conversation's stands on. Ids end in random bits."""
    return UUID(int=conversation_id.int & 0xFF)


def write_texts(tx: Tx, sealer: Sealer, books: Mapping[UUID, Lines]) -> None:
    """Put lines into the books of conversations."""
    _write(tx, sealer, TEXTS, books)


def write_titles(tx: Tx, sealer: Sealer, titles: Lines) -> None:
    """Put the titles of conversations on their pages."""
    pages = defaultdict[UUID, dict[UUID, str]](dict)
    for conversation_id, title in titles.items():
        pages[page_of(conversation_id)][conversation_id] = title
    _write(tx, sealer, PAGES, pages)


@dataclass(frozen=True)
class Titles:
    """The organisation's pages of titles, opened."""

    pages: Mapping[UUID, str]

    def say(self, conversation_id: UUID, needle: str) -> bool:
        """Say whether the title of a conversation says a folded text."""
        page, name = self.pages.get(page_of(conversation_id), ""), conversation_id.hex
        at = page.find(name)
        while at > 0 and page[at - 1] != "\n":  # what looks like its id stands in a title
            at = page.find(name, at + 1)
        end = page.find("\n", at)
        return at >= 0 and needle in page[at + _ID : end if end >= 0 else None]

    def saying(self, needle: str) -> Iterator[str]:
        """Yield the conversations whose titles say a folded text, in hex."""
        return (found for page in self.pages.values() for found in lines_saying(page, needle))


def open_pages(tx: Tx, sealer: Sealer) -> Titles:
    """Open all titles of the organisation."""
    rows = tx.execute(
        select(TitlePageRow.page_id, TitlePageRow.sealed).where(
            TitlePageRow.tenant_id == tx.tenant_id, TitlePageRow.sealed.is_not(None)
        ),
        execution_options=IN_BYTES,
    ).all()
    opened = sealer.unseal_all(tx, [(sealed, PAGES.place(page_id)) for page_id, sealed in rows if sealed is not None])
    return Titles({page_id: page.decode() for (page_id, _), page in zip(rows, opened, strict=True)})


def lines_saying(book: str, needle: str) -> Iterator[str]:
    """Yield of what each line is that says a folded text, in hex: there may be a hundred thousand."""
    at = book.find(needle) if needle else -1
    while at >= 0:
        start = book.rfind("\n", 0, at) + 1
        if at < start + _ID:  # in the id
            at = book.find(needle, at + 1)
            continue
        yield book[start : start + _ID]
        end = book.find("\n", at)
        at = book.find(needle, end) if end >= 0 else -1


def _write(tx: Tx, sealer: Sealer, column: SealedColumn, books: Mapping[UUID, Lines]) -> None:
    if not books:
        return
    row = _ROWS[column]
    key = row.__table__.c[column.key[0]]
    wanted = sorted(books)  # whoever locks several does it in one order
    tx.execute(_MAKE[column], {"keys": wanted, "tenant": tx.tenant_id})
    found = tx.execute(
        select(key, row.sealed).where(row.tenant_id == tx.tenant_id, key.in_(wanted)).order_by(key).with_for_update()
    ).all()
    kept = [(sealed, column.place(one)) for one, sealed in found if sealed is not None]
    opened = iter(sealer.unseal_all(tx, kept) if kept else ())
    anew = [
        (_with(next(opened).decode() if sealed is not None else "", books[one]).encode(), column.place(one))
        for one, sealed in found
    ]
    keys = [one for one, _ in found]
    tx.execute(_PUT[column], {"keys": keys, "sealed": sealer.seal_all(tx, anew), "tenant": tx.tenant_id})


def _with(book: str, lines: Lines) -> str:
    changed = {one.hex for one in lines}
    kept = [line for line in book.split("\n") if line and line[:_ID] not in changed]
    return "\n".join([*kept, *(one.hex + fold(said) for one, said in lines.items() if said)])
