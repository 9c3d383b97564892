"""What calls to providers said, where the organisation keeps it: one's own, and others' as far as its settings allow."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from appliance import identity, tenancy
from appliance.chat import call_contents
from appliance.chat.errors import ReasonMissing
from appliance.gateway import keeping
from appliance.gateway.content import Content
from appliance.gateway.keeping import KeptCall
from appliance.identity import Permission
from appliance.identity.permissions import may
from appliance.kernel.db import Tx
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import parse_id
from appliance.tenancy import Review
from appliance.web import forms
from appliance.web.render import done, page
from appliance.web.sessions import caller, services

blueprint = Blueprint("calls", __name__, url_prefix="/calls")
Answer = tuple[str, int] | Response
_PAGE = 50


class _Decision(StrEnum):
    GRANT = "grant"
    REFUSE = "refuse"


@blueprint.get("")
def show() -> Answer:
    """List one's own calls whose content is kept."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        found = keeping.list_own_kept(tx, person, before=_before(), limit=_PAGE + 1)
        return _list(tx, found, is_own=True, names={})


@blueprint.get("/reviews")
def show_all() -> Answer:
    """List the organisation's calls whose content is kept, as far as its settings allow."""
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        found = call_contents.list_calls_for_review(tx, person, before=_before(), limit=_PAGE + 1)
        requests = call_contents.list_call_requests(tx, person, sealer=house.vault, clock=house.clock)
        names = identity.names_of(tx, [one.owner_id for one in found if one.owner_id])
        return _list(tx, found, is_own=False, names=names, requests=requests)


@blueprint.post("/requests/<uuid:request_id>")
def decide(request_id: UUID) -> Answer:
    """Grant or refuse another administrator's request."""
    person, house = caller(), services()
    decision = forms.choice(_Decision, "decision")
    with house.db.tenant(person.tenant_id) as tx:
        call_contents.decide_call(tx, person, request_id, is_granted=decision is _Decision.GRANT, clock=house.clock)
    return done("calls.show_all", "review-decided")


@blueprint.get("/<uuid:call_id>")
def read(call_id: UUID) -> Answer:
    """Show what a call of one's own said, and who looked."""
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        one, said = keeping.own_content(tx, person, call_id, sealer=house.vault)
        views = call_contents.list_call_openings(tx, person, call_id, sealer=house.vault)
    return page("calls/content.html", one=one, views=views, owner_name="", is_own=True, texts=_told(said))


@blueprint.get("/reviews/<uuid:call_id>")
def read_other(call_id: UUID) -> Answer:
    """Show what may be known of a call before it is opened."""
    return _show(call_id, shown=None)


@blueprint.post("/reviews/<uuid:call_id>/request")
def create_request(call_id: UUID) -> Answer:
    """Ask a second administrator to agree to opening a call."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            call_contents.request_call(
                tx, person, call_id, reason=forms.field("reason"), sealer=house.vault, clock=house.clock
            )
    except ReasonMissing as refusal:
        return _show(call_id, shown=refusal)
    return done("calls.read_other", "review-requested", call_id=call_id)


@blueprint.post("/reviews/<uuid:call_id>/opening")
def create_opening(call_id: UUID) -> Answer:
    """Open a call; whose it is sees it."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            opening_id = call_contents.open_call(
                tx, person, call_id, reason=forms.field("reason"), sealer=house.vault, clock=house.clock
            )
    except ReasonMissing as refusal:
        return _show(call_id, shown=refusal)
    return redirect(url_for("calls.read_opened", call_id=call_id, look_id=opening_id), 303)


@blueprint.get("/reviews/<uuid:call_id>/opening/<uuid:look_id>")
def read_opened(call_id: UUID, look_id: UUID) -> Answer:
    """Show a call that the reader opened within the last hour."""
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        one, said = call_contents.read_opened_call(
            tx, person, call_id, look_id, sealer=house.vault, clock=house.clock
        )
        names = identity.names_of(tx, [one.owner_id] if one.owner_id else [])
    owner_name = names.get(one.owner_id, "") if one.owner_id else ""
    return page("calls/content.html", one=one, views=[], owner_name=owner_name, is_own=False, texts=_told(said))


def _list(
    tx: Tx, found: list[KeptCall], *, is_own: bool, names: Mapping[UUID, str],
    requests: Sequence[call_contents.CallRequest] = (),
) -> Answer:  # fmt: skip
    settings = tenancy.get_settings(tx)
    return page(
        "calls/page.html", calls=found[:_PAGE], names=names, is_own=is_own, requests=requests,
        days=settings.call_content_days, mode=settings.conversation_review.value,
        may_review=may(caller(), Permission.CONVERSATION_REVIEW) and settings.conversation_review is not Review.OFF,
        further=found[_PAGE - 1].call_id if len(found) > _PAGE else None,
    )  # fmt: skip


def _show(call_id: UUID, *, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        one = call_contents.get_call_for_review(tx, person, call_id)
        mode = tenancy.get_settings(tx).conversation_review
        names = identity.names_of(tx, [one.owner_id] if one.owner_id else [])
        mine = call_contents.list_call_requests(tx, person, sealer=house.vault, clock=house.clock, call_id=call_id)
    now = house.clock.now()
    granted = [ask for ask in mine if ask.is_granted and ask.expires_at and ask.expires_at > now]
    return page(
        "calls/call.html", refusal=shown, one=one, mode=mode.value, granted=granted[0] if granted else None,
        owner_name=names.get(one.owner_id, "") if one.owner_id else "", waiting=any(ask.is_open for ask in mine),
    )  # fmt: skip


def _before() -> UUID | None:
    return parse_id(request.args.get("before", ""))


def _told(said: Content) -> tuple[str, str, bool]:
    return (
        said.request.decode(errors="replace"), said.answer.decode(errors="replace"), said.has_request and said.has_answer
    )  # fmt: skip
