"""Rules, labels, contracts and trials: at their pages, by API and at the console, all the same."""

import json
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import text

from appliance import gateway, policy
from appliance.gateway.usage import usage_by_model
from appliance.identity import Role
from appliance.policy import ContractForm, Limits, Term
from appliance.worker.reminders import remind_of_contracts
from tests.support.house import House, Member
from tests.support.program import Program
from tests.support.providing import has
from tests.support.site import Browser

RULE: dict[str, Any] = {"name": "Office", "models": "openai/*", "tools": "none", "most_answer_tokens": "500", "weekdays": ["1", "5"],
        "starts": "08:00", "ends": "18:00", "zone": "Europe/Berlin"}  # fmt: skip


def rules_of(member: Member) -> list[policy.Rule]:
    with member.services.db.tenant(member.tenant_id) as tx:
        return policy.list_rules(tx, member.caller)


def events(member: Member) -> list[tuple[str, dict[str, object]]]:
    with member.services.db.tenant(member.tenant_id) as tx:
        rows = tx.scalars(text("SELECT convert_from(body, 'UTF8') FROM audit_inbox ORDER BY event_id DESC LIMIT 10"))
        return [(one["event"], one["facts"]) for one in map(json.loads, rows)]


def test_an_administrator_makes_a_rule_changes_it_and_takes_it_away(at_ada: Browser, ada: Member, at_bo: Browser) -> None:
    assert at_ada.posts("/models/rules", **RULE).status_code == 303
    (rule,) = rules_of(ada)
    assert (rule.limits.tools, rule.limits.most_answer_tokens, rule.limits.hours.weekdays) == (("none",), 500, (1, 5))
    event, facts = events(ada)[0]
    assert (event, facts["name"]) == ("policy:rule:created", "Office")
    assert "models=openai/*" in str(facts["limits"])
    assert "Office" in at_ada.gets("/models/rules").text
    page = at_ada.gets(f"/models/rules/{rule.rule_id}").text
    assert ">openai/*</textarea>" in page
    assert at_bo.gets(f"/models/rules/{rule.rule_id}").status_code == 404
    assert "Office" not in at_bo.gets("/models/rules").text
    assert at_ada.posts(f"/models/rules/{rule.rule_id}", **RULE | {"tools": "", "name": "Work"}).status_code == 303
    (changed,) = rules_of(ada)
    assert (changed.rule_id, changed.name, changed.limits.tools) == (rule.rule_id, "Work", ())
    assert at_bo.posts(f"/models/rules/{rule.rule_id}/deletion").status_code == 404
    assert at_ada.posts(f"/models/rules/{rule.rule_id}/deletion").status_code == 303
    assert rules_of(ada) == []


def test_a_wrong_rule_is_refused_and_the_form_keeps_what_was_typed(at_ada: Browser, ada: Member) -> None:
    wrong = [
        {"name": ""}, {"models": "gpt 5"}, {"tools": "none\nlookup"}, {"starts": ""}, {"ends": "25:00"}, {"zone": "Berlin"},
        {"most_answer_tokens": "0"}, {"most_answer_tokens": "many"}, {"providers": "OpenAI"}, {"regions": "eu west"},
        {"models": "*openai"}, {"group": "01900000-0000-7000-8000-000000000000"}, {"group": "x"},
    ]  # fmt: skip
    for one in wrong:
        answer = at_ada.posts("/models/rules", **RULE | {"labels": "typed at length"} | one)
        assert answer.status_code == (404 if len(one.get("group", "")) > 1 else 422), one
        assert "typed at length" in answer.text
    assert at_ada.posts("/models/rules", name="Nothing", zone="Europe/Berlin").status_code == 422
    assert rules_of(ada) == []


