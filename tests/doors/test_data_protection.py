"""Policies on what is found: at their pages without a script, by API and at the console."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from appliance import identity, tenancy
from appliance.dlp import Action, Category, Direction, PolicyRule, policy_in_force
from appliance.dlp.drafting import find_draft
from appliance.dlp.policy_values import Draft
from appliance.identity import Role
from appliance.tenancy import Review
from tests.doors.conftest import Console
from tests.support.house import House, Member
from tests.support.program import Program
from tests.support.queue import Worker
from tests.support.site import Browser


@pytest.fixture
def program(site: Flask, ada: Member) -> Program:
    return Program(site, ada)


@pytest.fixture
def worker(house: House) -> Iterator[Worker]:
    worker = Worker(house)
    yield worker
    worker.close()


DRAFT = "/data-protection/draft"
RULE = {
    "name": "Mail stays here", "why": "It is ours.", "action": "block", "categories": "e-mail address", "directions": "prompt", "least": "70",
    "labels": "Patients", "only_leaving": "yes", "unless_terms": "dpa", "unless_regions": "eu-*",
}  # fmt: skip


def draft_of(member: Member) -> Draft:
    with member.services.db.tenant(member.tenant_id) as tx:
        found = find_draft(tx, member.caller)
    assert found is not None
    return found


def names(member: Member) -> list[str]:
    return [one.name for one in draft_of(member).form.rules]


def at(member: Member, browser: Browser, path: str, **form: str) -> int:
    return browser.posts(DRAFT + path, revision=str(draft_of(member).revision), **form).status_code


def test_rules_are_added_moved_changed_and_removed_without_a_script(at_ada: Browser, ada: Member) -> None:
    assert at_ada.posts(f"{DRAFT}/beginning", start="template:wiki").status_code == 303
    templated = names(ada)
    assert at(ada, at_ada, "/rules/new", **RULE) == 303
    assert names(ada) == [*templated, "Mail stays here"]
    added = draft_of(ada).form.rules[-1].rule
    assert added == PolicyRule(
        added.rule_id, Action.BLOCK, frozenset({Category.EMAIL}), directions=frozenset({Direction.PROMPT}),
        labels=frozenset({"patients"}), least=0.7, unless_terms=frozenset({"dpa"}), unless_regions=frozenset({"eu-*"}),
        only_leaving=True,
    )  # fmt: skip

    assert at(ada, at_ada, f"/rules/{added.rule_id}/place", to="earlier") == 303
    assert names(ada)[-2] == "Mail stays here"
    page = at_ada.gets(f"{DRAFT}/rules/{added.rule_id}").text
    assert re.search(r'value="e-mail address" checked', page)
    assert at(ada, at_ada, f"/rules/{added.rule_id}", **RULE | {"action": "warn"}) == 303
    for one in draft_of(ada).form.rules[:-2]:
        assert at(ada, at_ada, f"/rules/{one.rule.rule_id}/deletion") == 303
    assert [(one.name, one.rule.action) for one in draft_of(ada).form.rules] == [
        ("Mail stays here", Action.WARN), (templated[-1], Action.REDACT),
    ]  # fmt: skip

    shown = at_ada.gets(DRAFT).text
    assert "Mail stays here" in shown[shown.index("What it changes") :]
    assert at(ada, at_ada, "/enactment") == 303
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert policy_in_force(tx).version == 1
    assert "Mail stays here" in at_ada.gets("/data-protection").text
    assert "added" in at_ada.gets("/data-protection/version?number=1").text


def test_a_wrong_rule_is_refused_with_what_was_typed_and_an_old_page_saves_nothing(at_ada: Browser, ada: Member) -> None:
    at_ada.posts(f"{DRAFT}/beginning", start="nothing")
    for wrong in ({"name": ""}, {"least": "200"}, {"least": "x"}, {"action": "shout"}, {"unless_terms": "tea"}, {"directions": "upload"}):
        refused = at_ada.posts(f"{DRAFT}/rules/new", revision="1", **RULE | wrong)
        assert refused.status_code == 422, wrong
        assert "It is ours." in refused.text
    assert at_ada.posts(f"{DRAFT}/rules/new", revision="9", **RULE).status_code == 409
    assert names(ada) == []


def test_a_second_person_agrees_at_a_browser_and_no_program_does(
    at_ada: Browser, ada: Member, house: House, program: Program, at_cy: Browser
) -> None:
    mia = ada.adds("mia@harrow.example", Role.ADMIN)
    at_ada.posts(f"{DRAFT}/beginning", start="template:pci")
    at(ada, at_ada, "", needs_second="yes", note="Two from now on")
    at(ada, at_ada, "/enactment")
    at_ada.posts(f"{DRAFT}/beginning", start="nothing")
    revision = draft_of(ada).revision
    answer = program.asks("POST", "/dlp/policies/draft/enactment", {"revision": revision})
    assert answer.get_json() == {"version": None, "awaits_second": True}
    assert at_ada.posts(f"{DRAFT}/approval", revision=str(revision)).status_code == 409
    house.owners_settle()
    at_cy.signs_in(mia)
    assert "asked to put it in force" in at_cy.gets(DRAFT).text
    assert at_cy.posts(f"{DRAFT}/approval", revision=str(revision)).status_code == 303
    assert "Two from now on" in at_cy.gets("/data-protection").text
    assert "mia" in at_cy.gets("/data-protection/version?number=2").text


def test_strangers_and_those_who_may_not_see_nothing(at_ada: Browser, at_bo: Browser, ada: Member, at_cy: Browser) -> None:
    at_ada.posts(f"{DRAFT}/beginning", start="template:gdpr")
    at(ada, at_ada, "/enactment")
    assert at_bo.gets("/data-protection/version?number=1").status_code == 404
    assert at_bo.gets("/data-protection/version?number=999999999").status_code == 404
    assert "Health data" not in at_bo.gets("/data-protection").text.split('id="draft"', maxsplit=1)[0]
    at_cy.signs_in(ada.adds("eve@harrow.example", Role.MEMBER))
    assert at_cy.gets("/data-protection").status_code == 403
    assert "/data-protection" not in at_cy.gets("/").text


def test_a_dry_run_is_asked_for_and_shown(at_ada: Browser, ada: Member, worker: Worker) -> None:
    ada.uploads("mail.txt", "Write to jo.swan@heron.example.")
    worker.works()
    at_ada.posts(f"{DRAFT}/beginning", start="nothing")
    everywhere = {name: RULE[name] for name in ("name", "why", "action", "categories", "least")}
    assert at(ada, at_ada, "/rules/new", **everywhere) == 303
    assert at_ada.posts("/data-protection/dry-runs", direction="upload", most="many").status_code == 422
    begun = at_ada.posts("/data-protection/dry-runs", direction="upload", most="").headers["Location"]
    assert "under way" in at_ada.gets(begun).text
    worker.works()
    shown = at_ada.gets(begun).text
    assert "let pass → block" in " ".join(shown.split())
    assert ">mail</a>" in shown
    assert "heron" not in shown

    ada.asks("Who is jo.swan@heron.example?")
    refused = at_ada.posts("/data-protection/dry-runs", direction="prompt", days="")
    assert refused.status_code == 422
    assert re.search(r'name="days"[^>]*aria-invalid', refused.text)
    assert not re.search(r'name="most"[^>]*aria-invalid', refused.text)
    assert "what calls say is not kept here" in at_ada.gets("/data-protection").text
    begun = at_ada.posts("/data-protection/dry-runs", direction="prompt", days="7").headers["Location"]
    worker.works()
    shown = " ".join(at_ada.gets(begun).text.split())
    assert "What calls say was not kept as it began" in shown
    row = '<td class="head">e-mail address</td><td data-label="Way">prompts</td><td data-label="Now">let pass</td>'
    assert row not in shown
    assert "fewer than 5" in shown
    assert "shown to whoever may look into what others said" in shown
    with ada.services.db.tenant(ada.tenant_id) as tx:
        identity.put_settings(tx, ada.caller, replace(tenancy.get_settings(tx), conversation_review=Review.AUDITED))
    shown = " ".join(at_ada.gets(begun).text.split())
    assert row in shown
    assert re.search(r'href="/reviews/[0-9a-f-]{36}">a conversation</a>', shown)
    assert "heron" not in shown


def test_a_program_writes_a_policy_and_is_stopped_by_another_s_change(program: Program, ada: Member) -> None:
    begun = program.asks("POST", "/dlp/policies/draft", {"start": "template", "template": "hipaa"})
    assert begun.status_code == 201
    read = program.gets("/dlp/policies/draft")
    policy: dict[str, Any] = {"rules": read.get_json()["rules"][:2], "needs_second": False, "note": ""}
    tag = {"If_Match": read.headers["ETag"]}
    assert program.asks("PUT", "/dlp/policies/draft", policy, **tag).status_code == 200
    assert program.asks("PUT", "/dlp/policies/draft", policy, **tag).status_code == 412
    revision = program.gets("/dlp/policies/draft").get_json()["revision"]
    assert program.asks("POST", "/dlp/policies/draft/enactment", {"revision": revision - 1}).status_code == 409
    assert program.asks("POST", "/dlp/policies/draft/enactment", {"revision": revision}).get_json()["version"] == 1
    changes = program.gets("/dlp/policies/comparison?earlier=0&later=1").get_json()["items"]
    assert [one["kind"] for one in changes] == ["added", "added"]
    assert program.gets("/dlp/policy").get_json()["rules"] == policy["rules"]
    program.asks("POST", "/dlp/policies/draft", {"start": "nothing"})
    newer = program.asks("PUT", "/dlp/policies/draft", {"rules": []}).get_json()["revision"]
    assert program.asks("DELETE", f"/dlp/policies/draft?revision={newer - 1}").status_code == 409
    assert program.asks("DELETE", f"/dlp/policies/draft?revision={newer}").status_code == 204
    assert program.asks("POST", "/dlp/policies/draft", {"start": "template", "template": "soc"}).status_code == 404


def test_a_policy_is_kept_in_a_file_and_put_in_force_at_the_console(console: Console, ada: Member, tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text(json.dumps({"rules": [{"name": "No mail", "action": "redact", "categories": ["e-mail address"]}]}))
    made = console("dlp", "policy", "draft", str(file), "--json")
    assert made.exit_code == 0, made.output
    revision = str(json.loads(made.output)["revision"])
    assert console("dlp", "policy", "put-in-force", "--revision", revision).exit_code == 0
    shown = console("dlp", "policy", "show", "--json").output
    assert json.loads(shown)["version"] == 1
    file.write_text(shown)
    assert console("dlp", "policy", "draft", str(file)).exit_code == 0
    assert "No mail" in console("dlp", "policy", "diff", "--earlier", "0", "--later", "1").output
    assert console("dlp", "policy", "history").exit_code == 0
    file.write_text('{"rules": [{"name": "x", "action": "shout"}]}')
    assert "rules.0.action" in console("dlp", "policy", "draft", str(file)).output


def test_what_people_write_into_a_policy_is_text_on_every_page(at_ada: Browser, ada: Member) -> None:
    sharp = "<script>100 % %(x)s {{ 1 }}</script>"
    at_ada.posts(f"{DRAFT}/beginning", start="nothing")
    assert at(ada, at_ada, "/rules/new", **RULE | {"name": sharp, "why": sharp}) == 303
    at(ada, at_ada, "", note=sharp)
    rule_id = draft_of(ada).form.rules[0].rule.rule_id
    run = at_ada.posts("/data-protection/dry-runs", direction="upload").headers["Location"]
    before = [at_ada.gets(path) for path in (DRAFT, f"{DRAFT}/rules/{rule_id}", run)]
    wrong = at_ada.posts(f"{DRAFT}/rules/{rule_id}", revision=str(draft_of(ada).revision), **RULE | {"name": sharp, "labels": "a,b"})
    at(ada, at_ada, "/enactment")
    after = [at_ada.gets(path) for path in ("/data-protection", "/data-protection/version?number=1", "/data-protection/version")]
    for answer in (*before, *after):
        assert answer.status_code == 200
    for answer in (*before, *after, wrong):
        assert "<script>100" not in answer.text
    assert "&lt;script&gt;100 % %(x)s {{ 1 }}&lt;/script&gt;" in before[0].text
