"""Provider keys at the pages, the API and the console: they go in, and never come out."""

import json
import re
from pathlib import Path

import pytest
from flask import Flask

from appliance.identity import Role, Scope
from appliance.vault.providing import ProviderKind
from appliance.worker.reminders import remind_of_keys
from tests.doors.conftest import Console
from tests.support.house import PASSWORD, House, Member
from tests.support.key_vendors import ANTHROPIC, OPENAI, Vendors
from tests.support.mailbox import Mailbox
from tests.support.program import Program
from tests.support.providing import KEY, OTHER, adds, borrows, has, providers_of
from tests.support.site import Browser

FORM = {
    "name": "openai-eu",
    "kind": "openai",
    "base_url": "",
    "region": "",
    "label": "first",
    "weight": "1",
    "expires_on": "",
}
AZURE = "https://harrow.openai.azure.com"


def test_it_adds_changes_checks_and_revokes_at_the_pages(ada: Member, at_ada: Browser, street: Vendors) -> None:
    added = at_ada.posts("/providers", **FORM, key=OPENAI)
    assert added.status_code == 303, added.text
    path = added.headers["Location"].partition("?")[0]
    (provider,) = providers_of(ada)
    assert provider.keys[0].check_code == "ok"

    at_ada.posts(
        f"{path}/keys", key=OTHER, label="second", weight="3", unchecked="yes", address=provider.base_url, expires_on=""
    )
    second = next(key for key in providers_of(ada)[0].keys if key.label == "second")
    own = f"{path}/keys/{second.key_id}"
    assert "the provider does not take it" in at_ada.client.get(at_ada.posts(f"{own}/check").headers["Location"]).text
    at_ada.posts(own, label="third", weight="5", expires_on="2099-01-31")
    page = at_ada.gets(own).text
    assert "third" in page
    assert 'value="2099-01-31"' in page
    replaced = at_ada.posts(
        f"{own}/replacement", key=ANTHROPIC, unchecked="yes", address=provider.base_url, expires_on=""
    )
    assert "The new key is in force" in at_ada.client.get(replaced.headers["Location"]).text
    at_ada.posts(f"{path}/keys/{provider.keys[0].key_id}/revocation")
    assert [key.label for key in providers_of(ada)[0].keys if not key.revoked_at] == ["third"]
    assert borrows(ada, "openai-eu").secret.reveal() == ANTHROPIC
    at_ada.posts(f"{path}/deletion")
    assert providers_of(ada) == []


def test_it_says_what_is_wrong_keeps_what_was_typed_and_forgets_the_key(
    ada: Member, at_ada: Browser, street: Vendors
) -> None:
    for key, said in (
        ("sk-wrong-0123456789", "does not take this key"),
        ("••••wxyz", "mask"),
        ("", "not a key of this provider"),
    ):
        answer = at_ada.posts("/providers", **FORM, key=key)
        assert answer.status_code == 422
        assert said in answer.text
        assert 'value="openai-eu"' in answer.text
        assert "sk-wrong" not in answer.text
    closed = at_ada.posts(
        "/providers", **FORM | {"kind": "azure_openai", "base_url": "https://closed.example"}, key=OPENAI
    )
    assert "Calls to closed.example are not allowed" in closed.text
    assert providers_of(ada) == []


def test_another_address_asks_for_the_key_again(ada: Member, at_ada: Browser) -> None:
    provider = has(ada, "azure", kind=ProviderKind.AZURE_OPENAI, base_url=AZURE)
    path, moved = f"/providers/{provider.provider_id}", {"name": "azure", "base_url": "https://evil.example"}
    for masked in ("", "••••wxyz"):
        answer = at_ada.posts(path, **moved, key=masked)
        assert "give the key again" in answer.text
    assert borrows(ada, "azure").provider.base_url == AZURE
    server = has(ada, "vllm", "", kind=ProviderKind.OPENAI_COMPATIBLE, base_url="http://vllm:8000/v1")
    unchanged = {"name": "vllm", "base_url": "http://vllm:9000/v1", "key": "", "unchecked": "yes"}
    assert (
        at_ada.posts(f"/providers/{server.provider_id}", **unchanged).status_code == 303
    )  # it asks for none there, too
    assert borrows(ada, "vllm").secret.is_empty
    late = at_ada.posts(
        f"{path}/keys",
        key=OTHER,
        label="x",
        weight="1",
        unchecked="yes",
        address="https://elsewhere.example",
        expires_on="",
    )
    assert late.status_code == 409


