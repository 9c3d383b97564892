"""Findings at the pages, the API and the console: masked, decided, reported; what is asked of uploads."""

import json
import re

import pytest
from flask import Flask

from appliance import knowledge
from appliance.dlp import Action, Category
from appliance.identity import Role
from appliance.knowledge import Document, Status
from tests.doors.conftest import Console
from tests.rooms.test_screening import EMAIL, IBAN, LETTER, rule
from tests.support.house import House, Member
from tests.support.policies import put_in_force
from tests.support.program import Program
from tests.support.site import Browser


@pytest.fixture
def held(house: House, ada: Member) -> Document:
    put_in_force(house, ada.tenant_id, [rule(Action.QUARANTINE, Category.EMAIL, Category.IBAN)])
    return ada.reads_in("letter.md", LETTER)


def findings_on(page: str) -> list[str]:
    return re.findall(r'name="finding" value="([0-9a-f-]{36})"', page)


def ticked_on(page: str) -> list[str]:
    return re.findall(r'name="finding" value="([0-9a-f-]{36})"[^>]* checked', page)


def test_findings_are_shown_masked_and_decided_on_the_page(at_ada: Browser, ada: Member, held: Document) -> None:
    page = at_ada.gets("/documents/findings").text
    chosen = findings_on(page)
    assert len(chosen) == 2
    assert "a••••••••" in page
    assert not any(value in page for value in (EMAIL, IBAN))

    refused = at_ada.posts("/documents/findings/decisions", decision="release", reason="", finding=chosen[0])
    assert (refused.status_code, "3 to 500 characters" in refused.text) == (422, True)
    assert ticked_on(refused.text) == chosen[:1]  # what was left out of the decision stays out of it
    form = {"decision": "release", "reason": "Ours", "mistaken": "yes", "allowed_until": "2099-01-01", "finding": chosen[0]}
    alone = at_ada.posts("/documents/findings/decisions", **{name: said for name, said in form.items() if name != "mistaken"})
    assert alone.status_code == 422
    assert re.search(r'name="allowed_until"[^>]*aria-invalid', alone.text)
    refused = at_ada.posts("/documents/findings/decisions", **form)
    assert (refused.status_code, "ends within a year" in refused.text, 'value="Ours"' in refused.text) == (422, True, True)
    for finding_id in chosen:
        done = at_ada.posts("/documents/findings/decisions", decision="redact", reason="Not needed", finding=finding_id)
        assert done.status_code == 303, done.text
    knowledge.ingest(ada.house.worker.workshop, ada.tenant_id, held.file_id)

    assert ada.document(held.document_id).status is Status.READY
    assert "Nothing waits for a reviewer." in at_ada.gets("/documents/findings").text
    report = at_ada.gets(f"/documents/{held.document_id}/report").text
    assert "Remove: Not needed" in report
    assert not any(value in report for value in (EMAIL, IBAN))
    assert "[IBAN]" in at_ada.gets(f"/documents/{held.document_id}").text


def test_who_may_not_release_sees_the_report_without_what_is_around(site: Flask, ada: Member, held: Document) -> None:
    at_mia = Browser(site)
    at_mia.signs_in(ada.adds("mia@harrow.example", Role.MEMBER))

    assert at_mia.gets("/documents/findings").status_code == 403
    report = at_mia.gets(f"/documents/{held.document_id}/report").text
    assert "e-mail address" in report
    assert "Write to" not in report


def test_where_it_is_required_no_file_is_taken_without_an_attestation(
    site: Flask, at_ada: Browser, ada: Member
) -> None:
    assert at_ada.posts("/documents/findings/settings", attestation="required").status_code == 303
    assert 'name="attested"' in at_ada.gets("/documents").text

    program = Program(site, ada)
    assert program.uploads({"a.txt": b"One."}).get_json()["code"] == "attestation_missing"
    taken = program.uploads({"a.txt": b"One."}, {"attested": "true", "labels": "travel"})

    assert taken.status_code == 202, taken.text
    document = taken.get_json()["items"][0]
    assert document["labels"] == ["travel"]
    report = program.gets(f"/documents/{document['document_id']}/report").get_json()
    assert report["statement"] == "I would post this on our internal wiki."


def test_a_program_and_the_console_decide_too(site: Flask, console: Console, ada: Member, held: Document) -> None:
    program = Program(site, ada)
    (waiting,) = program.gets("/findings").get_json()["items"]
    rules = {one["category"]: one["rule"] for one in waiting["findings"]}
    assert set(rules) == {"e-mail address", "IBAN"}

    decided = program.asks("POST", "/findings/decisions", {"rule": rules["IBAN"], "decision": "redact", "reason": "Not needed"})
    assert [one["resolution"] for one in decided.get_json()["items"]] == ["redact"]
    said = console("finding", "decide", "--rule", rules["e-mail address"], "--decision", "reject", "--reason", "Not for us", "--json")
    assert said.exit_code == 0, said.output
    assert [one["resolution"] for one in json.loads(said.output)["items"]] == ["reject"]
    assert ada.document(held.document_id).reason_code == "rejected"
    assert program.asks("POST", "/screening/rescans").get_json()["is_running"]
