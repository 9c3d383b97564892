"""Reviews of access: every line decided once, by somebody else, and a result that nobody changes."""

import hashlib
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from appliance import audit, evidence, identity
from appliance.audit import EntryFilter, Event
from appliance.evidence.access_reviews import DecisionForm, ItemKind, ReviewForm, ReviewItem, Verdict, result_of
from appliance.evidence.errors import (
    AlreadyDecided,
    DecisionMalformed,
    OwnAccess,
    ReviewClosed,
    ReviewIncomplete,
    ReviewMalformed,
    ReviewUnderWay,
)
from appliance.evidence.values import Item
from appliance.identity import Forbidden, Role, Scope
from appliance.identity.errors import NotSignedIn
from appliance.identity.sessions import caller_of
from appliance.identity.tokens import TokenForm
from tests.support.house import House, Member, Server

KEEP = DecisionForm(Verdict.KEEP)


def starts(ada: Member, *, days: float = 10, name: str = "Spring") -> UUID:
    clock = ada.house.clock
    with ada.services.db.tenant(ada.tenant_id) as tx:
        form = ReviewForm(name, clock.now() + timedelta(days=days))
        return evidence.start_review(tx, ada.caller, form, clock=clock).review_id


def lines(ada: Member, review_id: UUID) -> list[ReviewItem]:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        return evidence.list_review_items(tx, ada.caller, review_id)


def decides(by: Member, review_id: UUID, one: ReviewItem, form: DecisionForm = KEEP) -> ReviewItem:
    with by.services.db.tenant(by.tenant_id) as tx:
        return evidence.decide_access(tx, by.caller, review_id, one.item_id, form, clock=by.house.clock)


def closes(by: Member, review_id: UUID) -> evidence.access_reviews.AccessReview:
    with by.services.db.tenant(by.tenant_id) as tx:
        return evidence.close_review(tx, by.caller, review_id, clock=by.house.clock)


@pytest.fixture
def ed(ada: Member) -> Member:
    return ada.adds("ed@harrow.example", Role.ADMIN)


