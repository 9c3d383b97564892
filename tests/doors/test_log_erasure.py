"""An owner erases from where somebody acted who was removed: at the page, by the API and at the console."""

import json
from collections.abc import Callable

from click.testing import Result
from flask import Flask

from appliance import audit, identity
from appliance.audit import PLATFORM, Event
from appliance.identity import Role, Scope
from tests.support.house import PASSWORD, House, Member
from tests.support.product import csrf
from tests.support.program import Program
from tests.support.site import Browser

Console = Callable[..., Result]
HOME = "203.0.113.77"


def comes(site: Flask, member: Member) -> None:
    browser = Browser(site)
    browser.client.environ_base["REMOTE_ADDR"] = HOME
    assert browser.signs_in(member).status_code == 303


def test_an_owner_erases_the_addresses_of_who_was_removed(site: Flask, ada: Member, at_ada: Browser) -> None:
    bea = ada.adds("bea@harrow.example", Role.MEMBER)
    comes(site, bea)
    page = f"/people/{bea.caller.user_id}"
    assert HOME in at_ada.gets("/audit").text
    assert "log-erasure" not in at_ada.gets(page).text, "who works here is removed first"
    assert at_ada.posts(f"{page}/log-erasure").status_code == 409
    at_ada.posts(f"{page}/removal")
    assert f'action="{page}/log-erasure"' in at_ada.gets(page).text

    done = at_ada.posts(f"{page}/log-erasure")

    assert done.status_code == 303
    assert "is erased. The entries stay." in at_ada.gets(done.headers["Location"]).text
    log = at_ada.gets("/audit").text
    assert (HOME in log, "address erased" in log, "audit:disclosures:erased" in log) == (False, True, True)


def test_an_admin_is_neither_offered_nor_let(site: Flask, ada: Member, at_ada: Browser) -> None:
    bea, carl = ada.adds("bea@harrow.example", Role.MEMBER), ada.adds("carl@harrow.example", Role.ADMIN)
    at_carl = Browser(site)
    at_carl.signs_in(carl)
    page = f"/people/{bea.caller.user_id}"
    at_ada.posts(f"{page}/removal")
    assert "log-erasure" not in at_carl.gets(page).text
    assert at_carl.posts(f"{page}/log-erasure").status_code == 403


def test_a_program_erases_and_reads_what_was_erased(site: Flask, ada: Member, bo: Member) -> None:
    bea = ada.adds("bea@harrow.example", Role.MEMBER)
    comes(site, bea)
    program, stranger = Program(site, ada), Program(site, bo)
    path = f"/people/{bea.caller.user_id}"

    def opened() -> dict[str, object]:
        asked = f"/audit/entries?person_id={bea.caller.user_id}&event={Event.SESSION_OPENED.value}"
        (entry,) = program.gets(asked).get_json()["items"]
        return {"address": entry["actor"]["address"], "undisclosed": entry["undisclosed"]}

    assert opened() == {"address": HOME, "undisclosed": {}}
    refused = program.asks("POST", f"{path}/log-erasure")
    assert (refused.status_code, refused.get_json()["code"]) == (409, "still_member")
    assert program.asks("DELETE", path).status_code == 204
    assert Program(site, ada, [Scope.AUDIT_READ]).asks("POST", f"{path}/log-erasure").status_code == 403
    assert stranger.asks("POST", f"{path}/log-erasure").status_code == 404
    assert program.asks("POST", f"{path}/log-erasure").status_code == 204
    assert opened() == {"address": None, "undisclosed": {"actor.address": "erased"}}


def test_the_console_erases_from_where_strangers_came(site: Flask, house: House, ada: Member, console: Console) -> None:
    stranger = Browser(site)
    stranger.client.environ_base["REMOTE_ADDR"] = HOME
    stranger.signs_in(ada, "a wrong password")

    def addresses() -> list[str | None]:
        with house.app.db.tenant(PLATFORM) as tx:
            return [one.actor.address for one in audit.list_entries(tx, audit.EntryFilter(Event.SIGN_IN_FAILED))]

    assert addresses() == [HOME]
    done = console("audit", "erase-strangers", "--json")
    assert (json.loads(done.output), addresses()) == ({"keys": 1}, [None])


def test_a_package_without_personal_values_is_asked_for_at_the_page(house: House, ada: Member, at_ada: Browser) -> None:
    house.seals()
    assert 'name="without_personal"' in at_ada.gets("/audit/proof").text
    assert at_ada.posts("/audit/proof", without_personal="1").status_code == 303
    with house.app.db.tenant(ada.tenant_id) as tx:
        (entry,) = audit.list_entries(tx, audit.EntryFilter(Event.LOG_EXPORTED))
    assert entry.facts["personal_values"] == "withheld"


def test_a_set_up_that_is_refused_leaves_no_key_file(site: Flask, house: House) -> None:
    """The keys of an organisation are made with its first entry, and there is none yet."""
    link = identity.create_setup_link(house.worker.db, clock=house.clock)
    browser = Browser(site)
    page = browser.gets(f"/setup?link={link}")
    form = {"organisation": "Oak", "name": "Oda", "email": "oda@oak.example", "password": "short", "again": "short", "link": link}
    before = sorted((house.settings.secrets / "keys").iterdir())
    assert browser.client.post("/setup", data=form | {"csrf": csrf(page.text)}).status_code == 422
    assert sorted((house.settings.secrets / "keys").iterdir()) == before
    good = form | {"password": PASSWORD, "again": PASSWORD, "csrf": csrf(page.text)}
    assert browser.client.post("/setup", data=good).status_code == 303
    assert len(list((house.settings.secrets / "keys").iterdir())) == len(before) + 1