def test_a_key_is_not_carried_through_the_page_that_asks_who_is_there(
    ada: Member, at_ada: Browser, house: House
) -> None:
    provider = has(ada)
    house.clock.passes(minutes=11)
    path = f"/providers/{provider.provider_id}"
    assert "Prove it now" in at_ada.gets(path).text
    asked = at_ada.posts(
        f"{path}/keys", key=OTHER, label="second", weight="1", unchecked="yes", address=provider.base_url, expires_on=""
    )
    assert "Is it you?" in asked.text
    assert OTHER not in asked.text
    fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', asked.text))
    fields |= {"confirm_password": PASSWORD}
    sent = at_ada.client.post("/confirm", data=fields)
    assert sent.status_code == 307
    again = at_ada.client.post(
        sent.headers["Location"], data={k: v for k, v in fields.items() if not k.startswith("confirm")}
    )
    assert "the key was not kept" in again.text
    assert 'value="second"' in again.text
    assert "Prove it now" not in again.text
    assert len(providers_of(ada)[0].keys) == 1


def test_what_ends_soon_stands_on_the_page_and_comes_by_mail_once(
    ada: Member, bo: Member, at_ada: Browser, house: House
) -> None:
    provider = has(ada)
    adds(ada, provider, days=20)
    has(bo)
    ada.adds("eve@harrow.example", Role.ADMIN)
    ada.adds("mia@harrow.example", Role.MEMBER)
    assert "expires on" not in at_ada.gets("/providers").text
    house.clock.passes(days=8)
    with Mailbox() as box:
        box.serves(house)
        for _ in range(2):
            for tenant_id in (ada.tenant_id, bo.tenant_id):
                remind_of_keys(house.worker, tenant_id)
        assert sorted(mail["To"] for mail in box.mails) == ["ada@harrow.example", "eve@harrow.example"]
        assert "openai: second" in box.mails[0].get_content()
    browser = Browser(at_ada.client.application)
    browser.signs_in(ada)
    assert "second of openai expires on" in browser.gets("/providers").text
    house.clock.passes(days=13)
    browser.signs_in(ada)
    assert "is no longer used" in browser.gets("/providers").text
    log = browser.gets("/audit?event=vault:provider_key:expiring").text
    assert log.count("<code>vault:provider_key:expiring</code>") == 1


def test_a_mail_server_that_takes_nothing_stops_no_round(ada: Member, house: House) -> None:
    adds(ada, has(ada), days=3)
    with Mailbox() as box:
        box.serves(house)
        box.refuses = True
        remind_of_keys(house.worker, ada.tenant_id)
        assert box.mails == []


def test_nobody_is_told_a_key_at_any_door(
    site: Flask, ada: Member, at_ada: Browser, house: House, capfd: pytest.CaptureFixture[str]
) -> None:
    provider = has(ada)
    key = provider.keys[0]
    people = {
        role: ada if role is Role.OWNER else ada.adds(f"{role.value}@harrow.example", role)
        for role in (Role.OWNER, Role.ADMIN, Role.AUDITOR, Role.MEMBER)
    }
    said = ""
    for role, person in people.items():
        program = Program(site, person)
        for path in (
            "",
            f"/{provider.provider_id}",
            f"/{provider.provider_id}/keys/{key.key_id}",
            f"/{provider.provider_id}/uses",
            f"/{provider.provider_id}/keys/{key.key_id}/secret",
        ):
            answer = program.gets(f"/providers{path}")
            is_refused = role in {Role.AUDITOR, Role.MEMBER} or path.endswith("secret")
            assert answer.status_code == (403 if is_refused else 200), (role, path)
            said += answer.text
        browser = Browser(site)
        browser.signs_in(person)
        for path in ("", f"/{provider.provider_id}", f"/{provider.provider_id}/keys/{key.key_id}"):
            said += browser.gets(f"/providers{path}").text
    writer = Program(site, ada)
    refused = [
        writer.asks("POST", "/providers", {"name": "x", "kind": "nobody", "key": OTHER}),
        writer.asks("POST", "/providers", {"name": "x", "kind": "openai", "key": OTHER, "more": 1}),
        writer.asks("POST", "/providers", {"name": "x", "kind": "openai", "key": OTHER}),  # no way out of this house
        writer.asks("POST", f"/providers/{provider.provider_id}/keys", {"key": KEY, "check": False}),
    ]
    assert [one.status_code for one in refused] == [422, 422, 422, 409]
    said += "".join(one.text for one in refused) + at_ada.gets("/audit").text + "".join(capfd.readouterr())
    assert at_ada.gets("/audit?event=vault:provider_key:reveal_refused").text.count("<code>vault:provider_key:rev") == 4
    assert "vault:provider_key:reveal_refused" in said
    assert [one for one in (KEY, OTHER, KEY[8:20], OTHER[8:20]) if one in said] == []


