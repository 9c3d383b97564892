"""Other people's conversations, for programs: as far as the settings go, and never the second person's yes."""

import pytest
from flask import Flask

from appliance import chat
from appliance.api.framework import OPERATIONS
from appliance.identity import Role, Scope
from appliance.tenancy import Review
from tests.support.furnish import lets_review
from tests.support.house import House, Member
from tests.support.program import Program
from tests.support.site import Browser

SECRET = "What does the fire drill plan say about Ottilie?"
REASON = {"reason": "A leak was reported"}


@pytest.fixture
def mia(ada: Member) -> Member:
    return ada.adds("mia@harrow.example", Role.MEMBER)


@pytest.fixture
def path(mia: Member) -> str:
    mia.asks(SECRET)
    with mia.services.db.tenant(mia.tenant_id) as tx:
        return f"/reviews/{chat.list_conversations(tx, mia.caller, sealer=mia.services.vault)[0].conversation_id}"


def test_it_is_closed_where_it_is_off(site: Flask, ada: Member, path: str) -> None:
    program = Program(site, ada)
    for answer in (program.gets("/reviews"), program.gets(path), program.asks("POST", f"{path}/openings", REASON)):
        assert answer.get_json()["code"] == "review_off"


def test_it_opens_with_a_reason_that_the_owner_reads(site: Flask, ada: Member, mia: Member, path: str) -> None:
    lets_review(ada, Review.AUDITED)
    program = Program(site, ada, [Scope.CONVERSATIONS_REVIEW])
    assert program.gets("/reviews?text=ottilie").get_json()["items"][0]["owner_name"] == "mia"
    answer = Program(site, mia).gets(f"{path.replace('reviews', 'conversations')}/messages").get_json()["items"][1]
    judged = {"is_good": False, "comment": "It names nobody."}
    given = f"{path.replace('reviews', 'conversations')}/messages/{answer['message_id']}/feedback"
    assert Program(site, mia).asks("PUT", given, judged).status_code == 204
    opening = program.asks("POST", f"{path}/openings", REASON).get_json()["opening_id"]
    read = program.gets(f"{path}/openings/{opening}").get_json()["messages"]
    assert (read[0]["body"], read[1]["feedback"]) == (SECRET, judged)
    browser = Browser(site)
    browser.signs_in(ada)
    shown = browser.gets(f"{path}/opening/{opening}").text
    assert "found it bad" in shown
    assert "It names nobody." in shown

    seen = Program(site, mia).gets(f"{path.replace('reviews', 'conversations')}/openings").get_json()["items"]
    assert (seen[0]["viewer_name"], seen[0]["reason"]) == ("Ada", REASON["reason"])


def test_two_people_are_two_people(site: Flask, house: House, ada: Member, path: str) -> None:
    lets_review(ada, Review.TWO_PERSON)
    eve = ada.adds("eve@harrow.example", Role.ADMIN)
    program, other = Program(site, ada), Program(site, eve)
    listed = other.gets("/reviews").get_json()["items"][0]
    assert (listed["title"], listed["owner_name"]) == (None, None)
    asked = program.asks("POST", f"{path}/requests", REASON).get_json()
    assert program.asks("POST", f"{path}/openings", REASON).get_json()["code"] == "review_not_granted"
    assert program.asks("POST", "/reviews/mode/requests", REASON).get_json()["conversation_id"] is None
    assert {one["is_open"] for one in other.gets("/reviews/requests").get_json()["items"]} == {True}
    assert {one.name for one in OPERATIONS if "decide" in one.name} == {"decide_findings"}  # where one decides, or the second at a browser

    with house.app.db.tenant(eve.tenant_id) as tx:
        requests = chat.list_requests(tx, eve.caller, clock=house.clock, sealer=eve.services.vault)
        mine = next(one for one in requests if str(one.request_id) == asked["request_id"])
        chat.decide_review(tx, eve.caller, mine.request_id, is_granted=True, clock=house.clock)
    opening = program.asks("POST", f"{path}/openings", REASON).get_json()["opening_id"]
    assert SECRET in program.gets(f"{path}/openings/{opening}").text
    assert other.gets(f"{path}/openings/{opening}").status_code == 403  # it is Ada's
