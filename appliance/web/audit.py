from flask import Blueprint, request

from appliance import audit, identity
from appliance.audit.events import MEANING, Event
from appliance.identity import Permission
from appliance.kernel.ids import parse_id
from appliance.web.render import page
from appliance.web.sessions import caller, services

blueprint = Blueprint("audit", __name__, url_prefix="/audit")
_PAGE = 100


@blueprint.get("")
def show() -> tuple[str, int]:
    """Show the log, newest first. Reading it is an event in it."""
    person = caller()
    identity.require(person, Permission.AUDIT_READ)
    before = parse_id(request.args.get("before", ""))
    with services().db.tenant(person.tenant_id) as tx:
        entries = audit.list_entries(tx, before=before, limit=_PAGE)
        names = identity.names_of(tx, [entry.actor.id for entry in entries if entry.actor.id])
        audit.record(tx, person.actor, Event.LOG_READ, entries=len(entries))
    older = entries[-1].event_id if len(entries) == _PAGE else None
    return page("audit/page.html", entries=entries, names=names, meaning=MEANING, older=older)
