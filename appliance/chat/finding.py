"""Finding conversations by what they say: sealed books are opened from the latest on, until a page is full.

What the worker has not sealed yet is looked through as it stands, until a later release.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from uuid import UUID

from sqlalchemy import ColumnElement, Select, TextClause, and_, bindparam, false, func, or_, select, text, true, tuple_
from sqlalchemy.types import NullType

from appliance.chat.books import fold, open_pages
from appliance.chat.sources import is_open, withheld
from appliance.chat.tables import ConversationRow, ConversationTextRow, MessageRow, TextBookRow
from appliance.chat.texts import AT_ONCE, alone_saying, saying
from appliance.identity import Caller
from appliance.kernel.db import Tx
from appliance.kernel.rows import among
from appliance.kernel.sealing import Sealer

Mark = tuple[datetime, UUID]
_FIRST, _MOST = 64, 2048
"""How many conversations a search looks through first: most pages are full by then; and at each further look."""
_LATEST = (ConversationRow.updated_at.desc(), ConversationRow.conversation_id.desc())


def latest(
    tx: Tx, caller: Caller, sealer: Sealer, *, query: str, before: Mark | None, limit: int
) -> Sequence[ConversationRow]:
    """Return the caller's own conversations, the latest first: those that say the query, before one of them."""
    needle = fold(query)
    if not needle:
        found = select(ConversationRow).where(*_own(tx, caller, before))
        return tx.scalars(found.order_by(*_LATEST).limit(limit)).all()
    said, books = set[str](), set[UUID]()
    for window in _windows(tx, caller, before):
        said |= _saying(tx, caller, sealer, window, books, needle)
        if window.loose:
            said |= _loose_saying(tx, caller, sealer, window.loose, needle, query.strip())
        books.update(window.books)
        if said and (len(said) >= limit or window.is_last):
            found = select(ConversationRow).where(*_own(tx, caller, before), _is_among(said), _until(window.end))
            rows = tx.scalars(found.order_by(*_LATEST).limit(limit)).all()
            if len(rows) == limit or window.is_last:
                return rows
    return []


@dataclass(frozen=True)
class _Window:
    """Some of a person's own conversations, one after the other: the books they are in, and those that are in none."""

    books: Sequence[UUID]
    loose: Sequence[UUID] = ()
    end: Mark | None = None
    is_last: bool = True


def _windows(tx: Tx, caller: Caller, before: Mark | None) -> Iterator[_Window]:
    """Yield the latest conversations before one of them, and then the others: at once where all their books can be opened."""
    window = _window(tx, caller, before, _FIRST)
    yield window
    if not window.is_last and (books := _few_books(tx, caller)) is not None:
        yield _Window(books)
        return
    while not window.is_last:
        window = _window(tx, caller, window.end, _MOST)
        yield window


def _few_books(tx: Tx, caller: Caller) -> Sequence[UUID] | None:
    """Return all of the caller's books, or None where they are many, or do not hold all that was said."""
    mine = TextBookRow.tenant_id == tx.tenant_id, TextBookRow.owner_id == caller.user_id
    books = tx.scalars(select(TextBookRow.book_id).where(*mine).limit(AT_ONCE + 1)).all()
    if len(books) > AT_ONCE:
        return None
    looks = [
        (ConversationTextRow.tenant_id, ConversationTextRow.sealed.is_not(None)),
        (ConversationRow.tenant_id, ConversationRow.title != ""),
        (MessageRow.tenant_id, MessageRow.body != ""),
    ]
    left = or_(*(select(tenant).where(tenant == tx.tenant_id, is_left).exists() for tenant, is_left in looks))
    return None if tx.scalar(select(left)) else books


def _window(tx: Tx, caller: Caller, before: Mark | None, size: int) -> _Window:
    own = (
        select(ConversationRow.conversation_id, ConversationRow.updated_at)
        .where(*_own(tx, caller, before))
        .order_by(*_LATEST)
        .limit(size)
        .cte("own")
    )
    is_its_text = and_(
        ConversationTextRow.tenant_id == tx.tenant_id, ConversationTextRow.conversation_id == own.c.conversation_id
    )
    book_id = ConversationTextRow.book_id
    end = (
        select(own.c.updated_at, own.c.conversation_id)
        .order_by(own.c.updated_at, own.c.conversation_id)
        .limit(1)
        .cte("last")
    )
    row = tx.execute(
        select(
            func.count(),
            func.array_agg(book_id.distinct()).filter(book_id.is_not(None)),
            func.array_agg(own.c.conversation_id).filter(
                or_(book_id.is_(None), ConversationTextRow.sealed.is_not(None))
            ),
            select(end.c.updated_at).scalar_subquery(),
            select(end.c.conversation_id).scalar_subquery(),
        ).select_from(own.outerjoin(ConversationTextRow, is_its_text))
    ).one()
    mark = (row[3], row[4]) if row[3] is not None else None
    return _Window(row[1] or (), row[2] or (), mark, is_last=row[0] < size)


