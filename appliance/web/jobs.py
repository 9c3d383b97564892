from flask import Blueprint

from appliance import knowledge, vault
from appliance.dlp.dryrun import DRY_RUN
from appliance.knowledge import WorkSort
from appliance.web import tables
from appliance.web.language import gettext
from appliance.web.render import page
from appliance.web.sessions import caller, services

blueprint = Blueprint("jobs", __name__, url_prefix="/jobs")


@blueprint.get("")
def show() -> tuple[str, int]:
    """Show what the worker has to do, and what it could not do."""
    person, asked = caller(), tables.asked(list(WorkSort), WorkSort.STATE)
    with services().db.tenant(person.tenant_id) as tx:
        total = knowledge.count_work(tx, person)
        table = tables.cut(
            asked, total, lambda limit, offset: knowledge.list_work(
                tx, person, sort=WorkSort(asked.sort), is_descending=asked.is_reversed, limit=limit, offset=offset
            )
        )  # fmt: skip
    tasks = {
        knowledge.INGEST: gettext("Read a document"),
        knowledge.ERASE: gettext("Erase a deleted file"),
        knowledge.REEMBED: gettext("Embed passages anew"),
        DRY_RUN: gettext("Try a data protection policy"),
        vault.ROTATE: gettext("Seal anew under a new data key"),
    }
    return page("jobs/page.html", table=table, tasks=tasks)
