"""Adding, changing and removing streams, and deciding on what they left out. Asking for permission is the caller's part.

A stream's secret goes in and never comes out. Its address cannot be changed: whoever could change that alone would have
the secret sent to them.
"""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import delete, func, select, update

from appliance.audit.destined import Sealer
from appliance.audit.events import Event
from appliance.audit.inbox import NewEntry, record, record_all
from appliance.audit.sinks.addresses import checked, last_four, read_secret
from appliance.audit.sinks.choosing import Choice
from appliance.audit.sinks.envelope import seal_secret
from appliance.audit.sinks.errors import (
    FolderForbidden,
    ScopeForbidden,
    SinkHostClosed,
    SinkNameMalformed,
    SinkNameTaken,
    TooManySinks,
)
from appliance.audit.sinks.queries import chosen_of, letter_row, row_of, sink_of
from appliance.audit.sinks.tables import LetterRow, SinkRow
from appliance.audit.sinks.values import Scope, Sink, SinkForm, SinkKind
from appliance.audit.values import PLATFORM, Actor
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx, in_turn
from appliance.kernel.egress import Egress, EgressDenied, OutgoingMalformed
from appliance.kernel.ids import new_id

MOST: Final = 20


@dataclass(frozen=True)
class SinkChange:
    """What becomes of a stream; None leaves it as it is."""

    name: str | None = None
    is_paused: bool | None = None
    secret: str | None = field(default=None, repr=False)
    choice: Choice | None = None


def add_sink(tx: Tx, actor: Actor, form: SinkForm, *, sealer: Sealer, egress: Egress, clock: Clock) -> Sink:
    """Stream the log from now on, or from its beginning. Raises FolderForbidden, ScopeForbidden, SinkHostClosed, and as a form is checked."""
    form, now = checked(form), clock.now()
    if tx.tenant_id != PLATFORM and form.kind is SinkKind.FOLDER:
        raise FolderForbidden
    if tx.tenant_id != PLATFORM and form.scope is Scope.ALL:
        raise ScopeForbidden
    _require_open(egress, form)
    in_turn(tx, "audit sinks")
    _require_free(tx, form.name)
    if int(tx.scalar(select(func.count()).where(SinkRow.tenant_id == tx.tenant_id)) or 0) >= MOST:
        raise TooManySinks(most=MOST)
    with read_secret(form.kind, form.secret) as secret:
        row = SinkRow(
            tenant_id=tx.tenant_id, sink_id=new_id(), name=form.name, kind=form.kind.value, url=form.url, region=form.region,
            retain_days=form.retain_days, scope=form.scope.value, since=None if form.is_whole else now,
            last_four=last_four(form.kind, secret), is_paused=False, created_by=actor.id, created_at=now, sent=0, failures=0,
            next_try_at=now, events=list(form.choice.events), least_severity=form.choice.least.value,
            organisations=list(form.choice.organisations) or None,
        )  # fmt: skip
        row.sealed = seal_secret(tx, sealer, row, secret)
    tx.add(row)
    tx.flush()
    since = "" if row.since is None else row.since.isoformat()
    facts = {"kind": row.kind, "url": place_of_url(row.url), "scope": row.scope, "since": since, **form.choice.said()}
    record_all(tx, [NewEntry(actor, Event.SINK_ADDED, row.sink_id, facts=facts)])
    return sink_of(row)


def change_sink(tx: Tx, actor: Actor, sink_id: UUID, change: SinkChange, *, sealer: Sealer, clock: Clock) -> Sink:
    """Rename a stream, pause it or let it go on, give it another secret, or choose other entries. Raises SinkNotFound, and as a form is checked."""
    row, facts = row_of(tx, sink_id), dict[str, str | int]()
    if change.name is not None and change.name.strip() != row.name:
        facts["name"] = 1
        _rename(tx, row, change.name.strip())
    if change.is_paused is not None and change.is_paused != row.is_paused:
        facts["paused"] = int(change.is_paused)
        row.is_paused = change.is_paused
    if change.secret is not None:
        facts["secret"] = 1
        with read_secret(SinkKind(row.kind), change.secret) as secret:
            row.sealed, row.last_four = seal_secret(tx, sealer, row, secret), last_four(SinkKind(row.kind), secret)
    if change.choice is not None and change.choice != chosen_of(row):
        if change.choice.organisations and row.scope != Scope.ALL:
            raise ScopeForbidden
        facts |= {"choice": 1, **change.choice.said()}
        row.events, row.least_severity = list(change.choice.events), change.choice.least.value
        row.organisations = list(change.choice.organisations) or None
    if facts:
        row.next_try_at = clock.now()
        tx.flush()
        record_all(tx, [NewEntry(actor, Event.SINK_CHANGED, sink_id, facts=facts)])
    return sink_of(row)


