"""Looking into other people's conversations: off, recorded, or only when a second administrator agrees.

Whatever the mode, the owner sees who looked, when and why. In the works-council mode the list shows neither titles
nor names (numbers, not content), a token cannot decide (it would be the same person twice), and the mode itself ends
only as a request that a second person grants.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, tuple_

from appliance import audit, identity, tenancy
from appliance.audit import Event
from appliance.chat.chatbots import names_of_chatbots
from appliance.chat.errors import (
    ConversationNotFound,
    NotSecondPerson,
    PersonNeeded,
    ReasonMissing,
    ReviewDecided,
    ReviewNotFound,
    ReviewNotGranted,
    ReviewOff,
)
from appliance.chat.finding import titles_saying
from appliance.chat.queries import as_conversation, messages_of, own_row
from appliance.chat.sealed import VIEWS, WISHES, open_reasons, open_titles
from appliance.chat.tables import ConversationRow, ConversationViewRow, MessageRow, ReviewRequestRow
from appliance.chat.values import (
    UNTITLED,
    Conversation,
    ConversationId,
    Message,
    Reviewable,
    ReviewRequest,
    View,
    cleaned,
)
from appliance.identity import Caller, Permission, UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id
from appliance.kernel.rows import among
from appliance.kernel.sealing import Sealer
from appliance.tenancy import Review

_REASON = range(3, 501)
WAITS = timedelta(days=14)
GRANT_LASTS = timedelta(days=1)
VIEW_LASTS = timedelta(hours=1)
_SHOWN = 50


def list_for_review(
    tx: Tx,
    caller: Caller,
    *,
    sealer: Sealer,
    query: str = "",
    before: tuple[datetime, UUID] | None = None,
    limit: int = 50,
    oldest_first: bool = False,
) -> list[Reviewable]:
    """Return the organisation's conversations, the latest first: those whose title or person says the query.

    `before` is where a list goes on: what comes before it in time, or after it when the oldest come first. Raises ReviewOff. In the works-council mode the query is passed over: finding by content would be reading it.
    """
    mode = mode_of(tx, caller)
    found = select(ConversationRow.conversation_id).where(ConversationRow.tenant_id == tx.tenant_id)
    query = query.replace("\0", "").strip()
    if before is not None:
        place = tuple_(ConversationRow.updated_at, ConversationRow.conversation_id)
        found = found.where(place > before if oldest_first else place < before)
    columns = ConversationRow.updated_at, ConversationRow.conversation_id
    order = columns if oldest_first else tuple(one.desc() for one in columns)
    found = found.order_by(*order)
    column = ConversationRow.conversation_id
    # By the index alone; then the rows of these few.
    is_shown: ColumnElement[bool] = column.in_(found.limit(limit).scalar_subquery())
    if query and mode is Review.AUDITED:
        is_shown = among(column, titles_saying(tx, sealer, query, found, _owned_by(tx, query), limit=limit))
    rows = tx.scalars(
        select(ConversationRow).where(ConversationRow.tenant_id == tx.tenant_id, is_shown).order_by(*order)
    ).all()
    audit.record(tx, caller.actor, Event.CONVERSATIONS_LISTED, subject=tx.tenant_id, shown=len(rows),
                 searched=int(bool(query)))  # fmt: skip
    return _reviewables(tx, sealer, rows, mode)


def get_for_review(tx: Tx, caller: Caller, conversation_id: ConversationId, *, sealer: Sealer) -> Reviewable:
    """Return what an administrator may know of a conversation before opening it. Raises ReviewOff."""
    mode = mode_of(tx, caller)
    return _reviewables(tx, sealer, [_conversation(tx, conversation_id)], mode)[0]


def open_for_review(
    tx: Tx, caller: Caller, conversation_id: ConversationId, *, reason: str, sealer: Sealer, clock: Clock
) -> UUID:
    """Note that the caller looks into a conversation, where its owner sees it; return the opening's id.

    It lets `read_opened` read for an hour. In the works-council mode it needs a request of the caller's that was
    granted within the last day, whose reason counts. Raises ReviewOff, ReviewNotGranted, ReasonMissing.
    """
    mode = mode_of(tx, caller)
    identity.require_recent(caller)
    _conversation(tx, conversation_id)
    if mode is Review.TWO_PERSON:
        granted = _granted(tx, caller, conversation_id, clock.now())
        if granted is None:
            raise ReviewNotGranted
        reason = _reasons_of(tx, sealer, [granted])[0]
    view_id, said = new_id(), checked_reason(reason).encode()
    row = ConversationViewRow(
        tenant_id=tx.tenant_id,
        view_id=view_id,
        conversation_id=conversation_id,
        viewer_id=caller.user_id,
        sealed_reason=sealer.seal(tx, said, VIEWS.place(view_id, conversation_id)),
        viewed_at=clock.now(),
    )
    tx.add(row)
    tx.flush()
    audit.record(tx, caller.actor, Event.CONVERSATION_REVIEWED, subject=conversation_id, opening=str(row.view_id),
                 mode=mode.value)  # fmt: skip
    return row.view_id


def read_opened(
    tx: Tx, caller: Caller, conversation_id: ConversationId, view_id: UUID, *, sealer: Sealer, clock: Clock
) -> tuple[Conversation, list[Message]]:
    """Return a conversation that the caller opened within the last hour, with what was said in all its branches.

    What one person opened alone closes once the works-council mode begins. Raises ReviewOff, ReviewNotGranted.
    """
    mode = mode_of(tx, caller)
    row = _conversation(tx, conversation_id)
    view = tx.get(ConversationViewRow, (tx.tenant_id, view_id))
    is_theirs = view is not None and (view.conversation_id, view.viewer_id) == (conversation_id, caller.user_id)
    if view is None or not is_theirs or clock.now() - view.viewed_at > VIEW_LASTS:
        raise ReviewNotGranted
    if mode is Review.TWO_PERSON and _granted(tx, caller, conversation_id, view.viewed_at) is None:
        raise ReviewNotGranted
    conversation = as_conversation(tx, sealer, row)
    return conversation, messages_of(tx, sealer, conversation)


def request_review(
    tx: Tx, caller: Caller, conversation_id: ConversationId | None, *, reason: str, sealer: Sealer, clock: Clock
) -> ReviewRequest:
    """Ask a second administrator to agree: to opening a conversation, or (None) to ending the works-council mode.

    A request of the caller's that still waits is returned as it is. Raises ReviewOff outside of that mode, and
    PersonNeeded for a service account: who holds its token would be the second person too.
    """
    if mode_of(tx, caller) is not Review.TWO_PERSON:
        raise ReviewOff
    if not identity.is_person(tx, caller.user_id):
        raise PersonNeeded
    identity.require_recent(caller)
    if conversation_id is not None:
        _conversation(tx, conversation_id)
    row = tx.scalar(
        select(ReviewRequestRow).where(
            _of(tx, conversation_id),
            ReviewRequestRow.requested_by == caller.user_id,
            ReviewRequestRow.decided_at.is_(None),
            ReviewRequestRow.requested_at > clock.now() - WAITS,
        )
    )
    if row is None:
        request_id, said = new_id(), checked_reason(reason).encode()
        row = ReviewRequestRow(
            tenant_id=tx.tenant_id,
            request_id=request_id,
            conversation_id=conversation_id,
            requested_by=caller.user_id,
            sealed_reason=sealer.seal(tx, said, WISHES.place(request_id)),
            requested_at=clock.now(),
        )
        tx.add(row)
        tx.flush()
        audit.record(tx, caller.actor, Event.REVIEW_REQUESTED, subject=conversation_id or tx.tenant_id,
                     request=str(row.request_id))  # fmt: skip
    return _requests(tx, sealer, [row], clock)[0]


def decide_review(tx: Tx, caller: Caller, request_id: UUID, *, is_granted: bool, clock: Clock) -> None:
    """Grant or refuse another administrator's request, at a browser. Granting the end of the mode turns review off.

    Raises ReviewNotFound, ReviewDecided, NotSecondPerson, PersonNeeded; Forbidden for a token.
    """
    mode_of(tx, caller)
    identity.require_browser(caller)
    identity.require_recent(caller)
    row = tx.get(ReviewRequestRow, (tx.tenant_id, request_id), with_for_update=True)
    if row is None:
        raise ReviewNotFound
    if row.decided_at is not None or row.requested_at <= clock.now() - WAITS:
        raise ReviewDecided
    if caller.user_id == row.requested_by or caller.user_id == _owner(tx, row):
        raise NotSecondPerson
    if is_granted and not identity.is_person(tx, UserId(row.requested_by)):
        raise PersonNeeded
    row.decided_by, row.decided_at, row.is_granted = caller.user_id, clock.now(), is_granted
    row.expires_at = clock.now() + GRANT_LASTS
    tx.flush()
    audit.record(tx, caller.actor, Event.REVIEW_DECIDED, subject=row.conversation_id or tx.tenant_id,
                 request=str(request_id), granted=int(is_granted))  # fmt: skip
    if is_granted and row.conversation_id is None:
        identity.put_settings(tx, caller, replace(tenancy.get_settings(tx), conversation_review=Review.OFF))


def list_requests(
    tx: Tx, caller: Caller, *, sealer: Sealer, clock: Clock, conversation_id: ConversationId | None = None
) -> list[ReviewRequest]:
    """Return the latest requests, those that wait first; of one conversation the caller's own ones."""
    mode_of(tx, caller)
    wanted = [ReviewRequestRow.tenant_id == tx.tenant_id]
    if conversation_id is not None:
        wanted = [_of(tx, conversation_id), ReviewRequestRow.requested_by == caller.user_id]
    rows = tx.scalars(
        select(ReviewRequestRow)
        .where(*wanted)
        .order_by(ReviewRequestRow.decided_at.is_not(None), ReviewRequestRow.requested_at.desc())
        .limit(_SHOWN)
    ).all()
    return _requests(tx, sealer, rows, clock)


