"""Looking into other people's conversations, as far as the organisation's settings allow.

A request is decided at a browser only. A token, or a name given at the console, could be the same person twice.
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from appliance import chat, identity
from appliance.api.framework import Call, operation
from appliance.api.rooms.conversations import UNSEALING, ConversationOut, MessageOut
from appliance.api.schemas import Input, Listed, Output, Page, Text, part
from appliance.chat import ConversationId, ReviewRequest
from appliance.chat.errors import ConversationNotFound, PersonNeeded, ReasonMissing, ReviewNotGranted, ReviewOff
from appliance.identity import Permission


class ReviewsPage(Page):
    """Which conversations: `text` is looked for in titles and names; passed over in the works-council mode."""

    text: Text = ""
    oldest_first: bool = Field(False, description="Those that were silent longest come first.")


class ReasonIn(Input):
    """Why. The person whose conversation it is reads it."""

    reason: Annotated[str, StringConstraints(min_length=3, max_length=500), Field(examples=["A leak was reported"])]


class ReviewableOut(Output):
    """A conversation before it is opened. In the works-council mode `title` and `owner_name` are null."""

    conversation_id: UUID
    chatbot_name: str
    title: str | None
    owner_name: str | None
    messages: int
    updated_at: datetime


class ReviewRequestOut(Output):
    """A wish to open a conversation or, without one, to end the works-council mode. `is_open`: it can be decided."""

    request_id: UUID
    conversation_id: UUID | None
    requested_by: UUID
    requested_by_name: str
    reason: str
    requested_at: datetime
    decided_by_name: str | None
    is_granted: bool | None
    expires_at: datetime | None
    is_open: bool


class ReviewRequestsOut(Output):
    items: list[ReviewRequestOut]


class OpenedOut(Output):
    """It can be read at its address for an hour, by who opened it."""

    opening_id: UUID


class OpenedConversationOut(Output):
    conversation: ConversationOut
    owner_name: str
    messages: list[MessageOut]


@operation(
    "GET", "/reviews", permission=Permission.CONVERSATION_REVIEW, query=ReviewsPage, answer=Listed[ReviewableOut],
    refusals=(ConversationNotFound, ReviewOff, *UNSEALING),
)  # fmt: skip
def list_reviews(call: Call) -> Listed[ReviewableOut]:
    """Return the organisation's conversations, the latest first. Looking is an event in the log."""
    asked = call.query
    with call.tenant() as tx:
        before = None
        if asked.cursor:
            last = chat.get_for_review(tx, call.caller, ConversationId(asked.cursor), sealer=call.services.vault)
            before = (last.updated_at, last.conversation_id)
        found = chat.list_for_review(
            tx, call.caller, query=asked.text, before=before, limit=asked.limit + 1, oldest_first=asked.oldest_first,
            sealer=call.services.vault,
        )  # fmt: skip
    rows, cursor = part(found, asked, key=lambda one: one.conversation_id)
    return Listed[ReviewableOut](items=[ReviewableOut.model_validate(one) for one in rows], next_cursor=cursor)


@operation(
    "GET", "/reviews/requests", permission=Permission.CONVERSATION_REVIEW, answer=ReviewRequestsOut,
    refusals=(ReviewOff, *UNSEALING),
)  # fmt: skip
def list_requests(call: Call) -> ReviewRequestsOut:
    """Return the latest requests, those that wait first. Another administrator decides them, at a browser."""
    with call.tenant() as tx:
        found = chat.list_requests(tx, call.caller, clock=call.services.clock, sealer=call.services.vault)
    return ReviewRequestsOut(items=[ReviewRequestOut.model_validate(one) for one in found])


@operation(
    "POST", "/reviews/mode/requests", permission=Permission.CONVERSATION_REVIEW, body=ReasonIn,
    answer=ReviewRequestOut, status=201, refusals=(PersonNeeded, ReasonMissing, ReviewOff),
)  # fmt: skip
def request_end_of_mode(call: Call) -> ReviewRequestOut:
    """Ask a second administrator to end the works-council mode."""
    return _requested(call, None)


@operation(
    "GET", "/reviews/{conversation_id}", permission=Permission.CONVERSATION_REVIEW, answer=ReviewableOut,
    refusals=(ReviewOff, *UNSEALING),
)  # fmt: skip
def get_review(call: Call) -> ReviewableOut:
    """Return what may be known of a conversation before it is opened."""
    with call.tenant() as tx:
        return ReviewableOut.model_validate(chat.get_for_review(tx, call.caller, _id(call), sealer=call.services.vault))


@operation(
    "POST", "/reviews/{conversation_id}/requests", permission=Permission.CONVERSATION_REVIEW, body=ReasonIn,
    answer=ReviewRequestOut, status=201, refusals=(PersonNeeded, ReasonMissing, ReviewOff),
)  # fmt: skip
def request_review(call: Call) -> ReviewRequestOut:
    """Ask a second administrator to agree to opening a conversation, where the works-council mode is on."""
    return _requested(call, _id(call))


@operation(
    "POST", "/reviews/{conversation_id}/openings", permission=Permission.CONVERSATION_REVIEW, body=ReasonIn,
    answer=OpenedOut, status=201, refusals=(ReasonMissing, ReviewNotGranted, ReviewOff, *UNSEALING),
)  # fmt: skip
def open_review(call: Call) -> OpenedOut:
    """Open a conversation; its owner sees who did and why. In the works-council mode the granted reason counts."""
    house = call.services
    with call.tenant() as tx:
        opening_id = chat.open_for_review(
            tx, call.caller, _id(call), reason=call.body.reason, clock=house.clock, sealer=call.services.vault
        )
    return OpenedOut(opening_id=opening_id)


@operation(
    "GET", "/reviews/{conversation_id}/openings/{opening_id}", permission=Permission.CONVERSATION_REVIEW,
    answer=OpenedConversationOut, refusals=(ReviewNotGranted, ReviewOff, *UNSEALING),
)  # fmt: skip
def read_opened(call: Call) -> OpenedConversationOut:
    """Return a conversation that you opened within the last hour, with what was said in all its branches."""
    with call.tenant() as tx:
        conversation, messages = chat.read_opened(
            tx, call.caller, _id(call), call.ids["opening_id"], clock=call.services.clock, sealer=call.services.vault
        )
        names = identity.names_of(tx, [conversation.owner_id])
    return OpenedConversationOut(
        conversation=ConversationOut.model_validate(conversation),
        owner_name=names.get(conversation.owner_id, ""),
        messages=[MessageOut.model_validate(one) for one in messages],
    )


def _requested(call: Call, conversation_id: ConversationId | None) -> ReviewRequestOut:
    with call.tenant() as tx:
        asked: ReviewRequest = chat.request_review(
            tx, call.caller, conversation_id, reason=call.body.reason, clock=call.services.clock,
            sealer=call.services.vault,
        )  # fmt: skip
    return ReviewRequestOut.model_validate(asked)


def _id(call: Call) -> ConversationId:
    return ConversationId(call.ids["conversation_id"])