def titles_saying(
    tx: Tx, sealer: Sealer, query: str, found: Select[UUID], named: ColumnElement[bool], *, limit: int
) -> list[UUID]:
    """Return the first of the organisation's conversations, in the order of `found`, whose title says a query, or which
    are `named`.
    """
    titles, needle = open_pages(tx, sealer), fold(query)
    plain = ConversationRow.title != ""
    old = and_(plain, func.strpos(func.lower(ConversationRow.title), func.lower(query)) > 0)
    is_left = tx.scalar(
        select(ConversationRow.tenant_id).where(ConversationRow.tenant_id == tx.tenant_id, plain).limit(1)
    )
    other = or_(named, old) if is_left else named
    said = list(islice(titles.saying(needle), _MOST + 1))
    if len(said) > _MOST:
        # What many titles say is found among the first, without a list of all of them.
        first = tx.execute(found.add_columns(other).limit(_MOST)).all()
        ids = list(islice((one for one, is_other in first if is_other or titles.say(one, needle)), limit))
        if len(ids) == limit or len(first) < _MOST:
            return ids
        said = list(titles.saying(needle))
    elif tx.scalar(found.with_only_columns(ConversationRow.tenant_id).where(other).order_by(None).limit(1)) is None:
        other = false()  # a few titles alone are looked up by their ids, and the list is not walked
    return list(tx.scalars(found.where(or_(_is_among(said), other)).limit(limit)))


def _own(tx: Tx, caller: Caller, before: Mark | None) -> list[ColumnElement[bool]]:
    own = [ConversationRow.tenant_id == tx.tenant_id, ConversationRow.owner_id == caller.user_id]
    if before is not None:
        own.append(tuple_(ConversationRow.updated_at, ConversationRow.conversation_id) < before)
    return own


def _until(end: Mark | None) -> ColumnElement[bool]:
    return tuple_(ConversationRow.updated_at, ConversationRow.conversation_id) >= end if end else true()


def _is_among(found: Iterable[str]) -> TextClause:
    # One untyped value for all of them: Postgres reads it once, as an array, and looks each row up in its hashes.
    every = bindparam("found", "{" + ",".join(found) + "}", type_=NullType())
    return text("conversations.conversation_id = ANY (CAST(:found AS uuid[]))").bindparams(every)


def _saying(tx: Tx, caller: Caller, sealer: Sealer, window: _Window, seen: Collection[UUID], needle: str) -> set[str]:
    """Return the conversations in books that are new whose title says a text, or a message that is open to the caller."""
    books = [one for one in window.books if one not in seen]
    return _open_to(tx, caller, saying(tx, sealer, caller.user_id, books, needle)) if books else set()


def _open_to(tx: Tx, caller: Caller, found: Mapping[str, Sequence[str]]) -> set[str]:
    in_messages = (UUID(hex=line) for one, lines in found.items() if one not in lines for line in lines)
    closed = {one.hex for one in withheld(tx, caller, in_messages)}
    return {one for one, lines in found.items() if not closed.issuperset(lines)}


def _loose_saying(tx: Tx, caller: Caller, sealer: Sealer, ids: Sequence[UUID], needle: str, query: str) -> set[str]:
    """Return the same of conversations that are in no book yet."""
    found = alone_saying(tx, sealer, ids, needle)
    said = _open_to(tx, caller, {one: lines for one, lines in found.items() if lines})
    plain = _plain_saying(tx, caller, [UUID(hex=one) for one, lines in found.items() if lines is None], query)
    return said | {one.hex for one in plain}


def _plain_saying(tx: Tx, caller: Caller, ids: Collection[UUID], query: str) -> set[UUID]:
    if not ids:
        return set()
    said = (
        select(MessageRow.message_id)
        .where(
            MessageRow.tenant_id == tx.tenant_id,
            MessageRow.conversation_id == ConversationRow.conversation_id,
            MessageRow.body.icontains(query, autoescape=True),
            is_open(tx, caller),
        )
        .exists()
    )
    return set(
        tx.scalars(
            select(ConversationRow.conversation_id).where(
                ConversationRow.tenant_id == tx.tenant_id,
                among(ConversationRow.conversation_id, ids),
                or_(ConversationRow.title.icontains(query, autoescape=True), said),
            )
        )
    )
