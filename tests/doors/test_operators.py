"""The platform's operator: runs the box, sees numbers, reads nobody's content."""

import re
from html import unescape

import pytest
from flask import Flask

from appliance.identity import Role
from tests.support.house import PASSWORD, House, Member
from tests.support.product import csrf
from tests.support.program import Program
from tests.support.site import Browser


@pytest.fixture
def olga(house: House) -> Member:
    return house.operator("olga@host.example")


@pytest.fixture
def at_olga(site: Flask, olga: Member) -> Browser:
    browser = Browser(site)
    assert browser.signs_in(olga).status_code == 303
    return browser


def test_it_shows_numbers_and_no_content(ada: Member, at_olga: Browser, site: Flask, olga: Member) -> None:
    ada.reads_in("harrow-canary.txt", "harrow-canary: the merger with Tarn is planned for June.")
    ada.asks("When is the harrow-canary merger with Tarn planned?")
    page = at_olga.gets("/organisations").text

    assert "Harrow" in page
    for rule in site.url_map.iter_rules():
        if "GET" in (rule.methods or set()) and not rule.arguments:
            assert "canary" not in at_olga.gets(rule.rule).text, rule.rule
    program = Program(site, olga)
    counts = program.gets("/platform/organisations").get_json()["items"][0]
    assert (counts["documents"], counts["questions"], counts["people"]) == (1, 1, 1)


def test_it_gives_an_operator_no_page_of_an_organisation(at_olga: Browser) -> None:
    for path in ("/chat", "/documents", "/chatbots", "/settings"):
        assert at_olga.gets(path).status_code == 403, path


def test_it_creates_an_organisation_whose_owner_joins_by_a_link(site: Flask, at_olga: Browser) -> None:
    answer = at_olga.posts("/organisations", name="Tarn", email="tess@tarn.example").text
    found = re.search(r'value="http://127\.0\.0\.1:8080(/join[^"]+)"', answer)
    assert found is not None
    link = unescape(found[1])
    tess = Browser(site)
    form = {"name": "Tess", "password": PASSWORD, "again": PASSWORD, "link": link.split("link=")[1]}
    assert tess.client.post("/join", data=form | {"csrf": csrf(tess.gets(link).text)}).status_code == 303

    assert "Tarn" in tess.gets("/").text
    assert "Documents" in tess.gets("/chat").text  # the chatbot that an organisation starts with
    assert "tenancy:organisation:created" in tess.gets("/audit").text


def test_it_closes_an_organisation_and_opens_it_again(
    site: Flask, ada: Member, at_ada: Browser, at_olga: Browser
) -> None:
    program = Program(site, ada)
    assert at_olga.posts(f"/organisations/{ada.tenant_id}/suspension").status_code == 303
    assert at_ada.gets("/documents").status_code in {303, 403}
    assert program.gets("/me").status_code == 403
    assert Browser(site).signs_in(ada).status_code in {401, 403}

    assert at_olga.posts(f"/organisations/{ada.tenant_id}/resumption").status_code == 303
    assert Browser(site).signs_in(ada).status_code == 303
    assert program.gets("/me").status_code == 200


def test_it_lets_no_owner_become_an_operator(ada: Member, at_ada: Browser) -> None:
    assert at_ada.posts(f"/people/{ada.caller.user_id}/role", role="operator").status_code == 422
    assert at_ada.posts("/people/invitations", email="x@harrow.example", role="operator").status_code == 422
    assert at_ada.gets("/organisations").status_code == 403


def test_it_closes_nothing_that_is_no_organisation(at_olga: Browser, olga: Member) -> None:
    assert at_olga.posts(f"/organisations/{olga.tenant_id}/suspension").status_code == 404


def test_it_offers_to_run_the_host_to_whoever_sets_it_up_first(site: Flask, house: House) -> None:
    from appliance import identity

    token = identity.create_setup_link(house.worker.db, clock=house.clock)
    browser = Browser(site)
    page = browser.gets(f"/setup?link={token}").text
    assert "I run this host as well" in page
    form = {"organisation": "Tarn", "name": "T", "email": "t@tarn.example", "link": token, "operator": "yes"}
    form |= {"password": PASSWORD, "again": PASSWORD, "csrf": csrf(page)}
    assert browser.client.post("/setup", data=form).status_code == 303

    places = browser.gets("/account").text
    assert "Platform" in places
    path = re.search(r'action="(/account/places/0{8}-[^"]+)"', places)
    assert path is not None
    browser.posts(path[1])
    assert "Tarn" in browser.gets("/organisations").text
    again = identity.create_setup_link(house.worker.db, clock=house.clock)
    assert "I run this host as well" not in Browser(site).gets(f"/setup?link={again}").text


def test_it_keeps_the_last_operator(olga: Member, at_olga: Browser) -> None:
    assert at_olga.posts(f"/people/{olga.caller.user_id}/removal").status_code == 409
    assert Role.OPERATOR is olga.caller.role
