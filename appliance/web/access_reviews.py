"""Reviews of who has access: started by one who may change it, decided line by line, and closed for good."""

from datetime import timedelta
from uuid import UUID

from flask import Blueprint, request
from werkzeug.wrappers import Response

from appliance import evidence, identity
from appliance.evidence.access_reviews import DecisionForm, ReviewForm, Verdict, review_sheet
from appliance.evidence.errors import AlreadyDecided, DecisionMalformed, OwnAccess, ReviewIncomplete, ReviewMalformed
from appliance.evidence.errors import ReviewUnderWay as UnderWay
from appliance.identity import Permission
from appliance.identity.errors import LastOwner
from appliance.kernel.errors import Invalid, Refusal
from appliance.kernel.ids import parse_id
from appliance.web import forms
from appliance.web.render import done, page
from appliance.web.sessions import caller, services

blueprint = Blueprint("access_reviews", __name__, url_prefix="/evidence/access-reviews")
Answer = tuple[str, int] | Response
_REVIEWS, _LINES = 50, 50


@blueprint.get("")
def show() -> Answer:
    """Show the reviews."""
    return _list(shown=None)


@blueprint.post("")
def create() -> Answer:
    """Start a review over all that has access now."""
    person, house = caller(), services()
    identity.require(person, Permission.PEOPLE_CHANGE)
    try:
        due = forms.day("due_on")
        if due is None:
            raise ReviewMalformed
        form = ReviewForm(forms.field("name"), due + timedelta(days=1))
        with house.db.tenant(person.tenant_id) as tx:
            review = evidence.start_review(tx, person, form, clock=house.clock)
    except (Invalid, UnderWay) as refusal:
        return _list(shown=refusal)
    return done("access_reviews.read", "review-started", review_id=review.review_id)


@blueprint.get("/<uuid:review_id>")
def read(review_id: UUID) -> Answer:
    """Show a review's lines."""
    return _show(review_id, shown=None)


@blueprint.post("/<uuid:review_id>/lines/<uuid:item_id>")
def decide(review_id: UUID, item_id: UUID) -> Answer:
    """Decide a line."""
    person, house = caller(), services()
    identity.require(person, Permission.PEOPLE_CHANGE)
    try:
        with house.db.tenant(person.tenant_id) as tx:
            evidence.get_access_review(tx, person, review_id)
            form = DecisionForm(
                forms.choice(Verdict, "verdict"), forms.field("reason"), at_once=bool(request.form.get("at_once"))
            )
            evidence.decide_access(tx, person, review_id, item_id, form, clock=house.clock)
    except (AlreadyDecided, DecisionMalformed, Invalid, LastOwner, OwnAccess) as refusal:
        return _show(review_id, shown=refusal)
    return done("access_reviews.read", "line-decided", review_id=review_id, **_place())


@blueprint.post("/<uuid:review_id>/closure")
def create_closure(review_id: UUID) -> Answer:
    """Close a review whose every line is decided."""
    person, house = caller(), services()
    try:
        with house.db.tenant(person.tenant_id) as tx:
            evidence.close_review(tx, person, review_id, clock=house.clock)
    except ReviewIncomplete as refusal:
        return _show(review_id, shown=refusal)
    return done("access_reviews.read", "review-closed", review_id=review_id)


@blueprint.get("/<uuid:review_id>/sheet")
def sheet(review_id: UUID) -> Response:
    """Hand out a review as a table for other programs."""
    person = caller()
    with services().db.tenant(person.tenant_id) as tx:
        content = review_sheet(tx, person, review_id)
    headers = {"Content-Disposition": f'attachment; filename="access-review-{review_id}.csv"'}
    return Response(content, content_type="text/csv; charset=utf-8", headers=headers)


def _list(*, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    with house.db.tenant(person.tenant_id) as tx:
        reviews = evidence.list_access_reviews(tx, person, limit=_REVIEWS)
        names = identity.names_of(tx, [one.started_by for one in reviews])
    return page(
        "evidence/reviews.html", refusal=shown, reviews=reviews, names=names, now=house.clock.now(), form=request.form,
        is_open=any(one.closed_at is None for one in reviews),
    )  # fmt: skip


def _show(review_id: UUID, *, shown: Refusal | None) -> Answer:
    person, house = caller(), services()
    after = parse_id(request.args.get("after", ""))
    with house.db.tenant(person.tenant_id) as tx:
        review = evidence.get_access_review(tx, person, review_id)
        items = evidence.list_review_items(tx, person, review_id, after=after, limit=_LINES + 1)
        lines = items[:_LINES]
        deciders = [one.decision.decided_by for one in lines if one.decision]
        names = identity.names_of(tx, [*deciders, *(one.owner_id for one in lines)])
    further = lines[-1].item_id if len(items) > _LINES else None
    return page(
        "evidence/review.html", refusal=shown, review=review, lines=lines, names=names, further=further, verdicts=list(Verdict),
        now=house.clock.now(), after=after,
    )  # fmt: skip


def _place() -> dict[str, str]:
    after = parse_id(request.args.get("after", ""))
    return {"after": str(after)} if after else {}
