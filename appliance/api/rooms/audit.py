from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from pydantic import AwareDatetime, Field

from appliance import audit, identity
from appliance.api.framework import Call, FileAnswer, operation
from appliance.api.schemas import Input, Listed, Output, Page, part
from appliance.audit import Actor, Entry, EntryFilter, Event, ExportState, Outcome, Wanted
from appliance.audit.errors import CheckpointUnreadable, ExportNotFound, ExportNotReady, NothingSealed
from appliance.audit.values import ActorKind
from appliance.identity import Permission
from appliance.identity.permissions import require_granted


class ActorOut(Output):
    kind: ActorKind
    id: UUID | None
    address: str | None
    request_id: str | None


class EntryOut(Output):
    """One recorded event: ids, codes and numbers, never content."""

    event_id: UUID
    event: str
    at: datetime
    actor: ActorOut
    outcome: Outcome
    subject: str | None
    facts: dict[str, str | int]


class LogOut(Output):
    """The log as it was signed last. `checkpoint` is a C2SP signed note: keep it elsewhere, and a later package must continue it.

    `keys` are the public keys that signed it, the last one in force; `waiting` entries are sealed within seconds.
    """

    origin: str
    size: int
    root: str
    checkpoint: str
    sealed_at: datetime
    keys: tuple[str, ...]
    waiting: int


class LogStateOut(Output):
    """`log` is null before anything was sealed."""

    log: LogOut | None


class ExportIn(Input):
    """Which entries the package shows; without choices all of them. What the period holds and is not chosen is withheld, and counted."""

    since: AwareDatetime | None = Field(None, description="A moment with its zone, such as 2026-01-31T00:00:00Z.")
    until: AwareDatetime | None = Field(None, description="The moment after the last one, with its zone.")
    events: list[Event] = Field([], max_length=200, description="These events alone.")
    person_id: UUID | None = Field(None, description="What this person did.")
    subject: UUID | None = Field(None, description="What was done to this.")
    earlier: str | None = Field(
        None,
        max_length=5_000,
        description="A checkpoint that the reader has from before: the package links it to the log.",
    )


class ExportOut(Output):
    """A package of the log. `done` of `total` entries were written; `digest` is the file's SHA-256. It lies for seven days."""

    export_id: UUID
    requested_by: UUID | None
    requested_at: datetime
    state: ExportState
    chosen: dict[str, str | list[str]]
    period: dict[str, str]
    done: int
    total: int
    size: int | None
    digest: str | None
    byte_count: int | None
    ready_at: datetime | None


class EntriesAsked(Page):
    """Which entries; without choices all of them. `until` is not included."""

    event: Event | None = None
    person_id: UUID | None = Field(None, description="Who did it.")
    subject: UUID | None = Field(None, description="What it was done to.")
    since: AwareDatetime | None = Field(None, description="A moment with its zone, such as 2026-01-31T00:00:00Z.")
    until: AwareDatetime | None = Field(None, description="The moment after the last one, with its zone.")
    oldest_first: bool = Field(False, description="Read the log from its beginning.")


@operation("GET", "/audit/entries", permission=Permission.AUDIT_READ, query=EntriesAsked, answer=Listed[EntryOut])
def list_audit_entries(call: Call) -> Listed[EntryOut]:
    """Return the log, newest first, or some of it. Reading it is an event in it."""
    require_granted(call.caller, Permission.AUDIT_READ)
    asked = call.query
    actors = None if asked.person_id is None else frozenset({asked.person_id})
    wanted = EntryFilter(asked.event, actors, asked.since, asked.until, asked.subject)
    with call.tenant() as tx:
        found = audit.list_entries(
            tx, wanted, before=asked.cursor, limit=asked.limit + 1, oldest_first=asked.oldest_first
        )
        entries, cursor = part(found, asked, key=lambda entry: entry.event_id)
        audit.record(tx, call.caller.actor, Event.LOG_READ, entries=len(entries))
    return Listed[EntryOut](items=[_out(entry) for entry in entries], next_cursor=cursor)


