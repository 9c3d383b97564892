"""An organisation's own rules at each door: written at the page, by API and at the console, found by all three."""

from datetime import timedelta
from io import BytesIO
from typing import Any

from flask import Flask

from appliance.dlp.own.service import OwnList, list_lists
from appliance.identity import Role
from tests.doors.conftest import Console
from tests.support.house import Member
from tests.support.program import Program
from tests.support.site import Browser

OWN = "/data-protection/own"
CATEGORY = "data of the organisation's own"


def lists_of(member: Member) -> list[OwnList]:
    with member.services.db.tenant(member.tenant_id) as tx:
        return list_lists(tx, member.caller)


def test_an_administrator_writes_a_dictionary_tries_it_and_removes_it(at_ada: Browser, ada: Member, at_bo: Browser) -> None:
    assert f'href="{OWN}"' in at_ada.gets("/settings").text
    assert f'href="{OWN}"' in at_ada.gets("/data-protection").text
    assert 'class="crumb"><a href="/data-protection"' in at_ada.gets(OWN).text
    form: dict[str, Any] = {"name": "projects", "category": "confidential marking", "terms": "Phoenix\n Blue  Heron \n"}
    assert at_ada.posts(f"{OWN}/dictionaries", **form).status_code == 303
    (made,) = lists_of(ada)
    assert (made.name, made.entries, made.category.value) == ("projects", 2, "confidential marking")

    page = at_ada.posts("/documents/check", text="Where is the blue heron?").text
    assert "own/dictionary/projects" in page
    assert "Where is the blue heron?</textarea>" in page
    assert "own/dictionary" not in at_bo.posts("/documents/check", text="Where is the blue heron?").text
    listed = at_ada.gets(f"{OWN}/lists/{made.list_id}").text
    assert "Phoenix\nBlue Heron</textarea>" in listed
    assert at_bo.gets(f"{OWN}/lists/{made.list_id}").status_code == 404
    assert at_bo.posts(f"{OWN}/lists/{made.list_id}/deletion").status_code == 404
    assert "projects" not in at_ada.gets(f"{OWN}?kind=pattern").text.partition("<h2>")[2].partition("New dictionary")[0]
    assert at_ada.posts(f"{OWN}/lists/{made.list_id}/deletion").status_code == 303
    assert lists_of(ada) == []


def test_an_expression_is_tried_before_it_is_saved(at_ada: Browser, ada: Member) -> None:
    form: dict[str, Any] = {"name": "orders", "category": CATEGORY, "expression": r"\bPO-[0-9]{6}\b", "samples": "see PO-123456", "clean": "PO-12"}
    faults = [
        {"expression": "(PO"}, {"expression": "(?<=x)PO"}, {"expression": "(a{1000}){1000}"}, {"expression": ".*"}, {"expression": "x*"},
        {"samples": "see PO-123456\nsee PO-99"}, {"clean": "like PO-654321"}, {"name": "My Orders"}, {"category": "x"},
    ]  # fmt: skip
    for fault in faults:
        answer = at_ada.posts(f"{OWN}/patterns", **form | fault)
        assert answer.status_code == 422, fault
        assert "see PO-" in answer.text
    assert lists_of(ada) == []
    assert at_ada.posts(f"{OWN}/patterns", **form).status_code == 303
    assert "own/pattern/orders" in at_ada.posts("/documents/check", text="PO-777777").text


def test_a_file_of_values_is_matched_and_shown_to_nobody(at_ada: Browser, ada: Member) -> None:
    rows = b"first;last;member\nWilhelmina;Achterberg;0815-4711\n"
    form: dict[str, Any] = {"name": "members", "category": CATEGORY, "columns": "first+last, member"}
    assert at_ada.posts(f"{OWN}/exact", **form | {"values": (BytesIO(rows), "members.csv")}).status_code == 303

    page = at_ada.posts("/documents/check", text="It is wilhelmina  achterberg, 08154711.").text
    assert page.count("own/exact/members") == 2
    (made,) = lists_of(ada)
    assert "Achterberg" not in at_ada.gets(f"{OWN}/lists/{made.list_id}").text
    for wrong in (b"", b"abc\n", b"\xff\xfe", b"x" * 300):
        assert at_ada.posts(f"{OWN}/exact", **form | {"columns": "", "values": (BytesIO(wrong), "m")}).status_code == 422
    assert at_ada.posts(f"{OWN}/exact", **form | {"columns": "age", "values": (BytesIO(rows), "m")}).status_code == 422
    assert at_ada.posts(f"{OWN}/exact", **form | {"salt": "short", "values": (BytesIO(rows), "m")}).status_code == 422