def list_views(tx: Tx, caller: Caller, conversation_id: ConversationId, *, sealer: Sealer) -> list[View]:
    """Return who looked into one's own conversation, the latest first."""
    own_row(tx, caller, conversation_id)
    rows = tx.scalars(
        select(ConversationViewRow)
        .where(ConversationViewRow.tenant_id == tx.tenant_id, ConversationViewRow.conversation_id == conversation_id)
        .order_by(ConversationViewRow.viewed_at.desc())
        .limit(_SHOWN)
    ).all()
    names = identity.names_of(tx, [row.viewer_id for row in rows])
    places = ((row.sealed_reason, VIEWS.place(row.view_id, row.conversation_id), row.reason) for row in rows)
    reasons = open_reasons(tx, sealer, places)
    return [
        View(names.get(row.viewer_id, ""), reason, row.viewed_at) for row, reason in zip(rows, reasons, strict=True)
    ]


def mode_of(tx: Tx, caller: Caller) -> Review:
    """Return how far the caller may look into what others said. Raises ReviewOff."""
    identity.require(caller, Permission.CONVERSATION_REVIEW)
    mode = tenancy.get_settings(tx).conversation_review
    if mode is Review.OFF:
        raise ReviewOff
    return mode


def _owned_by(tx: Tx, query: str) -> ColumnElement[bool]:
    return ConversationRow.owner_id.in_(identity.members_named(tx, query))