def test_labels_demand_and_are_removed(at_ada: Browser, ada: Member) -> None:
    demanded: dict[str, Any] = {"label": "  Patient   files ", "terms": ["baa", "dpa"]}
    assert at_ada.posts("/models/labels", **demanded).status_code == 303
    assert at_ada.posts("/models/labels", label="PATIENT FILES", stays="yes").status_code == 303
    with ada.services.db.tenant(ada.tenant_id) as tx:
        (label,) = policy.list_data_labels(tx, ada.caller)
    assert (label.label, label.terms, label.stays) == ("Patient files", (), True)
    faults: list[dict[str, Any]] = [{"label": "a,b"}, {"label": ""}, {"label": "x" * 41}, {"label": "x", "terms": ["all"]}]
    for wrong in faults:
        assert at_ada.posts("/models/labels", **wrong).status_code == 422
    assert at_ada.posts("/models/labels/removal", label="Patient files").status_code == 303
    assert at_ada.posts("/models/labels/removal", label="Patient files").status_code == 404
    assert [one for one, _ in events(ada)[:2]] == ["policy:data_label:removed", "policy:data_label:set"]


def test_contracts_are_written_down_and_ended_and_the_page_is_honest(at_ada: Browser, at_bo: Browser, ada: Member) -> None:
    provider = has(ada)
    form: dict[str, Any] = {"provider": str(provider.provider_id), "terms": ["zero_retention"], "reference": "Folder 7", "expires_on": "2040-01-31"}
    assert at_ada.posts("/models/contracts", **form).status_code == 303
    page = at_ada.gets("/models/contracts").text
    assert "Folder 7" in page
    assert "No field of a request asks for it" in page
    with ada.services.db.tenant(ada.tenant_id) as tx:
        (contract,) = policy.list_contracts(tx, ada.caller)
    wrong: list[dict[str, Any]] = [
        {"reference": " "}, {"terms": []}, {"expires_on": "2020-01-01"}, {"expires_on": "soon"}, {"provider": "x"}, {"terms": ["x"]},
    ]  # fmt: skip
    for one in wrong:
        assert at_ada.posts("/models/contracts", **form | one).status_code == 422, one
    assert at_bo.posts("/models/contracts", **form).status_code == 404
    assert at_bo.posts(f"/models/contracts/{contract.contract_id}/end").status_code == 404
    assert at_ada.posts(f"/models/contracts/{contract.contract_id}/end").status_code == 303
    assert at_ada.posts(f"/models/contracts/{contract.contract_id}/end").status_code == 409
    assert events(ada)[0][0] == "policy:contract:ended"


def test_people_are_reminded_once_of_a_contract_that_ends(house: House, ada: Member) -> None:
    provider, clock = has(ada), house.clock
    with ada.services.db.tenant(ada.tenant_id) as tx:
        ends = clock.now() + timedelta(days=20)
        policy.add_contract(tx, ada.caller, ContractForm(provider.provider_id, frozenset({Term.DPA}), "Folder 7", None, ends), clock=clock)
    for days, count in ((0, 0), (7, 1), (1, 1)):
        clock.passes(days=days)
        remind_of_contracts(house.worker, ada.tenant_id)
        assert [one for one, _ in events(ada)].count("policy:contract:expiring") == count


def test_a_trial_shows_what_each_rule_says_and_calls_nothing(at_ada: Browser, at_bo: Browser, ada: Member) -> None:
    has(ada)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        policy.create_rule(tx, ada.caller, "No tools", None, Limits(tools=("none",), most_answer_tokens=100), clock=ada.house.clock)
        gateway.allow_model(tx, ada.caller, "openai/*")
    asked: dict[str, Any] = {"endpoint": "chat/completions", "model": "openai/gpt-6", "answer_tokens": "100"}
    refused = at_ada.posts("/models/trial", **asked | {"tools": "lookup", "answer_tokens": ""}).text
    assert "It would be refused." in refused
    assert "It has the tool lookup, and none may be used." in refused
    assert "Ask for at most 100 tokens." in refused
    assert "It asks for 100 tokens; 100 are the most." in at_ada.posts("/models/trial", **asked).text
    assert at_ada.posts("/account/profile", name="Ada", language="de", zone="Europe/Berlin").status_code == 303
    assert "Er hat das Werkzeug x, und keines" in at_ada.posts("/models/trial", **asked | {"tools": "x"}).text
    assert "No tools" not in at_bo.posts("/models/trial", **asked).text
    assert at_ada.posts("/models/trial", **asked | {"at": "yesterday"}).status_code == 422
    assert at_ada.posts("/models/trial", **asked | {"who": "person:01900000-0000-7000-8000-000000000000"}).status_code == 404
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert not usage_by_model(tx, ada.caller, clock=ada.house.clock)


