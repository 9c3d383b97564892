"""Sign-on at the API and at the console."""

import json
from pathlib import Path

import pytest
from flask import Flask

from appliance.identity import Role, Scope
from appliance.identity.sso import connections
from appliance.identity.sso.values import ConnectionState, TransactionPurpose
from tests.doors.conftest import Console
from tests.support.house import Member
from tests.support.program import Program
from tests.support.sign_on import SignOn, connects

SETTINGS = {"issuer": "https://idp.harrow.example", "client_id": "cloister", "groups_claim": "groups"}
SECRET = "not to be shown, ever"


def test_a_program_sets_a_connection_up_and_never_sees_its_secret(site: Flask, ada: Member) -> None:
    program = Program(site, ada, [Scope.SETTINGS_WRITE])
    made = program.asks("POST", "/sign-on/connections", {"name": "IdP", "settings": SETTINGS, "secret": SECRET})
    assert made.status_code == 201, made.text
    path = f"/sign-on/connections/{made.get_json()['connection_id']}"
    wrong = program.asks("PUT", path, {"settings": {**SETTINGS, "issuer": "http://idp.harrow.example"}})
    assert (wrong.status_code, wrong.get_json()["code"]) == (422, "connection_setting_malformed")
    unknown = program.asks("PUT", path, {"settings": {**SETTINGS, "jwks_uri": "https://evil.example"}})
    assert unknown.status_code == 422
    changed = program.asks("PUT", path, {"provisions": False, "default_role": "auditor"}).get_json()
    assert (changed["provisions"], changed["default_role"], changed["has_secret"]) == (False, "auditor", True)
    assert program.asks("PUT", f"{path}/state", {"state": "active"}).get_json()["code"] == "connection_untested"
    assert program.asks("PUT", f"{path}/state", {"state": "enforced"}).status_code == 422
    assert program.asks("POST", f"{path}/mappings", {"said": "it", "role": "admin"}).status_code == 201
    assert program.asks("POST", f"{path}/mappings", {"said": "it", "role": None}).status_code == 422
    assert [one["said"] for one in program.gets(f"{path}/mappings").get_json()["items"]] == ["it"]
    link = program.asks("POST", f"{path}/setup-link").get_json()["link"]
    assert program.gets(path).get_json()["has_setup_link"] is True
    assert site.test_client().get(link.partition("/sso")[1] + link.partition("/sso")[2]).status_code == 200
    assert SECRET not in program.gets(path).text + program.gets("/sign-on/connections").text
    assert program.asks("DELETE", path).status_code == 204
    assert program.gets(path).status_code == 404


def test_a_program_names_domains(site: Flask, ada: Member) -> None:
    program = Program(site, ada, [Scope.SETTINGS_WRITE])
    made = program.asks("POST", "/sign-on/domains", {"domain": "Harrow.example"}).get_json()
    assert (made["domain"], made["record"]) == ("harrow.example", "_cloister-challenge.harrow.example")
    again = program.asks("POST", f"/sign-on/domains/{made['domain_id']}/verification")
    assert (again.status_code, again.get_json()["code"]) == (409, "domain_unproven")
    assert program.asks("DELETE", f"/sign-on/domains/{made['domain_id']}").status_code == 204


def test_members_and_auditors_see_nothing_of_it(site: Flask, ada: Member) -> None:
    one = connects(ada)
    for role in (Role.MEMBER, Role.AUDITOR):
        program = Program(site, ada.adds(f"{role.value}@harrow.example", role))
        assert program.gets(f"/sign-on/connections/{one.connection_id}").status_code == 403


def test_the_console_has_the_same_verbs(console: Console, ada: Member, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    (tmp_path / "settings").write_text(json.dumps(SETTINGS))
    made = console(
        "sign-on", "create-connection", "--name", "IdP", "--settings", f"@{tmp_path / 'settings'}", "--secret-file",
        str(tmp_path / "secret"), "--json",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    assert SECRET not in made.output
    connection_id = json.loads(made.output)["connection_id"]
    changed = console("sign-on", "change-connection", connection_id, "--name", "Other", "--json")
    assert json.loads(changed.output)["settings"]["client_id"] == "cloister"
    assert console("sign-on", "change-connection", connection_id, "--settings", "[1]").exit_code == 2
    assert "Other" in console("sign-on", "list-connections").output
    assert console("sign-on", "add-domain", "--domain", "harrow.example").exit_code == 0
    approved = console("sign-on", "approve-domain", str(ada.tenant_id), "harrow.example", "--json")
    said = json.loads(approved.output)
    assert (said["domain"], said["verified_by"], said["approval"]) == ("harrow.example", "operator", "given")
    assert said["approved_until"] in console("sign-on", "approve-domain", str(ada.tenant_id), "harrow.example").output
    assert console("sign-on", "approve-domain", str(ada.tenant_id), "birch.example").exit_code == 1


def test_the_console_opens_what_a_provider_closed(console: Console, ada: Member) -> None:
    one = connects(ada).opens()
    enforces(one, ada)
    opened = console("sign-on", "allow-passwords", str(ada.tenant_id), "--json")
    assert json.loads(opened.output) == {"connections": 1}
    assert one.connection.state is ConnectionState.ACTIVE


def enforces(one: SignOn, ada: Member) -> None:
    one.is_tested(ada)
    one.arrives("ada-1", purpose=TransactionPurpose.LINK, user_id=ada.caller.user_id)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        connections.enforce(tx, ada.caller, one.connection_id)


@pytest.mark.parametrize("unsafe", ["http://idp.example", "https://user@idp.example", "https://idp.example?x", "ftp://idp.example", "https://", "x" * 600])
def test_an_issuer_is_an_address_of_https(unsafe: str) -> None:
    from appliance.identity.sso.errors import ConnectionSettingMalformed
    from appliance.identity.sso.oidc.settings import checked

    with pytest.raises(ConnectionSettingMalformed):
        checked({"issuer": unsafe, "client_id": "c"})
    assert checked({"issuer": "https://idp.example/", "client_id": "c"})["issuer"] == "https://idp.example/"
