"""Evidence at the pages, the API and the console."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from appliance import evidence
from appliance.evidence.access_reviews import ReviewForm
from appliance.identity import Role, Scope
from appliance.identity.permissions import GRANTS
from appliance.worker.evidence import look_at_isolation, remind_of_review
from tests.doors.conftest import Console
from tests.doors.test_authorisation_pages import PERMISSIONS
from tests.doors.test_every_route import rules
from tests.rooms.test_evidence_packages import writes
from tests.support.house import House, Member
from tests.support.left_to_people import LEFT_TO_PEOPLE
from tests.support.mailbox import Mailbox
from tests.support.program import Program
from tests.support.site import Browser

OF_AN_AUDITOR = {"access_reviews", "account", "api", "audit", "evidence", "overview", "proof", "sinks", "tokens", "usage", "session_policy"}
"""The log, its proofs, packages and streams, the evidence, and one's own tokens and usage; the overview leads there."""


@pytest.fixture
def aud(ada: Member) -> Member:
    return ada.adds("aud@harrow.example", Role.AUDITOR)


@pytest.fixture
def at_aud(site: Flask, aud: Member) -> Browser:
    browser = Browser(site)
    assert browser.signs_in(aud).status_code == 303
    return browser


def said(answer: TestResponse) -> Any:
    return json.loads(answer.data)


def test_an_auditor_opens_the_portal_and_no_other_page(site: Flask, at_aud: Browser) -> None:
    opened = set()
    for rule, method in rules(site):
        if method == "GET" and not rule.arguments and f"GET {rule.endpoint}" not in LEFT_TO_PEOPLE:
            answer = at_aud.gets(rule.rule)
            if answer.status_code < 400:
                opened.add(rule.endpoint.split(".")[0])
    assert opened <= OF_AN_AUDITOR, opened - OF_AN_AUDITOR
    assert opened >= {"audit", "proof", "evidence", "access_reviews"}
    for page, permission in PERMISSIONS.items():
        if page.split()[1].split(".")[0] not in OF_AN_AUDITOR:
            assert permission is None or permission not in GRANTS[Role.AUDITOR], page
    assert at_aud.gets("/").headers["Location"] == "/evidence"


def test_the_pages_say_how_each_framework_stands_and_what_is_missing(
    house: House, ada: Member, at_aud: Browser
) -> None:
    evidence.attest_nightly(house.worker.db, clock=house.clock)
    first = at_aud.gets("/evidence").text
    for title in ("SOC 2", "ISO/IEC 27001:2022", "ISO/IEC 42001:2023", "HIPAA", "GDPR", "PCI DSS 4.0.1", "EU AI Act"):
        assert title in first
    assert "No review of access was ever closed." in first
    page = at_aud.gets("/evidence/controls?framework=hipaa").text
    assert "164.312(b)" in page
    item = at_aud.gets("/evidence/item?item=access_list").text
    assert "ada@harrow.example" in item
    assert "Nachweise" in at_aud.client.get("/evidence", headers={"Accept-Language": "de"}).text
    assert "isolation" in at_aud.gets("/evidence/packages").text


def test_an_auditor_takes_a_package_at_the_page_and_by_the_api(
    site: Flask, house: House, ada: Member, aud: Member, at_aud: Browser
) -> None:
    assert at_aud.posts("/evidence/packages").status_code == 303
    found = Program(site, aud, [Scope.AUDIT_READ])
    (asked,) = said(found.gets("/evidence/packages"))["items"]
    assert asked["state"] == "waiting"
    assert found.gets(f"/evidence/packages/{asked['package_id']}/file").status_code == 409
    writes(house, ada, asked["package_id"])
    link = re.search(r"/evidence/packages/[0-9a-f-]{36}", at_aud.gets("/evidence/packages").text)
    assert link is not None
    assert at_aud.gets(link[0]).data[:2] == found.gets(f"/evidence/packages/{asked['package_id']}/file").data[:2] == b"PK"
    part = at_aud.client.get(link[0], headers={"Range": "bytes=0-1"})
    assert (part.status_code, part.data) == (206, b"PK")


