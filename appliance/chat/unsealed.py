"""What was kept in the clear before conversations were sealed: the worker seals it, conversation by conversation.

Each piece is a transaction of its own, and partial indexes name what is left, so that a process may die anywhere and
the next one goes on. A conversation that somebody writes to before its turn is sealed there and then.
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import Text, cast, func, or_, select, text, update
from sqlalchemy.orm.attributes import set_committed_value

from appliance.chat import books, texts
from appliance.chat.sealed import COMMENTS, VIEWS, WISHES, open_titles, open_words, title_place, words_place
from appliance.chat.tables import (
    CitationRow,
    ConversationRow,
    ConversationTextRow,
    ConversationViewRow,
    FeedbackRow,
    MessageRow,
    ReviewRequestRow,
)
from appliance.chat.values import UNTITLED
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId, new_id
from appliance.kernel.jobs import Job, enqueue, is_pending
from appliance.kernel.log import logger
from appliance.kernel.rows import among
from appliance.kernel.sealing import KeyDestroyed, KeyUnavailable, SealedColumn, Sealer

SEAL = "chat.seal"
log = logger("chat")
_SECONDS, _CONVERSATIONS, _ROWS = 10.0, 100, 200
_ALONE: dict[SealedColumn, type[FeedbackRow] | type[ReviewRequestRow] | type[ConversationViewRow]] = {
    COMMENTS: FeedbackRow,
    WISHES: ReviewRequestRow,
    VIEWS: ConversationViewRow,
}
_SEALED = text(
    """UPDATE messages SET body = '', sealed_words = new.sealed
       FROM unnest(CAST(:ids AS uuid[]), CAST(:sealed AS bytea[])) AS new (message_id, sealed)
       WHERE tenant_id = :tenant AND messages.message_id = new.message_id"""
)

_TITLED = text(
    """UPDATE conversations SET title = '', sealed_title = new.sealed
       FROM unnest(CAST(:ids AS uuid[]), CAST(:sealed AS bytea[])) AS new (conversation_id, sealed)
       WHERE tenant_id = :tenant AND conversations.conversation_id = new.conversation_id"""
)


def tend_sealing(db: Database, sealer: Sealer, tenant_id: TenantId) -> bool:
    """Queue the sealing of what is still plain, unless it is queued; say whether there is any. Needs the worker's role.

    What is searched and stands alone, as before there were books, is put into books by the same job.

    What an organisation said that has destroyed its keys before conversations were sealed stays until it is deleted.
    """
    with db.tenant(tenant_id) as tx:
        is_plain = _is_left(tx)
        if not is_plain and not texts.are_alone(tx):
            return False
        try:
            sealer.seal_all(tx, [])  # is there a key?
        except KeyDestroyed:
            return False
        except KeyUnavailable as refusal:
            log.warning("sealing_waits", tenant_id=str(tenant_id), code=refusal.code)
            return is_plain
        if not is_pending(tx, _lock(tenant_id)):
            enqueue(tx, Job(SEAL, new_id(), lock=_lock(tenant_id)))
    return is_plain


def note_sealing(db: Database, *, is_left: bool) -> None:
    """Say after a look at every tenant whether something is plain: when nothing is, the migrator wipes where it stood."""
    with db.platform() as tx:
        tx.execute(text("SELECT note_plain_text(:is_left)"), {"is_left": is_left})


def seal_plain(db: Database, sealer: Sealer, tenant_id: TenantId, *, seconds: float = _SECONDS) -> None:
    """Seal a piece of what is plain, of some seconds, and queue the next one."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with db.tenant(tenant_id) as tx:
            if not _seal_some(tx, sealer):
                return
    with db.tenant(tenant_id) as tx:
        enqueue(tx, Job(SEAL, new_id(), lock=_lock(tenant_id)))


def seal_before(tx: Tx, sealer: Sealer, row: ConversationRow) -> None:
    """Seal a conversation, which is locked, before something is added to it, unless it is sealed."""
    is_written = tx.scalar(
        select(ConversationTextRow.conversation_id).where(
            ConversationTextRow.tenant_id == tx.tenant_id, ConversationTextRow.conversation_id == row.conversation_id
        )
    )
    if row.title or is_written is None:
        _seal_conversations(tx, sealer, [row])


def _seal_conversations(tx: Tx, sealer: Sealer, left: Sequence[ConversationRow]) -> None:
    """Seal what is plain of conversations, which are locked, with their messages; and write what is searched of them."""
    messages = _messages(tx, left)
    said = open_words(tx, sealer, messages, _cited(tx, messages))
    titles = [title if title != UNTITLED else "" for title in open_titles(tx, sealer, left)]
    lines: dict[UUID, dict[UUID, str]] = {
        row.conversation_id: {row.conversation_id: title} for row, title in zip(left, titles, strict=True)
    }
    for message, words in zip(messages, said, strict=True):
        lines[message.conversation_id][message.message_id] = words.body
    plain = [(row, words) for row, words in zip(messages, said, strict=True) if row.sealed_words is None]
    values = [(words.pack(), words_place(row)) for row, words in plain]
    named = [(row, title) for row, title in zip(left, titles, strict=True) if title]
    values += [(title.encode(), title_place(row)) for row, title in named]
    sealed = sealer.seal_all(tx, values) if values else []
    _put_words(tx, messages, [row.message_id for row, _ in plain], sealed[: len(plain)])
    _put_titles(tx, left, dict(zip((row.conversation_id for row, _ in named), sealed[len(plain) :], strict=True)))
    if messages or named:
        texts.write_texts(tx, sealer, {(row.owner_id, row.conversation_id): lines[row.conversation_id] for row in left})
        books.write_titles(tx, sealer, {row.conversation_id: title for row, title in named})


