"""What people said, as it stands in the database: sealed by the vault, each value at its place (decision 0019).

A message is one value with the words of what it cites, so that a page opens as many as it shows. It is bound to its
conversation, and a title to its owner: a row that is handed to another one does not open.

What was kept before stands plain beside an empty sealed column until the worker comes by (`chat.unsealed`).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from appliance.chat.tables import CitationRow, ConversationRow, FeedbackRow, MessageRow
from appliance.kernel.db import Tx
from appliance.kernel.sealing import Place, SealedColumn, Sealer

TITLES = SealedColumn("conversations", "sealed_title", ("conversation_id",), ("uuid",), ("owner_id",), "title")
WORDS = SealedColumn("messages", "sealed_words", ("message_id",), ("uuid",), ("conversation_id",), "body")
COMMENTS = SealedColumn("feedback", "sealed_comment", ("message_id", "user_id"), ("uuid", "uuid"), (), "comment")
WISHES = SealedColumn("review_requests", "sealed_reason", ("request_id",), ("uuid",), (), "reason")
VIEWS = SealedColumn("conversation_views", "sealed_reason", ("view_id",), ("uuid",), ("conversation_id",), "reason")
CALL_REASONS = SealedColumn("call_openings", "sealed_reason", ("opening_id",), ("uuid",), ("call_id", "asked_by"))
TEXTS = SealedColumn("conversation_texts", "sealed", ("conversation_id",), ("uuid",))
BOOKS = SealedColumn("text_books", "sealed", ("book_id",), ("uuid",), ("owner_id",))
PAGES = SealedColumn("title_pages", "sealed", ("page_id",), ("uuid",))
SURROGATES = SealedColumn("conversation_surrogates", "sealed", ("conversation_id",), ("uuid",))
SEALED = (TITLES, WORDS, COMMENTS, WISHES, VIEWS, CALL_REASONS, TEXTS, BOOKS, PAGES, SURROGATES)


@dataclass(frozen=True)
class Quoted:
    """The words of a citation."""

    title: str
    heading: str
    quote: str


@dataclass(frozen=True)
class Words:
    """The words of a message, and of what it cites, by number."""

    body: str
    quoted: Mapping[int, Quoted]

    def pack(self) -> bytes:
        """Return them as they are sealed."""
        cited = [[number, one.title, one.heading, one.quote] for number, one in sorted(self.quoted.items())]
        return json.dumps([self.body, cited], ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def unpack(cls, packed: bytes) -> "Words":
        """Return what `pack` made."""
        body, cited = json.loads(packed)
        return cls(body, {number: Quoted(*words) for number, *words in cited})


def title_place(row: ConversationRow) -> Place:
    """Return where a conversation's title stands."""
    return TITLES.place(row.conversation_id, row.owner_id)


def words_place(row: MessageRow) -> Place:
    """Return where the words of a message stand."""
    return WORDS.place(row.message_id, row.conversation_id)


def open_titles(tx: Tx, sealer: Sealer, rows: Sequence[ConversationRow]) -> list[str]:
    """Return the titles of conversations, "" for those that have none yet."""
    return _opened(tx, sealer, ((row.sealed_title, title_place(row), row.title) for row in rows))


def open_words(
    tx: Tx, sealer: Sealer, rows: Sequence[MessageRow], cited: Mapping[UUID, Sequence[CitationRow]]
) -> list[Words]:
    """Return the words of messages, with those of their citations."""
    sealed = [(row.sealed_words, words_place(row)) for row in rows if row.sealed_words is not None]
    opened = iter(sealer.unseal_all(tx, sealed) if sealed else ())
    return [
        Words.unpack(next(opened)) if row.sealed_words is not None else _plain(row, cited.get(row.message_id, ()))
        for row in rows
    ]


def open_comments(tx: Tx, sealer: Sealer, rows: Sequence[FeedbackRow]) -> list[str]:
    """Return what people wrote beside their verdicts."""
    places = ((row.sealed_comment, COMMENTS.place(row.message_id, row.user_id), row.comment) for row in rows)
    return _opened(tx, sealer, places)


def open_reasons(tx: Tx, sealer: Sealer, reasons: Iterable[tuple[bytes | None, Place, str]]) -> list[str]:
    """Return reasons: each sealed, with its place, or else plain."""
    return _opened(tx, sealer, reasons)


def _opened(tx: Tx, sealer: Sealer, values: Iterable[tuple[bytes | None, Place, str]]) -> list[str]:
    every = list(values)
    sealed = [(value, place) for value, place, _ in every if value is not None]
    opened = iter(sealer.unseal_all(tx, sealed) if sealed else ())
    return [next(opened).decode() if value is not None else plain for value, _, plain in every]


def _plain(row: MessageRow, cited: Sequence[CitationRow]) -> Words:
    return Words(row.body, {one.number: Quoted(one.title, one.heading, one.quote) for one in cited})
