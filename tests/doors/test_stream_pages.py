"""Streams of the audit log at the pages, the API and the console; a secret goes in and never comes out."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from appliance.app import create_app
from appliance.audit.sinks import Deliverer, SinkForm, SinkKind, list_letters, list_sinks
from appliance.identity import Permission, Role, Scope
from tests.doors.conftest import Console
from tests.support.house import House, Member, Server
from tests.support.model_host import Reply, Upstream, upstream
from tests.support.program import Program
from tests.support.roles import makes_role, with_role
from tests.support.site import Browser
from tests.support.streams import delivers, has_stream, streams

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes ...").decode()


@pytest.fixture
def peer() -> Iterator[Upstream]:
    with upstream() as found:
        found.says(Reply(b"{}"))
        yield found


@pytest.fixture
def house(server: Server, database: str, tmp_path: Path, peer: Upstream) -> Iterator[House]:
    house = House(server, database, tmp_path, egress_allow=[f"127.0.0.1:{peer.port}"])
    yield house
    house.close()


def form(peer: Upstream, **more: str) -> dict[str, str]:
    return {
        "name": "SIEM", "kind": "webhook", "url": f"{peer.address}/hook", "key": SECRET, "region": "", "retain_days": "",
    } | more  # fmt: skip


def test_an_admin_adds_tries_pauses_and_removes_a_stream_and_no_page_shows_its_secret(
    peer: Upstream, ada: Member, at_ada: Browser
) -> None:
    added = at_ada.posts("/audit/streams", **form(peer), is_whole="yes")
    assert added.status_code == 303, added.text
    path = added.headers["Location"].partition("?")[0]
    page = at_ada.gets(path).text
    assert "The trial entry was taken" in at_ada.client.get(at_ada.posts(f"{path}/trial").headers["Location"]).text
    peer.says(Reply(status=401))
    refused = at_ada.posts(f"{path}/trial")
    assert "status 401" in refused.text
    at_ada.posts(f"{path}/pause")
    paused = at_ada.gets("/audit/streams").text
    assert "paused" in paused
    at_ada.posts(f"{path}/resumption")
    at_ada.posts(path, name="Watch", key="")
    assert "Watch" in at_ada.gets("/audit/streams").text
    for text in (page, refused.text, paused, added.text):
        assert SECRET not in text
        assert SECRET[6:] not in text
    assert f"…{SECRET[-4:]}" in page
    at_ada.posts(f"{path}/deletion")
    assert at_ada.gets(path).status_code == 404


def test_what_was_typed_stays_but_for_the_secret(peer: Upstream, at_ada: Browser) -> None:
    for change, said in (
        ({"url": "https://closed.example/hook"}, "closed.example"),
        ({"key": "nonsense"}, "whsec_ and 24 to 64 random bytes"),
        ({"name": " "}, "1 to 80 signs"),
        ({"kind": "folder", "url": "siem", "key": ""}, "Only the operator"),
    ):
        answer = at_ada.posts("/audit/streams", **form(peer, **change))
        assert answer.status_code in {403, 422}, (change, answer.status_code)
        assert said in answer.text
        assert SECRET not in answer.text


def test_what_was_left_out_is_shown_with_its_reason_and_decided_on(ada: Member, at_ada: Browser) -> None:
    sink_id, _ = has_stream(ada)
    page = at_ada.gets(f"/audit/streams/{sink_id}").text
    assert "status 400" in page
    assert "identity:profile:changed" in page

    at_ada.posts(f"/audit/streams/{sink_id}/letters/resending")
    assert "is sent again" in at_ada.gets(f"/audit/streams/{sink_id}").text
    at_ada.posts(f"/audit/streams/{sink_id}/letters/dropping")
    assert "Nothing was left out" in at_ada.gets(f"/audit/streams/{sink_id}").text


def test_an_auditor_sees_streams_and_changes_none(site: Flask, ada: Member) -> None:
    sink_id, _ = has_stream(ada)
    browser = Browser(site)
    browser.signs_in(ada.adds("otto@harrow.example", Role.AUDITOR))

    page = browser.gets(f"/audit/streams/{sink_id}")

    assert page.status_code == 200
    assert "Remove this stream" not in page.text
    assert browser.posts(f"/audit/streams/{sink_id}/deletion").status_code == 403
    assert browser.posts(f"/audit/streams/{sink_id}/letters/dropping").status_code == 403


def test_an_auditor_sees_where_a_stream_leads_without_the_path_in_which_a_secret_may_stand(
    peer: Upstream, site: Flask, ada: Member, at_ada: Browser
) -> None:
    made = streams(ada, SinkForm("Hook", SinkKind.WEBHOOK, f"{peer.address}/T0/secret-part", SECRET))
    browser = Browser(site)
    browser.signs_in(ada.adds("otto@harrow.example", Role.AUDITOR))
    for page in ("/audit/streams", f"/audit/streams/{made.sink_id}"):
        seen = browser.gets(page).text
        assert (peer.address in seen, "secret-part" in seen) == (True, False)
        assert "secret-part" in at_ada.gets(page).text


def test_whoever_has_a_role_of_the_organisations_own_that_changes_streams_sees_where_they_lead(
    site: Flask, peer: Upstream, ada: Member
) -> None:
    made = streams(ada, SinkForm("Hook", SinkKind.WEBHOOK, f"{peer.address}/T0/secret-part", SECRET))
    eve = with_role(ada, "eve@harrow.example", makes_role(ada, "Watch", [Permission.AUDIT_STREAM]))
    browser = Browser(site)
    browser.signs_in(eve)
    assert "secret-part" in browser.gets(f"/audit/streams/{made.sink_id}").text


def test_another_organisation_finds_nothing(ada: Member, bo: Member, at_bo: Browser) -> None:
    sink_id, letter_id = has_stream(ada)

    assert at_bo.gets(f"/audit/streams/{sink_id}").status_code == 404
    for step in ("deletion", "trial", "pause", "letters/resending", "letters/dropping"):
        assert at_bo.posts(f"/audit/streams/{sink_id}/{step}").status_code == 404
    own, _ = has_stream(bo)
    at_bo.posts(f"/audit/streams/{own}/letters/dropping", letter_id=str(letter_id))
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert len(list_sinks(tx)) == 1
        assert len(list_letters(tx, sink_id)) == 1


def test_a_program_does_all_of_it(peer: Upstream, site: Flask, house: House, ada: Member) -> None:
    program = Program(site, ada, [Scope.SETTINGS_WRITE, Scope.AUDIT_READ])
    body = {"name": "SIEM", "kind": "webhook", "url": f"{peer.address}/hook", "secret": SECRET, "is_whole": True}
    made = program.asks("POST", "/audit/sinks", body)
    assert made.status_code == 201, made.text
    assert SECRET not in made.text
    path = f"/audit/sinks/{made.get_json()['sink_id']}"
    house.seals()
    delivers(house)
    assert program.gets(path).get_json()["waiting"] == 0
    assert program.gets(path).get_json()["sent"] > 0
    assert program.asks("POST", f"{path}/trial", {}).status_code == 204
    assert program.gets("/audit/sinks").get_json()["items"][0]["last_four"] == SECRET[-4:]
    reader = Program(site, ada, [Scope.AUDIT_READ])
    seen = [program.gets(path).get_json()["url"], reader.gets(path).get_json()["url"]]
    assert [*seen, reader.gets("/audit/sinks").get_json()["items"][0]["url"]] == [f"{peer.address}/hook", peer.address, peer.address]
    assert program.asks("POST", f"{path}/letters/resending", {}).get_json() == {"letters": 0}


def test_the_console_has_the_same_verbs_and_the_operators_stream(
    console: Console, peer: Upstream, house: House, ada: Member, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPLIANCE_EGRESS_ALLOW", f"127.0.0.1:{peer.port}")
    (tmp_path / "secret").write_text(SECRET + "\n")
    added = console(
        "sink", "add", "--name", "SIEM", "--kind", "webhook", "--url", f"{peer.address}/hook", "--secret-file",
        str(tmp_path / "secret"), "--json",
    )  # fmt: skip
    assert added.exit_code == 0, added.output
    assert SECRET not in added.output
    sink_id = json.loads(added.output)["sink_id"]
    assert console("sink", "test", sink_id).exit_code == 0
    assert "SIEM" in console("sink", "list").output
    assert "None." in console("sink", "letters", sink_id).output
    assert console("sink", "remove", sink_id).exit_code == 0

    house.operator("olga@host.example")
    folder = console(
        "sink", "add", "--name", "All", "--kind", "folder", "--url", "siem", "--scope", "all", "--is-whole", "true", "--in", "platform",
        "--as", "olga@host.example", "--json",
    )  # fmt: skip
    assert folder.exit_code == 0, folder.output
    house.seals()
    house.clock.passes(minutes=5)  # the console's clock is the host's
    delivers(house)
    assert (house.settings.data_dir / "streams" / "siem" / str(ada.tenant_id)).is_dir()


def test_machines_that_watch_are_told_how_far_streams_are(
    peer: Upstream, site: Flask, house: House, ada: Member
) -> None:
    Program(site, ada, [Scope.SETTINGS_WRITE]).asks(
        "POST", "/audit/sinks", {"name": "SIEM", "kind": "webhook", "url": f"{peer.address}/hook", "secret": SECRET}
    )
    house.seals()
    peer.says(Reply(status=503))
    delivers(house)
    house.clock.passes(hours=2)

    told = create_app(house.app).test_client().get("/metrics").text

    assert "cloister_streams 1.0" in told
    assert "cloister_streams_failing 1.0" in told
    lag = next(float(line.split()[1]) for line in told.splitlines() if line.startswith("cloister_streams_lag_seconds "))
    assert lag > 3600
    assert Deliverer(house.worker.outlet).due()
