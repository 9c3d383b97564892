"""What an owner's search looks through: the texts of several conversations of theirs in one sealed book (decision 0028).

A conversation comes into its owner's latest book with its first words, unless that one is full, and stays there; the book
is written again with each message of it. Whoever writes locks the conversation first, then its text, then the book.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, select, text

from appliance.chat.books import LINE, Lines, fold, lines_saying
from appliance.chat.sealed import BOOKS, TEXTS
from appliance.chat.tables import ConversationRow, ConversationTextRow, TextBookRow
from appliance.kernel.db import IN_BYTES, Tx
from appliance.kernel.ids import new_id
from appliance.kernel.rows import among
from appliance.kernel.sealing import IntegrityError, KeyDestroyed, Sealer

Talk = tuple[UUID, UUID]
"""The owner of a conversation, and its id."""
_Text = Row[UUID, UUID | None, bytes | None]
_Kept = Row[UUID, bytes]
_FULL: Final = 16_000
"""A book of so many signs takes no more conversations in. More of them make a search shorter, and each message dearer."""
AT_ONCE: Final = 256
"""How many books are open at a time."""
_PIECE: Final = 200
_MAKE = text(
    """INSERT INTO conversation_texts (tenant_id, conversation_id) SELECT :tenant, unnest(CAST(:ids AS uuid[]))
       ON CONFLICT DO NOTHING"""
)
_LATEST = text(
    """SELECT owners.id, latest.book_id FROM unnest(CAST(:owners AS uuid[])) AS owners (id)
       CROSS JOIN LATERAL (SELECT book_id FROM text_books WHERE tenant_id = :tenant AND owner_id = owners.id
                           ORDER BY book_id DESC LIMIT 1) AS latest"""
)
_PUT = text(
    """INSERT INTO text_books (tenant_id, book_id, owner_id, sealed)
       SELECT :tenant, new.* FROM unnest(CAST(:books AS uuid[]), CAST(:owners AS uuid[]), CAST(:sealed AS bytea[])) AS new
       ON CONFLICT (tenant_id, book_id) DO UPDATE SET sealed = excluded.sealed"""
)
_BIND = text(
    """UPDATE conversation_texts SET book_id = new.book_id, sealed = NULL
       FROM unnest(CAST(:ids AS uuid[]), CAST(:books AS uuid[])) AS new (conversation_id, book_id)
       WHERE tenant_id = :tenant AND conversation_texts.conversation_id = new.conversation_id"""
)


@dataclass
class _Book:
    """A book while it is written: its lines by conversation and what they are of, both in hex."""

    book_id: UUID
    owner_id: UUID
    lines: dict[str, str] = field(default_factory=dict)

    def read(self, opened: str) -> None:
        self.lines |= {line[: 2 * LINE]: line[2 * LINE :] for line in opened.split("\n") if line}

    def take(self, conversation_id: UUID, alone: str) -> None:
        """Take in a text that stood alone."""
        self.lines |= {conversation_id.hex + line[:LINE]: line[LINE:] for line in alone.split("\n") if line}

    def put(self, conversation_id: UUID, said: Lines) -> None:
        for one, words in said.items():
            name = conversation_id.hex + one.hex
            self.lines.pop(name, None)
            if words:
                self.lines[name] = fold(words)

    def drop(self, conversation_id: UUID) -> None:
        self.lines = {name: words for name, words in self.lines.items() if name[:LINE] != conversation_id.hex}

    @property
    def is_full(self) -> bool:
        return sum(2 * LINE + len(words) for words in self.lines.values()) >= _FULL

    def written(self) -> bytes:
        return "\n".join(name + words for name, words in self.lines.items()).encode()


def write_texts(tx: Tx, sealer: Sealer, said: Mapping[Talk, Lines]) -> None:
    """Put lines into the books of conversations, which are locked."""
    if not said:
        return
    owners = {conversation_id: owner_id for owner_id, conversation_id in said}
    texts = _texts(tx, owners)
    places = {book_id: owners[one] for one, book_id, _ in texts if book_id is not None}
    latest = _latest(tx, {owners[one] for one, book_id, _ in texts if book_id is None})
    rows = _lock(tx, {*places, *latest})
    books = _open_books(tx, sealer, [row for row in rows if row[0] in places], places)
    current = _open_latest(tx, sealer, [row for row in rows if row[0] in latest], latest, books)
    alone = _open_alone(tx, sealer, texts)
    bound, written = dict[UUID, UUID](), dict[UUID, _Book]()
    for conversation_id, book_id, sealed in texts:
        owner_id = owners[conversation_id]
        if book_id is None:
            if owner_id not in current or current[owner_id].is_full:
                current[owner_id] = _Book(new_id(), owner_id)
            book = current[owner_id]
        else:
            book = books[book_id]
        if sealed is not None:
            book.take(conversation_id, alone[conversation_id])
        book.put(conversation_id, said[owner_id, conversation_id])
        written[book.book_id] = book
        if book_id is None or sealed is not None:
            bound[conversation_id] = book.book_id
    _put(tx, sealer, written)
    if bound:
        tx.execute(_BIND, {"ids": list(bound), "books": list(bound.values()), "tenant": tx.tenant_id})


def erase_texts(tx: Tx, sealer: Sealer, talk: Talk) -> None:
    """Take a conversation, which is locked and goes, out of its book. The book goes with its last one."""
    owner_id, conversation_id = talk
    mine = ConversationTextRow.tenant_id == tx.tenant_id
    book_id = tx.scalar(
        delete(ConversationTextRow)
        .where(mine, ConversationTextRow.conversation_id == conversation_id)
        .returning(ConversationTextRow.book_id)
    )
    if book_id is None:
        return
    rows = _lock(tx, [book_id])
    others = select(ConversationTextRow.book_id).where(mine, ConversationTextRow.book_id == book_id).limit(1)
    if tx.scalar(others) is None:
        tx.execute(delete(TextBookRow).where(TextBookRow.tenant_id == tx.tenant_id, TextBookRow.book_id == book_id))
        return
    with suppress(KeyDestroyed):  # what it said stands among ashes
        books = _open_books(tx, sealer, rows, {book_id: owner_id})
        for book in books.values():
            book.drop(conversation_id)
        _put(tx, sealer, books)


def saying(tx: Tx, sealer: Sealer, owner_id: UUID, book_ids: Iterable[UUID], needle: str) -> dict[str, list[str]]:
    """Return what in these books of a person says a folded text: by conversation, of what the lines are; in hex."""
    found, left = defaultdict[str, list[str]](list), iter(book_ids)
    while some := list(islice(left, AT_ONCE)):
        rows = tx.execute(
            select(TextBookRow.book_id, TextBookRow.sealed).where(
                TextBookRow.tenant_id == tx.tenant_id, among(TextBookRow.book_id, some)
            ),
            execution_options=IN_BYTES,
        ).all()
        # By the person and not by the row: a book that was given to somebody else does not open.
        for book in sealer.unseal_all(tx, [(sealed, BOOKS.place(one, owner_id)) for one, sealed in rows]):
            for name in lines_saying(book, needle, names=2 * LINE):
                found[name[:LINE]].append(name[LINE:])
    return found


def alone_saying(tx: Tx, sealer: Sealer, ids: Sequence[UUID], needle: str) -> dict[str, list[str] | None]:
    """Return the same of conversations whose texts stand alone, as before there were books; None for one without a text."""
    found = tx.execute(
        select(ConversationTextRow.conversation_id, ConversationTextRow.book_id, ConversationTextRow.sealed).where(
            ConversationTextRow.tenant_id == tx.tenant_id, among(ConversationTextRow.conversation_id, ids)
        ),
        execution_options=IN_BYTES,
    ).all()
    opened = _open_alone(tx, sealer, found)
    said = {one: list(lines_saying(book.encode(), needle)) for one, book in opened.items()}
    return {one.hex: said.get(one) for one in ids}


def are_alone(tx: Tx) -> bool:
    """Say whether texts are left that stand alone."""
    found = select(ConversationTextRow.tenant_id).where(*_alone(tx)).limit(1)
    return tx.scalar(found) is not None


def bind_some(tx: Tx, sealer: Sealer) -> bool:
    """Put the next texts that stand alone into books; say whether there were any."""
    rows = tx.execute(
        select(ConversationRow.owner_id, ConversationRow.conversation_id)
        .join(
            ConversationTextRow,
            (ConversationTextRow.tenant_id == ConversationRow.tenant_id)
            & (ConversationTextRow.conversation_id == ConversationRow.conversation_id),
        )
        .where(*_alone(tx))
        .order_by(ConversationTextRow.conversation_id)
        .limit(_PIECE)
        .with_for_update(of=ConversationRow)
    ).all()
    write_texts(tx, sealer, {(owner_id, one): {} for owner_id, one in rows})
    return bool(rows)


def _texts(tx: Tx, ids: Collection[UUID]) -> Sequence[_Text]:
    """Return the texts of conversations, locked; those that had none have one now."""
    found = (
        select(ConversationTextRow.conversation_id, ConversationTextRow.book_id, ConversationTextRow.sealed)
        .where(ConversationTextRow.tenant_id == tx.tenant_id, among(ConversationTextRow.conversation_id, ids))
        .order_by(ConversationTextRow.conversation_id)  # whoever locks several does it in one order
        .with_for_update()
    )
    rows = tx.execute(found, execution_options=IN_BYTES).all()
    if len(rows) < len(ids):
        tx.execute(_MAKE, {"ids": sorted(ids), "tenant": tx.tenant_id})
        rows = tx.execute(found, execution_options=IN_BYTES).all()
    return rows


def _latest(tx: Tx, owners: Collection[UUID]) -> dict[UUID, UUID]:
    """Return the latest book of each person who has one, with whose it is."""
    if not owners:
        return {}
    rows = tx.execute(_LATEST, {"owners": sorted(owners), "tenant": tx.tenant_id})
    return {row.book_id: row.id for row in rows}


def _lock(tx: Tx, book_ids: Collection[UUID]) -> Sequence[_Kept]:
    """Return these books as they are kept, locked; without those that went meanwhile with their last text."""
    if not book_ids:
        return ()
    return tx.execute(
        select(TextBookRow.book_id, TextBookRow.sealed)
        .where(TextBookRow.tenant_id == tx.tenant_id, among(TextBookRow.book_id, book_ids))
        .order_by(TextBookRow.book_id)
        .with_for_update(),
        execution_options=IN_BYTES,
    ).all()


def _open_books(tx: Tx, sealer: Sealer, rows: Sequence[_Kept], owners: Mapping[UUID, UUID]) -> dict[UUID, _Book]:
    """Return books, of whom they are said to be."""
    opened = sealer.unseal_all(tx, [(sealed, BOOKS.place(one, owners[one])) for one, sealed in rows]) if rows else ()
    books = {one: _Book(one, owners[one]) for one, _ in rows}
    for book, content in zip(books.values(), opened, strict=True):
        book.read(content.decode())
    return books


def _open_latest(
    tx: Tx, sealer: Sealer, rows: Sequence[_Kept], owners: Mapping[UUID, UUID], books: Mapping[UUID, _Book]
) -> dict[UUID, _Book]:
    """Return people's latest books, by whose they are. One that does not open hinders nobody from beginning another one."""
    left = [row for row in rows if row[0] not in books]
    try:
        opened = _open_books(tx, sealer, left, owners)
    except IntegrityError:
        opened = {}
        for row in left:
            with suppress(IntegrityError):  # a search raises the alarm
                opened |= _open_books(tx, sealer, [row], owners)
    every = {**books, **opened}
    return {owner_id: every[book_id] for book_id, owner_id in owners.items() if book_id in every}


def _open_alone(tx: Tx, sealer: Sealer, texts: Sequence[_Text]) -> dict[UUID, str]:
    kept = [(one, sealed) for one, _, sealed in texts if sealed is not None]
    opened = sealer.unseal_all(tx, [(sealed, TEXTS.place(one)) for one, sealed in kept]) if kept else ()
    return {one: book.decode() for (one, _), book in zip(kept, opened, strict=True)}


def _put(tx: Tx, sealer: Sealer, books: Mapping[UUID, _Book]) -> None:
    if not books:
        return
    values = [(book.written(), BOOKS.place(book.book_id, book.owner_id)) for book in books.values()]
    tx.execute(
        _PUT,
        {
            "tenant": tx.tenant_id,
            "books": list(books),
            "owners": [book.owner_id for book in books.values()],
            "sealed": sealer.seal_all(tx, values),
        },
    )


def _alone(tx: Tx) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return ConversationTextRow.tenant_id == tx.tenant_id, ConversationTextRow.sealed.is_not(None)
