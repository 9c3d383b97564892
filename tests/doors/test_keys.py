"""Keys at the doors: who sees them, who rotates them, who destroys them, and what is said where one is missing."""

import errno
import json
import os
import re
from uuid import UUID

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from appliance.identity import Role, Scope, change_role, create_password_reset
from appliance.identity.values import ORGANISATION_ROLES
from appliance.kernel.sealing import seal
from appliance.vault.keyring import Keyring
from appliance.worker.schedule import tidy
from tests.doors.conftest import Console
from tests.support.house import House, Member
from tests.support.program import Program
from tests.support.providing import has, providers_of
from tests.support.site import Browser
from tests.support.vault import key_files, sweeps


@pytest.fixture
def keyed(ada: Member) -> Member:
    """Ada, whose organisation has stored something: it has keys."""
    ada.uploads("fire-drill.txt")
    return ada


@pytest.fixture
def eve(ada: Member) -> Member:
    eve = ada.adds("eve@harrow.example", Role.OWNER)
    ada.house.owners_settle()
    return eve


def at(site: Flask, member: Member) -> Browser:
    browser = Browser(site)
    assert browser.signs_in(member).status_code == 303
    return browser


def asks_for_destruction(browser: Browser, reason: str = "The contract ended.") -> str:
    """Ask; return where the request is decided."""
    answer = browser.posts("/keys/destruction", reason=reason)
    assert answer.status_code == 303, answer.text
    return browser.first(r'action="(/keys/destruction/[0-9a-f-]+)"', "/keys")


def test_an_organisation_has_keys_from_its_first_sign_in_on(ada: Member, site: Flask) -> None:
    """The address that it came from is the first thing that is sealed."""
    assert key_files(ada) == []
    page = at(site, ada).gets("/keys").text
    assert len(key_files(ada)) == 1
    assert "Data key 1" in page
    assert "No keys yet" not in page


def test_an_owner_rotates_a_key_and_sees_how_far_it_is(keyed: Member, at_ada: Browser) -> None:
    assert at_ada.posts("/keys/rotation", level="dek").status_code == 303
    page = at_ada.gets("/keys").text
    assert "Data key 2" in page
    assert "A new data key is in force" in page
    assert "data-busy" in page
    assert 'name="level"' not in page  # one at a time
    assert "Seal anew under a new data key" in at_ada.gets("/jobs").text
    again = at_ada.posts("/keys/rotation", level="kek")
    assert again.status_code == 409
    assert "is going on" in again.text

    sweeps(keyed)
    assert "data-busy" not in at_ada.gets("/keys/rotation").text
    page = at_ada.gets("/keys").text
    assert "Last rotated: the data key" in page
    assert page.count("destroyed") >= 1
    events = at_ada.gets("/audit").text
    assert {"vault:keys:read", "vault:key_rotation:begun", "vault:key:rotated"} <= set(
        re.findall(r"vault:[a-z:_]+", events)
    )


def test_a_rotation_asks_again_who_is_there(house: House, keyed: Member, at_ada: Browser) -> None:
    house.clock.passes(minutes=15)
    answer = at_ada.posts("/keys/rotation", level="kek")
    assert answer.status_code != 303
    assert 'name="confirm_password"' in answer.text
    assert len(key_files(keyed)) == 1


def test_each_role_is_offered_what_it_may(site: Flask, house: House, keyed: Member, eve: Member) -> None:
    seen = {}
    for role in (*ORGANISATION_ROLES, Role.OPERATOR):
        member = (
            eve if role is Role.OWNER else house.operator("olga@host.example") if role is Role.OPERATOR
            else keyed.adds(f"{role.value}@harrow.example", role)
        )  # fmt: skip
        browser = at(site, member)
        page = browser.gets("/keys")
        seen[role.value] = (page.status_code, 'name="level"' in page.text, "Ask a second owner" in page.text)
        assert ('href="/keys"' in browser.gets("/account").text) == (page.status_code == 200), role
    assert seen == {
        "owner": (200, True, True), "admin": (200, True, False), "auditor": (403, False, False),
        "member": (403, False, False), "operator": (200, True, False),
    }  # fmt: skip


