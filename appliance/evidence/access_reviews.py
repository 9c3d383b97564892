"""Reviews of who has access: a snapshot by ids, a decision for each line, and a result that nobody changes.

A decision is added once. Nobody decides on their own access, unless nobody else could; the result says where that was so.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, and_, func, select, update
from sqlalchemy.exc import IntegrityError

from appliance import audit, identity
from appliance.audit import Actor, ActorKind, Event
from appliance.evidence.errors import (
    AccessReviewNotFound,
    AlreadyDecided,
    DecisionMalformed,
    OwnAccess,
    ReviewClosed,
    ReviewIncomplete,
    ReviewItemNotFound,
    ReviewMalformed,
    ReviewUnderWay,
)
from appliance.evidence.sheets import sheet
from appliance.evidence.tables import DecisionRow, ReviewItemRow, ReviewRow
from appliance.identity import Caller, MemberKind, Permission, UserId
from appliance.identity.access import list_access, list_live_tokens, others_may
from appliance.identity.errors import PersonNotFound, TokenNotFound
from appliance.kernel.canonical import canonical
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id
from appliance.kernel.rows import insert_all

AHEAD: Final = timedelta(days=3)
_LONGEST: Final = timedelta(days=366)
_NAME, _REASON = 120, 500
_SHEET: Final = (
    "kind", "name", "subject_id", "facts", "verdict", "reason", "decided_by", "decided_at", "ended_with_it", "own_access",
)  # fmt: skip
_OF_ITEM: Final = and_(
    DecisionRow.tenant_id == ReviewItemRow.tenant_id,
    DecisionRow.review_id == ReviewItemRow.review_id,
    DecisionRow.item_id == ReviewItemRow.item_id,
)


class ItemKind(StrEnum):
    """What gives access."""

    PERSON = "person"
    SERVICE = "service"
    TOKEN = "token"  # noqa: S105 - the name of a kind


class Verdict(StrEnum):
    """What becomes of it."""

    KEEP = "keep"
    CHANGE = "change"
    REMOVE = "remove"


@dataclass(frozen=True)
class ReviewForm:
    """A review that somebody starts."""

    name: str
    due_at: datetime


@dataclass(frozen=True)
class DecisionForm:
    """What a reviewer says. `at_once`: what shall end ends with the decision, by the verb that ends it everywhere."""

    verdict: Verdict
    reason: str = ""
    at_once: bool = False


@dataclass(frozen=True)
class AccessReview:
    """A review, and how far it is. `digest` is the SHA-256 of its result, once it is closed."""

    review_id: UUID
    name: str
    started_by: UUID
    started_at: datetime
    due_at: datetime
    closed_by: UUID | None
    closed_at: datetime | None
    digest: str | None
    total: int
    decided: int
    own: int = 0
    """How many lines were decided by whose access it is."""

    def is_overdue(self, now: datetime) -> bool:
        """Say whether it should have been closed."""
        return self.closed_at is None and now >= self.due_at


@dataclass(frozen=True)
class Decision:
    """What was decided. `is_own`: on the reviewer's own access. `is_done`: the access ended with it."""

    verdict: Verdict
    reason: str
    decided_by: UUID
    decided_at: datetime
    is_own: bool
    is_done: bool


@dataclass(frozen=True)
class ReviewItem:
    """A line of a review: whose access, and what it was when the review was started."""

    item_id: UUID
    kind: ItemKind
    subject_id: UUID
    owner_id: UUID
    facts: Mapping[str, Any]
    decision: Decision | None = None


