"""Who may look into other people's conversations: nobody, an administrator who says why, or two of them."""

import re
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from flask import Flask

from appliance import chat, identity, tenancy
from appliance.chat import ConversationId
from appliance.chat.errors import NotSecondPerson, ReviewDecided, ReviewNotGranted, ReviewOff
from appliance.identity import Caller, Forbidden, Role
from appliance.identity.errors import SecondPersonNeeded
from appliance.tenancy import OrganisationSettings, Review
from tests.support.house import House, Member
from tests.support.program import Program
from tests.support.site import Browser

SECRET = "What does the fire drill plan say about Ottilie?"


@pytest.fixture
def mia(ada: Member) -> Member:
    return ada.adds("mia@harrow.example", Role.MEMBER)


@pytest.fixture
def eve(ada: Member) -> Member:
    return ada.adds("eve@harrow.example", Role.ADMIN)


@pytest.fixture
def talk(mia: Member) -> ConversationId:
    mia.asks(SECRET)
    with mia.services.db.tenant(mia.tenant_id) as tx:
        return chat.list_conversations(tx, mia.caller, sealer=mia.services.vault)[0].conversation_id


def chooses(ada: Member, mode: Review) -> None:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        identity.change_settings(tx, ada.caller, OrganisationSettings(mode))


def at(site: Flask, member: Member) -> Browser:
    browser = Browser(site)
    assert browser.signs_in(member).status_code == 303
    return browser


def log(browser: Browser) -> str:
    return browser.gets("/audit").text


def asks_to_open(
    member: Member, talk: ConversationId | None, reason: str = "A leak was reported"
) -> chat.ReviewRequest:
    with member.services.db.tenant(member.tenant_id) as tx:
        return chat.request_review(
            tx, member.caller, talk, reason=reason, clock=member.house.clock, sealer=member.services.vault
        )


def decides(member: Member, request: chat.ReviewRequest, *, is_granted: bool, caller: Caller | None = None) -> None:
    with member.services.db.tenant(member.tenant_id) as tx:
        chat.decide_review(
            tx, caller or member.caller, request.request_id, is_granted=is_granted, clock=member.house.clock
        )


def test_nobody_looks_where_it_is_off(at_ada: Browser, ada: Member, talk: ConversationId) -> None:
    page = at_ada.gets("/reviews").text
    assert "belong to their owners" in page
    assert SECRET not in page
    assert at_ada.gets(f"/reviews/{talk}").status_code == 403
    assert at_ada.posts(f"/reviews/{talk}/opening", reason="curious").status_code == 403
    with ada.services.db.tenant(ada.tenant_id) as tx, pytest.raises(ReviewOff):
        chat.list_for_review(tx, ada.caller, sealer=ada.services.vault)


def test_the_list_is_read_from_its_beginning_too(
    site: Flask, at_ada: Browser, ada: Member, mia: Member, talk: ConversationId
) -> None:
    ada.house.clock.passes(minutes=1)
    mia.asks("Is the canteen open?")
    chooses(ada, Review.AUDITED)
    program = Program(site, ada)
    for page, api, is_first in (("", "", False), ("?sort=updated", "?oldest_first=true", True)):
        shown = re.findall(r'href="/reviews/([0-9a-f-]{36})"', at_ada.gets(f"/reviews{page}").text)
        assert (shown[0] == str(talk)) is is_first
        assert [one["conversation_id"] for one in program.gets(f"/reviews{api}").get_json()["items"]] == shown
    first = program.gets("/reviews?oldest_first=true&limit=1").get_json()
    then = program.gets(f"/reviews?oldest_first=true&limit=1&cursor={first['next_cursor']}").get_json()
    assert [one["conversation_id"] for one in first["items"] + then["items"]] == shown
    assert 'aria-sort="ascending"' in at_ada.gets("/reviews?sort=updated").text


def test_an_administrator_finds_opens_and_is_seen(
    site: Flask, at_ada: Browser, ada: Member, mia: Member, talk: ConversationId
) -> None:
    chooses(ada, Review.AUDITED)
    found = at_ada.gets("/reviews?q=ottilie").text
    assert f"/reviews/{talk}" in found
    assert f"/reviews/{talk}" not in at_ada.gets("/reviews?q=elephant").text

    assert at_ada.posts(f"/reviews/{talk}/opening", reason="").status_code == 422
    opened = at_ada.posts(f"/reviews/{talk}/opening", reason="A complaint of the reader's")
    assert SECRET in at_ada.gets(opened.headers["Location"]).text

    at_mia = at(site, mia)
    seen = at_mia.gets(f"/chat/{talk}").text
    assert "A complaint of the reader&#39;s" in seen
    assert "may open conversations" in at_mia.gets("/chat").text
    assert f"opening: {opened.headers['Location'].rsplit('/', 1)[1]}" in log(at_ada)


def test_an_opening_lasts_an_hour_and_is_one_persons(
    at_ada: Browser, ada: Member, eve: Member, talk: ConversationId, house: House
) -> None:
    chooses(ada, Review.AUDITED)
    location = at_ada.posts(f"/reviews/{talk}/opening", reason="A complaint").headers["Location"]
    view_id = location.rsplit("/", 1)[1]
    with eve.services.db.tenant(eve.tenant_id) as tx, pytest.raises(ReviewNotGranted):
        chat.read_opened(tx, eve.caller, talk, UUID(view_id), clock=house.clock, sealer=eve.services.vault)
    house.clock.passes(minutes=61)
    assert at_ada.gets(location).status_code in {302, 303, 403}