def test_a_review_is_decided_line_by_line_and_closed_for_good(
    house: House, ada: Member, ed: Member, server: Server, database: str
) -> None:
    mia = ada.adds("mia@harrow.example", Role.MEMBER)
    with house.app.db.tenant(ada.tenant_id) as tx:
        bot = identity.create_service_account(tx, ada.caller, name="Bot", role=Role.MEMBER, clock=house.clock)
        form = TokenForm("nightly", frozenset({Scope.CHAT}), 30, bot)
        token = identity.create_token(tx, ada.caller, form, clock=house.clock).token
    review_id = starts(ada)
    found = {(one.kind, one.subject_id): one for one in lines(ada, review_id)}
    assert {kind for kind, _ in found} == set(ItemKind)
    assert len(found) == 5

    end = DecisionForm(Verdict.REMOVE, "left in March", at_once=True)
    decides(ed, review_id, found[ItemKind.PERSON, mia.caller.user_id], end)
    decides(ed, review_id, found[ItemKind.TOKEN, token.token_id], end)
    decides(ed, review_id, found[ItemKind.SERVICE, bot], DecisionForm(Verdict.CHANGE, "smaller role"))
    decides(ed, review_id, found[ItemKind.PERSON, ada.caller.user_id])
    with pytest.raises(ReviewIncomplete):
        closes(ada, review_id)
    with pytest.raises(AlreadyDecided):
        decides(ada, review_id, found[ItemKind.PERSON, ada.caller.user_id])
    decides(ada, review_id, found[ItemKind.PERSON, ed.caller.user_id])
    review = closes(ada, review_id)

    with house.app.db.tenant(ada.tenant_id) as tx:
        with pytest.raises(NotSignedIn):
            caller_of(tx, mia.caller.user_id)
        assert [one.revoked_at is not None for one in identity.list_tokens(tx, ada.caller)] == [True]
        assert identity.get_person(tx, ada.caller, bot).suspended_at is None
        (entry,) = audit.list_entries(tx, EntryFilter(Event.ACCESS_REVIEW_CLOSED))
        assert len(audit.list_entries(tx, EntryFilter(Event.ACCESS_REVIEW_DECIDED))) == 5
    content = result_of(review, lines(ada, review_id))
    assert hashlib.sha256(content).hexdigest() == review.digest == entry.facts["digest"]
    assert b"Mia" not in content
    with pytest.raises(ReviewClosed):
        closes(ada, review_id)
    with server.connect("app", database) as link:
        for statement in (
            "UPDATE cloister.access_review_decisions SET verdict = 'keep'",
            "DELETE FROM cloister.access_review_items",
            "UPDATE cloister.access_reviews SET name = 'Autumn'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                link.execute(statement)
    found_gaps = evidence.gather(house.app.db, ada.caller, [Item.ACCESS_REVIEW], clock=house.clock)[Item.ACCESS_REVIEW]
    assert found_gaps.gaps == ()


def test_nobody_decides_on_themselves_unless_nobody_else_could(house: House, ada: Member) -> None:
    alone = starts(ada)
    decides(ada, alone, lines(ada, alone)[0])
    assert closes(ada, alone).digest
    found = evidence.gather(house.app.db, ada.caller, [Item.ACCESS_REVIEW], clock=house.clock)[Item.ACCESS_REVIEW]
    assert [gap.code for gap in found.gaps] == ["decided_on_own"]
    ed = ada.adds("ed@harrow.example", Role.ADMIN)
    review_id = starts(ada)
    own = next(one for one in lines(ada, review_id) if one.owner_id == ada.caller.user_id)
    with pytest.raises(OwnAccess):
        decides(ada, review_id, own)
    assert decides(ed, review_id, own).decision is not None


def test_it_refuses_what_is_no_review_and_no_decision(house: House, ada: Member, ed: Member, bo: Member) -> None:
    for days, name in ((-1.0, "x"), (400.0, "x"), (3.0, "  "), (3.0, "x" * 121)):
        with pytest.raises(ReviewMalformed):
            starts(ada, days=days, name=name)
    review_id = starts(ada)
    with pytest.raises(ReviewUnderWay):
        starts(ada)
    line = next(one for one in lines(ada, review_id) if one.owner_id == ada.caller.user_id)
    for form in (DecisionForm(Verdict.REMOVE), DecisionForm(Verdict.CHANGE, " "), DecisionForm(Verdict.KEEP, "x" * 501)):
        with pytest.raises(DecisionMalformed):
            decides(ed, review_id, line, form)
    with pytest.raises(evidence.errors.AccessReviewNotFound):
        decides(bo, review_id, line)
    auditor, mia = ada.adds("aud@harrow.example", Role.AUDITOR), ada.adds("mia@harrow.example", Role.MEMBER)
    assert lines(auditor, review_id)
    for nobody in (auditor, mia):
        with pytest.raises(Forbidden):
            decides(nobody, review_id, line)
    with pytest.raises(Forbidden):
        lines(mia, review_id)


def test_people_are_reminded_once_before_it_is_due_and_it_gets_overdue(house: House, ada: Member) -> None:
    starts(ada, days=10)

    def reminded() -> bool:
        with house.worker.db.tenant(ada.tenant_id) as tx:
            return evidence.remind_of_review(tx, clock=house.clock) is not None

    assert not reminded()
    house.clock.passes(days=8)
    assert [reminded(), reminded()] == [True, False]
    house.clock.passes(days=3)
    found = evidence.gather(house.app.db, ada.caller, [Item.ACCESS_REVIEW], clock=house.clock)[Item.ACCESS_REVIEW]
    assert {gap.code for gap in found.gaps} == {"review_overdue", "no_review"}