def test_an_operator_sees_the_platforms_keys_and_no_organisations(site: Flask, house: House, keyed: Member) -> None:
    olga = at(site, house.operator("olga@host.example"))
    (ours,) = key_files(keyed)
    page = olga.gets("/keys").text
    assert ours.stem not in page
    assert "Key-encryption key 1" in page
    assert olga.posts("/keys/rotation", level="kek").status_code == 303
    assert "Key-encryption key 2" in olga.gets("/keys").text


def test_two_owners_destroy_the_keys(site: Flask, keyed: Member, eve: Member, at_ada: Browser) -> None:
    at_eve = at(site, eve)
    assert at_ada.posts("/keys/rotation", level="dek").status_code == 303  # which ends with its keys
    decision = asks_for_destruction(at_ada)
    page = at_ada.gets("/keys").text
    assert "The contract ended." in page
    assert "Destroy all keys for ever" not in page  # it takes another one
    assert at_ada.posts(decision, decision="grant", organisation="Harrow").status_code == 403
    assert "Destroy all keys for ever" in at_eve.gets("/keys").text
    refused = at_eve.posts(decision, decision="grant", organisation="Birch")
    assert refused.status_code == 422
    assert "This is not the organisation" in refused.text
    assert 'aria-invalid="true"' in refused.text
    assert key_files(keyed)

    assert at_eve.posts(decision, decision="grant", organisation=" Harrow ").status_code == 303
    assert key_files(keyed) == []
    page = at_ada.gets("/keys").text
    assert "These keys were destroyed" in page
    assert "granted by eve" in page
    assert "Ask a second owner" not in page
    assert "Requests to destroy the keys" in page
    assert at_ada.posts("/keys/rotation", level="dek").status_code == 410
    says_that_it_is_gone(at_ada.uploads("after.txt", b"Too late."))
    sweeps(keyed)  # and does not fail for ever
    assert "vault:key:destroyed" in at_ada.gets("/audit").text


def test_with_the_keys_go_keys_to_providers_and_none_is_offered_any_more(
    site: Flask, keyed: Member, eve: Member, at_ada: Browser
) -> None:
    has(keyed)
    decision = asks_for_destruction(at_ada)
    assert at(site, eve).posts(decision, decision="grant", organisation="Harrow").status_code == 303
    (provider,) = providers_of(keyed)
    assert [one.revoked_at is not None for one in provider.keys] == [True]
    page = at_ada.gets("/providers").text
    assert "it can have no keys of its own any more" in page
    assert 'name="key"' not in page
    page = at_ada.gets(f"/providers/{provider.provider_id}").text
    assert "revoked" in page
    assert 'name="key"' not in page
    assert {"vault:provider_key:revoked", "vault:provider_key:destroyed"} <= set(
        re.findall(r"vault:[a-z:_]+", at_ada.gets("/audit").text)
    )


def test_a_refused_destruction_ends_no_key_to_a_provider(site: Flask, keyed: Member, at_ada: Browser) -> None:
    new = keyed.adds("new@harrow.example", Role.OWNER)  # no owner for seven days
    has(keyed)
    decision = asks_for_destruction(at_ada)
    assert at(site, new).posts(decision, decision="grant", organisation="Harrow").status_code == 409
    (provider,) = providers_of(keyed)
    assert [one.revoked_at for one in provider.keys] == [None]
    assert len(key_files(keyed)) == 1


def says_that_it_is_gone(answer: TestResponse) -> None:
    assert answer.status_code == 410
    assert "destroyed on purpose" in answer.text


def test_a_second_owner_refuses_and_who_asked_can_take_it_back(
    site: Flask, keyed: Member, eve: Member, at_ada: Browser
) -> None:
    at_eve = at(site, eve)
    assert at_eve.posts(asks_for_destruction(at_ada), decision="refuse").status_code == 303
    assert "refused by eve" in at_ada.gets("/keys").text

    decision = asks_for_destruction(at_ada)
    assert at_ada.posts("/keys/destruction", reason="Once more").status_code == 409
    assert at_ada.posts(decision, decision="refuse").status_code == 303
    assert "taken back" in at_eve.gets("/keys").text
    assert at_eve.posts(decision, decision="grant", organisation="Harrow").status_code == 409
    assert len(key_files(keyed)) == 1


