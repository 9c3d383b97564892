"""Checking a text before it is uploaded or sent: it is kept nowhere."""

from flask import Blueprint
from werkzeug.wrappers import Response

from appliance import dlp, identity
from appliance.identity import Permission
from appliance.kernel.errors import Invalid, Refusal
from appliance.web import forms
from appliance.web.render import page
from appliance.web.sessions import caller, services

blueprint = Blueprint("scans", __name__, url_prefix="/documents/check")
Answer = tuple[str, int] | Response
_MOST = 200_000


class TextTooLong(Invalid):
    """A text of at most 200,000 characters can be checked here. Check it in parts, or with `appliance scan`."""

    code = "text_too_long"


@blueprint.get("")
def show() -> Answer:
    """Show the form."""
    return _page("", [], is_done=False)


@blueprint.post("")
def create() -> Answer:
    """Say what a text holds, each finding masked."""
    text = forms.field("text").replace("\r\n", "\n")
    try:
        if len(text) > _MOST:
            raise TextTooLong
        with services().db.tenant(caller().tenant_id) as tx:
            own = dlp.own_rules(tx)
        found = dlp.scan(services().scanner, caller(), text, own=own)
    except Refusal as refusal:
        return _page(text, [], is_done=False, shown=refusal)
    return _page(text, found, is_done=True)


def _page(text: str, rows: list[tuple[dlp.Finding, str]], *, is_done: bool, shown: Refusal | None = None) -> Answer:
    identity.require_granted(caller(), Permission.DOCUMENT_ADD)
    return page("documents/check.html", refusal=shown, text=text, rows=rows, is_done=is_done)
