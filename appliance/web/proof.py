"""What proves the log: its signed checkpoint and key, and the packages that an auditor checks offline."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance import audit, identity
from appliance.assembly import anchors_of, courier_of, room_of
from appliance.audit import Event, Every, ExportState, NewPlace, PlaceForm, PlaceKind, Wanted
from appliance.audit.anchors import assurance_of
from appliance.audit.errors import (
    CheckpointUnreadable,
    ExportFilterMalformed,
    ExportsLimited,
    NoExportFolder,
    NothingSealed,
    SchedulesLimited,
)
from appliance.audit.meanings import MEANING
from appliance.audit.places.errors import (
    PlaceAddressMalformed,
    PlaceClosed,
    PlaceFailed,
    PlaceIsFolder,
    PlaceOptionsMalformed,
    PlaceSecretMalformed,
)
from appliance.audit.watching import list_alarms
from appliance.identity import Permission
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import parse_id
from appliance.kernel.recipients import RecipientInvalid
from appliance.web import forms
from appliance.web.downloads import handed_out
from appliance.web.render import done, page
from appliance.web.sessions import caller, services
from appliance.web.sinks import SecretLeftOut
from appliance.web.typed import typed_secret

blueprint = Blueprint("proof", __name__, url_prefix="/audit/proof")
Answer = tuple[str, int] | Response
_SHOWN = 40
_PLACE_WRONG = (PlaceAddressMalformed, PlaceClosed, PlaceOptionsMalformed, PlaceSecretMalformed, SecretLeftOut)


@blueprint.get("")
def show() -> Answer:
    """Show the signed state of the log, how sure it is, and the packages that were asked for."""
    return _page(shown=None)


@blueprint.post("")
def create() -> Answer:
    """Ask for a package of the log."""
    person, house = caller(), services()
    identity.require(person, Permission.AUDIT_READ)
    try:
        wanted = _wanted()
        with house.db.tenant(person.tenant_id) as tx:
            audit.request_export(tx, person.actor, wanted, clock=house.clock, room=room_of(house.settings))
    except (CheckpointUnreadable, ExportFilterMalformed, ExportsLimited, NothingSealed, RecipientInvalid) as refusal:
        return _page(shown=refusal)
    return done("proof.show", "export-requested")


@blueprint.post("/schedules")
def create_schedule() -> Answer:
    """Let packages be made by themselves, of what the form chooses."""
    person, house = caller(), services()
    identity.require(person, Permission.SETTINGS_CHANGE)
    try:
        wanted, every, form = replace(_wanted(), since=None, until=None, earlier=None), _every(), _place()
        if form.kind is not PlaceKind.FOLDER:
            identity.require(person, Permission.AUDIT_STREAM)
        with house.db.tenant(person.tenant_id) as tx:
            folder = house.settings.export_folder
            place = NewPlace(form, house.vault, house.egress)
            audit.create_schedule(tx, person.actor, every, wanted, folder=folder, clock=house.clock, place=place)
    except (ExportFilterMalformed, NoExportFolder, RecipientInvalid, SchedulesLimited, *_PLACE_WRONG) as refusal:
        return _page(shown=refusal)
    return done("proof.show", "exports-scheduled")


@blueprint.post("/schedules/<uuid:schedule_id>/removal")
def create_schedule_removal(schedule_id: UUID) -> Answer:
    """Make no more packages by a schedule."""
    person = caller()
    identity.require(person, Permission.SETTINGS_CHANGE)
    with services().db.tenant(person.tenant_id) as tx:
        audit.remove_schedule(tx, person.actor, schedule_id)
    return done("proof.show", "exports-unscheduled")


@blueprint.post("/schedules/<uuid:schedule_id>/trial")
def create_schedule_trial(schedule_id: UUID) -> Answer:
    """Put a small file where a schedule's packages go."""
    person, house = caller(), services()
    identity.require(person, Permission.AUDIT_STREAM)
    try:
        audit.try_place(courier_of(house), person.tenant_id, person.actor, schedule_id)
    except (PlaceFailed, PlaceIsFolder) as refusal:
        return _page(shown=refusal)
    return done("proof.show", "place-tried")


