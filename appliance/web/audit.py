from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance import audit, identity
from appliance.audit import EntryFilter
from appliance.audit.events import Event
from appliance.audit.meanings import MEANING
from appliance.identity import Permission
from appliance.identity.access import ids_of
from appliance.kernel.db import Tx
from appliance.kernel.ids import parse_id
from appliance.web import tables
from appliance.web.render import done, page
from appliance.web.sessions import caller, services

blueprint = Blueprint("audit", __name__, url_prefix="/audit")
_PAGE = 100
_PEOPLE = 200


@blueprint.get("")
def show() -> tuple[str, int]:
    """Show the log, newest first, or what the address asks of it. Reading it is an event in it."""
    person = caller()
    identity.require(person, Permission.AUDIT_READ)
    before, query, table = parse_id(request.args.get("before", "")), tables.query(), tables.timeline("at")
    with services().db.tenant(person.tenant_id) as tx:
        wanted = EntryFilter(_event(), _actors(tx, query) if query else None, _day("since"), _day("until", ends=True))
        found = audit.list_entries(tx, wanted, before=before, limit=_PAGE + 1, oldest_first=not table.is_reversed)
        entries = found[:_PAGE]
        names = identity.names_of(tx, [entry.actor.id for entry in entries if entry.actor.id])
        audit.record(tx, person.actor, Event.LOG_READ, entries=len(entries))
    further = table.address(before=entries[-1].event_id) if len(found) > _PAGE else None
    return page(
        "audit/page.html", entries=entries, names=names, meaning=MEANING, further=further, table=table,
        query=query, wanted=wanted, last=_last(wanted), is_filtered=wanted != EntryFilter(),
    )  # fmt: skip


@blueprint.get("/export")
def export() -> Response:
    """Hand out the whole log, the oldest entry first, to be checked offline."""
    person = caller()
    identity.require(person, Permission.AUDIT_READ)
    with services().db.tenant(person.tenant_id) as tx:
        lines = audit.export_file(tx, person.actor)
    name = f"audit-log-{services().clock.now():%Y-%m-%d}.jsonl"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(lines, content_type="application/jsonl", headers=headers)


@blueprint.post("/log-erasure")
def create_log_erasure() -> Response:
    """Erase for ever from where those acted who belong to nobody's page: strangers, providers' programs, operators."""
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        identity.erase_others_from_log(tx, person, clock=house.clock)
    return done("audit.show", "others-erased")


def _event() -> Event | None:
    given = request.args.get("event", "")
    return Event(given) if given in list(Event) else None


def _actors(tx: Tx, query: str) -> frozenset[UUID]:
    """Return who is meant by a name, an address, a role or an id, those who were removed too."""
    if found := parse_id(query):
        return frozenset({found})
    return frozenset(ids_of(tx, query, most=_PEOPLE))


def _day(name: str, *, ends: bool = False) -> datetime | None:
    """Return from the address when a day begins, or ends, in UTC as the log has it."""
    try:
        day = datetime.combine(date.fromisoformat(request.args.get(name, "")), datetime.min.time(), UTC)
        return day + timedelta(days=ends)
    except (ValueError, OverflowError):
        return None


def _last(wanted: EntryFilter) -> date | None:
    return (wanted.until - timedelta(days=1)).date() if wanted.until else None
