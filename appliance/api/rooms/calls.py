"""What calls to providers said, where the organisation keeps it: one's own, and others' as far as its settings allow.

A request is decided at a browser only. A token, or a name given at the console, could be the same person twice.
"""

from datetime import datetime
from uuid import UUID

from appliance.api.framework import Call, operation
from appliance.api.rooms.conversations import UNSEALING, OpeningOut
from appliance.api.rooms.reviews import OpenedOut, ReasonIn
from appliance.api.schemas import Listed, Output, Page, part
from appliance.chat import call_contents
from appliance.chat.errors import PersonNeeded, ReasonMissing, ReviewNotGranted, ReviewOff
from appliance.gateway import keeping
from appliance.gateway.content import Content
from appliance.gateway.errors import CallNotKept
from appliance.gateway.keeping import KeptCall
from appliance.identity import Permission


class KeptCallOut(Output):
    """A call whose content is kept until `ends_at`. In the works-council mode `owner_id` is null."""

    call_id: UUID
    owner_id: UUID | None
    model: str
    host: str | None
    state: str
    prompt_tokens: int
    answer_tokens: int
    admitted_at: datetime
    ends_at: datetime


class CallContentOut(Output):
    """What the provider was sent, and what the program was given. `has_…`: it is there as a whole."""

    call: KeptCallOut
    request: str
    answer: str
    has_request: bool
    has_answer: bool


class CallRequestOut(Output):
    """A wish to open a call. `is_open`: it can be decided."""

    request_id: UUID
    call_id: UUID
    requested_by: UUID
    requested_by_name: str
    reason: str
    requested_at: datetime
    decided_by_name: str | None
    is_granted: bool | None
    expires_at: datetime | None
    is_open: bool


class CallRequestsOut(Output):
    items: list[CallRequestOut]


class CallOpeningsOut(Output):
    items: list[OpeningOut]


@operation("GET", "/calls", permission=Permission.MODEL_CALL, query=Page, answer=Listed[KeptCallOut])
def list_kept_calls(call: Call) -> Listed[KeptCallOut]:
    """Return your own calls whose content is kept, the latest first."""
    with call.tenant() as tx:
        found = keeping.list_own_kept(tx, call.caller, before=call.query.cursor, limit=call.query.limit + 1)
    return _listed(call, found)


@operation(
    "GET", "/calls/reviews", permission=Permission.CONVERSATION_REVIEW, query=Page, answer=Listed[KeptCallOut],
    refusals=(ReviewOff,),
)  # fmt: skip
def list_calls_for_review(call: Call) -> Listed[KeptCallOut]:
    """Return the organisation's calls whose content is kept, the latest first. Looking is an event in the log."""
    with call.tenant() as tx:
        found = call_contents.list_calls_for_review(
            tx, call.caller, before=call.query.cursor, limit=call.query.limit + 1
        )
    return _listed(call, found)


@operation(
    "GET", "/calls/reviews/requests", permission=Permission.CONVERSATION_REVIEW, answer=CallRequestsOut,
    refusals=(ReviewOff, *UNSEALING),
)  # fmt: skip
def list_call_requests(call: Call) -> CallRequestsOut:
    """Return the latest requests, those that wait first. Another administrator decides them, at a browser."""
    house = call.services
    with call.tenant() as tx:
        found = call_contents.list_call_requests(tx, call.caller, sealer=house.vault, clock=house.clock)
    return CallRequestsOut(items=[CallRequestOut.model_validate(one) for one in found])


@operation(
    "GET", "/calls/reviews/{call_id}", permission=Permission.CONVERSATION_REVIEW, answer=KeptCallOut,
    refusals=(CallNotKept, ReviewOff),
)  # fmt: skip
def get_call_for_review(call: Call) -> KeptCallOut:
    """Return what may be known of a call before it is opened."""
    with call.tenant() as tx:
        return KeptCallOut.model_validate(call_contents.get_call_for_review(tx, call.caller, call.ids["call_id"]))


@operation(
    "GET", "/calls/{call_id}/content", permission=Permission.MODEL_CALL, answer=CallContentOut,
    refusals=(CallNotKept, *UNSEALING),
)  # fmt: skip
def get_own_content(call: Call) -> CallContentOut:
    """Return what a call of your own said."""
    with call.tenant() as tx:
        return _content(*keeping.own_content(tx, call.caller, call.ids["call_id"], sealer=call.services.vault))


@operation(
    "GET", "/calls/{call_id}/openings", permission=Permission.MODEL_CALL, answer=CallOpeningsOut,
    refusals=(CallNotKept, *UNSEALING),
)  # fmt: skip
def list_call_openings(call: Call) -> CallOpeningsOut:
    """Return who looked into a call of your own, the latest first."""
    with call.tenant() as tx:
        found = call_contents.list_call_openings(tx, call.caller, call.ids["call_id"], sealer=call.services.vault)
    return CallOpeningsOut(items=[OpeningOut.model_validate(one) for one in found])


@operation(
    "POST", "/calls/{call_id}/requests", permission=Permission.CONVERSATION_REVIEW, body=ReasonIn, answer=CallRequestOut,
    status=201, refusals=(CallNotKept, PersonNeeded, ReasonMissing, ReviewOff),
)  # fmt: skip
def request_call(call: Call) -> CallRequestOut:
    """Ask a second administrator to agree to opening a call, where the works-council mode is on."""
    house = call.services
    with call.tenant() as tx:
        asked = call_contents.request_call(
            tx, call.caller, call.ids["call_id"], reason=call.body.reason, sealer=house.vault, clock=house.clock
        )
    return CallRequestOut.model_validate(asked)


@operation(
    "POST", "/calls/{call_id}/openings", permission=Permission.CONVERSATION_REVIEW, body=ReasonIn, answer=OpenedOut,
    status=201, refusals=(CallNotKept, ReasonMissing, ReviewNotGranted, ReviewOff, *UNSEALING),
)  # fmt: skip
def open_call(call: Call) -> OpenedOut:
    """Open a call; whose it is sees who did and why. In the works-council mode the granted reason counts."""
    house = call.services
    with call.tenant() as tx:
        opening_id = call_contents.open_call(
            tx, call.caller, call.ids["call_id"], reason=call.body.reason, sealer=house.vault, clock=house.clock
        )
    return OpenedOut(opening_id=opening_id)


@operation(
    "GET", "/calls/{call_id}/openings/{look_id}", permission=Permission.CONVERSATION_REVIEW, answer=CallContentOut,
    refusals=(CallNotKept, ReviewNotGranted, ReviewOff, *UNSEALING),
)  # fmt: skip
def read_opened_call(call: Call) -> CallContentOut:
    """Return what a call said that you opened within the last hour."""
    house, ids = call.services, call.ids
    with call.tenant() as tx:
        found = call_contents.read_opened_call(
            tx, call.caller, ids["call_id"], ids["look_id"], sealer=house.vault, clock=house.clock
        )
    return _content(*found)


def _listed(call: Call, found: list[KeptCall]) -> Listed[KeptCallOut]:
    rows, cursor = part(found, call.query, key=lambda one: one.call_id)
    return Listed[KeptCallOut](items=[KeptCallOut.model_validate(one) for one in rows], next_cursor=cursor)


def _content(one: KeptCall, said: Content) -> CallContentOut:
    return CallContentOut(
        call=KeptCallOut.model_validate(one), request=said.request.decode(errors="replace"),
        answer=said.answer.decode(errors="replace"), has_request=said.has_request, has_answer=said.has_answer,
    )  # fmt: skip
