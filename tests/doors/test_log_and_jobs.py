"""The pages of the audit log and of jobs, and the same for programs: filter, period, order, and the log's export."""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask

from appliance import audit, knowledge
from appliance.audit import Event
from appliance.identity import Role, Scope
from appliance.knowledge import Audience, CollectionForm
from appliance.proof.export import verify
from appliance.proof.verify import Known, verify_package
from tests.doors.conftest import Console
from tests.support.house import House, Member
from tests.support.program import Program
from tests.support.queue import Worker
from tests.support.site import Browser


def events(browser: Browser, address: str) -> list[str]:
    return re.findall(r'class="long"><div><code>([a-z_:]+)</code>', browser.gets(address).text)


def jobs(browser: Browser, address: str) -> list[str]:
    return re.findall(r'<a href="/documents/[0-9a-f-]+">([^<]+)</a>', browser.gets(address).text)


@pytest.fixture
def mia(ada: Member) -> Member:
    member = ada.adds("mia@harrow.example", Role.AUDITOR)
    with member.services.db.tenant(member.tenant_id) as tx:
        audit.record(tx, member.caller.actor, Event.PROFILE_CHANGED)
    return member


def test_the_log_shows_one_event_one_person_or_both(at_ada: Browser, mia: Member) -> None:
    opened = "identity:session:opened"
    assert set(events(at_ada, f"/audit?event={opened}")) == {opened}
    for who in ("mia", "MIA@harrow.example", "auditor", str(mia.caller.user_id)):
        found = events(at_ada, f"/audit?q={who}")
        assert found[0] == "identity:profile:changed", who
        assert opened not in found, "that was somebody else"
    assert events(at_ada, f"/audit?q=mia&event={opened}") == []
    assert "No entry fits" in at_ada.gets("/audit?q=nobody").text
    page = at_ada.gets("/audit?q=mia&event=identity:profile:changed&since=2020-01-01&until=2099-12-31").text
    assert 'value="mia"' in page
    assert '<option value="identity:profile:changed" title="' in page
    assert 'name="since" value="2020-01-01"' in page
    assert 'name="until" value="2099-12-31"' in page


def test_the_log_shows_a_period_with_its_last_day_and_passes_over_what_is_no_day(at_ada: Browser) -> None:
    today = datetime.now(UTC).date()
    tomorrow, before = today + timedelta(days=1), today - timedelta(days=1)
    assert events(at_ada, f"/audit?since={before}&until={tomorrow}")
    assert events(at_ada, f"/audit?since={today}&until={tomorrow}")
    assert events(at_ada, f"/audit?since={tomorrow}") == []
    assert events(at_ada, f"/audit?until={before}") == []
    for odd in ("yesterday", "9999-12-31", "0001-01-01", "%00"):
        assert at_ada.gets(f"/audit?until={odd}&event=nothing&before=x").status_code == 200, odd
    assert events(at_ada, "/audit?until=nonsense&event=nonsense")


def test_older_entries_are_those_that_the_address_asks_for(at_ada: Browser, ada: Member) -> None:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        for _ in range(120):
            audit.record(tx, ada.caller.actor, Event.PROFILE_CHANGED)
    address = "/audit?event=identity:profile:changed"
    assert len(events(at_ada, address)) == 100
    older = at_ada.first(r'href="(/audit\?[^"]*before=[^"]+)">Older', address).replace("&amp;", "&")
    assert events(at_ada, older) == ["identity:profile:changed"] * 20
    assert '<a class="button" href="/audit?event=identity%3Aprofile%3Achanged">Newest' in at_ada.gets(older).text


def test_the_log_is_read_from_its_beginning_too(site: Flask, at_ada: Browser, ada: Member) -> None:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        for _ in range(120):
            audit.record(tx, ada.caller.actor, Event.PROFILE_CHANGED)
    assert events(at_ada, "/audit?sort=at")[0] == "tenancy:organisation:created"
    assert 'aria-sort="ascending"' in at_ada.gets("/audit?sort=at").text
    newer = at_ada.first(r'href="(/audit\?[^"]*before=[^"]+)">Newer', "/audit?sort=at").replace("&amp;", "&")
    assert "sort=at" in newer
    assert "audit:log:read" in events(at_ada, newer)
    program = Program(site, ada, [Scope.AUDIT_READ])
    first = program.gets("/audit/entries?oldest_first=true&limit=1").get_json()
    second = program.gets(f"/audit/entries?oldest_first=true&limit=1&cursor={first['next_cursor']}").get_json()
    assert first["items"][0]["event"] == "tenancy:organisation:created"
    assert second["items"][0]["event_id"] > first["items"][0]["event_id"]


