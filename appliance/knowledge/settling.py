"""What becomes of a file that was read, in one transaction: searchable, failed, held back, or not kept."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from appliance import audit
from appliance.audit import Actor, ActorKind, Event, Outcome
from appliance.dlp import Action
from appliance.gateway import Vectors
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.sealing import Sealer
from appliance.knowledge.chunking import Chunk
from appliance.knowledge.index import replace_index
from appliance.knowledge.parsed import Parsed
from appliance.knowledge.screening.recording import Known, forget_excerpts, record_scan
from appliance.knowledge.screening.sifting import Sifted
from appliance.knowledge.tables import DocumentRow, VersionRow
from appliance.knowledge.unreadable import BLOCKED, HELD, REASONS, Unread, UnreadableDocument
from appliance.knowledge.values import DocumentId, Status
from appliance.knowledge.versions import File, InHand, enqueue_erasure, holds_same, put_in_force

_SYSTEM = Actor(ActorKind.SYSTEM)
_WITHDRAW = text("DELETE FROM chunks WHERE tenant_id = :tenant AND document_id = :document")


@dataclass(frozen=True)
class Read:
    """A file's text as it may be searched, in passages; or why there is none.

    Read and without passages: held, because of what was found in it, or because parts of it could not be checked.
    """

    file_id: UUID
    known: Known
    sifted: Sifted
    chunks: tuple[Chunk, ...] = ()
    unreadable: UnreadableDocument | None = None


def settle(tx: Tx, sealer: Sealer, hand: InHand, read: Read, vectors: Vectors | None, clock: Clock) -> None:
    """Let what was read of a file become what it is to become. Both of its rows are locked."""
    sifted, file = read.sifted, hand.file
    is_kept = sifted.action is not Action.BLOCK
    if is_kept and read.unreadable is None and not sifted.held and read.chunks and vectors is None:
        return  # cancelled or deleted while it was embedded
    file.file_name, file.title = sifted.file_name, sifted.parsed.title
    record_scan(tx, sealer, hand, sifted, read.known, is_kept=is_kept, clock=clock)
    if not is_kept:
        block(tx, hand, sifted, clock)
    elif sifted.held:
        quarantine(tx, hand, sifted, clock)
    elif read.unreadable is not None:
        fail(tx, hand, read.unreadable, clock, sifted)
    elif vectors is None or not read.chunks:
        hold(tx, hand, sifted, clock)
    else:
        _finish(tx, hand, sifted, read.chunks, vectors, clock)


def fail(
    tx: Tx, hand: InHand, unreadable: UnreadableDocument, clock: Clock, sifted: Sifted | None = None
) -> None:
    """Say why a file could not be read."""
    file = hand.file
    file.status, file.reason_code, file.reason = Status.FAILED, unreadable.code, unreadable.reason
    file.unread = as_rows(sifted.parsed.unread if sifted else unreadable.unread)
    file.settled_at = clock.now()
    audit.record(
        tx, _SYSTEM, Event.DOCUMENT_FAILED, subject=hand.document.document_id, outcome=Outcome.FAILURE,
        code=unreadable.code, version=file.version,
    )  # fmt: skip


def quarantine(tx: Tx, hand: InHand, sifted: Sifted, clock: Clock) -> None:
    """Hold a file back because of what was found in it; what was searched of it is not any more."""
    found = ", ".join(category.value for category in sifted.held)
    file, parsed = hand.file, sifted.parsed
    # Who releases it has to know of what was not read as well.
    file.warnings, file.unread = list(parsed.warnings), as_rows(parsed.unread)
    file.status, file.reason_code, file.reason = Status.QUARANTINED, "dlp", HELD.format(found=found)
    file.settled_at = clock.now()
    audit.record(
        tx, _SYSTEM, Event.DOCUMENT_QUARANTINED, subject=hand.document.document_id, found=found, version=file.version,
        policy=sifted.policy_version,
    )  # fmt: skip


def block(tx: Tx, hand: InHand, sifted: Sifted, clock: Clock) -> None:
    """Keep nothing of a file but that it was there, and what kind of thing it held."""
    let_go(tx, hand, BLOCKED.format(found=", ".join(category.value for category in sifted.held)), "blocked", clock)
    audit.record(
        tx, _SYSTEM, Event.DOCUMENT_BLOCKED, subject=hand.document.document_id, version=hand.file.version,
        found=", ".join(category.value for category in sifted.held), policy=sifted.policy_version,
    )  # fmt: skip


def let_go(tx: Tx, hand: InHand, reason: str, code: str, clock: Clock) -> None:
    """Erase a file; its row stays, and says why."""
    file = hand.file
    file.status, file.reason_code, file.reason = Status.BLOCKED, code, reason
    file.warnings, file.unread, file.settled_at = [], [], clock.now()
    forget_excerpts(tx, file.file_id)
    tx.flush()
    enqueue_erasure(tx, [file.file_id])


def withdraw(tx: Tx, document: DocumentRow, *, code: str) -> None:
    """Take all of a document out of the index, and say why."""
    tx.execute(_WITHDRAW, {"tenant": tx.tenant_id, "document": document.document_id})
    document.chunk_count, document.term_count, document.ready_at = None, 0, None
    audit.record(
        tx, _SYSTEM, Event.DOCUMENT_WITHDRAWN, subject=document.document_id, version=document.version, code=code
    )


def as_rows(unread: tuple[Unread, ...]) -> list[dict[str, str]]:
    """Return unread parts as a row holds them."""
    return [{"name": part.name, "code": part.code} for part in unread]


def _finish(
    tx: Tx, hand: InHand, sifted: Sifted, chunks: tuple[Chunk, ...], vectors: Vectors, clock: Clock
) -> None:
    document, file, parsed = hand.document, hand.file, sifted.parsed
    if isinstance(file, VersionRow):
        if holds_same(tx, document, file.content_digest):
            fail(tx, hand, UnreadableDocument("already_there"), clock)
            return
        put_in_force(tx, document, file)
    indexed = replace_index(tx, DocumentId(document.document_id), parsed.title, chunks, vectors)
    document.languages, document.term_count = sorted(indexed.languages), indexed.term_count
    _describe(document, sifted)
    document.chunk_count, document.progress = len(chunks), 100
    document.status, document.ready_at = Status.READY, clock.now()
    document.settled_at = document.ready_at
    audit.record(
        tx,
        _SYSTEM,
        Event.DOCUMENT_INDEXED,
        subject=document.document_id,
        chunk_count=len(chunks),
        unread=_unread_codes(parsed),
        version=document.version,
        found=sifted.found,
        removed=sifted.removed,
        policy=sifted.policy_version,
    )


def _describe(file: File, sifted: Sifted) -> None:
    parsed = sifted.parsed
    file.title, file.media_type = parsed.title, parsed.media_type
    # The comments of a PDF come last, on pages that have had their turn.
    file.page_count = max((page.number for page in parsed.pages if page.number is not None), default=None)
    file.warnings, file.unread = [*parsed.warnings, *sifted.warnings], as_rows(parsed.unread)


def _unread_codes(parsed: Parsed) -> str:
    # The log takes codes, never the names of files.
    return ", ".join([*parsed.warnings, *sorted({part.code for part in parsed.unread})])


def hold(tx: Tx, hand: InHand, sifted: Sifted, clock: Clock) -> None:
    """Hold a file back because parts of it could not be checked."""
    file, code = hand.file, "incomplete" if sifted.is_checked else "unchecked"
    _describe(file, sifted)
    file.status, file.reason_code, file.reason = Status.INCOMPLETE, code, REASONS[code]
    file.settled_at = clock.now()
    audit.record(
        tx, _SYSTEM, Event.DOCUMENT_HELD, subject=hand.document.document_id, unread=_unread_codes(sifted.parsed),
        version=file.version, code=code,
    )  # fmt: skip
