"""Finding conversations by what they say: sealed books are opened from the latest on, until a page is full.

What the worker has not sealed yet is looked through as it stands, until a later release.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import islice
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, bindparam, false, func, or_, select, text, tuple_
from sqlalchemy.types import NullType

from appliance.chat.books import fold, lines_saying, open_pages
from appliance.chat.sealed import TEXTS
from appliance.chat.sources import is_open, withheld
from appliance.chat.tables import ConversationRow, ConversationTextRow, MessageRow
from appliance.identity import Caller
from appliance.kernel.db import IN_BYTES, Tx
from appliance.kernel.sealing import Sealer

Mark = tuple[datetime, UUID]
_FIRST, _MOST = 64, 1024
"""How many conversations a search looks through first: most pages are full by then. Each further look is larger."""
_LATEST = (ConversationRow.updated_at.desc(), ConversationRow.conversation_id.desc())


def latest(
    tx: Tx, caller: Caller, sealer: Sealer, *, query: str, before: Mark | None, limit: int
) -> Sequence[ConversationRow]:
    """Return the caller's own conversations, the latest first: those that say the query, before one of them."""
    needle = fold(query)
    if not needle:
        found = select(ConversationRow).where(*_own(tx, caller, before))
        return tx.scalars(found.order_by(*_LATEST).limit(limit)).all()
    ids, size = list[UUID](), _FIRST
    while len(ids) < limit:
        window = tx.execute(
            select(ConversationRow.conversation_id, ConversationRow.updated_at, ConversationTextRow.sealed)
            .outerjoin(ConversationTextRow, _is_its_text())
            .where(*_own(tx, caller, before))
            .order_by(*_LATEST)
            .limit(size),
            execution_options=IN_BYTES,
        ).all()
        said = _saying(tx, caller, sealer, [(one, sealed) for one, _, sealed in window if sealed is not None], needle)
        said |= _plain_saying(tx, caller, [one for one, _, sealed in window if sealed is None], query.strip())
        ids += [one for one, _, _ in window if one in said]
        if len(window) < size:
            break
        size = min(4 * size, _MOST)
        before = (window[-1].updated_at, window[-1].conversation_id)
    wanted = ConversationRow.conversation_id.in_(ids[:limit])
    return tx.scalars(select(ConversationRow).where(*_own(tx, caller, None), wanted).order_by(*_LATEST)).all()


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
    # One untyped value for all of them: Postgres reads it once, as an array, and looks each row up in its hashes.
    every = bindparam("found", "{" + ",".join(said) + "}", type_=NullType())
    listed = text("conversations.conversation_id = ANY (CAST(:found AS uuid[]))").bindparams(every)
    return list(tx.scalars(found.where(or_(listed, other)).limit(limit)))


def _own(tx: Tx, caller: Caller, before: Mark | None) -> list[ColumnElement[bool]]:
    own = [ConversationRow.tenant_id == tx.tenant_id, ConversationRow.owner_id == caller.user_id]
    if before is not None:
        own.append(tuple_(ConversationRow.updated_at, ConversationRow.conversation_id) < before)
    return own


def _is_its_text() -> ColumnElement[bool]:
    return and_(
        ConversationTextRow.tenant_id == ConversationRow.tenant_id,
        ConversationTextRow.conversation_id == ConversationRow.conversation_id,
    )


def _saying(tx: Tx, caller: Caller, sealer: Sealer, books: Sequence[tuple[UUID, bytes]], needle: str) -> set[UUID]:
    """Return the conversations whose title says a text, or a message that is open to the caller."""
    if not books:
        return set()
    opened = sealer.unseal_all(tx, [(sealed, TEXTS.place(one)) for one, sealed in books])
    found: dict[UUID, list[UUID]] = {}
    for (one, _), book in zip(books, opened, strict=True):
        if lines := [UUID(hex=line) for line in lines_saying(book.decode(), needle)]:
            found[one] = lines
    closed = withheld(tx, caller, [line for one, lines in found.items() if one not in lines for line in lines])
    return {one for one, lines in found.items() if not closed.issuperset(lines)}


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
                ConversationRow.conversation_id.in_(ids),
                or_(ConversationRow.title.icontains(query, autoescape=True), said),
            )
        )
    )