def _is_left(tx: Tx) -> bool:
    looks = [
        (ConversationRow.tenant_id, ConversationRow.title), (MessageRow.tenant_id, MessageRow.body),
        (FeedbackRow.tenant_id, FeedbackRow.comment), (ReviewRequestRow.tenant_id, ReviewRequestRow.reason),
        (ConversationViewRow.tenant_id, ConversationViewRow.reason),
    ]  # fmt: skip
    left = or_(*(select(tenant).where(tenant == tx.tenant_id, plain != "").exists() for tenant, plain in looks))
    return bool(tx.scalar(select(left)))


def _seal_some(tx: Tx, sealer: Sealer) -> bool:
    """Seal the next values; say whether there were any."""
    rows = _plain_conversations(tx)
    if rows:
        _seal_conversations(tx, sealer, rows)
    return bool(rows) or any(_seal_alone(tx, sealer, column) for column in _ALONE) or texts.bind_some(tx, sealer)


def _plain_conversations(tx: Tx) -> Sequence[ConversationRow]:
    mine = ConversationRow.tenant_id == tx.tenant_id
    found = select(ConversationRow).where(mine, ConversationRow.title != "")
    page = func.right(cast(ConversationRow.conversation_id, Text), 2)  # a piece writes few pages of titles
    rows = tx.scalars(found.order_by(page).limit(_CONVERSATIONS).with_for_update()).all()
    if rows:
        return rows
    # Messages of a version that ran beside this one: their conversation's title is sealed, or was never given.
    said = select(MessageRow.conversation_id).where(MessageRow.tenant_id == tx.tenant_id, MessageRow.body != "")
    ids = set(tx.scalars(said.limit(_CONVERSATIONS)))
    return tx.scalars(
        select(ConversationRow).where(mine, ConversationRow.conversation_id.in_(ids)).with_for_update()
    ).all()


def _seal_alone(tx: Tx, sealer: Sealer, column: SealedColumn) -> bool:
    """Seal the next values of a column that nobody searches; say whether there were any."""
    row_type, plain = _ALONE[column], column.plain or ""
    found = select(row_type).where(row_type.tenant_id == tx.tenant_id, row_type.__table__.c[plain] != "")
    rows = tx.scalars(found.limit(_ROWS).with_for_update()).all()
    places = [column.place(*(getattr(row, name) for name in (*column.key, *column.bound))) for row in rows]
    values = [(getattr(row, plain).encode(), place) for row, place in zip(rows, places, strict=True)]
    for row, sealed in zip(rows, sealer.seal_all(tx, values) if values else (), strict=True):
        setattr(row, column.field, sealed)
        setattr(row, plain, "")
    tx.flush()
    return bool(rows)


def _messages(tx: Tx, rows: Sequence[ConversationRow]) -> Sequence[MessageRow]:
    ids = [row.conversation_id for row in rows]
    found = select(MessageRow).where(MessageRow.tenant_id == tx.tenant_id, among(MessageRow.conversation_id, ids))
    return tx.scalars(found.order_by(MessageRow.created_at, MessageRow.message_id)).all()


def _cited(tx: Tx, messages: Sequence[MessageRow]) -> defaultdict[UUID, list[CitationRow]]:
    plain = [row.message_id for row in messages if row.sealed_words is None]
    found: defaultdict[UUID, list[CitationRow]] = defaultdict(list)
    cited = select(CitationRow).where(CitationRow.tenant_id == tx.tenant_id, among(CitationRow.message_id, plain))
    for row in tx.scalars(cited):
        found[row.message_id].append(row)
    return found


def _put_words(tx: Tx, messages: Sequence[MessageRow], ids: Sequence[UUID], sealed: Sequence[bytes]) -> None:
    tx.execute(_SEALED, {"ids": ids, "sealed": sealed, "tenant": tx.tenant_id})
    every = [row.message_id for row in messages]
    unsynchronised = {"synchronize_session": False}
    tx.execute(
        update(MessageRow)
        .where(MessageRow.tenant_id == tx.tenant_id, among(MessageRow.message_id, every), MessageRow.body != "")
        .values(body="")
        .execution_options(**unsynchronised)
    )
    tx.execute(
        update(CitationRow)
        .where(CitationRow.tenant_id == tx.tenant_id, among(CitationRow.message_id, every))
        .where(or_(CitationRow.title != "", CitationRow.heading != "", CitationRow.quote != ""))
        .values(title="", heading="", quote="")
        .execution_options(**unsynchronised)
    )


def _put_titles(tx: Tx, rows: Sequence[ConversationRow], sealed: Mapping[UUID, bytes]) -> None:
    ids = [row.conversation_id for row in rows]
    tx.execute(_TITLED, {"ids": ids, "sealed": [sealed.get(one) for one in ids], "tenant": tx.tenant_id})
    for row in rows:  # as the database has them now
        set_committed_value(row, "title", "")
        set_committed_value(row, "sealed_title", sealed.get(row.conversation_id))


def _lock(tenant_id: TenantId) -> str:
    return f"seal {tenant_id}"