def test_the_only_owner_is_told_that_it_takes_two(keyed: Member, at_ada: Browser) -> None:
    page = at_ada.gets("/keys").text
    assert "you are the only one" in page
    assert 'action="/keys/destruction"' not in page


def test_it_takes_a_reason_and_no_administrator_or_other_organisation_destroys(
    site: Flask, keyed: Member, eve: Member, at_ada: Browser, at_bo: Browser
) -> None:
    short = at_ada.posts("/keys/destruction", reason="x")
    assert short.status_code == 422
    assert 'aria-describedby="problem' in short.text
    decision = asks_for_destruction(at_ada, "<script>alert(1)</script>")
    assert "<script>alert" not in at_ada.gets("/keys").text
    al = at(site, keyed.adds("al@harrow.example", Role.ADMIN))
    assert al.posts("/keys/destruction", reason="The contract ended.").status_code == 403
    assert al.posts(decision, decision="grant", organisation="Harrow").status_code == 403
    assert at_bo.posts(decision, decision="grant", organisation="Birch").status_code == 404
    assert len(key_files(keyed)) == 1


def test_a_program_lists_and_rotates_and_destroys_nothing(site: Flask, keyed: Member) -> None:
    program = Program(site, keyed)
    keys = program.gets("/keys").get_json()["items"]
    assert [(one["level"], one["number"], one["state"]) for one in keys] == [("dek", 1, "active"), ("kek", 1, "active")]
    assert program.gets("/keys/rotation").get_json() == {"rotation": None}
    begun = program.asks("POST", "/keys/rotations", {"level": "dek"})
    assert (begun.status_code, begun.get_json()["state"]) == (202, "sweeping")
    assert program.asks("POST", "/keys/rotations", {"level": "kek"}).get_json()["code"] == "rotation_running"
    sweeps(keyed)
    done = program.gets("/keys/rotation").get_json()["rotation"]
    assert (done["state"], done["done"], done["total"]) == ("done", 2, 2), "a file, and the key of who came from an address"
    assert program.gets("/keys/destructions").get_json() == {"items": []}
    assert program.asks("POST", "/keys/destructions", {"reason": "A token asks."}).status_code == 405
    reader = Program(site, keyed, [Scope.AUDIT_READ])
    assert reader.gets("/keys").status_code == 200
    assert reader.asks("POST", "/keys/rotations", {"level": "dek"}).status_code == 403


def test_the_console_lists_rotates_and_says_how_far_it_is(console: Console, house: House, keyed: Member) -> None:
    assert "active" in console("keys", "list").output
    begun = json.loads(console("keys", "rotate", "--level", "kek", "--json").output)
    assert (begun["level"], begun["state"]) == ("kek", "waiting")
    assert json.loads(console("keys", "status", "--json").output)["rotation"]["rotation_id"] == begun["rotation_id"]
    commands = re.findall(r"^  ([a-z-]+)  ", console("keys", "--help").output.split("Commands:")[1], re.MULTILINE)
    assert commands == ["list", "list-destructions", "rotate", "status"]  # destroying is left to people

    house.operator("olga@host.example")
    platforms = json.loads(console("keys", "list", "--in", "platform", "--json").output)["items"]
    assert {one["number"] for one in platforms} == {1}
    assert (
        json.loads(console("keys", "rotate", "--level", "dek", "--in", "platform", "--json").output)["level"] == "dek"
    )