def test_members_auditors_and_other_organisations_have_no_list(
    site: Flask, at_bo: Browser, ada: Member, bo: Member, mia: Member, talk: ConversationId
) -> None:
    chooses(ada, Review.AUDITED)
    chooses(bo, Review.AUDITED)
    aud = ada.adds("aud@harrow.example", Role.AUDITOR)
    for person in (mia, aud):
        assert at(site, person).gets("/reviews").status_code == 403
    assert str(talk) not in at_bo.gets("/reviews").text
    assert at_bo.gets(f"/reviews/{talk}").status_code == 404
    assert at_bo.posts(f"/reviews/{talk}/opening", reason="curious").status_code == 404


def test_the_works_council_mode_shows_numbers_and_wants_two(
    site: Flask, at_ada: Browser, ada: Member, eve: Member, mia: Member, talk: ConversationId
) -> None:
    chooses(ada, Review.TWO_PERSON)
    page = at_ada.gets("/reviews?q=ottilie").text
    assert str(talk) in page
    assert SECRET not in page
    assert ">mia<" not in page
    assert at_ada.posts(f"/reviews/{talk}/opening", reason="curious").status_code == 403

    at_ada.posts(f"/reviews/{talk}/request", reason="A leak was reported")
    request = re.search(r"/reviews/requests/([0-9a-f-]{36})", at(site, eve).gets("/reviews").text)
    assert request is not None
    assert "/reviews/requests/" not in at_ada.gets("/reviews").text  # who asked is not offered the decision
    assert at_ada.posts(f"/reviews/requests/{request[1]}", decision="grant").status_code == 403
    assert at(site, eve).posts(f"/reviews/requests/{request[1]}", decision="grant").status_code == 303

    opened = at_ada.posts(f"/reviews/{talk}/opening")
    assert SECRET in at_ada.gets(opened.headers["Location"]).text
    assert "A leak was reported" in at(site, mia).gets(f"/chat/{talk}").text


def test_a_grant_lapses_and_a_refusal_stays(ada: Member, eve: Member, talk: ConversationId, house: House) -> None:
    chooses(ada, Review.TWO_PERSON)
    first = asks_to_open(ada, talk)
    assert asks_to_open(ada, talk).request_id == first.request_id
    decides(eve, first, is_granted=False)
    with pytest.raises(ReviewDecided):
        decides(eve, first, is_granted=True)
    with pytest.raises(ReviewNotGranted):
        opens(ada, talk)
    decides(eve, asks_to_open(ada, talk), is_granted=True)
    with pytest.raises(ReviewNotGranted):
        opens(eve, talk)  # it was granted to Ada
    house.clock.passes(hours=25)
    with pytest.raises(ReviewNotGranted):
        opens(ada, talk)


def opens(member: Member, talk: ConversationId) -> None:
    with member.services.db.tenant(member.tenant_id) as tx:
        chat.open_for_review(
            tx, member.caller, talk, reason="x x x", clock=member.house.clock, sealer=member.services.vault
        )


def test_neither_token_nor_owner_nor_asker_is_the_second_person(ada: Member, eve: Member) -> None:
    eve.asks("Is the canteen open?")
    with eve.services.db.tenant(eve.tenant_id) as tx:
        hers = chat.list_conversations(tx, eve.caller, sealer=eve.services.vault)[0].conversation_id
    chooses(ada, Review.TWO_PERSON)
    request = asks_to_open(ada, hers)
    for decider in (ada, eve):
        with pytest.raises(NotSecondPerson):
            decides(decider, request, is_granted=True)
    zoe = ada.adds("zoe@harrow.example", Role.ADMIN)
    with pytest.raises(Forbidden):
        decides(zoe, request, is_granted=True, caller=as_token(zoe.caller))


def as_token(caller: Caller) -> Caller:
    return replace(caller, token_id=uuid4())


def test_one_person_cannot_end_the_works_council_mode(at_ada: Browser, ada: Member, eve: Member) -> None:
    chooses(ada, Review.TWO_PERSON)
    for mode in (Review.OFF, Review.AUDITED):
        with pytest.raises(SecondPersonNeeded):
            chooses(ada, mode)
    assert at_ada.posts("/settings/privacy", conversation_review="audited", link_hosts="").status_code == 409
    assert at_ada.posts("/reviews/mode", reason="The agreement has ended").status_code == 303
    with ada.services.db.tenant(ada.tenant_id) as tx:
        request = next(
            one
            for one in chat.list_requests(tx, ada.caller, clock=ada.house.clock, sealer=ada.services.vault)
            if one.is_open
        )
    decides(eve, request, is_granted=True)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert tenancy.get_settings(tx).conversation_review is Review.OFF
    chooses(ada, Review.AUDITED)


def test_what_one_opened_alone_closes_when_two_are_needed(ada: Member, talk: ConversationId) -> None:
    chooses(ada, Review.AUDITED)
    clock = ada.house.clock
    with ada.services.db.tenant(ada.tenant_id) as tx:
        opening = chat.open_for_review(
            tx, ada.caller, talk, reason="A leak was reported", clock=clock, sealer=ada.services.vault
        )
        assert chat.read_opened(tx, ada.caller, talk, opening, clock=clock, sealer=ada.services.vault)

    chooses(ada, Review.TWO_PERSON)

    with ada.services.db.tenant(ada.tenant_id) as tx, pytest.raises(ReviewNotGranted):
        chat.read_opened(tx, ada.caller, talk, opening, clock=clock, sealer=ada.services.vault)
