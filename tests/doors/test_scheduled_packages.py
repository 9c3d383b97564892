"""Packages that are sealed, and those that are made by themselves: at the page, by programs, at the console."""

import io
import json
import subprocess
import zipfile
from datetime import timedelta
from pathlib import Path

from flask import Flask

from appliance.audit import Undelivered
from appliance.audit.schedules import tend_schedules
from appliance.identity import Role, Scope
from appliance.kernel.egress import Egress
from appliance.proof.package import DISCLOSURES, MANIFEST, OCSF
from appliance.web.package_letters import package_waits
from appliance.worker.delivering import Rounds
from appliance.worker.schedule import tidy
from tests.doors.conftest import Console
from tests.support.house import House, Member
from tests.support.log_packages import age_identity
from tests.support.program import Program
from tests.support.queue import Worker
from tests.support.sftp import sshd
from tests.support.site import Browser


def works(house: House) -> None:
    worker = Worker(house)
    worker.works()
    worker.close()


def test_a_page_makes_and_ends_what_is_made_by_itself(
    site: Flask, house: House, at_ada: Browser, at_bo: Browser, ada: Member
) -> None:
    house.seals()
    assert "/audit/proof/schedules" in at_ada.gets("/audit/proof").text
    form = {"event": "identity:session:opened", "every": "month", "since": "2020-01-01", "without_personal": "1"}
    assert at_ada.posts("/audit/proof/schedules", **form).status_code == 303
    assert "personal_values: withheld" in at_ada.gets("/audit").text
    page = at_ada.gets("/audit/proof").text
    assert "Every month" in page
    address = at_ada.first(r'action="(/audit/proof/schedules/[0-9a-f-]{36}/removal)"', "/audit/proof")
    assert "Every month" not in at_bo.gets("/audit/proof").text
    assert at_bo.posts(address).status_code == 404
    auditor = Browser(site)
    auditor.signs_in(ada.adds("tom@harrow.example", Role.AUDITOR))
    shown = auditor.gets("/audit/proof").text
    assert ("Every month" in shown, "formaction" in shown) == (True, False)
    assert [auditor.posts(one, every="week").status_code for one in ("/audit/proof/schedules", address)] == [403, 403]
    assert at_ada.posts("/audit/proof/schedules", every="hour").status_code == 422
    assert at_ada.posts(address).status_code == 303
    assert "Every month" not in at_ada.gets("/audit/proof").text


def test_the_worker_makes_what_a_program_scheduled(site: Flask, house: House, ada: Member) -> None:
    house.seals()
    program = Program(site, ada)
    made = program.asks("POST", "/audit/schedules", {"every": "week", "events": ["identity:session:opened"]})
    assert made.status_code == 201, made.text
    assert program.gets("/audit/schedules").get_json()["items"] == [made.get_json()]
    house.clock.passes(days=8)
    tidy(house.worker)
    house.seals()
    works(house)
    tidy(house.worker)
    folder = house.settings.export_folder
    assert folder is not None
    assert [path.parent.name for path in folder.rglob("*.zip")] == [str(ada.tenant_id)]
    assert program.asks("DELETE", f"/audit/schedules/{made.get_json()['schedule_id']}").status_code == 204
    assert program.gets("/audit/schedules").get_json()["items"] == []
    narrow = Program(site, ada, [Scope.AUDIT_READ])
    assert narrow.gets("/audit/schedules").status_code == 200
    assert narrow.asks("POST", "/audit/schedules", {"every": "week"}).status_code == 403


def test_the_console_schedules_too(house: House, ada: Member, console: Console) -> None:
    done = console("audit", "create-schedule", "--every", "month", "--json")
    assert done.exit_code == 0, (done.output, done.stderr)
    made = json.loads(done.output)
    assert console("audit", "remove-schedule", made["schedule_id"]).exit_code == 0
    assert json.loads(console("audit", "list-schedules", "--json").output)["items"] == []
    later = house.clock.now() + timedelta(days=40)
    house.clock.passes(seconds=(later - house.clock.now()).total_seconds())
    directory, folder = house.settings.exports, house.settings.export_folder
    assert tend_schedules(house.worker.db, directory, folder, ada.tenant_id, clock=house.clock) == (0, 0)


