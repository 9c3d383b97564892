from flask import Blueprint

from appliance import knowledge
from appliance.web.language import gettext
from appliance.web.render import page
from appliance.web.sessions import caller, services

blueprint = Blueprint("jobs", __name__, url_prefix="/jobs")
_MOST = 200


@blueprint.get("")
def show() -> tuple[str, int]:
    """Show what the worker has to do, and what it could not do."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        found = knowledge.list_work(tx, person, limit=_MOST)
    tasks = {knowledge.INGEST: gettext("Read a document"), knowledge.ERASE: gettext("Erase a deleted file")}
    return page("jobs/page.html", jobs=found, tasks=tasks, most=_MOST)