def start_review(tx: Tx, caller: Caller, form: ReviewForm, *, clock: Clock) -> AccessReview:
    """Start a review over all that has access now. Raises ReviewMalformed, ReviewUnderWay."""
    identity.require(caller, Permission.PEOPLE_CHANGE)
    name, now = " ".join(form.name.split()), clock.now()
    if not (0 < len(name) <= _NAME and now < form.due_at <= now + _LONGEST):
        raise ReviewMalformed
    row = ReviewRow(
        tenant_id=tx.tenant_id, review_id=new_id(), name=name, started_by=caller.user_id, started_at=now, due_at=form.due_at
    )
    tx.add(row)
    try:
        tx.flush()
    except IntegrityError as error:  # one is open at a time
        raise ReviewUnderWay from error
    items = _snapshot(tx, row.review_id, now)
    insert_all(tx, ReviewItemRow, items)
    audit.record(
        tx, caller.actor, Event.ACCESS_REVIEW_STARTED, subject=row.review_id, lines=len(items), due_at=form.due_at.isoformat()
    )
    return _review(row, len(items), 0, 0)


def list_access_reviews(tx: Tx, caller: Caller, *, before: UUID | None = None, limit: int = 50) -> list[AccessReview]:
    """Return the reviews, the newest first, or those before one of them."""
    identity.require_granted(caller, Permission.AUDIT_READ)
    query = _reviews(tx)
    if before is not None:
        query = query.where(ReviewRow.review_id < before)
    return [_review(*row) for row in tx.execute(query.order_by(ReviewRow.review_id.desc()).limit(limit))]


def get_access_review(tx: Tx, caller: Caller, review_id: UUID) -> AccessReview:
    """Return one. Raises AccessReviewNotFound."""
    identity.require_granted(caller, Permission.AUDIT_READ)
    row = tx.execute(_reviews(tx).where(ReviewRow.review_id == review_id)).one_or_none()
    if row is None:
        raise AccessReviewNotFound
    return _review(*row)


def list_review_items(
    tx: Tx, caller: Caller, review_id: UUID, *, after: UUID | None = None, limit: int | None = None
) -> list[ReviewItem]:
    """Return the lines of a review in the order in which they were taken up, or those after one of them."""
    identity.require_granted(caller, Permission.AUDIT_READ)
    query = (
        select(ReviewItemRow, DecisionRow)
        .join(DecisionRow, _OF_ITEM, isouter=True)
        .where(ReviewItemRow.tenant_id == tx.tenant_id, ReviewItemRow.review_id == review_id)
    )
    if after is not None:
        query = query.where(ReviewItemRow.item_id > after)
    return [_item(item, made) for item, made in tx.execute(query.order_by(ReviewItemRow.item_id).limit(limit))]


def decide_access(
    tx: Tx, caller: Caller, review_id: UUID, item_id: UUID, form: DecisionForm, *, clock: Clock
) -> ReviewItem:
    """Decide a line, at a browser. Raises ReviewClosed, ReviewItemNotFound, AlreadyDecided, OwnAccess, DecisionMalformed."""
    identity.require(caller, Permission.PEOPLE_CHANGE)
    identity.require_browser(caller)
    _open(tx, review_id)
    item = tx.get(ReviewItemRow, (tx.tenant_id, review_id, item_id))
    if item is None:
        raise ReviewItemNotFound
    if tx.get(DecisionRow, (tx.tenant_id, review_id, item_id)) is not None:
        raise AlreadyDecided
    reason, is_own = " ".join(form.reason.split()), item.owner_id == caller.user_id
    if len(reason) > _REASON or not (reason or form.verdict is Verdict.KEEP):
        raise DecisionMalformed
    if is_own and others_may(tx, caller.user_id, Permission.PEOPLE_CHANGE):
        raise OwnAccess
    is_done = form.verdict is Verdict.REMOVE and form.at_once
    if is_done:
        _end(tx, caller, item, clock)
    made = DecisionRow(
        tenant_id=tx.tenant_id, review_id=review_id, item_id=item_id, verdict=form.verdict.value, reason=reason,
        decided_by=caller.user_id, decided_at=clock.now(), is_own=is_own, is_done=is_done,
    )  # fmt: skip
    tx.add(made)
    tx.flush()
    audit.record(
        tx, caller.actor, Event.ACCESS_REVIEW_DECIDED, subject=item.subject_id, review=str(review_id), kind=item.kind,
        verdict=form.verdict.value, ended=int(is_done), own=int(is_own),
    )  # fmt: skip
    return _item(item, made)