def test_a_program_fetches_a_package_that_its_reader_alone_opens(
    site: Flask, house: House, ada: Member, at_ada: Browser, tmp_path: Path
) -> None:
    house.seals()
    key, public = age_identity(tmp_path)
    program = Program(site, ada, [Scope.AUDIT_READ])
    refused = program.asks("POST", "/audit/exports", {"sealed_to": public[:-1]})
    assert (refused.status_code, refused.get_json()["code"]) == (422, "recipient_invalid")
    assert "This is no recipient" in at_ada.posts("/audit/proof", sealed_to="age1").text
    asked = program.asks("POST", "/audit/exports", {"sealed_to": public}).get_json()
    assert asked["sealed_to"] == public
    works(house)
    address = f"/audit/exports/{asked['export_id']}/file"
    whole = program.gets(address)
    assert ".zip.age" in whole.headers["Content-Disposition"]
    tag = whole.headers["ETag"]
    part = program.gets(address, **{"Range": "bytes=200-", "If-Range": tag})
    assert (part.status_code, part.data) == (206, whole.data[200:])
    command = ["age", "--decrypt", "--identity", str(key)]
    assert subprocess.run(command, input=whole.data, capture_output=True, check=True).stdout[:2] == b"PK"
    page = at_ada.gets("/audit/proof").text
    assert f"sealed to {public}" in page


def test_a_place_elsewhere_is_named_tried_and_reached(
    site: Flask, house: House, ada: Member, at_ada: Browser, tmp_path: Path
) -> None:
    house.seals()
    with sshd(tmp_path) as host:
        form = {"every": "week", "to": "sftp", "url": host.url, "account": host.account, "host_key": host.host_key}
        refused = at_ada.posts("/audit/proof/schedules", **form)
        assert (refused.status_code, "APPLIANCE_EGRESS_ALLOW" in refused.text) == (422, True)
        assert host.host_key.strip() in refused.text, "what was typed stays"
        way = Egress([f"sftp://127.0.0.1:{host.port}"])
        for services in (house.app, house.worker):
            object.__setattr__(services, "egress", way)
        program = Program(site, ada)
        made = program.asks("POST", "/audit/schedules", form | {"ocsf": True, "without_personal": True})
        assert made.status_code == 201, made.text
        schedule, page = made.get_json(), at_ada.gets("/audit/proof").text
        key = schedule["place"]["public_key"]
        assert key.split()[1] in page
        trial = f"/audit/schedules/{schedule['schedule_id']}/trial"
        answer = program.asks("POST", trial)
        assert (answer.status_code, answer.get_json()["code"]) == (503, "place_failed")
        assert "does not let this account in" in at_ada.posts(f"/audit/proof{trial.removeprefix('/audit')}").text
        house.clock.passes(days=8)
        tidy(house.worker)
        house.seals()
        works(house)
        for thread in Rounds(house.worker).round():
            thread.join()
        at_ada.signs_in(ada)  # no session is so long
        page = at_ada.gets("/audit/proof").text
        assert "not put away" in page
        assert "it does not let this account in" in page
        host.lets_in(key)
        assert program.asks("POST", trial).status_code == 204
        assert at_ada.posts(f"/audit/proof{trial.removeprefix('/audit')}").status_code == 303
        house.clock.passes(minutes=3)
        for thread in Rounds(house.worker).round():
            thread.join()
        assert [name[-4:] for name in host.files] == [".zip", ".txt"]
        with zipfile.ZipFile(io.BytesIO(next(iter(host.files.values())))) as package:
            assert json.loads(package.read(MANIFEST))["personal"]["withheld"] is True
            assert (OCSF in package.namelist(), DISCLOSURES in package.namelist()) == (True, False)
    assert "not put away" not in at_ada.gets("/audit/proof").text
    narrow = Program(site, ada, [Scope.AUDIT_READ])
    assert narrow.asks("POST", trial).status_code == 403


def test_people_are_mailed_of_a_package_that_nobody_takes(house: House, ada: Member) -> None:
    told = Undelivered(ada.tenant_id, "sftp://backup.example.org/x", "it failed there", 3)
    subject, body = package_waits(told, organisation="Harrow", address="https://ai.example", language="de")
    assert subject == "Ein Paket des Protokolls von Harrow kann nicht abgelegt werden"
    assert "backup.example.org hat es bisher 3-mal nicht angenommen" in body
    assert "/x" not in body.replace("https://ai.example/audit/proof", "")
