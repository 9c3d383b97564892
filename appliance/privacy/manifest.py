"""The manifest: a table that is not named here fails a law test."""

from dataclasses import dataclass
from enum import StrEnum


class OnErasure(StrEnum):
    """What happens to a row when the person it is about is erased."""

    DELETE = "delete"
    KEEP = "keep"
    NOT_PERSONAL = "not personal"


@dataclass(frozen=True)
class Entry:
    """A table: whether a person's export holds it, what erasure does, and the reason."""

    exported: bool
    on_erasure: OnErasure
    reason: str


_DELETE, _KEEP, _NOTHING = OnErasure.DELETE, OnErasure.KEEP, OnErasure.NOT_PERSONAL
MANIFEST: dict[str, Entry] = {
    "alembic_version": Entry(False, _NOTHING, "the schema's number"),
    "audit_inbox": Entry(False, _KEEP, "proof of what was done (GDPR 17(3)(b), (e)); holds ids, never content"),
    "budgets": Entry(False, _NOTHING, "the organisation's limits; who set them is an id"),
    "chatbots": Entry(False, _NOTHING, "belongs to the organisation"),
    "chunk_vectors": Entry(False, _DELETE, "derived from a document, deleted with it"),
    "chunks": Entry(False, _DELETE, "derived from a document, deleted with it"),
    "citations": Entry(True, _DELETE, "part of a person's conversation"),
    "conversations": Entry(True, _DELETE, "a person's own questions"),
    "documents": Entry(False, _KEEP, "belongs to the organisation; deleted by name"),
    "memberships": Entry(True, _DELETE, "name and address in an organisation"),
    "messages": Entry(True, _DELETE, "a person's own questions and their answers"),
    "model_calls": Entry(False, _KEEP, "accounting; holds ids and counts"),
    "organisations": Entry(False, _NOTHING, "the organisation's name"),
    "postings": Entry(False, _DELETE, "derived from a document, deleted with it"),
    "procrastinate_events": Entry(False, _NOTHING, "times of jobs"),
    "procrastinate_jobs": Entry(False, _NOTHING, "ids of what is to be done; removed when done"),
    "procrastinate_periodic_defers": Entry(False, _NOTHING, "the queue's own schedule, unused"),
    "procrastinate_workers": Entry(False, _NOTHING, "heartbeats"),
    "sessions": Entry(True, _DELETE, "address and browser of a signed-in person"),
    "setup_links": Entry(False, _NOTHING, "digests of single-use links"),
    "sign_in_attempts": Entry(False, _DELETE, "a digest of the address, kept against guessing"),
    "users": Entry(True, _DELETE, "the account: address and password hash"),
}