def test_the_page_of_the_log_exports_all_of_it_to_who_may_read_it(
    site: Flask, house: House, at_ada: Browser, at_bo: Browser, ada: Member
) -> None:
    assert 'href="/audit/export"' in at_ada.gets("/audit").text
    answer = at_ada.gets("/audit/export")
    verdict = verify(answer.text.splitlines())
    assert (verdict.fault, answer.content_type) == (None, "application/jsonl")
    assert verdict.entries > 3
    assert re.fullmatch(
        r'attachment; filename="audit-log-\d{4}-\d\d-\d\d\.jsonl"', answer.headers["Content-Disposition"]
    )
    assert "audit:log:exported" in answer.text
    assert str(ada.tenant_id) not in at_bo.gets("/audit/export").text
    member = Browser(site)
    member.signs_in(ada.adds("max@harrow.example", Role.MEMBER))
    assert member.gets("/audit/export").status_code == 403


def test_programs_ask_the_log_the_same(site: Flask, ada: Member, mia: Member) -> None:
    program = Program(site, ada, [Scope.AUDIT_READ])

    def asked(query: str) -> list[str]:
        return [one["event"] for one in program.gets(f"/audit/entries?{query}").get_json()["items"]]

    assert asked(f"person_id={mia.caller.user_id}")[0] == "identity:profile:changed"
    assert asked(f"event=audit:log:read&person_id={mia.caller.user_id}") == [], "that was Ada"
    assert asked(f"event=audit:log:read&person_id={ada.caller.user_id}")
    assert asked("event=identity:profile:changed") == ["identity:profile:changed"]
    assert asked("since=2099-01-01T00:00:00Z") == []
    assert asked("until=0001-01-01T00:00:00%2B14:00") == []
    assert asked("since=2020-01-01T00:00:00Z&until=2099-01-01T00:00:00%2B02:00")
    assert program.gets("/audit/entries?event=nonsense").status_code == 422
    assert program.gets("/audit/entries?since=2020-01-01").status_code == 422, "a moment has a zone"


def test_jobs_are_sorted_and_paged_as_the_address_says(at_ada: Browser, ada: Member) -> None:
    for number in range(53):
        ada.uploads(f"paper {number:02}.txt", f"The paper {number}.")
    first = jobs(at_ada, "/jobs?sort=job")
    assert first == [f"paper {number:02}" for number in range(50)]
    assert jobs(at_ada, "/jobs?sort=-job&page=2") == ["paper 02", "paper 01", "paper 00"]
    assert jobs(at_ada, "/jobs?sort=nonsense&page=2") == ["paper 50", "paper 51", "paper 52"]
    page = at_ada.gets("/jobs?sort=-queued").text
    assert "1–50 of 53" in page
    assert 'aria-sort="descending"' in page


def test_programs_sort_jobs_and_follow_the_list_to_its_end(site: Flask, ada: Member) -> None:
    for name in ("banana.txt", "apple.txt", "cherry.txt"):
        ada.uploads(name, name)
    program = Program(site, ada, [Scope.USAGE_READ, Scope.DOCUMENTS_READ])
    first = program.gets("/jobs?sort=job&descending=true&limit=2").get_json()
    assert [one["title"] for one in first["items"]] == ["cherry", "banana"]
    last = program.gets(f"/jobs?sort=job&descending=true&limit=2&offset={first['next_offset']}").get_json()
    assert [one["title"] for one in last["items"]] == ["apple"]
    assert last["next_offset"] is None

    without_titles = Program(site, ada, [Scope.USAGE_READ]).gets("/jobs?sort=job").get_json()["items"]
    ids = [one["job_id"] for one in without_titles]
    assert ids == sorted(ids), "their order would tell the titles' order"


