"""Nobody guesses without end, nobody locks somebody else out, and odd input is refused, not stumbled over."""

import json

import pytest
from flask import Flask

from appliance import audit, identity
from appliance.audit import PLATFORM
from appliance.identity import Scope, locks
from appliance.identity.guesses import GUESSES, WINDOW_SECONDS
from appliance.identity.tokens import TokenForm, create_token
from appliance.kernel.db import DatabaseUnavailable
from appliance.kernel.ids import TenantId
from tests.support.house import PASSWORD, House, Member
from tests.support.product import csrf
from tests.support.program import Program
from tests.support.site import Browser


def browser_at(site: Flask, address: str) -> Browser:
    browser = Browser(site)
    browser.client.environ_base["REMOTE_ADDR"] = address
    return browser


def recorded(house: House, tenant_id: TenantId, event: str) -> list[str]:
    with house.app.db.tenant(tenant_id) as tx:
        found = [json.loads(body) for body, _ in audit.iterate_bodies(tx)]
    return [str(one["outcome"]) for one in found if one["event"] == event]


def test_a_stranger_locks_nobody_else_out(site: Flask, house: House, ada: Member) -> None:
    stranger = browser_at(site, "10.0.0.66")
    for _ in range(12):
        last = stranger.signs_in(ada, "a wrong password").status_code

    assert last == 429
    assert stranger.signs_in(ada).status_code == 429
    assert browser_at(site, "10.0.0.7").signs_in(ada).status_code == 303


def test_many_strangers_do_not_guess_for_ever_and_the_owner_stays_in(
    site: Flask, house: House, ada: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "FAILURES_PER_PERSON", 12)
    at_home = browser_at(site, "10.0.0.7")
    assert at_home.signs_in(ada).status_code == 303
    for number in range(12):
        assert browser_at(site, f"10.0.1.{number}").signs_in(ada, "a wrong password").status_code == 401

    assert browser_at(site, "10.0.2.1").signs_in(ada).status_code == 429
    assert browser_at(site, "10.0.0.7").signs_in(ada).status_code == 303


def test_a_lock_is_recorded_when_it_falls_and_not_for_each_try(site: Flask, house: House, ada: Member) -> None:
    before = len(recorded(house, PLATFORM, "identity:sign_in:locked"))
    stranger = browser_at(site, "10.0.0.67")
    for _ in range(15):
        stranger.signs_in(ada, "a wrong password")

    assert len(recorded(house, PLATFORM, "identity:sign_in:locked")) == before + 1


def test_an_open_browser_is_no_place_to_guess_a_password(
    site: Flask, house: House, ada: Member, at_ada: Browser
) -> None:
    house.clock.passes(seconds=1)
    for _ in range(10):
        answer = at_ada.posts("/account/password", current="a wrong password", new="another private sentence")
        assert answer.status_code == 401
    right = at_ada.posts("/account/password", current=PASSWORD, new="another private sentence")

    assert right.status_code == 429
    assert recorded(house, ada.tenant_id, "identity:password:changed") == ["failure"] * 10
    house.clock.passes(minutes=16)
    assert at_ada.posts("/account/password", current=PASSWORD, new="another private sentence").status_code == 303


def test_old_attempts_are_forgotten(site: Flask, house: House, ada: Member) -> None:
    browser_at(site, "10.0.0.68").signs_in(ada, "a wrong password")
    house.clock.passes(days=91)
    with house.worker.db.platform() as tx:
        assert identity.forget_attempts(tx, clock=house.clock) > 0
        assert identity.forget_attempts(tx, clock=house.clock) == 0


@pytest.mark.parametrize("odd", ["\0", "a\0b", "\x00" * 400])
def test_it_survives_what_no_database_can_hold(site: Flask, ada: Member, at_ada: Browser, odd: str) -> None:
    stranger = Browser(site)
    token = csrf(stranger.gets("/sign-in").text)
    form = {"email": odd, "password": odd, "csrf": token}

    assert stranger.client.post("/sign-in", data=form).status_code == 401
    assert at_ada.posts("/account/profile", name=odd).status_code == (303 if "a" in odd else 422)
    assert at_ada.client.get("/documents", query_string={"search": odd}).status_code == 200
    assert Program(site, ada).asks("POST", "/groups", {"name": odd}).status_code == 422
    assert Program(site, ada).asks("POST", "/groups", {"name": "half \ud800"}).status_code == 422


def test_it_refuses_numbers_of_any_length(at_ada: Browser) -> None:
    assert at_ada.posts("/settings/budget", monthly_tokens="9" * 5000).status_code == 422


