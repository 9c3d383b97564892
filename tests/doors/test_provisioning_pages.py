"""Provisioning as administrators see it: on a page, by the API, at the console; and what the log says of it."""

import json
import re

from flask import Flask

from appliance.identity import Role, Scope
from tests.doors.conftest import Console
from tests.support.door import key_of
from tests.support.house import Member
from tests.support.provisioning import USER, Provider, events
from tests.support.sign_on import connects
from tests.support.site import Browser


def test_an_owner_switches_it_on_hands_out_a_token_and_ends_it(site: Flask, at_ada: Browser, ada: Member) -> None:
    connection_id = connects(ada).opens().connection_id
    page = f"/sign-on/{connection_id}/provisioning"
    assert page in at_ada.gets(f"/sign-on/{connection_id}").text
    assert "/tokens" not in at_ada.gets(page).text.replace('href="/tokens"', "")

    assert at_ada.posts(page, is_on="yes", subject_of="userName", needs_group="").status_code == 303
    issued = at_ada.posts(f"{page}/tokens", days="30", networks="")
    secret = re.search(r'value="(cloister_scim_[\w-]+)"', issued.text)
    assert secret is not None
    assert f"/scim/v2/{connection_id}" in issued.text
    provider = Provider(site, ada, connection_id, secret[1])
    assert provider.adds("mia@harrow.example")["active"] is True
    shown = at_ada.gets(page).text
    assert secret[1] not in shown
    assert "1, of whom 1 have access" in shown

    revocation = at_ada.first(rf'action="({page}/tokens/[\w-]+/revocation)"', page)
    assert at_ada.posts(revocation).status_code == 303
    assert provider.asks("GET", "/Users").status_code == 401
    said = [event for event, _ in events(ada, "identity:provision")]
    assert said == [
        "identity:provisioning_token:revoked", "identity:provisioned_user:created", "identity:provisioning_token:created",
        "identity:provisioning:changed",
    ]  # fmt: skip


def test_a_form_that_is_wrong_says_what_is(at_ada: Browser, ada: Member) -> None:
    page = f"/sign-on/{connects(ada).connection_id}/provisioning"
    off = at_ada.posts(f"{page}/tokens", days="30")
    assert off.status_code == 403
    at_ada.posts(page, is_on="yes", subject_of="externalId")

    for form in ({"days": "0"}, {"days": "731"}, {"days": "soon"}, {"days": "5", "networks": "everywhere"}):
        answer = at_ada.posts(f"{page}/tokens", **form)
        assert answer.status_code == 422, form
        assert 'role="alert"' in answer.text


def test_a_member_sees_none_of_it_and_nobody_sees_anothers(site: Flask, ada: Member, at_bo: Browser) -> None:
    page = f"/sign-on/{connects(ada).connection_id}/provisioning"
    lee = Browser(site)
    lee.signs_in(ada.adds("lee@harrow.example", Role.MEMBER))

    assert lee.gets(page).status_code == 403
    assert at_bo.gets(page).status_code == 404
    assert at_bo.posts(page, is_on="yes", subject_of="externalId").status_code == 404
    assert at_bo.posts(f"{page}/tokens", days="30").status_code == 404


def test_a_program_does_the_same(site: Flask, ada: Member, bo: Member) -> None:
    connection_id = connects(ada).connection_id
    path, client = f"/api/v1/provisioning/{connection_id}", site.test_client()
    mine = {"Authorization": f"Bearer {key_of(ada, Scope.SETTINGS_WRITE)}"}
    theirs = {"Authorization": f"Bearer {key_of(bo, Scope.SETTINGS_WRITE)}"}

    on = client.put(path, json={"is_on": True, "needs_group": True}, headers=mine)
    issued = client.post(f"{path}/tokens", json={"networks": ["127.0.0.0/8"]}, headers=mine).get_json()
    listed = client.get("/api/v1/provisioning", headers=mine).get_json()

    assert on.get_json()["service"] == {"is_on": True, "subject_of": "externalId", "needs_group": True}
    assert listed["items"][0]["tokens"][0]["token_id"] == issued["token"]["token_id"]
    assert "secret" not in json.dumps(listed)
    assert Provider(site, ada, connection_id, issued["secret"]).asks("GET", "/Users").status_code == 200
    for answer in (
        client.get(path, headers=theirs), client.put(path, json={"is_on": True}, headers=theirs),
        client.post(f"{path}/tokens", json={}, headers=theirs), client.delete(f"{path}/tokens/{issued['token']['token_id']}", headers=theirs),
    ):  # fmt: skip
        assert answer.status_code == 404
    assert client.get("/api/v1/provisioning", headers=theirs).get_json()["items"] == []
    assert client.delete(f"{path}/tokens/{issued['token']['token_id']}", headers=mine).status_code == 204
    assert client.get(path, headers={"Authorization": f"Bearer {key_of(ada, Scope.CHAT)}"}).status_code == 403


def test_the_console_does_the_same(site: Flask, ada: Member, console: Console) -> None:
    connection_id = str(connects(ada).connection_id)

    on = console("provisioning", "set", connection_id, "--is-on", "true")
    issued = console("provisioning", "issue-token", connection_id, "--days", "5", "--json")

    assert on.exit_code == 0, on.output
    secret = json.loads(issued.output)["secret"]
    assert Provider(site, ada, connects(ada, "Another").connection_id, secret).asks("GET", "/Users").status_code == 401
    answer = site.test_client().post(
        f"/scim/v2/{connection_id}/Users", json={"schemas": [USER], "userName": "mia"}, headers={"Authorization": f"Bearer {secret}"}
    )
    assert answer.status_code == 201
