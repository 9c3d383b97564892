"""The house in numbers, its jobs and its log, and one's own ways in, for programs."""

from flask import Flask

from appliance import knowledge
from appliance.identity import Role, Scope
from appliance.knowledge import Audience, CollectionForm
from appliance.proof.export import verify
from tests.doors.conftest import Console
from tests.support.furnish import signs_in
from tests.support.house import House, Member
from tests.support.program import Program
from tests.support.site import Browser


def test_it_counts_as_the_overview_does(site: Flask, ada: Member) -> None:
    ada.reads_in("fire-drill.txt")
    ada.asks("When does the fire drill take place?")
    program = Program(site, ada)
    seen = program.gets("/overview").get_json()
    assert (seen["documents"], seen["questions"]) == ({"total": 1, "ready": 1}, 1)
    days = program.gets("/overview/days?days=7").get_json()["items"]
    assert len(days) == 7
    assert (days[-1]["questions"], days[-1]["people"], days[-1]["documents"]) == (1, 1, 1)
    assert sum(day["tokens"] for day in days) > 0
    for wrong in ("0", "", "1_0", "7.0", "07", "%2B7", "%207", "7%0A", "1&days=7"):
        assert program.gets(f"/overview/days?days={wrong}").status_code == 422, wrong
    said = program.gets("/overview/days?days=7&days=7").get_json()["errors"]
    assert said == [{"pointer": "/days", "detail": "Given more than once."}]


def test_it_counts_who_asks_on_two_days_as_one_person(site: Flask, at_ada: Browser, ada: Member) -> None:
    ada.asks("When does the fire drill take place?")
    ada.house.clock.passes(days=1)
    answer = ada.asks("Is the canteen open?")
    program = Program(site, ada)
    talk = program.gets("/conversations").get_json()["items"][0]["conversation_id"]
    judged = f"/conversations/{talk}/messages/{answer.message_id}/feedback"
    assert program.asks("PUT", judged, {"is_good": False, "comment": ""}).status_code == 204

    found = program.gets("/overview/days?days=7").get_json()
    assert (found["people"], [day["people"] for day in found["items"]][-2:]) == (1, [1, 1])
    assert (found["items"][-1]["good_answers"], found["items"][-1]["bad_answers"]) == (0, 1)
    at_ada.signs_in(ada)
    page = at_ada.gets("/").text
    assert 'aria-label="People who asked: 1 in all' in page
    assert 'aria-label="Answers found bad: 1 in all' in page


def test_it_keeps_charts_from_members(site: Flask, ada: Member) -> None:
    mia = Program(site, ada.adds("mia@harrow.example", Role.MEMBER), [Scope.SETTINGS_WRITE, Scope.USAGE_READ])
    assert mia.gets("/overview").status_code == 200
    assert mia.gets("/overview/days").status_code == 403


def test_it_lists_what_waits_without_titles_for_who_reads_no_documents(site: Flask, ada: Member) -> None:
    ada.uploads("fire-drill.txt")
    waiting = Program(site, ada, [Scope.USAGE_READ, Scope.DOCUMENTS_READ]).gets("/jobs").get_json()["items"]
    assert (waiting[0]["state"], waiting[0]["title"]) == ("todo", "fire-drill")
    assert Program(site, ada, [Scope.USAGE_READ]).gets("/jobs").get_json()["items"][0]["title"] is None


def test_it_names_no_document_that_a_token_may_not_read(site: Flask, ada: Member) -> None:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        form = CollectionForm("Nobody's", "", Audience.GROUPS, ())
        closed = knowledge.create_collection(tx, ada.caller, form, clock=ada.house.clock)
    program = Program(site, ada)
    program.uploads({"merger.txt": b"Not yet."}, {"collection_id": str(closed.collection_id)})
    assert program.gets("/jobs").get_json()["items"][0]["title"] == "merger"
    narrow = Program(site, ada, [Scope.USAGE_READ, Scope.DOCUMENTS_READ])
    assert narrow.gets("/documents").get_json()["items"] == []
    assert narrow.gets("/jobs").get_json()["items"][0]["title"] is None


def test_it_exports_a_log_that_can_be_checked_and_says_so_in_it(site: Flask, console: Console, ada: Member) -> None:
    program = Program(site, ada, [Scope.AUDIT_READ])
    answer = program.gets("/audit/export")
    assert answer.content_type == "application/jsonl"
    verdict = verify(answer.text.splitlines())
    assert verdict.fault is None
    assert verdict.entries > 3
    assert "audit:log:exported" in answer.text
    assert verify(answer.text.splitlines()[1:]).fault is not None

    typed = console("audit", "export").output
    assert verify(typed.splitlines()).fault is None
    assert Program(site, ada, [Scope.CHAT]).gets("/audit/export").status_code == 403


def test_it_shows_and_ends_ones_own_sessions_and_nobody_elses(site: Flask, house: House, ada: Member) -> None:
    eve = ada.adds("eve@harrow.example", Role.ADMIN)
    mine, hers = str(signs_in(ada)), str(signs_in(eve))
    program = Program(site, ada, [Scope.TOKENS_WRITE])
    assert mine in [one["session_id"] for one in program.gets("/me/sessions").get_json()["items"]]
    assert hers not in program.gets("/me/sessions").text
    assert program.asks("DELETE", f"/me/sessions/{hers}").status_code == 404
    assert program.asks("DELETE", f"/me/sessions/{mine}").status_code == 204
    assert mine not in program.gets("/me/sessions").text
    assert Program(site, ada, [Scope.CHAT]).gets("/me/sessions").status_code == 403


def test_it_shows_second_factors_and_changes_none(site: Flask, ada: Member) -> None:
    program = Program(site, ada)
    assert program.gets("/me/factors").get_json() == {"items": [], "recovery_codes": 0}
    assert program.gets(f"/people/{ada.caller.user_id}/factors").get_json() == {"items": []}
    assert program.asks("POST", "/me/factors", {}).status_code == 405