@operation("GET", "/audit/export", permission=Permission.AUDIT_READ, streams=True, media="application/jsonl")
def export_audit(call: Call) -> Iterator[str]:
    """Return the whole log, the oldest entry first, as JSON lines that `python -m appliance.proof FILE` checks offline."""
    identity.require(call.caller, Permission.AUDIT_READ)
    with call.tenant() as tx:
        return audit.export_file(tx, call.caller.actor)


@operation("GET", "/audit/log", permission=Permission.AUDIT_READ, answer=LogStateOut)
def get_log(call: Call) -> LogStateOut:
    """Return how large the log is, the root over all of it, and who signed that."""
    identity.require(call.caller, Permission.AUDIT_READ)
    with call.tenant() as tx:
        return LogStateOut.model_validate({"log": audit.get_log(tx)}, from_attributes=True)


@operation(
    "POST", "/audit/exports", permission=Permission.AUDIT_READ, body=ExportIn, answer=ExportOut, status=202,
    refusals=(CheckpointUnreadable, NothingSealed),
)  # fmt: skip
def create_export(call: Call) -> ExportOut:
    """Ask for a package of the log that an auditor checks offline. The worker writes it; its state says when it is ready."""
    identity.require(call.caller, Permission.AUDIT_READ)
    asked = call.body
    wanted = Wanted(
        asked.since, asked.until, frozenset(asked.events) or None,
        None if asked.person_id is None else frozenset({asked.person_id}), asked.subject, asked.earlier,
    )  # fmt: skip
    with call.tenant() as tx:
        return ExportOut.model_validate(audit.request_export(tx, call.caller.actor, wanted, clock=call.services.clock))


@operation("GET", "/audit/exports", permission=Permission.AUDIT_READ, query=Page, answer=Listed[ExportOut])
def list_exports(call: Call) -> Listed[ExportOut]:
    """Return the packages of the log that were asked for, the newest first."""
    identity.require(call.caller, Permission.AUDIT_READ)
    with call.tenant() as tx:
        found = audit.list_exports(tx, before=call.query.cursor, limit=call.query.limit + 1)
    rows, cursor = part(found, call.query, key=lambda one: one.export_id)
    return Listed[ExportOut](items=[ExportOut.model_validate(one) for one in rows], next_cursor=cursor)


@operation(
    "GET", "/audit/exports/{export_id}", permission=Permission.AUDIT_READ, answer=ExportOut, refusals=(ExportNotFound,)
)
def get_export(call: Call) -> ExportOut:
    """Return how far a package is."""
    identity.require(call.caller, Permission.AUDIT_READ)
    with call.tenant() as tx:
        return ExportOut.model_validate(audit.get_export(tx, call.ids["export_id"]))


@operation(
    "GET", "/audit/exports/{export_id}/file", permission=Permission.AUDIT_READ, streams=True, media="application/zip",
    refusals=(ExportNotFound, ExportNotReady),
)  # fmt: skip
def download_export(call: Call) -> FileAnswer:
    """Return the package, a ZIP. A download that was cut off goes on by a Range header."""
    identity.require(call.caller, Permission.AUDIT_READ)
    with call.tenant() as tx:
        directory = call.services.settings.exports
        export, path = audit.open_export(tx, call.caller.actor, directory, call.ids["export_id"])
    return FileAnswer(path, f"audit-log-{export.requested_at:%Y-%m-%d}-{export.size}.zip", export.digest or "")


def _out(entry: Entry) -> EntryOut:
    actor: Actor = entry.actor
    return EntryOut(
        event_id=entry.event_id, event=entry.event, at=entry.at, actor=ActorOut.model_validate(actor),
        outcome=entry.outcome, subject=entry.subject, facts=dict(entry.facts),
    )  # fmt: skip