def test_members_see_none_of_it(site: Flask, ada: Member) -> None:
    at_eve = Browser(site)
    at_eve.signs_in(ada.adds("eve@harrow.example", Role.MEMBER))
    for path in ("/models/rules", "/models/contracts", "/models/trial"):
        assert at_eve.gets(path).status_code == 403


def test_a_token_is_limited_at_its_page_and_by_api(at_ada: Browser, site: Flask, ada: Member) -> None:
    form: dict[str, Any] = {"name": "ci", "scopes": "models", "days": "30", "models": "openai/*\nbot:help",
                            "endpoints": ["messages"], "networks": "10.0.0.0/8"}  # fmt: skip
    assert "cloister_" in at_ada.posts("/tokens", **form).text
    page = at_ada.gets("/tokens").text
    assert "openai/*, bot:help" in page
    assert "10.0.0.0/8" in page
    faults: list[dict[str, Any]] = [
        {"networks": "10.0.0.1/8"}, {"networks": "localhost"}, {"models": "*"}, {"models": "a b"}, {"endpoints": ["files"]},
    ]  # fmt: skip
    for wrong in faults:
        answer = at_ada.posts("/tokens", **form | wrong)
        assert answer.status_code == 422
        assert "bot:help" in answer.text or "models" in wrong
    program = Program(site, ada)
    body = {"name": "ci", "scopes": ["models"], "models": ["general"], "networks": ["::ffff:10.0.0.0/104"]}
    limits = program.asks("POST", "/tokens", body).get_json()["token"]["limits"]
    assert limits == {"models": ["general"], "endpoints": [], "networks": ["10.0.0.0/8"]}
    assert program.asks("POST", "/tokens", body | {"networks": ["10.0.0.1/8"]}).get_json()["code"] == "token_limit_malformed"


def test_a_program_rules_and_tries(site: Flask, ada: Member) -> None:
    program = Program(site, ada)
    made = program.asks("POST", "/gateway/rules", {"name": "Ours", "models": [], "providers": ["openai"]})
    assert made.status_code == 201
    rule = made.get_json()
    changed = program.asks("PUT", f"/gateway/rules/{rule['rule_id']}", {"name": "Ours", "models": ["openai/gpt-6"]}).get_json()
    assert (changed["models"], changed["providers"]) == (["openai/gpt-6"], [])
    empty = program.asks("POST", "/gateway/rules", {"name": "Ours", "models": []})
    assert (empty.status_code, empty.get_json()["code"]) == (422, "call_rule_malformed")
    trial = {"endpoint": "messages", "model": "openai/gpt-7", "token_id": str(program.token_id), "labels": ["secret"]}
    found = program.asks("POST", "/gateway/trials", trial).get_json()
    said = {(one["step"], one["passes"]) for one in found["checks"]}
    assert found["passes"] is False
    assert {("key", True), ("labels", False), ("rule", False), ("allowed models", False), ("provider", False)} <= said
    gone = program.asks("DELETE", f"/gateway/rules/{rule['rule_id']}")
    assert gone.status_code == 204
    bo = trial | {"token_id": "01900000-0000-7000-8000-000000000000"}
    assert program.asks("POST", "/gateway/trials", bo).status_code == 404


def test_a_chatbot_in_the_browser_keeps_to_the_hours_and_says_so_in_ones_language(at_ada: Browser, ada: Member) -> None:
    at_ada.posts("/account/profile", name="Ada", language="de", zone="Europe/Berlin")
    chatbot = at_ada.first(r'name="chatbot_id" value="([^"]+)"', "/chat")
    talk = at_ada.posts("/chat", chatbot_id=chatbot).headers["Location"].partition("?")[0]
    today = ada.house.clock.now().isoweekday()
    with ada.services.db.tenant(ada.tenant_id) as tx:
        hours = policy.Hours((today % 7 + 1,), None, None, "UTC")
        policy.create_rule(tx, ada.caller, "Morgen", None, Limits(hours=hours), clock=ada.house.clock)
    answer = at_ada.posts(f"{talk}/messages", question="When does the canteen open?")
    assert answer.status_code == 403
    assert "Die Regel Morgen weist diesen Aufruf ab, durch Zeiten:" in answer.text
    assert "liegt an einem anderen Wochentag (UTC)." in answer.text
