"""What proves the log: its signed checkpoint and key, and the packages that an auditor checks offline."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance import audit, identity
from appliance.audit import Event, ExportState, Wanted
from appliance.audit.errors import CheckpointUnreadable, ExportFilterMalformed, NothingSealed
from appliance.audit.events import MEANING
from appliance.identity import Permission
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import parse_id
from appliance.kernel.pieces import Pieces
from appliance.web import forms
from appliance.web.render import done, page
from appliance.web.sessions import caller, services

blueprint = Blueprint("proof", __name__, url_prefix="/audit/proof")
Answer = tuple[str, int] | Response
_SHOWN = 40


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
            audit.request_export(tx, person.actor, wanted, clock=house.clock)
    except (CheckpointUnreadable, ExportFilterMalformed, NothingSealed) as refusal:
        return _page(shown=refusal)
    return done("proof.show", "export-requested")


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


@blueprint.get("/<uuid:export_id>")
def download(export_id: UUID) -> Response:
    """Hand out a package; a download that was cut off goes on where it was."""
    person, house = caller(), services()
    identity.require(person, Permission.AUDIT_READ)
    with house.db.tenant(person.tenant_id) as tx:
        export, path = audit.open_export(tx, person.actor, house.settings.exports, export_id)
    name = f"audit-log-{export.requested_at:%Y-%m-%d}-{export.size}.zip"
    size = path.stat().st_size
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Length": str(size)}
    response = Response(Pieces(path), content_type="application/zip", headers=headers)
    response.set_etag(export.digest or "")
    response.make_conditional(request, accept_ranges=True, complete_length=size)
    return response


def _page(*, shown: Refusal | None) -> Answer:
    person = caller()
    identity.require(person, Permission.AUDIT_READ)
    with services().db.tenant(person.tenant_id) as tx:
        state, exports = audit.get_log(tx), audit.list_exports(tx, limit=50)
        names = identity.names_of(tx, [one.requested_by for one in exports if one.requested_by])
    is_running = any(one.state in {ExportState.WAITING, ExportState.WRITING} for one in exports)
    return page(
        "audit/proof.html", refusal=shown, log=state, exports=exports, names=names, is_running=is_running, meaning=MEANING,
        form=request.form,
    )  # fmt: skip


def _wanted() -> Wanted:
    """Return which entries the form asks for. A filter that cannot be read lets nothing through, rather than everything."""
    kinds = frozenset(_event(one) for one in request.form.getlist("event") if one)
    actor, earlier = _id("person"), forms.field("earlier").replace("\r\n", "\n").strip()
    return Wanted(
        _day("since"), _day("until", ends=True), kinds or None, frozenset({actor}) if actor else None, _id("subject"),
        earlier + "\n" if earlier else None,
    )  # fmt: skip


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
