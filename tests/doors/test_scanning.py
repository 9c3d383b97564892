"""Looking for what must not be uploaded or sent, at each door: nothing is kept, and nothing is shown whole."""

import json
from pathlib import Path

from flask import Flask

from appliance.identity import Role
from tests.doors.conftest import Console
from tests.support.house import Member
from tests.support.program import Program
from tests.support.site import Browser

TEXT = "Dear Ms Okonkwo, call +49 30 901820 or pay by 4111 1111 1111 1111."
VALUES = ("Okonkwo", "901820", "1111 1111")
FOUND = ["name of a person", "phone number", "payment card number"]


def test_a_program_is_told_what_a_text_holds_and_where(site: Flask, ada: Member) -> None:
    answer = Program(site, ada).asks("POST", "/scan", {"text": TEXT})

    assert answer.status_code == 200, answer.text
    items = answer.get_json()["items"]
    assert [one["category"] for one in items] == FOUND
    assert TEXT[items[2]["start"] : items[2]["end"]] == "4111 1111 1111 1111"
    assert not any(value in answer.text for value in VALUES)


def test_what_is_too_unsure_to_be_told_is_masked_all_the_same(site: Flask, ada: Member) -> None:
    answer = Program(site, ada).asks("POST", "/scan", {"text": TEXT, "least": 0.95})

    assert [one["category"] for one in answer.get_json()["items"]] == ["phone number"]
    assert not any(value in answer.text for value in VALUES)


def test_a_name_in_prose_is_found_by_the_model(site: Flask, ada: Member) -> None:
    text = "After the meeting Margaret Holloway went home."
    answer = Program(site, ada).asks("POST", "/scan", {"text": text})

    (one,) = answer.get_json()["items"]
    assert text[one["start"] : one["end"]] == "Margaret Holloway"


def test_who_may_not_upload_may_not_ask(site: Flask, ada: Member) -> None:
    auditor = ada.adds("eve@harrow.example", Role.AUDITOR)

    assert Program(site, auditor).asks("POST", "/scan", {"text": TEXT}).status_code == 403
    browser = Browser(site)
    browser.signs_in(auditor)
    assert browser.gets("/documents/check").status_code == 403


def test_the_page_shows_findings_masked(at_ada: Browser) -> None:
    assert 'href="/documents/check"' in at_ada.gets("/documents").text
    page = at_ada.posts("/documents/check", text=TEXT).text
    table = page[page.index("<table") : page.index("</table>")]

    assert "3 findings." in page
    assert "411111••••••1111" in table
    assert not any(value in table for value in VALUES)
    assert "Nothing was found." in at_ada.posts("/documents/check", text="Lunch is at noon.").text
    refused = at_ada.posts("/documents/check", text="a" * 200_001).text
    assert "200,000" in refused
    assert "a" * 200_001 in refused


def test_the_console_scans_files_and_folders_hidden_text_too(console: Console, tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "letter.html").write_text(f"<p>Nothing of note.</p><p style='display:none'>{TEXT}</p>")
    (folder / "clean.txt").write_text("Lunch is at noon.")
    ended = console("scan", str(folder), "--rules-only", "--json")
    told = {Path(one["path"]).name: one for one in map(json.loads, ended.stdout.splitlines())}

    assert ended.exit_code == 1
    assert sorted(one["category"] for one in told["letter.html"]["findings"]) == sorted(FOUND)
    assert all("hidden" in one["place"] for one in told["letter.html"]["findings"])
    assert told["clean.txt"]["findings"] == []
    assert not any(value in ended.stdout for value in VALUES)
    (folder / "empty.txt").write_text("\n")
    assert console("scan", str(folder / "clean.txt"), str(folder / "empty.txt"), "--rules-only").exit_code == 0


def test_what_cannot_be_read_is_never_clean(console: Console, tmp_path: Path) -> None:
    broken = tmp_path / "report.pdf"
    broken.write_bytes(b"%PDF-1.7 and no more")
    ended = console("scan", str(broken), "--rules-only")

    assert ended.exit_code == 2
    assert "not read" in ended.stdout
