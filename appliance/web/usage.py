"""What models used, and cost: of the organisation for those who look after it, and of oneself for everybody."""

from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance import identity
from appliance.chat.chatbots import names_of_chatbots
from appliance.gateway import usage
from appliance.gateway.sheet import lines
from appliance.gateway.usage import Report, Span
from appliance.identity import Permission
from appliance.identity.permissions import may
from appliance.kernel.db import Tx
from appliance.web.charts import Chart
from appliance.web.language import gettext
from appliance.web.render import page
from appliance.web.sessions import caller, services

blueprint = Blueprint("usage", __name__, url_prefix="/usage")
_SPANS = ("month", "7", "30", "90")  # a year is for the API and the table: a page of it takes longer than people wait


@blueprint.get("")
def show() -> tuple[str, int]:
    """Show what was used: everybody's, or one's own for those who may see no more."""
    person = caller()
    is_own = not may(person, Permission.USAGE_READ) or request.args.get("of") == "me"
    chosen, span = _span()
    with services().db.tenant(person.tenant_id) as tx:
        found = usage.own_report(tx, person, span) if is_own else usage.report(tx, person, span)
        names = _names(tx, found)
    return page(
        "usage/page.html", report=found, names=names, charts=_charts(found), is_own=is_own, chosen=chosen, spans=_SPANS,
    )  # fmt: skip


@blueprint.get("/export")
def export() -> Response:
    """Hand out the organisation's usage as a table for other programs."""
    person = caller()
    _, span = _span()
    with services().db.tenant(person.tenant_id) as tx:
        sheet = lines(usage.rows(tx, person, span))
    headers = {"Content-Disposition": f'attachment; filename="usage-{span.first}-{span.last}.csv"'}
    return Response(sheet, content_type="text/csv; charset=utf-8", headers=headers)


def _span() -> tuple[str, Span]:
    chosen, clock = request.args.get("span", ""), services().clock
    if chosen not in _SPANS:
        chosen = "30"
    return chosen, Span.of_month(clock) if chosen == "month" else Span.of_last(int(chosen), clock=clock)


def _names(tx: Tx, report: Report) -> dict[UUID, str]:
    people, keys, bots = (
        [one.of for one in parts if one.of] for parts in (report.by_person, report.by_key, report.by_chatbot)
    )
    names = identity.names_of(tx, people) | identity.token_names(tx, keys) | names_of_chatbots(tx, bots)
    names.update(identity.group_names(tx).items())
    return names


def _charts(report: Report) -> tuple[Chart, ...]:
    tokens = Chart(gettext("Tokens"), tuple((day, used.tokens) for day, used in report.by_day))
    spent = (
        Chart(gettext("Cost"), tuple((day, used.cost_in(one)) for day, used in report.by_day), currency=one)
        for one in report.currencies
    )
    return (*spent, tokens, Chart(gettext("Calls"), tuple((day, used.calls) for day, used in report.by_day)))
