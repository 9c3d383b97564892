from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from pydantic import AwareDatetime, Field

from appliance import audit, identity
from appliance.api.framework import Call, FileAnswer, operation
from appliance.api.packages import ExportIn, ExportOut, ScheduleIn, ScheduleOut, SchedulesOut
from appliance.api.schemas import Listed, Output, Page, part
from appliance.assembly import anchors_of, courier_of, room_of
from appliance.audit import Actor, Entry, EntryFilter, Event, Lack, NewPlace, Outcome, PlaceForm, PlaceKind, Wanted
from appliance.audit.anchors import Level, assurance_of
from appliance.audit.anchors.values import Fault
from appliance.audit.errors import (
    CheckpointUnreadable,
    ExportNotFound,
    ExportNotReady,
    ExportsFull,
    ExportsLimited,
    NoExportFolder,
    NothingSealed,
    ScheduleNotFound,
    SchedulesLimited,
)
from appliance.audit.places.errors import (
    PlaceAddressMalformed,
    PlaceClosed,
    PlaceFailed,
    PlaceIsFolder,
    PlaceOptionsMalformed,
    PlaceSecretMalformed,
)
from appliance.audit.values import ActorKind
from appliance.audit.watching import AlarmKind, list_alarms
from appliance.identity import Permission
from appliance.identity.permissions import require_granted
from appliance.kernel.recipients import RecipientInvalid
from appliance.kernel.sealing import IntegrityError, KeyDestroyed, KeyUnavailable


class ActorOut(Output):
    kind: ActorKind
    id: UUID | None
    address: str | None
    request_id: str | None


class EntryOut(Output):
    """One recorded event: ids, codes and numbers, never content.

    `undisclosed` names personal values that are not shown: they were erased, are lost (what opens them is missing or altered),
    or away (their key is not available now).
    """

    event_id: UUID
    event: str
    at: datetime
    actor: ActorOut
    outcome: Outcome
    subject: str | None
    facts: dict[str, str | int]
    undisclosed: dict[str, Lack]


class LogOut(Output):
    """The log as it was signed last. `checkpoint` is a C2SP signed note: keep it elsewhere, and a later package must continue it.

    `keys` are the public keys that signed it, the last one in force; `waiting` entries are sealed within seconds. `short` is the
    checkpoint as it can be kept on paper: a verifier takes it as `--checkpoint`.
    """

    origin: str
    size: int
    root: str
    checkpoint: str
    sealed_at: datetime
    keys: tuple[str, ...]
    waiting: int
    short: str


class StandingOut(Output):
    """Up to which size an anchor saw the log, and what is at fault: away, behind, forked or refused."""

    name: str
    size: int
    seen_at: datetime | None
    fault: Fault | None
    fault_size: int | None
    is_current: bool


class AssuranceOut(Output):
    """Who else than this host knows of the log: nobody (`key`), a time-stamping authority, or a witness. Each holds what those before hold."""

    level: Level
    epoch: int
    witnesses: tuple[StandingOut, ...]
    time_stamps: StandingOut | None


class AlarmOut(Output):
    """What is wrong with the log now: entries that nobody seals, a stream behind, an anchor missing, or a verification that failed."""

    kind: AlarmKind
    since: datetime
    detail: str


class RoomOut(Output):
    """What the packages take of the host's disk, what they may take, and after how many days one is removed."""

    used_bytes: int
    most_bytes: int
    days: int


class LogStateOut(Output):
    """`log` is null before anything was sealed; `assurance` says which anchors stand behind it."""

    log: LogOut | None
    assurance: AssuranceOut
    packages: RoomOut
    alarms: tuple[AlarmOut, ...]


class EntriesAsked(Page):
    """Which entries; without choices all of them. `until` is not included."""

    event: Event | None = None
    person_id: UUID | None = Field(None, description="Who did it.")
    subject: UUID | None = Field(None, description="What it was done to.")
    since: AwareDatetime | None = Field(None, description="A moment with its zone, such as 2026-01-31T00:00:00Z.")
    until: AwareDatetime | None = Field(None, description="The moment after the last one, with its zone.")
    oldest_first: bool = Field(False, description="Read the log from its beginning.")


class ErasedOut(Output):
    """How many keys were destroyed, each of one of them."""

    keys: int


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


@operation("POST", "/audit/log-erasure", permission=Permission.AUDIT_ERASE, answer=ErasedOut)
def erase_others_from_log(call: Call) -> ErasedOut:
    """Erase for ever the addresses of strangers, of providers' programs and of operators who are let in no more. The entries stay, and are still proven."""
    with call.tenant() as tx:
        return ErasedOut(keys=identity.erase_others_from_log(tx, call.caller, clock=call.services.clock))


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
    house = call.services
    assurance = assurance_of(house.db, call.caller.tenant_id, anchors_of(house.settings), clock=house.clock)
    with call.tenant() as tx:
        packages = audit.room_used(tx, room_of(house.settings))
        found = {"log": audit.get_log(tx), "assurance": assurance, "packages": packages, "alarms": list_alarms(tx)}
        return LogStateOut.model_validate(found, from_attributes=True)