def test_something_is_allowed_and_told_again(at_ada: Browser, ada: Member) -> None:
    until = (ada.house.clock.now() + timedelta(days=30)).date().isoformat()
    form = {"value": "press@harrow.example", "reason": "On our web site", "expires_on": until}
    assert at_ada.posts(f"{OWN}/allowances", **form).status_code == 303
    page = at_ada.gets(OWN).text
    assert "On our web site" in page
    assert "press@" not in page
    assert "Nothing was found." in at_ada.posts("/documents/check", text="press@harrow.example").text
    for wrong in ({"reason": ""}, {"expires_on": "2020-01-01"}, {"expires_on": "soon"}, {"value": ""}, {"collection_id": "x"}):
        assert at_ada.posts(f"{OWN}/allowances", **form | wrong).status_code == 422, wrong
    address = at_ada.first(r'action="([^"]+/end)"', OWN)
    assert at_ada.posts(address).status_code == 303
    assert at_ada.posts(address).status_code == 404
    assert "email/1" in at_ada.posts("/documents/check", text="press@harrow.example").text


def test_members_see_none_of_it_and_the_check_of_a_text_uses_it(site: Flask, ada: Member, at_ada: Browser) -> None:
    at_ada.posts(f"{OWN}/dictionaries", name="projects", category="confidential marking", terms="Blue Heron")
    eve = ada.adds("eve@harrow.example", Role.MEMBER)
    at_eve = Browser(site)
    at_eve.signs_in(eve)
    assert at_eve.gets(OWN).status_code == 403
    assert "own/dictionary" in at_eve.posts("/documents/check", text="Where is the blue heron?").text


def test_a_program_writes_lists_and_is_told_what_they_find(site: Flask, ada: Member) -> None:
    program = Program(site, ada)
    made = program.asks("PUT", "/dlp/dictionaries", {"name": "projects", "terms": ["Phoenix"]})
    assert made.status_code == 200, made.text
    assert program.asks("PUT", "/dlp/patterns", {"name": "orders", "expression": "PO-[0-9]{6}"}).status_code == 200
    assert [one["name"] for one in program.asks("GET", "/dlp/lists?kind=pattern").get_json()["items"]] == ["orders"]
    whole = program.asks("GET", f"/dlp/lists/{made.get_json()['list_id']}").get_json()
    assert (whole["contents"], whole["category"]) == (["Phoenix"], CATEGORY)
    found = program.asks("POST", "/scan", {"text": "phoenix PO-123456"}).get_json()["items"]
    assert [one["rule"] for one in found] == ["own/dictionary/projects", "own/pattern/orders"]
    fault = program.asks("PUT", "/dlp/patterns", {"name": "orders", "expression": "(a"})
    assert (fault.status_code, fault.get_json()["code"]) == (422, "expression_malformed")
    assert program.asks("DELETE", f"/dlp/lists/{whole['list_id']}").status_code == 204


def test_the_console_writes_them_too(console: Console, ada: Member, tmp_path: Any) -> None:
    values = tmp_path / "members.txt"
    values.write_text("Wilhelmina Achterberg\n")
    until = (ada.house.clock.now() + timedelta(days=30)).date().isoformat()
    for words in (
        ("dictionary", "--name", "projects", "--terms", "Phoenix"), ("pattern", "--name", "orders", "--expression", "PO-[0-9]{6}"),
        ("exact", str(values), "--name", "members"), ("allow", "--rule", "email/1", "--reason", "Public", "--expires-at", f"{until}T00:00:00Z"),
    ):  # fmt: skip
        result = console("dlp", *words, "--json")
        assert result.exit_code == 0, result.output
    assert {one.name for one in lists_of(ada)} == {"projects", "orders", "members"}
    assert "Public" in console("dlp", "list-allowances").output
    (tmp_path / "plan.txt").write_text("The phoenix plan.\n")
    scanned = console("scan", str(tmp_path / "plan.txt"), "--rules-only", "--own-of", "ada@harrow.example")
    assert "own/dictionary/projects" in scanned.output
    assert "own/" not in console("scan", str(tmp_path / "plan.txt"), "--rules-only").output