def close_review(tx: Tx, caller: Caller, review_id: UUID, *, clock: Clock) -> AccessReview:
    """Close a review whose every line is decided, at a browser. Raises ReviewClosed, ReviewIncomplete."""
    identity.require(caller, Permission.PEOPLE_CHANGE)
    identity.require_browser(caller)
    row = _open(tx, review_id)
    items = list_review_items(tx, caller, review_id)
    if left := sum(one.decision is None for one in items):
        raise ReviewIncomplete(open=left)
    closed = replace(_review(row, 0, 0, 0), closed_by=caller.user_id, closed_at=clock.now())
    digest = hashlib.sha256(result_of(closed, items)).digest()
    row.closed_by, row.closed_at, row.digest = closed.closed_by, closed.closed_at, digest
    tx.flush()
    audit.record(tx, caller.actor, Event.ACCESS_REVIEW_CLOSED, subject=review_id, digest=digest.hex(), lines=len(items))
    return get_access_review(tx, caller, review_id)


def result_of(review: AccessReview, items: list[ReviewItem]) -> bytes:
    """Return the canonical JSON of a review's result, whose digest is kept: ids, and no names."""
    return canonical(
        {
            "closed_at": _at(review.closed_at),
            "closed_by": str(review.closed_by),
            "due_at": _at(review.due_at),
            "lines": [_written(one) for one in items],
            "name": review.name,
            "review_id": str(review.review_id),
            "started_at": _at(review.started_at),
            "started_by": str(review.started_by),
        }
    )


def review_sheet(tx: Tx, caller: Caller, review_id: UUID) -> str:
    """Return a review as CSV, with the names of today. Raises AccessReviewNotFound."""
    get_access_review(tx, caller, review_id)
    items = list_review_items(tx, caller, review_id)
    ids = {one.owner_id for one in items} | {one.decision.decided_by for one in items if one.decision}
    names = identity.names_of(tx, ids)
    rows: list[list[str | int | None]] = []
    for one in items:
        made = one.decision
        facts = "; ".join(f"{name}={value}" for name, value in sorted(one.facts.items()) if value is not None)
        said = [made.verdict.value, made.reason, names.get(made.decided_by, str(made.decided_by)), _at(made.decided_at)] if made else [""] * 4
        ends = [str(int(made.is_done)), str(int(made.is_own))] if made else ["", ""]
        rows.append([one.kind.value, names.get(one.owner_id, ""), str(one.subject_id), facts, *said, *ends])
    return sheet(_SHEET, rows)


def remind_of_review(tx: Tx, *, clock: Clock) -> AccessReview | None:
    """Record, and return, the review that is due within days and that nobody was reminded of yet."""
    now = clock.now()
    row = tx.scalars(
        update(ReviewRow)
        .where(
            ReviewRow.tenant_id == tx.tenant_id, ReviewRow.closed_at.is_(None), ReviewRow.reminded_at.is_(None),
            ReviewRow.due_at <= now + AHEAD,
        )
        .values(reminded_at=now)
        .returning(ReviewRow)
    ).one_or_none()  # fmt: skip
    if row is None:
        return None
    review = _review(*tx.execute(_reviews(tx).where(ReviewRow.review_id == row.review_id)).one())
    left = review.total - review.decided
    audit.record(tx, Actor(ActorKind.SYSTEM), Event.ACCESS_REVIEW_DUE, subject=row.review_id, open=left)
    return review


