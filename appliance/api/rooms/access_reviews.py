"""Reviews of who has access. Lines are decided, and a review is closed, by people at browsers: a sign-off is a person's own word."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from pydantic import AwareDatetime, Field

from appliance import evidence
from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Listed, Name, Output, Page, part
from appliance.evidence.access_reviews import AccessReview, ItemKind, ReviewForm, ReviewItem, Verdict, review_sheet
from appliance.evidence.errors import AccessReviewNotFound, ReviewMalformed, ReviewUnderWay
from appliance.identity import Permission


class AccessReviewIn(Input):
    name: Name = Field(examples=["Spring"])
    due_at: AwareDatetime = Field(
        examples=["2026-12-31T00:00:00Z"], description="Until when it has to be closed: within a year, with its zone."
    )


class AccessReviewOut(Output):
    """A review. `digest` is the SHA-256 of its result, which the log has, too, once it is closed."""

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


class DecisionOut(Output):
    """What was decided. `is_own`: on the reviewer's own access. `is_done`: the access ended with it."""

    verdict: Verdict
    reason: str
    decided_by: UUID
    decided_at: datetime
    is_own: bool
    is_done: bool


class LineOut(Output):
    """Whose access, and what it was when the review was started."""

    item_id: UUID
    kind: ItemKind
    subject_id: UUID
    owner_id: UUID
    facts: dict[str, str | int | None]
    decision: DecisionOut | None


@operation(
    "POST", "/access-reviews", permission=Permission.PEOPLE_CHANGE, body=AccessReviewIn, answer=AccessReviewOut, status=201,
    refusals=(ReviewMalformed, ReviewUnderWay),
)  # fmt: skip
def start_access_review(call: Call) -> AccessReviewOut:
    """Start a review over all that has access now. One is open at a time."""
    with call.tenant() as tx:
        form = ReviewForm(call.body.name, call.body.due_at)
        return _review(evidence.start_review(tx, call.caller, form, clock=call.services.clock))


@operation("GET", "/access-reviews", permission=Permission.AUDIT_READ, query=Page, answer=Listed[AccessReviewOut])
def list_access_reviews(call: Call) -> Listed[AccessReviewOut]:
    """Return the reviews of access, the newest first."""
    with call.tenant() as tx:
        found = evidence.list_access_reviews(tx, call.caller, before=call.query.cursor, limit=call.query.limit + 1)
    rows, cursor = part(found, call.query, key=lambda one: one.review_id)
    return Listed[AccessReviewOut](items=[_review(one) for one in rows], next_cursor=cursor)


@operation(
    "GET", "/access-reviews/{review_id}", permission=Permission.AUDIT_READ, answer=AccessReviewOut,
    refusals=(AccessReviewNotFound,),
)  # fmt: skip
def get_access_review(call: Call) -> AccessReviewOut:
    """Return how far a review is."""
    with call.tenant() as tx:
        return _review(evidence.get_access_review(tx, call.caller, call.ids["review_id"]))


@operation(
    "GET", "/access-reviews/{review_id}/lines", permission=Permission.AUDIT_READ, query=Page, answer=Listed[LineOut],
    refusals=(AccessReviewNotFound,),
)  # fmt: skip
def list_access_review_lines(call: Call) -> Listed[LineOut]:
    """Return a review's lines, and what was decided on each."""
    review_id, asked = call.ids["review_id"], call.query
    with call.tenant() as tx:
        evidence.get_access_review(tx, call.caller, review_id)
        found = evidence.list_review_items(tx, call.caller, review_id, after=asked.cursor, limit=asked.limit + 1)
    rows, cursor = part(found, asked, key=lambda one: one.item_id)
    return Listed[LineOut](items=[_line(one) for one in rows], next_cursor=cursor)


@operation(
    "GET", "/access-reviews/{review_id}/sheet", permission=Permission.AUDIT_READ, streams=True, media="text/csv",
    refusals=(AccessReviewNotFound,),
)  # fmt: skip
def export_access_review(call: Call) -> Iterator[str]:
    """Return a review as CSV, with the names of today."""
    with call.tenant() as tx:
        return iter([review_sheet(tx, call.caller, call.ids["review_id"])])


def _review(one: AccessReview) -> AccessReviewOut:
    return AccessReviewOut.model_validate(one)


def _line(one: ReviewItem) -> LineOut:
    return LineOut.model_validate(one)