def test_a_review_is_started_decided_and_closed_at_the_pages(house: House, ada: Member, at_ada: Browser, site: Flask) -> None:
    ada.adds("ed@harrow.example", Role.ADMIN)
    due = (house.clock.now() + timedelta(days=9)).date()
    assert at_ada.posts("/evidence/access-reviews", name="", due_on=str(due)).status_code == 422
    started = at_ada.posts("/evidence/access-reviews", name="Spring", due_on=str(due))
    assert started.status_code == 303
    path = started.headers["Location"].split("?")[0]
    with house.app.db.tenant(ada.tenant_id) as tx:
        lines = evidence.list_review_items(tx, ada.caller, evidence.list_access_reviews(tx, ada.caller)[0].review_id)
    own = next(one for one in lines if one.owner_id == ada.caller.user_id)
    other = next(one for one in lines if one.owner_id != ada.caller.user_id)
    assert "Nobody decides on their own access" in at_ada.posts(f"{path}/lines/{own.item_id}", verdict="keep").text
    assert at_ada.posts(f"{path}/lines/{other.item_id}", verdict="remove").status_code == 422
    ended = at_ada.posts(f"{path}/lines/{other.item_id}", verdict="remove", reason="left", at_once="1")
    assert ended.status_code == 303
    assert "1 of 2 lines" in at_ada.gets(path).text
    assert at_ada.posts(f"{path}/closure").status_code == 409
    assert at_ada.posts(f"{path}/lines/{own.item_id}", verdict="keep").status_code == 303  # nobody else is left
    assert at_ada.posts(f"{path}/closure").status_code == 303
    assert "their own access" in at_ada.gets(path).text
    sheet = at_ada.gets(f"{path}/sheet").text
    assert "remove,left,Ada" in sheet
    assert said(Program(site, ada).gets("/access-reviews"))["items"][0]["digest"]


def test_a_token_decides_nothing(site: Flask, house: House, ada: Member) -> None:
    program = Program(site, ada)
    due = (house.clock.now() + timedelta(days=9)).isoformat()
    review = said(program.asks("POST", "/access-reviews", {"name": "Spring", "due_at": due}))
    lines = said(program.gets(f"/access-reviews/{review['review_id']}/lines"))["items"]
    assert {one["kind"] for one in lines} == {"person", "token"}
    ways = [rule.rule for rule in site.url_map.iter_rules() if rule.rule.startswith("/api/v1/access-reviews")]
    assert ways
    assert not any(part in way for way in ways for part in ("decision", "closure", "<item_id>"))


def test_the_console_attests_and_says_what_is_broken(house: House, ada: Member, console: Console) -> None:
    done = console("evidence", "attest", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["is_good"], found["faults"]) == (True, 0)
    with house.server.connect("boot", house.database) as boot:
        boot.execute("GRANT SELECT ON cloister.documents TO PUBLIC")
    broken = console("evidence", "attest")
    assert broken.exit_code == 1
    assert "documents: PUBLIC has SELECT" in broken.output
    shown = console("evidence", "get", "--item", "isolation", "--json")
    assert json.loads(shown.stdout)["gaps"][0]["code"] == "isolation_broken"


def test_the_list_of_components_can_be_had(site: Flask, ada: Member, at_ada: Browser) -> None:
    page, program = said(at_ada.gets("/evidence/sbom")), said(Program(site, ada).gets("/evidence/sbom"))
    assert page["specVersion"] == program["specVersion"] == "1.6"
    assert any(one["name"] == "postgresql" for one in page["components"])


def test_people_are_told_of_a_broken_isolation_and_of_a_review_that_is_due(house: House, ada: Member) -> None:
    house.operator("olga@host.example")
    with house.app.db.tenant(ada.tenant_id) as tx:
        form = ReviewForm("Spring", house.clock.now() + timedelta(days=2))
        review = evidence.start_review(tx, ada.caller, form, clock=house.clock)
    with house.server.connect("boot", house.database) as boot:
        boot.execute("GRANT SELECT ON cloister.documents TO PUBLIC")
    with Mailbox() as box:
        box.serves(house)
        for _ in range(2):  # once each
            look_at_isolation(house.worker)
            remind_of_review(house.worker, ada.tenant_id)
    told = {mail["To"]: mail.get_content() for mail in box.mails}
    assert len(box.mails) == len(told) == 2
    assert "broken rules: 1" in told["olga@host.example"]
    assert f"/evidence/access-reviews/{review.review_id}" in told["ada@harrow.example"]
    assert "Lines that are not decided: 1" in told["ada@harrow.example"]