def test_a_closed_organisations_people_still_reach_the_public_pages(
    site: Flask, house: House, ada: Member, at_ada: Browser
) -> None:
    olga = house.operator("olga@host.example")
    at_olga = Browser(site)
    at_olga.signs_in(olga)
    at_olga.posts(f"/organisations/{ada.tenant_id}/suspension")

    assert at_ada.gets("/sign-in").status_code == 200
    with at_ada.gets("/static/app.css") as style:
        assert style.status_code == 200
    assert at_ada.gets("/documents").status_code in {303, 403}


def asks_models(site: Flask, address: str, key: str) -> int:
    client = site.test_client()
    client.environ_base["REMOTE_ADDR"] = address
    return client.get("/v1/models", headers={"Authorization": f"Bearer {key}"}).status_code


@pytest.fixture
def patience(house: House, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clock of those who guess shows."""
    now = [1000.0]
    monkeypatch.setattr(house.app.guesses, "_now", lambda: now[0])
    return now


def test_whoever_guesses_keys_is_slowed_and_recorded_once(site: Flask, house: House, patience: list[float]) -> None:
    before = len(recorded(house, PLATFORM, "identity:token:guessed"))
    found = [asks_models(site, "10.0.3.1", f"cloister_wrong{number}") for number in range(GUESSES + 10)]

    assert found == [401] * GUESSES + [401] + [429] * 9  # one in a second is looked for
    assert asks_models(site, "10.0.3.1", "cloister_another") == 429
    patience[0] += 1
    assert asks_models(site, "10.0.3.1", "cloister_another") == 401
    assert len(recorded(house, PLATFORM, "identity:token:guessed")) == before + 1
    patience[0] += WINDOW_SECONDS
    assert [asks_models(site, "10.0.3.1", f"cloister_wrong{number}") for number in range(3)] == [401] * 3


def test_what_could_not_be_recorded_of_a_guesser_is_recorded_with_the_next_guess(
    site: Flask, house: House, patience: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(recorded(house, PLATFORM, "identity:token:guessed"))
    for number in range(GUESSES - 1):
        asks_models(site, "10.0.3.9", f"cloister_wrong{number}")
    with monkeypatch.context() as patch:
        patch.setattr(audit, "record", lambda *_, **__: (_ for _ in ()).throw(DatabaseUnavailable))
        assert asks_models(site, "10.0.3.9", "cloister_wrong") == 503
    assert len(recorded(house, PLATFORM, "identity:token:guessed")) == before
    assert asks_models(site, "10.0.3.9", "cloister_wrong") == 401

    assert len(recorded(house, PLATFORM, "identity:token:guessed")) == before + 1


def test_whoever_guesses_at_both_doors_is_counted_once(site: Flask, ada: Member, patience: list[float]) -> None:
    program = site.test_client()
    program.environ_base["REMOTE_ADDR"] = "10.0.3.2"
    for number in range(GUESSES + 1):
        program.get("/api/v1/groups", headers={"Authorization": f"Bearer cloister_wrong{number}"})

    assert asks_models(site, "10.0.3.2", "cloister_wrong") == 429
    slowed = program.get("/api/v1/groups", headers={"Authorization": "Bearer cloister_wrong"})
    assert (slowed.status_code, slowed.headers["Retry-After"], json.loads(slowed.data)["code"]) == (429, "1", "tokens_guessed")


def test_a_guesser_hurts_no_right_key_from_elsewhere_nor_one_that_was_right_before(
    site: Flask, house: House, ada: Member, patience: list[float]
) -> None:
    with house.app.db.tenant(ada.tenant_id) as tx:
        known, new = (
            create_token(tx, ada.caller, TokenForm("program", frozenset({Scope.MODELS}), 30), clock=house.clock).secret
            for _ in range(2)
        )
    assert asks_models(site, "10.0.3.3", known) == 200
    for number in range(GUESSES + 1):
        asks_models(site, "10.0.3.3", f"cloister_wrong{number}")

    assert asks_models(site, "10.0.3.3", known) == 200
    assert asks_models(site, "10.0.3.4", new) == 200
    assert asks_models(site, "10.0.3.3", new) == 200, "seen elsewhere, it is known here"


def test_a_guesser_of_ipv6_has_one_network(site: Flask, patience: list[float]) -> None:
    for number in range(GUESSES + 1):
        asks_models(site, f"2001:db8:5::{number:x}", f"cloister_wrong{number}")

    assert asks_models(site, "2001:db8:5::ffff:1", "cloister_wrong") == 429
    assert asks_models(site, "2001:db8:6::1", "cloister_wrong") == 401


def test_a_guesser_of_passwords_has_one_network_of_ipv6_too(site: Flask, ada: Member) -> None:
    for number in range(locks.FAILURES_PER_PAIR):
        browser_at(site, f"2001:db8:7::{number:x}").signs_in(ada, "a wrong password")

    assert browser_at(site, "2001:db8:7::ffff:1").signs_in(ada).status_code == 429
    assert browser_at(site, "2001:db8:8::1").signs_in(ada).status_code == 303