def test_a_missing_key_file_is_said_calmly_and_counted(site: Flask, keyed: Member, at_ada: Browser) -> None:
    counted = failures(site)
    program = Program(site, keyed)
    (file,) = key_files(keyed)
    aside = file.with_suffix(".aside")
    file.rename(aside)

    page = at_ada.uploads("after.txt", b"Some text.")
    assert page.status_code == 503
    assert "Nothing was lost" in page.text
    answer = program.uploads({"after.txt": b"Some text."})
    assert (answer.status_code, answer.get_json()["code"]) == (503, "key_unavailable")
    group = {"name": "Board"}
    assert program.asks("POST", "/groups", group, Idempotency_Key="1").status_code == 503
    assert program.gets("/groups").get_json()["items"] == []  # what could not be kept was not done
    assert at_ada.gets("/keys").status_code == 200  # the list needs no key
    assert failures(site)["key_unavailable"] == counted["key_unavailable"] + 3

    file.write_bytes(aside.read_bytes())
    assert program.asks("POST", "/groups", group, Idempotency_Key="1").status_code == 201
    aside.chmod(0o600)
    content = bytearray(aside.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    answer = program.uploads({"after.txt": b"Some text."})
    assert (answer.status_code, answer.get_json()["code"]) == (500, "seal_broken")
    assert failures(site)["seal_broken"] == counted["seal_broken"] + 1


def failures(site: Flask) -> dict[str, float]:
    found = re.findall(r'cloister_seal_failures_total{kind="(\w+)"} ([\d.]+)', site.test_client().get("/metrics").text)
    assert {name for name, _ in found} == {"key_destroyed", "key_unavailable", "seal_broken"}
    return {name: float(count) for name, count in found}


def test_it_destroys_nothing_for_somebody_who_was_an_owner_and_says_so(
    site: Flask, keyed: Member, eve: Member, at_ada: Browser
) -> None:
    decision = asks_for_destruction(at(site, eve))
    with keyed.services.db.tenant(keyed.tenant_id) as tx:
        change_role(tx, keyed.caller, eve.caller.user_id, role=Role.ADMIN)
    refused = at_ada.posts(decision, decision="grant", organisation="Harrow")
    assert refused.status_code == 409
    assert "no owner any more" in refused.text
    assert len(key_files(keyed)) == 1
    assert at_ada.posts(decision, decision="refuse").status_code == 303


def test_it_destroys_nothing_while_the_root_itself_still_opens_files(
    site: Flask, keyed: Member, eve: Member, at_ada: Browser
) -> None:
    (path,) = (keyed.house.settings.data_dir / "blobs").glob(f"{keyed.tenant_id}/??/*")
    content = keyed.services.blobs.get(keyed.tenant_id, UUID(path.name))
    key = Keyring(keyed.house.settings.secrets / "root.key").tenant_key(keyed.tenant_id)
    path.write_bytes(seal(key, content, context=b"blob\0" + keyed.tenant_id.bytes + UUID(path.name).bytes))
    decision, at_eve = asks_for_destruction(at_ada), at(site, eve)

    refused = at_eve.posts(decision, decision="grant", organisation="Harrow")
    assert refused.status_code == 409
    assert "Rotate its data key first" in refused.text
    assert len(key_files(keyed)) == 1
    assert at_ada.posts("/keys/rotation", level="dek").status_code == 303
    sweeps(keyed)
    assert at_eve.posts(decision, decision="grant", organisation="Harrow").status_code == 303
    assert key_files(keyed) == []


def test_the_page_says_before_a_kek_is_turned_that_earlier_backups_will_not_open(
    keyed: Member, at_ada: Browser
) -> None:
    assert "backups made before it open nothing any more" in at_ada.gets("/keys").text


def test_a_colleague_whose_password_she_reset_is_no_second_owner_and_the_page_says_so(
    site: Flask, house: House, keyed: Member, eve: Member, at_ada: Browser
) -> None:
    decision = asks_for_destruction(at_ada)
    with keyed.services.db.tenant(keyed.tenant_id) as tx:
        create_password_reset(tx, keyed.caller, eve.caller.user_id, clock=house.clock)
    refused = at(site, eve).posts(decision, decision="grant", organisation="Harrow")
    assert refused.status_code == 409
    assert "eve has not been an owner for seven days" in refused.text
    assert len(key_files(keyed)) == 1
    house.owners_settle()
    assert at(site, eve).posts(decision, decision="grant", organisation="Harrow").status_code == 303
    assert key_files(keyed) == []


def test_a_full_disk_at_the_destruction_is_said_and_the_worker_goes_on(
    site: Flask, house: House, keyed: Member, eve: Member, at_ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    decision, at_eve = asks_for_destruction(at_ada), at(site, eve)
    with monkeypatch.context() as full:
        full.setattr("appliance.vault.keyfiles.write_durably", is_full)
        answer = at_eve.posts(decision, decision="grant", organisation="Harrow")
    assert answer.status_code == 303
    assert "the worker goes on with it" in at_eve.gets(answer.headers["Location"]).text
    says_that_it_is_gone(at_ada.uploads("after.txt", b"Too late."))
    tidy(house.worker)
    assert key_files(keyed) == []
