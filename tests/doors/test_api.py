"""What a program may rely on: tokens, problems, pages, ETags, keys, rates, and a description that is true."""

import re
from typing import Any

import pytest
from flask import Flask

from appliance import identity
from appliance.api.framework import OPERATIONS
from appliance.api.openapi import document
from appliance.identity import Role, Scope
from appliance.kernel.problems import STATUS
from appliance.worker import schedule
from tests.support.house import House, Member
from tests.support.program import PREFIX, Program
from tests.support.site import Browser


@pytest.fixture
def program(site: Flask, ada: Member) -> Program:
    return Program(site, ada)


def test_it_says_who_a_token_is(program: Program, ada: Member) -> None:
    me = program.gets("/me").get_json()

    assert me["organisation"] == "Harrow"
    assert me["role"] == "owner"
    assert "people:read" in me["permissions"]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer nonsense", "Basic YTpi", "bearer cloister_x"])
def test_it_refuses_what_is_no_token(site: Flask, header: str) -> None:
    answer = site.test_client().get(f"{PREFIX}/me", headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_it_opens_nothing_to_a_browsers_cookie(at_ada: Browser) -> None:
    assert at_ada.gets(f"{PREFIX}/me").status_code == 401
    assert at_ada.client.post(f"{PREFIX}/groups", json={"name": "x"}).status_code == 401


def test_it_refuses_a_token_that_ended_was_revoked_or_whose_person_left(site: Flask, house: House, ada: Member) -> None:
    eve = ada.adds("eve@harrow.example", Role.ADMIN)
    old, revoked, left = Program(site, ada, days=1), Program(site, ada), Program(site, eve)
    with house.app.db.tenant(ada.tenant_id) as tx:
        identity.revoke_token(tx, ada.caller, revoked.token_id, clock=house.clock)
        identity.remove_member(tx, ada.caller, eve.caller.user_id, clock=house.clock)
    assert revoked.gets("/me").status_code == 401
    assert left.gets("/me").status_code == 401
    house.clock.passes(days=2)
    assert old.gets("/me").status_code == 401
    assert {one.gets("/me").get_json()["code"] for one in (revoked, left, old)} == {"token_refused"}
    assert "Issue another one" in old.gets("/me").get_json()["detail"]


def test_it_keeps_a_token_within_its_scopes(site: Flask, ada: Member) -> None:
    reader = Program(site, ada, [Scope.PEOPLE_READ])

    assert reader.gets("/people").status_code == 200
    refused = reader.asks("POST", "/groups", {"name": "x"})
    assert refused.status_code == 403
    assert refused.get_json()["code"] == "scope_missing"
    assert "people:write" in refused.get_json()["detail"]


def test_it_lets_no_token_make_a_stronger_one(site: Flask, ada: Member) -> None:
    weak = Program(site, ada, [Scope.TOKENS_WRITE])

    assert weak.asks("POST", "/tokens", {"name": "x", "scopes": ["people:write"]}).status_code == 422


def test_it_never_lets_a_token_do_more_than_its_persons_role_now(site: Flask, house: House, ada: Member) -> None:
    eve = ada.adds("eve@harrow.example", Role.ADMIN)
    program = Program(site, eve)
    assert program.gets("/people").status_code == 200
    with house.app.db.tenant(ada.tenant_id) as tx:
        identity.change_role(tx, ada.caller, eve.caller.user_id, role=Role.MEMBER)

    assert program.gets("/people").status_code == 403


def test_it_says_which_field_is_wrong(program: Program) -> None:
    answer = program.asks("POST", "/invitations", {"email": "x", "role": "king", "extra": 1})

    assert answer.status_code == 422
    assert {error["pointer"] for error in answer.get_json()["errors"]} == {"/email", "/role", "/extra"}
    assert program.asks("POST", "/groups", {"name": "a\0b"}).status_code == 422
    assert (
        program.client.post(
            f"{PREFIX}/groups",
            data="{",
            headers={"Authorization": f"Bearer {program.secret}", "Content-Type": "application/json"},
        ).status_code
        == 400
    )
    assert (
        program.client.post(
            f"{PREFIX}/groups", data="x", headers={"Authorization": f"Bearer {program.secret}"}
        ).status_code
        == 415
    )


def test_it_pages_through_a_list(program: Program) -> None:
    for name in "abcde":
        program.asks("POST", "/groups", {"name": name})
    seen: list[str] = []
    path = "/groups?limit=2"
    while path:
        page = program.gets(path).get_json()
        seen += [group["name"] for group in page["items"]]
        path = f"/groups?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""

    assert sorted(seen) == list("abcde")
    assert len(seen) == 5
    assert program.gets("/groups?limit=0").status_code == 422
    assert program.gets("/groups?cursor=x").status_code == 422


def test_it_answers_304_to_who_has_it_and_412_to_who_has_something_older(program: Program) -> None:
    group = program.asks("POST", "/groups", {"name": "Board"}).get_json()
    path = f"/groups/{group['group_id']}"
    tag = program.gets(path).headers["ETag"]
    assert program.gets(path, If_None_Match=tag).status_code == 304

    assert program.asks("PUT", path, {"name": "The board"}, If_Match=tag).status_code == 200
    outdated = program.asks("PUT", path, {"name": "Mine"}, If_Match=tag)
    assert outdated.status_code == 412
    assert program.gets(path).get_json()["name"] == "The board"


def test_it_does_a_repeated_request_once(program: Program, house: House) -> None:
    body = {"name": "script", "scopes": ["chat"], "days": 3}
    first = program.asks("POST", "/tokens", body, Idempotency_Key="one")
    again = program.asks("POST", "/tokens", body, Idempotency_Key="one")
    other = program.asks("POST", "/tokens", body | {"days": 4}, Idempotency_Key="one")

    assert again.get_json() == first.get_json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert other.status_code == 422
    assert other.get_json()["code"] == "idempotency_key_reused"
    assert len([one for one in program.gets("/tokens").get_json()["items"] if one["name"] == "script"]) == 2
    with house.server.connect("boot", house.database) as boot:
        stored = str(boot.execute("SELECT * FROM cloister.idempotency_keys").fetchall())
    assert first.get_json()["secret"] not in stored


def test_it_forgets_an_answer_after_a_day_though_nobody_asks(program: Program, house: House) -> None:
    program.asks("POST", "/tokens", {"name": "script", "scopes": ["chat"], "days": 3}, Idempotency_Key="one")
    house.clock.passes(hours=25)
    schedule.tidy(house.worker)
    with house.server.connect("boot", house.database) as boot:
        assert boot.execute("SELECT count(*) FROM cloister.idempotency_keys").fetchone() == (0,)


def test_it_lets_a_refused_request_be_repeated(program: Program) -> None:
    program.asks("POST", "/groups", {"name": "Board"})
    assert program.asks("POST", "/groups", {"name": "Board"}, Idempotency_Key="k").status_code == 409
    board = program.gets("/groups").get_json()["items"][0]["group_id"]
    program.asks("DELETE", f"/groups/{board}")

    assert program.asks("POST", "/groups", {"name": "Board"}, Idempotency_Key="k").status_code == 201


def test_it_says_how_many_requests_are_left_and_stops_there(site: Flask, house: House, ada: Member) -> None:
    object.__setattr__(house.app, "settings", house.app.settings.model_copy(update={"api_requests_per_minute": 3}))
    program = Program(site, ada)
    answers = [program.gets("/me") for _ in range(8)]

    assert re.fullmatch(r'"token";r=\d+;t=\d+', answers[0].headers["RateLimit"])
    assert answers[0].headers["RateLimit-Policy"] == '"token";q=3;w=60'
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert int(refused[0].headers["Retry-After"]) <= 60


def test_it_keeps_organisations_apart(site: Flask, ada: Member, bo: Member) -> None:
    program, foreign = Program(site, ada), Program(site, bo)
    group = program.asks("POST", "/groups", {"name": "Board"}).get_json()["group_id"]

    assert foreign.gets(f"/groups/{group}").status_code == 404
    assert foreign.asks("DELETE", f"/groups/{group}").status_code == 404
    assert foreign.gets(f"/people/{ada.caller.user_id}").status_code == 404
    assert foreign.asks("DELETE", f"/tokens/{program.token_id}").status_code == 404


def test_it_describes_itself_in_openapi_3_1(site: Flask) -> None:
    described: dict[str, Any] = site.test_client().get(f"{PREFIX}/openapi.json").get_json()

    assert described["openapi"].startswith("3.1")
    assert described == document()
    for one in OPERATIONS:
        found = described["paths"][f"/api/v1{one.path}"][one.method.lower()]
        assert found["summary"], one.name
        for refusal in one.refusals:
            assert str(STATUS[refusal.kind]) in found["responses"], (one.name, refusal)


def test_it_explains_itself_on_our_own_host_to_whoever_is_signed_in(site: Flask, at_ada: Browser) -> None:
    page = at_ada.gets(PREFIX)

    assert page.status_code == 200
    assert "Authorization: Bearer" in page.text
    assert "/api/v1/groups/{group_id}" in page.text
    assert site.test_client().get(PREFIX).status_code == 303
