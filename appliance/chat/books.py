"""What is searched: sealed books of lines, a name and a folded text each (decision 0019).

An organisation has up to 256 pages of titles, for the list of all conversations; what owners search is beside this one
(`chat.texts`). Nothing of a search stands in the clear; it opens what it looks through.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import select, text

from appliance.chat.sealed import PAGES
from appliance.chat.tables import TitlePageRow
from appliance.kernel.db import IN_BYTES, Tx
from appliance.kernel.rows import among
from appliance.kernel.sealing import Sealer

Lines = Mapping[UUID, str]
"""Texts by what they are of; an empty one takes its line out."""
LINE: Final = 32
"""The signs of a line's name: an id in hex."""
_MAKE = text(
    """INSERT INTO title_pages (tenant_id, page_id) SELECT :tenant, unnest(CAST(:ids AS uuid[])) ON CONFLICT DO NOTHING"""
)
_PUT = text(
    """UPDATE title_pages SET sealed = new.sealed
       FROM unnest(CAST(:ids AS uuid[]), CAST(:sealed AS bytea[])) AS new (page_id, sealed)
       WHERE tenant_id = :tenant AND title_pages.page_id = new.page_id"""
)


def fold(said: str) -> str:
    """Return a text as it is compared: compatible signs and letters of either case are one, any blanks are one blank."""
    normal = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", said).casefold())
    return " ".join(normal.replace("\0", "").split())


def page_of(conversation_id: UUID) -> UUID:
    """Return which page of titles a conversation's stands on. Ids end in random bits."""
    return UUID(int=conversation_id.int & 0xFF)


def write_titles(tx: Tx, sealer: Sealer, titles: Lines) -> None:
    """Put the titles of conversations on their pages."""
    if not titles:
        return
    pages = defaultdict[UUID, dict[UUID, str]](dict)
    for conversation_id, title in titles.items():
        pages[page_of(conversation_id)][conversation_id] = title
    tx.execute(_MAKE, {"ids": sorted(pages), "tenant": tx.tenant_id})
    found = tx.execute(
        select(TitlePageRow.page_id, TitlePageRow.sealed)
        .where(TitlePageRow.tenant_id == tx.tenant_id, among(TitlePageRow.page_id, pages))
        .order_by(TitlePageRow.page_id)  # whoever locks several does it in one order
        .with_for_update(),
        execution_options=IN_BYTES,
    ).all()
    kept = [(sealed, PAGES.place(one)) for one, sealed in found if sealed is not None]
    opened = iter(sealer.unseal_all(tx, kept) if kept else ())
    anew = [
        (_with(next(opened).decode() if sealed is not None else "", pages[one]).encode(), PAGES.place(one))
        for one, sealed in found
    ]
    ids = [one for one, _ in found]
    tx.execute(_PUT, {"ids": ids, "sealed": sealer.seal_all(tx, anew), "tenant": tx.tenant_id})


@dataclass(frozen=True)
class Titles:
    """The organisation's pages of titles, opened."""

    pages: Mapping[UUID, bytes]

    def say(self, conversation_id: UUID, needle: str) -> bool:
        """Say whether the title of a conversation says a folded text."""
        page, name = self.pages.get(page_of(conversation_id), b""), conversation_id.hex.encode()
        at = page.find(name)
        while at > 0 and page[at - 1 : at] != b"\n":  # what looks like its id stands in a title
            at = page.find(name, at + 1)
        end = page.find(b"\n", at)
        return at >= 0 and needle.encode() in page[at + LINE : end if end >= 0 else None]

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
    return Titles({page_id: page for (page_id, _), page in zip(rows, opened, strict=True)})


def lines_saying(book: bytes, needle: str, *, names: int = LINE) -> Iterator[str]:
    """Yield the names of the lines that say a folded text: there may be a hundred thousand.

    Looked for in UTF-8 as it was sealed, where no text begins inside of another one's sign.
    """
    said = needle.encode()
    at = book.find(said) if said else -1
    while at >= 0:
        start = book.rfind(b"\n", 0, at) + 1
        if at < start + names:  # in the name
            at = book.find(said, start + names)
            continue
        yield book[start : start + names].decode()
        end = book.find(b"\n", at)
        at = book.find(said, end) if end >= 0 else -1


def _with(book: str, lines: Lines) -> str:
    changed = {one.hex for one in lines}
    kept = [line for line in book.split("\n") if line and line[:LINE] not in changed]
    return "\n".join([*kept, *(one.hex + fold(said) for one, said in lines.items() if said)])