@operation(
    "POST", "/audit/exports", permission=Permission.AUDIT_READ, body=ExportIn, answer=ExportOut, status=202,
    refusals=(CheckpointUnreadable, ExportsFull, ExportsLimited, NothingSealed, RecipientInvalid),
)  # fmt: skip
def create_export(call: Call) -> ExportOut:
    """Ask for a package of the log that an auditor checks offline. The worker writes it; its state says when it is ready."""
    identity.require(call.caller, Permission.AUDIT_READ)
    asked = call.body
    wanted = Wanted(
        asked.since, asked.until, frozenset(asked.events) or None,
        None if asked.person_id is None else frozenset({asked.person_id}), asked.subject, asked.earlier, asked.sealed_to,
        asked.ocsf, is_personal=not asked.without_personal,
    )  # fmt: skip
    with call.tenant() as tx:
        room = room_of(call.services.settings)
        made = audit.request_export(tx, call.caller.actor, wanted, clock=call.services.clock, room=room)
        return ExportOut.model_validate(made)


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
    "GET", "/audit/exports/{export_id}/file", permission=Permission.AUDIT_READ, streams=True, media="application/octet-stream",
    refusals=(ExportNotFound, ExportNotReady),
)  # fmt: skip
def download_export(call: Call) -> FileAnswer:
    """Return the package: a ZIP, or what it is sealed in. A download that was cut off goes on by a Range header."""
    identity.require(call.caller, Permission.AUDIT_READ)
    with call.tenant() as tx:
        directory = call.services.settings.exports
        export, path = audit.open_export(tx, call.caller.actor, directory, call.ids["export_id"])
    return FileAnswer(path, export.file_name, export.digest or "")


@operation("GET", "/audit/schedules", permission=Permission.AUDIT_READ, answer=SchedulesOut)
def list_schedules(call: Call) -> SchedulesOut:
    """Return what packages of the log are made by themselves."""
    identity.require(call.caller, Permission.AUDIT_READ)
    with call.tenant() as tx:
        found = audit.list_schedules(tx)
    return SchedulesOut(items=tuple(ScheduleOut.model_validate(one) for one in found))


@operation(
    "POST", "/audit/schedules", permission=Permission.SETTINGS_CHANGE, body=ScheduleIn, answer=ScheduleOut, status=201,
    refusals=(
        NoExportFolder, RecipientInvalid, SchedulesLimited, PlaceAddressMalformed, PlaceClosed, PlaceOptionsMalformed,
        PlaceSecretMalformed, KeyDestroyed, KeyUnavailable,
    ),
)  # fmt: skip
def create_schedule(call: Call) -> ScheduleOut:
    """Let a package of the log be made every week or month, and be put into the host's folder for them, a bucket, or another host by SFTP."""
    identity.require(call.caller, Permission.SETTINGS_CHANGE)
    asked, services = call.body, call.services
    if asked.to is not PlaceKind.FOLDER:
        identity.require(call.caller, Permission.AUDIT_STREAM)
    wanted = Wanted(
        kinds=frozenset(asked.events) or None, actors=None if asked.person_id is None else frozenset({asked.person_id}),
        subject=asked.subject, sealed_to=asked.sealed_to, with_ocsf=asked.ocsf, is_personal=not asked.without_personal,
    )  # fmt: skip
    with call.tenant() as tx:
        folder = services.settings.export_folder
        place = NewPlace(_place(asked), services.vault, services.egress)
        made = audit.create_schedule(tx, call.caller.actor, asked.every, wanted, folder=folder, clock=services.clock, place=place)
    return ScheduleOut.model_validate(made)


@operation(
    "DELETE", "/audit/schedules/{schedule_id}", permission=Permission.SETTINGS_CHANGE, refusals=(ScheduleNotFound,)
)
def remove_schedule(call: Call) -> None:
    """Make no more packages by this schedule. Those that are there stay."""
    identity.require(call.caller, Permission.SETTINGS_CHANGE)
    with call.tenant() as tx:
        audit.remove_schedule(tx, call.caller.actor, call.ids["schedule_id"])


@operation(
    "POST", "/audit/schedules/{schedule_id}/trial", permission=Permission.AUDIT_STREAM,
    refusals=(ScheduleNotFound, PlaceFailed, PlaceIsFolder, IntegrityError, KeyDestroyed, KeyUnavailable),
)  # fmt: skip
def try_schedule(call: Call) -> None:
    """Put a small file where this schedule's packages go, at once; a refusal says what is wrong."""
    identity.require(call.caller, Permission.AUDIT_STREAM)
    audit.try_place(courier_of(call.services), call.caller.tenant_id, call.caller.actor, call.ids["schedule_id"])


def _place(asked: ScheduleIn) -> PlaceForm:
    secret = None if asked.secret is None else asked.secret.get_secret_value()
    return PlaceForm(asked.to, asked.url, asked.account, asked.host_key, secret, asked.region, asked.retain_days)


def _out(entry: Entry) -> EntryOut:
    actor: Actor = entry.actor
    return EntryOut(
        event_id=entry.event_id, event=entry.event, at=entry.at, actor=ActorOut.model_validate(actor),
        outcome=entry.outcome, subject=entry.subject, facts=dict(entry.facts), undisclosed=dict(entry.undisclosed),
    )  # fmt: skip