@blueprint.get("/checkpoint")
def checkpoint() -> Response:
    """Hand out the signed checkpoint, to be kept elsewhere."""
    person = caller()
    identity.require(person, Permission.AUDIT_READ)
    with services().db.tenant(person.tenant_id) as tx:
        state = audit.get_log(tx)
    if state is None:
        raise NothingSealed
    headers = {"Content-Disposition": f'attachment; filename="checkpoint-{state.size}.note"'}
    return Response(state.checkpoint, content_type="text/plain; charset=utf-8", headers=headers)


@blueprint.get("/paper")
def paper() -> Answer:
    """Show the checkpoint to be printed, with letters that a person can type."""
    person = caller()
    identity.require(person, Permission.AUDIT_READ)
    with services().db.tenant(person.tenant_id) as tx:
        state = audit.get_log(tx)
    if state is None:
        raise NothingSealed
    return page("audit/paper.html", log=state)


@blueprint.get("/<uuid:export_id>")
def download(export_id: UUID) -> Response:
    """Hand out a package; a download that was cut off goes on where it was."""
    person, house = caller(), services()
    identity.require(person, Permission.AUDIT_READ)
    with house.db.tenant(person.tenant_id) as tx:
        export, path = audit.open_export(tx, person.actor, house.settings.exports, export_id)
    media = "application/octet-stream" if export.sealed_to else "application/zip"
    return handed_out(path, name=export.file_name, media=media, digest=export.digest or "")


def _page(*, shown: Refusal | None) -> Answer:
    person = caller()
    identity.require(person, Permission.AUDIT_READ)
    house = services()
    assurance = assurance_of(house.db, person.tenant_id, anchors_of(house.settings), clock=house.clock)
    with house.db.tenant(person.tenant_id) as tx:
        state, exports, schedules = audit.get_log(tx), audit.list_exports(tx, limit=50), audit.list_schedules(tx)
        alarms = list_alarms(tx)
        used = audit.room_used(tx, room_of(house.settings))
        names = identity.names_of(tx, [one.requested_by for one in exports if one.requested_by])
    is_running = any(one.state in {ExportState.WAITING, ExportState.WRITING} for one in exports)
    return page(
        "audit/proof.html", refusal=shown, log=state, exports=exports, names=names, is_running=is_running, meaning=MEANING,
        form=request.form, assurance=assurance, schedules=schedules, places=PlaceKind, used=used, alarms=alarms, has_folder=house.settings.export_folder is not None,
    )  # fmt: skip


def _wanted() -> Wanted:
    """Return which entries the form asks for. A filter that cannot be read lets nothing through, rather than everything."""
    kinds = frozenset(_event(one) for one in request.form.getlist("event") if one)
    actor, earlier = _id("person"), forms.field("earlier").replace("\r\n", "\n").strip()
    return Wanted(
        _day("since"), _day("until", ends=True), kinds or None, frozenset({actor}) if actor else None, _id("subject"),
        earlier + "\n" if earlier else None, forms.field("sealed_to").strip() or None,
        with_ocsf=bool(forms.field("ocsf")), is_personal=not forms.field("without_personal"),
    )  # fmt: skip


def _place() -> PlaceForm:
    """Return where packages shall go. The secret's field is named `key`, so that no page shows it again."""
    days = forms.whole_number("retain_days") if forms.field("retain_days").strip() else None
    secret = typed_secret(SecretLeftOut).strip()
    return PlaceForm(
        forms.choice(PlaceKind, "to") if forms.field("to") else PlaceKind.FOLDER, forms.field("url") or None,
        forms.field("account") or None, forms.field("host_key") or None, secret or None, forms.field("region") or None, days,
    )  # fmt: skip


def _every() -> Every:
    given = forms.field("every")
    if given not in list(Every):
        raise ExportFilterMalformed(given=given[:_SHOWN])
    return Every(given)


def _event(given: str) -> Event:
    if given not in list(Event):
        raise ExportFilterMalformed(given=given[:_SHOWN])
    return Event(given)


def _id(name: str) -> UUID | None:
    given = forms.field(name).strip()
    found = parse_id(given)
    if given and found is None:
        raise ExportFilterMalformed(given=given[:_SHOWN])
    return found


def _day(name: str, *, ends: bool = False) -> datetime | None:
    given = forms.field(name).strip()
    try:
        day = datetime.combine(date.fromisoformat(given), datetime.min.time(), UTC) if given else None
        return day + timedelta(days=ends) if day else None
    except (ValueError, OverflowError):
        raise ExportFilterMalformed(given=given[:_SHOWN]) from None