def test_jobs_name_no_document_that_a_token_may_not_read(site: Flask, ada: Member) -> None:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        form = CollectionForm("Nobody's", "", Audience.GROUPS, ())
        closed = knowledge.create_collection(tx, ada.caller, form, clock=ada.house.clock)
    whole = Program(site, ada)
    whole.uploads({"merger.txt": b"Not yet."}, {"collection_id": str(closed.collection_id)})
    narrow = Program(site, ada, [Scope.USAGE_READ, Scope.DOCUMENTS_READ])
    assert [one["title"] for one in whole.gets("/jobs").get_json()["items"]] == ["merger"]
    assert [one["title"] for one in narrow.gets("/jobs?sort=job").get_json()["items"]] == [None]


def test_a_package_of_the_log_is_asked_for_on_the_page_and_fetched_in_parts(
    site: Flask, house: House, at_ada: Browser, at_bo: Browser, ada: Member
) -> None:
    assert "Nothing of this log is sealed yet" in at_ada.gets("/audit/proof").text
    house.seals()
    assert "Entries sealed" in at_ada.gets("/audit/proof").text
    refused = at_ada.posts("/audit/proof", earlier="nonsense")
    assert "no checkpoint of this log" in refused.text
    assert at_ada.posts("/audit/proof", since="2020-01-01", event="identity:session:opened").status_code == 303
    page = at_ada.gets("/audit/proof").text
    assert "identity:session:opened" in page
    assert "Reload this page" in page
    worker = Worker(house)
    assert worker.works() == 1
    worker.close()
    address = at_ada.first(r'href="(/audit/proof/[0-9a-f-]{36})"', "/audit/proof")
    whole = at_ada.gets(address)
    assert whole.content_type == "application/zip"
    part = at_ada.client.get(address, headers={"Range": "bytes=100-"})
    assert (part.status_code, part.data) == (206, whole.data[100:])
    assert at_bo.gets(address).status_code == 404
    note = at_ada.gets("/audit/proof/checkpoint")
    assert note.text.startswith("cloister/")
    member = Browser(site)
    member.signs_in(ada.adds("max@harrow.example", Role.MEMBER))
    assert [member.gets(one).status_code for one in ("/audit/proof", address, "/audit/proof/checkpoint")] == [403] * 3


def test_programs_ask_for_a_package_and_fetch_it(site: Flask, house: House, ada: Member, tmp_path: Path) -> None:
    house.seals()
    program = Program(site, ada, [Scope.AUDIT_READ])
    log = program.gets("/audit/log").get_json()["log"]
    asked = program.asks("POST", "/audit/exports", {"events": ["audit:log:read"], "earlier": log["checkpoint"]})
    assert asked.status_code == 202
    address = f"/audit/exports/{asked.get_json()['export_id']}"
    assert program.gets(f"{address}/file").status_code == 409
    worker = Worker(house)
    worker.works()
    worker.close()
    ready = program.gets(address).get_json()
    assert (ready["state"], ready["done"]) == ("ready", ready["total"])
    package = tmp_path / "package.zip"
    package.write_bytes(program.gets(f"{address}/file").data)
    assert hashlib.sha256(package.read_bytes()).hexdigest() == ready["digest"]
    report = verify_package(str(package), Known(earlier=log["checkpoint"], key=log["keys"][0]))
    assert report.fault is None
    assert [one["export_id"] for one in program.gets("/audit/exports").get_json()["items"]] == [ready["export_id"]]
    assert program.asks("POST", "/audit/exports", {"earlier": "x"}).status_code == 422
    assert program.gets(f"/audit/entries?subject={ready['export_id']}").get_json()["items"][0]["event"].startswith("audit:")


def test_the_console_prints_a_package(house: House, ada: Member, console: Console) -> None:
    house.seals()
    assert console("audit", "create-export", "--events", "audit:log:read").exit_code == 0
    worker = Worker(house)
    worker.works()
    worker.close()
    export_id = json.loads(console("audit", "list-exports", "--json").output)["items"][0]["export_id"]
    assert console("audit", "download-export", export_id).stdout_bytes[:2] == b"PK"
    assert "Key 2 signs" in console("vault", "rotate-log-key").output
