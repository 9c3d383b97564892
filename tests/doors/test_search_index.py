"""The search index at the doors: Settings, the API and the console choose its model, show how far it is, and cancel."""

import json

from flask import Flask

from appliance import knowledge
from tests.doors.conftest import Console
from tests.support.house import House, Member
from tests.support.program import Program
from tests.support.site import Browser

OLD, NEW = "multilingual-e5-small", "all-MiniLM-L6-v2"


def test_an_administrator_changes_the_model_in_settings(house: House, ada: Member, at_ada: Browser) -> None:
    ada.reads_in("leave.txt", "Employees receive 28 days of paid leave per calendar year.")
    page = at_ada.gets("/settings").text
    assert f"Searched by {OLD} over 1 passages" in page
    assert "data-busy" not in page
    assert "no embedding model of that name" in at_ada.posts("/settings/index", model="none").text

    assert at_ada.posts("/settings/index", model=NEW).status_code == 303
    page = at_ada.gets("/settings").text
    assert f"Changing to {NEW}: 0 %" in page
    assert "Cancel the change" in page
    assert "Wait until that is done" in at_ada.posts("/settings/index", model=NEW).text
    assert "waiting for its turn" in at_ada.gets("/settings/index").text
    stopped = at_ada.posts("/settings/index/cancellation")
    assert "goes on with the model it had" in at_ada.gets(stopped.location).text
    assert "nothing to cancel" in at_ada.posts("/settings/index/cancellation").text

    at_ada.posts("/settings/index", model=NEW)
    knowledge.reembed(house.worker.workshop, ada.tenant_id)
    page = at_ada.gets("/settings").text
    assert f"Searched by {NEW} over 1 passages" in page
    assert "Cancel the change" not in page


def test_a_program_changes_the_model_and_watches(site: Flask, house: House, ada: Member) -> None:
    ada.reads_in("leave.txt", "Employees receive 28 days of paid leave per calendar year.")
    program = Program(site, ada)
    found = program.gets("/organisation/index").get_json()
    assert (found["model"], found["dimension"], found["passages"], found["change"]) == (OLD, 384, 1, None)
    assert [(one["name"], one["is_installed"]) for one in found["models"]] == [(OLD, True), (NEW, True)]
    assert program.asks("PUT", "/organisation/index", {"model": "none"}).get_json()["code"] == "model_unknown"

    change = program.asks("PUT", "/organisation/index", {"model": NEW}).get_json()["change"]
    assert change == {"model": NEW, "state": "filling", "percent": 0, "seconds_left": None, "reason": None}
    assert program.asks("PUT", "/organisation/index", {"model": OLD}).status_code == 409
    assert program.asks("DELETE", "/organisation/index/change").status_code == 204
    assert program.asks("DELETE", "/organisation/index/change").get_json()["code"] == "no_change_under_way"
    program.asks("PUT", "/organisation/index", {"model": NEW})
    knowledge.reembed(house.worker.workshop, ada.tenant_id)
    assert program.gets("/organisation/index").get_json()["model"] == NEW


def test_an_operator_does_so_at_the_console(console: Console, house: House, ada: Member) -> None:
    listed = json.loads(console("models", "list", "--json").output)["items"]
    assert [(one["name"], one["licence"], one["is_installed"]) for one in listed] == [
        (OLD, "MIT", True), (NEW, "Apache-2.0", True),
    ]  # fmt: skip
    chosen = console("org", "choose-index", "--model", NEW)
    assert chosen.exit_code == 0, chosen.output
    assert "percent: 0" in console("org", "get-index").output
    assert console("org", "cancel-index-change").output == "Done.\n"
    assert json.loads(console("org", "get-index", "--json").output)["change"] is None