def remove_sink(tx: Tx, actor: Actor, sink_id: UUID) -> None:
    """End a stream, with its secret and what it left out; the log stays as it is. Raises SinkNotFound."""
    row = row_of(tx, sink_id)
    record(tx, actor, Event.SINK_REMOVED, subject=sink_id, kind=row.kind, url=place_of_url(row.url), sent=row.sent)
    tx.delete(row)
    tx.flush()


def send_letter_again(tx: Tx, actor: Actor, sink_id: UUID, letter_id: UUID, *, clock: Clock) -> None:
    """Let the worker send an entry again that was left out. Raises SinkNotFound, LetterNotFound."""
    sink, row = row_of(tx, sink_id), letter_row(tx, sink_id, letter_id)
    row.is_again, sink.next_try_at = True, clock.now()
    tx.flush()
    record(tx, actor, Event.SINK_LETTER_RESENT, subject=sink_id, log=str(row.log_id), position=row.position)


def drop_letter(tx: Tx, actor: Actor, sink_id: UUID, letter_id: UUID) -> None:
    """Leave an entry out of a stream for good; it stays in the log. Raises SinkNotFound, LetterNotFound."""
    row_of(tx, sink_id)
    row = letter_row(tx, sink_id, letter_id)
    tx.delete(row)
    tx.flush()
    record(tx, actor, Event.SINK_LETTER_DROPPED, subject=sink_id, log=str(row.log_id), position=row.position)


def send_letters_again(tx: Tx, actor: Actor, sink_id: UUID, *, clock: Clock) -> int:
    """Let the worker send everything again that a stream left out; return how many. Raises SinkNotFound."""
    row_of(tx, sink_id).next_try_at = clock.now()
    ours = LetterRow.tenant_id == tx.tenant_id, LetterRow.sink_id == sink_id
    count = len(tx.scalars(update(LetterRow).where(*ours).values(is_again=True).returning(LetterRow.letter_id)).all())
    record(tx, actor, Event.SINK_LETTER_RESENT, subject=sink_id, letters=count)
    return count


def drop_letters(tx: Tx, actor: Actor, sink_id: UUID) -> int:
    """Leave out for good everything that a stream left out; return how many. Raises SinkNotFound."""
    row_of(tx, sink_id)
    ours = LetterRow.tenant_id == tx.tenant_id, LetterRow.sink_id == sink_id
    count = len(tx.scalars(delete(LetterRow).where(*ours).returning(LetterRow.letter_id)).all())
    record(tx, actor, Event.SINK_LETTER_DROPPED, subject=sink_id, letters=count)
    return count


def place_of_url(url: str) -> str:
    """Return where a stream goes, without the path: many a webhook's secret stands there. The log, and who may not change the stream, are told this alone."""
    parts = urlsplit(url)
    if not parts.hostname:
        return url  # a folder of this host, which operators alone name
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"


def _require_open(egress: Egress, form: SinkForm) -> None:
    if form.kind is SinkKind.FOLDER:
        return
    try:
        egress.check(form.url)
    except (EgressDenied, OutgoingMalformed) as refusal:
        raise SinkHostClosed(reason=str(refusal)) from None


def _rename(tx: Tx, row: SinkRow, name: str) -> None:
    if not 1 <= len(name) <= 80 or not name.isprintable():  # noqa: PLR2004 - as the refusal says
        raise SinkNameMalformed
    in_turn(tx, "audit sinks")
    _require_free(tx, name, but=row.sink_id)
    row.name = name


def _require_free(tx: Tx, name: str, *, but: UUID | None = None) -> None:
    taken = select(SinkRow.sink_id).where(SinkRow.tenant_id == tx.tenant_id, func.lower(SinkRow.name) == name.lower())
    if any(one != but for one in tx.scalars(taken)):
        raise SinkNameTaken


def moments_until(failures: int) -> int:
    """Return the seconds until a stream is tried again that failed so often in a row: from two up to five minutes."""
    return int(min(2 ** min(failures, 9), 300))