def checked_reason(reason: str) -> str:
    """Return a reason as it is kept. Raises ReasonMissing."""
    reason = " ".join(cleaned(reason).split())
    if len(reason) not in _REASON:
        raise ReasonMissing
    return reason


def _conversation(tx: Tx, conversation_id: ConversationId) -> ConversationRow:
    row = tx.get(ConversationRow, (tx.tenant_id, conversation_id))
    if row is None:
        raise ConversationNotFound
    return row


def _owner(tx: Tx, row: ReviewRequestRow) -> UUID | None:
    if row.conversation_id is None:
        return None
    return _conversation(tx, ConversationId(row.conversation_id)).owner_id


def _of(tx: Tx, conversation_id: ConversationId | None) -> ColumnElement[bool]:
    column = ReviewRequestRow.conversation_id
    about = column.is_(None) if conversation_id is None else column == conversation_id
    return (ReviewRequestRow.tenant_id == tx.tenant_id) & about


def _granted(tx: Tx, caller: Caller, conversation_id: ConversationId, moment: datetime) -> ReviewRequestRow | None:
    return tx.scalar(
        select(ReviewRequestRow)
        .where(
            _of(tx, conversation_id),
            ReviewRequestRow.requested_by == caller.user_id,
            ReviewRequestRow.is_granted.is_(True),
            ReviewRequestRow.expires_at > moment,
        )
        .limit(1)
    )


def _reviewables(tx: Tx, sealer: Sealer, rows: Sequence[ConversationRow], mode: Review) -> list[Reviewable]:
    ids = [row.conversation_id for row in rows]
    counted = tx.execute(
        select(MessageRow.conversation_id, func.count())
        .where(MessageRow.tenant_id == tx.tenant_id, among(MessageRow.conversation_id, ids))
        .group_by(MessageRow.conversation_id)
    )
    counts = {row[0]: row[1] for row in counted}
    chatbots = names_of_chatbots(tx, [row.chatbot_id for row in rows])
    shows_all = mode is Review.AUDITED
    names = identity.names_of(tx, [row.owner_id for row in rows]) if shows_all else {}
    titles = open_titles(tx, sealer, rows) if shows_all else [""] * len(rows)
    return [
        Reviewable(
            conversation_id=ConversationId(row.conversation_id),
            chatbot_name=chatbots.get(row.chatbot_id, ""),
            title=(title or UNTITLED) if shows_all else None,
            owner_name=names.get(row.owner_id, "") if shows_all else None,
            messages=counts.get(row.conversation_id, 0),
            updated_at=row.updated_at,
        )
        for row, title in zip(rows, titles, strict=True)
    ]


def _reasons_of(tx: Tx, sealer: Sealer, rows: Sequence[ReviewRequestRow]) -> list[str]:
    return open_reasons(tx, sealer, ((row.sealed_reason, WISHES.place(row.request_id), row.reason) for row in rows))


def _requests(tx: Tx, sealer: Sealer, rows: Sequence[ReviewRequestRow], clock: Clock) -> list[ReviewRequest]:
    names = identity.names_of(tx, [one for row in rows for one in (row.requested_by, row.decided_by) if one])
    return [
        ReviewRequest(
            request_id=row.request_id,
            conversation_id=ConversationId(row.conversation_id) if row.conversation_id else None,
            requested_by=UserId(row.requested_by),
            requested_by_name=names.get(row.requested_by, ""),
            reason=reason,
            requested_at=row.requested_at,
            decided_by_name=names.get(row.decided_by) if row.decided_by else None,
            is_granted=row.is_granted,
            expires_at=row.expires_at,
            is_open=row.decided_at is None and row.requested_at > clock.now() - WAITS,
        )
        for row, reason in zip(rows, _reasons_of(tx, sealer, rows), strict=True)
    ]
