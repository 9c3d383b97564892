from enum import StrEnum
from uuid import UUID

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response

from appliance import chat, identity, tenancy
from appliance.chat import ConversationId
from appliance.chat.errors import ReasonMissing
from appliance.identity import Permission
from appliance.kernel.errors import Refusal
from appliance.tenancy import Review
from appliance.web import forms, tables
from appliance.web.render import done, page
from appliance.web.sessions import caller, services

blueprint = Blueprint("reviews", __name__, url_prefix="/reviews")
Answer = tuple[str, int] | Response
_PAGE = 50


class _Decision(StrEnum):
    GRANT = "grant"
    REFUSE = "refuse"


@blueprint.get("")
def show() -> Answer:
    """List the organisation's conversations as far as its settings allow."""
    return _list(shown=None)


@blueprint.post("/mode")
def end_mode() -> Answer:
    """Ask a second administrator to end the works-council mode."""
    return _request(None)


@blueprint.post("/requests/<uuid:request_id>")
def decide(request_id: UUID) -> Answer:
    """Grant or refuse another administrator's request."""
    person, house = caller(), services()
    decision = forms.choice(_Decision, "decision")
    with house.db.tenant(person.tenant_id) as tx:
        chat.decide_review(tx, person, request_id, is_granted=decision is _Decision.GRANT, clock=house.clock)
    return done("reviews.show", "review-decided")


@blueprint.get("/<uuid:conversation_id>")
def read(conversation_id: UUID) -> Answer:
    """Show what may be known of a conversation before it is opened."""
    return _show(ConversationId(conversation_id), shown=None)


@blueprint.post("/<uuid:conversation_id>/request")
def create_request(conversation_id: UUID) -> Answer:
    """Ask a second administrator to agree to opening a conversation."""
    return _request(ConversationId(conversation_id))


@blueprint.post("/<uuid:conversation_id>/opening")
def create_opening(conversation_id: UUID) -> Answer:
    """Open a conversation; its owner sees it."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            view_id = chat.open_for_review(
                tx, person, ConversationId(conversation_id), reason=forms.field("reason"), clock=house.clock,
                sealer=services().vault,
            )  # fmt: skip
    except ReasonMissing as refusal:
        return _show(ConversationId(conversation_id), shown=refusal)
    return redirect(url_for("reviews.read_opened", conversation_id=conversation_id, view_id=view_id), 303)


@blueprint.get("/<uuid:conversation_id>/opening/<uuid:view_id>")
def read_opened(conversation_id: UUID, view_id: UUID) -> Answer:
    """Show a conversation that the reader opened within the last hour."""
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        conversation, messages = chat.read_opened(
            tx, person, ConversationId(conversation_id), view_id, clock=house.clock, sealer=services().vault
        )
        names = identity.names_of(tx, [conversation.owner_id])
        return page(
            "reviews/opened.html", conversation=conversation, messages=messages,
            owner_name=names.get(conversation.owner_id, ""), link_hosts=tenancy.get_settings(tx).link_hosts,
        )  # fmt: skip


def _request(conversation_id: ConversationId | None) -> Answer:
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            chat.request_review(
                tx, person, conversation_id, reason=forms.field("reason"), clock=house.clock, sealer=services().vault
            )
    except ReasonMissing as refusal:
        return _list(shown=refusal) if conversation_id is None else _show(conversation_id, shown=refusal)
    if conversation_id is None:
        return done("reviews.show", "review-requested")
    return done("reviews.read", "review-requested", conversation_id=conversation_id)


def _list(*, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    identity.require(person, Permission.CONVERSATION_REVIEW)
    query, table = tables.query(), tables.timeline("updated")
    with house.db.tenant(person.tenant_id) as tx:
        mode = tenancy.get_settings(tx).conversation_review
        if mode is Review.OFF:
            return page("reviews/page.html", refusal=shown, mode=mode.value)
        found = chat.list_for_review(
            tx, person, query=query, before=tables.moment_before(), limit=_PAGE + 1,
            oldest_first=not table.is_reversed, sealer=services().vault,
        )  # fmt: skip
        requests = chat.list_requests(tx, person, clock=house.clock, sealer=services().vault)
    further = tables.mark(found[_PAGE - 1].updated_at, found[_PAGE - 1].conversation_id) if len(found) > _PAGE else None
    return page(
        "reviews/page.html", refusal=shown, mode=mode.value, conversations=found[:_PAGE], requests=requests,
        query=query, further=further, table=table,
    )  # fmt: skip


def _show(conversation_id: ConversationId, *, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        one = chat.get_for_review(tx, person, conversation_id, sealer=services().vault)
        mode = tenancy.get_settings(tx).conversation_review
        mine = chat.list_requests(
            tx, person, clock=house.clock, conversation_id=conversation_id, sealer=services().vault
        )
    now = house.clock.now()
    granted = [ask for ask in mine if ask.is_granted and ask.expires_at and ask.expires_at > now]
    return page(
        "reviews/conversation.html", refusal=shown, one=one, mode=mode.value, granted=granted[0] if granted else None,
        waiting=any(ask.is_open for ask in mine),
    )  # fmt: skip