def _snapshot(tx: Tx, review_id: UUID, now: datetime) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []

    def add(kind: ItemKind, subject_id: UUID, owner_id: UUID, facts: dict[str, Any]) -> None:
        made.append(
            {"tenant_id": tx.tenant_id, "review_id": review_id, "item_id": new_id(), "kind": kind.value,
             "subject_id": subject_id, "owner_id": owner_id, "facts": facts}
        )  # fmt: skip

    for one in list_access(tx, now=now):
        kind = ItemKind.SERVICE if one.kind is MemberKind.SERVICE else ItemKind.PERSON
        facts = {"role": one.role_name, "joined_at": _at(one.joined_at), "last_seen_at": _at(one.last_seen_at),
                 "factors": one.factors, "tokens": one.tokens}  # fmt: skip
        if one.role_title:
            facts["permissions"] = " ".join(sorted(one.permissions))
        add(kind, one.user_id, one.user_id, facts)
    for token in list_live_tokens(tx, now=now):
        facts = {"name": token.name, "scopes": " ".join(token.scopes), "expires_at": _at(token.expires_at),
                 "last_used_at": _at(token.last_used_at)}  # fmt: skip
        add(ItemKind.TOKEN, token.token_id, token.user_id, facts)
    ordered = sorted(one["item_id"] for one in made)  # of one millisecond they are in no order by themselves
    return [line | {"item_id": item_id} for line, item_id in zip(made, ordered, strict=True)]


def _open(tx: Tx, review_id: UUID) -> ReviewRow:
    row = tx.get(ReviewRow, (tx.tenant_id, review_id), with_for_update=True)
    if row is None:
        raise AccessReviewNotFound
    if row.closed_at is not None:
        raise ReviewClosed
    return row


def _end(tx: Tx, caller: Caller, item: ReviewItemRow, clock: Clock) -> None:
    try:
        if item.kind == ItemKind.TOKEN:
            identity.revoke_token(tx, caller, item.subject_id, clock=clock)
        else:
            identity.remove_member(tx, caller, UserId(item.subject_id), clock=clock)
    except (PersonNotFound, TokenNotFound):
        return  # it ended since the review was started


def _reviews(tx: Tx) -> Select[ReviewRow, int | None, int | None, int | None]:
    """Return the query for reviews: how many lines each has, how many are decided, and how many by whose access it is."""
    counts = (
        select(
            ReviewItemRow.review_id,
            func.count().label("total"),
            func.count(DecisionRow.item_id).label("decided"),
            func.count(DecisionRow.item_id).filter(DecisionRow.is_own).label("own"),
        )
        .join(DecisionRow, _OF_ITEM, isouter=True)
        .where(ReviewItemRow.tenant_id == tx.tenant_id)
        .group_by(ReviewItemRow.review_id)
        .subquery()
    )
    query = select(ReviewRow, counts.c.total, counts.c.decided, counts.c.own)
    query = query.join(counts, counts.c.review_id == ReviewRow.review_id, isouter=True)
    return query.where(ReviewRow.tenant_id == tx.tenant_id)


def _written(one: ReviewItem) -> dict[str, Any]:
    assert one.decision is not None  # noqa: S101 - a closed review has a decision for each line
    made = one.decision
    return {
        "decided_at": _at(made.decided_at), "decided_by": str(made.decided_by), "facts": dict(one.facts),
        "is_done": made.is_done, "is_own": made.is_own, "item_id": str(one.item_id), "kind": one.kind.value,
        "owner_id": str(one.owner_id), "reason": made.reason, "subject_id": str(one.subject_id),
        "verdict": made.verdict.value,
    }  # fmt: skip


def _at(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="microseconds") if moment else None


def _review(row: ReviewRow, total: int | None, decided: int | None, own: int | None) -> AccessReview:
    return AccessReview(
        row.review_id, row.name, row.started_by, row.started_at, row.due_at, row.closed_by, row.closed_at,
        row.digest.hex() if row.digest else None, total or 0, decided or 0, own or 0,
    )  # fmt: skip


def _item(row: ReviewItemRow, made: DecisionRow | None) -> ReviewItem:
    decision = None
    if made is not None:
        decision = Decision(
            Verdict(made.verdict), made.reason, made.decided_by, made.decided_at, made.is_own, made.is_done
        )
    return ReviewItem(row.item_id, ItemKind(row.kind), row.subject_id, row.owner_id, row.facts, decision)