def test_a_program_adds_and_changes_with_idempotency_and_tags(site: Flask, ada: Member, street: Vendors) -> None:
    program = Program(site, ada, [Scope.PROVIDERS_WRITE])
    body = {"name": "openai-eu", "kind": "openai", "key": OPENAI, "weight": 2}
    made = program.asks("POST", "/providers", body, Idempotency_Key="one")
    again = program.asks("POST", "/providers", body, Idempotency_Key="one")
    assert (made.status_code, again.status_code, again.headers["Idempotency-Replayed"]) == (201, 201, "true")
    assert program.asks("POST", "/providers", body | {"key": OTHER}, Idempotency_Key="one").status_code == 422
    path, key = f"/providers/{made.json['provider_id']}", made.json["keys"][0]  # type: ignore[index]
    tag = program.gets(path).headers["ETag"]
    borrows(ada, "openai-eu")  # is counted elsewhere, so the tag stays
    change = {"name": "openai-us", "base_url": ""}
    assert program.asks("PUT", path, change, If_Match=tag).status_code == 200
    assert program.asks("PUT", path, change, If_Match=tag).status_code == 412
    uses = program.gets(f"{path}/uses").get_json()["items"]
    assert [one["uses"] for one in uses] == [1]
    terms = program.asks(
        "PUT", f"{path}/keys/{key['key_id']}", {"label": "new", "weight": 7, "expires_at": "2099-01-01T00:00:00Z"}
    )
    assert (terms.get_json()["label"], terms.get_json()["weight"]) == ("new", 7)
    assert program.asks("POST", f"{path}/keys/{key['key_id']}/check").get_json()["check_code"] == "ok"
    put = program.asks("POST", f"{path}/keys/{key['key_id']}/replacement", {"key": OTHER, "check": False})
    assert put.get_json()["label"] == "new"
    assert program.asks("DELETE", f"{path}/keys/{put.get_json()['key_id']}").status_code == 204
    assert program.asks("DELETE", path).status_code == 204
    settings = Program(site, ada, [Scope.SETTINGS_WRITE])
    assert settings.gets("/providers").status_code == 403


def test_the_operator_shares_keys_and_says_who_uses_which(
    site: Flask, house: House, ada: Member, at_ada: Browser
) -> None:
    olga = house.operator("olga@host.example")
    has(olga, "shared")
    at_olga = Browser(site)
    at_olga.signs_in(olga)
    assert "shared" in at_olga.gets("/providers").text
    assert "shared by the platform" in at_ada.gets("/providers").text
    assert at_olga.posts(f"/organisations/{ada.tenant_id}/own-keys", own_keys="forbidden").status_code == 303
    assert re.search(r'value="forbidden"\s+selected', at_olga.gets("/organisations").text)
    assert "shared providers alone" in at_ada.gets("/providers").text
    assert at_ada.posts("/providers", **FORM, key=OPENAI).status_code == 403
    program = Program(site, olga)
    assert (
        program.asks("PUT", f"/platform/organisations/{ada.tenant_id}/own-keys", {"own_keys": "required"}).status_code
        == 204
    )
    assert program.gets("/platform/organisations").get_json()["items"][0]["own_keys"] == "required"
    assert Program(site, ada).gets("/providers").get_json()["items"] == []
    assert Program(site, ada).gets("/providers/own-keys").get_json() == {"own_keys": "required"}


def test_the_console_takes_a_key_from_a_file_or_standard_input_and_never_as_an_argument(
    console: Console, ada: Member, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    made = console(
        "provider", "create", "--name", "x", "--kind", "openai", "--key-file", str(file), "--check", "false", "--json"
    )
    assert made.exit_code == 0, made.output
    provider = json.loads(made.output)
    assert borrows(ada, "x").secret.reveal() == KEY
    words = (
        "provider",
        "replace-key",
        provider["provider_id"],
        provider["keys"][0]["key_id"],
        "--check",
        "false",
        "--key-file",
        "-",
    )
    assert console(*words, given=OTHER).exit_code == 0
    assert borrows(ada, "x").secret.reveal() == OTHER
    assert "--key " not in console("provider", "create", "--help").output
    assert console(*words[:-2], "--key", KEY).exit_code == 2
    refused = console("provider", "reveal", provider["provider_id"], provider["keys"][0]["key_id"])
    assert "Nobody is shown" in str(refused.exception)
    assert "vault:provider_key:reveal_refused" in console("audit", "list", "--json").output


def test_a_token_of_before_needs_the_scope_for_keys(site: Flask, ada: Member) -> None:
    has(ada)
    reader = Program(site, ada, [Scope.AUDIT_READ])
    assert reader.gets("/providers").status_code == 200
    assert reader.asks("POST", "/providers", {"name": "x", "kind": "openai", "key": OTHER}).status_code == 403
