"""Budgets, limits and usage at pages, API and console: who sees what, what adds up, what is refused in words."""

import csv
import io
import re

from flask import Flask
from sqlalchemy import text

from appliance import budgets
from appliance.budgets import BudgetForm, Limits, Period, Subject, SubjectKind, Unit
from appliance.gateway.folding import fold
from appliance.gateway.sheet import lines
from appliance.gateway.usage import Cost, Row, Used
from appliance.identity import Role, Scope
from appliance.worker.reminders import tell_of_budgets
from tests.support.house import House, Member
from tests.support.mailbox import Mailbox
from tests.support.program import Program
from tests.support.site import Browser

NEW = {"name": "Marketing", "subject": "organisation", "unit": "tokens", "period": "month", "soft": "10", "hard": "1,000"}


def test_an_administrator_sets_changes_and_lifts_a_budget(site: Flask, at_ada: Browser, ada: Member, at_bo: Browser) -> None:
    ada.asks("Is the canteen open?")
    assert "as much is used as is asked for" in at_ada.gets("/budgets").text
    assert at_ada.posts("/budgets", **NEW).status_code == 303
    page = at_ada.gets("/budgets").text
    assert "Marketing" in page
    assert "above the soft limit" in page
    assert "Budgets above their soft limit, or spent: Marketing." in at_ada.gets("/").text
    assert "Marketing" not in at_bo.gets("/budgets").text
    address = re.search(r'href="(/budgets/[0-9a-f-]{36})"', page)
    assert address is not None
    assert at_bo.gets(address[1]).status_code == 404
    assert at_ada.posts(address[1], name="Sales", soft="", hard="5000").status_code == 303
    assert 'value="5000"' in at_ada.gets(address[1]).text
    listed = Program(site, ada).gets("/budgets").get_json()["items"]
    assert [(one["name"], one["soft_limit"], one["hard_limit"]) for one in listed] == [("Sales", None, 5000)]
    assert listed[0]["used"] > 0
    assert at_ada.posts(f"{address[1]}/removal").status_code == 303
    assert "Sales" not in at_ada.gets("/budgets").text


def test_it_says_which_field_is_wrong_and_keeps_what_was_typed(at_ada: Browser) -> None:
    for wrong in ({"hard": "1.5"}, {"unit": "money", "currency": "eur", "hard": "1.000"}, {"unit": "money", "currency": "", "hard": "5"},
                  {"subject": "person:named", "named": "nobody@harrow.example"}, {"subject": "model", "named": ""},
                  {"subject": "somebody"}, {"subject": "key:x"}, {"soft": "5000"}):  # fmt: skip
        answer = at_ada.posts("/budgets", **NEW | wrong)
        assert answer.status_code == 422, wrong
        assert 'value="Marketing"' in answer.text
    assert at_ada.posts("/budgets", **NEW | {"unit": "money", "currency": "eur", "soft": "", "hard": "12,50"}).status_code == 303
    assert "12.50 EUR" in at_ada.gets("/budgets").text
    assert at_ada.posts("/budgets", **NEW | {"unit": "money", "currency": "EUR", "hard": "20"}).status_code == 409
    assert at_ada.posts("/budgets/limits", subject="key", named="", requests_per_minute="").status_code == 422
    assert at_ada.posts("/budgets/limits", subject="key", requests_per_minute="60", at_once="2").status_code == 303
    page = at_ada.gets("/budgets").text
    limit = re.search(r"/budgets/limits/[0-9a-f-]{36}/removal", page)
    assert limit is not None
    assert at_ada.posts(limit[0]).status_code == 303


def test_budgets_are_named_by_whom_they_are_for(site: Flask, at_ada: Browser, ada: Member) -> None:
    mia = ada.adds("mia@harrow.example", Role.MEMBER)
    at_ada.posts("/budgets", **NEW | {"name": "Mia's", "subject": "person:named", "named": "MIA@harrow.example"})
    at_ada.posts("/budgets", **NEW | {"name": "Each", "subject": "person"})
    mia.asks("Is the canteen open?")
    page = at_ada.gets("/budgets").text
    assert f"person {mia.caller.display_name}" in page
    each = next(one for one in Program(site, ada).gets("/budgets").get_json()["items"] if one["name"] == "Each")
    assert each["fullest_id"] is None  # her own takes its place
    ada.asks("Is the canteen open?")
    each = Program(site, ada).gets(f"/budgets/{each['budget_id']}").get_json()
    assert each["fullest_id"] == str(ada.caller.user_id)
    assert ada.caller.display_name in at_ada.gets(f"/budgets/{each['budget_id']}").text


def test_a_program_keeps_budgets_and_limits(site: Flask, ada: Member) -> None:
    program = Program(site, ada, [Scope.SETTINGS_WRITE, Scope.USAGE_READ])
    body = {"name": "Euros", "subject_kind": "model", "subject_name": "openai/*", "unit": "money", "currency": "EUR", "period": "day", "hard_limit": 5_000_000}
    made = program.asks("POST", "/budgets", body)
    assert made.status_code == 201
    path = f"/budgets/{made.get_json()['budget_id']}"
    assert program.asks("PUT", path, {"name": "Euros", "soft_limit": 9, "hard_limit": 8}).status_code == 422
    changed = program.asks("PUT", path, {"name": "Euros", "hard_limit": 8, "unpriced": "passed"}).get_json()
    assert (changed["hard_limit"], changed["unpriced"], changed["subject_name"]) == (8, "passed", "openai/*")
    assert program.asks("DELETE", path).status_code == 204
    limit = program.asks("PUT", "/call-limits", {"subject_kind": "key", "requests_per_minute": 5}).get_json()
    assert program.gets("/call-limits").get_json()["items"] == [limit]
    assert program.asks("DELETE", f"/call-limits/{limit['limit_id']}").status_code == 204
    assert Program(site, ada, [Scope.USAGE_READ]).asks("POST", "/budgets", body).status_code == 403


def test_usage_adds_up_the_same_before_and_after_it_is_folded(site: Flask, house: House, ada: Member, bo: Member) -> None:
    for _ in range(3):
        ada.asks("Is the canteen open?")
    bo.asks("Is the canteen open?")
    program = Program(site, ada)
    before = program.gets("/usage?since=2020-01-01&until=2020-02-01").get_json()
    assert before["total"]["calls"] == 0
    before = program.gets("/usage").get_json()
    house.clock.passes(minutes=30)
    for _ in range(2):
        with house.worker.db.tenant(ada.tenant_id) as tx:
            fold(tx, clock=house.clock)
    with house.app.db.tenant(ada.tenant_id) as tx:
        calls, tokens = tx.execute(text("SELECT count(*), sum(prompt_tokens + answer_tokens) FROM model_calls")).one()
        assert tx.scalar(text("SELECT sum(calls) FROM usage_days")) == calls
    after = program.gets("/usage").get_json()
    assert after["total"] == before["total"]
    assert (after["total"]["calls"], after["total"]["prompt_tokens"] + after["total"]["answer_tokens"]) == (calls, tokens)
    ada.asks("Is the canteen open?")
    found = program.gets("/usage").get_json()
    assert found["total"]["calls"] > calls
    for parts in ("by_day", "by_model", "by_person", "by_key", "by_chatbot"):
        assert sum(one["used"]["calls"] for one in found[parts]) == found["total"]["calls"], parts
    assert [one["id"] for one in found["by_person"]] == [str(ada.caller.user_id)]
    assert found["by_chatbot"][0]["id"] is not None
    assert program.gets("/usage?since=2020-01-01&until=2026-01-01").status_code == 422


def test_a_member_sees_their_own_usage_and_nobody_elses(site: Flask, at_ada: Browser, ada: Member) -> None:
    mia = ada.adds("mia@harrow.example", Role.MEMBER)
    ada.asks("Is the canteen open?")
    mia.asks("Is the canteen open?")
    at_mia = Browser(site)
    at_mia.signs_in(mia)
    page = at_mia.gets("/usage").text
    assert "Your usage" in page
    assert "By person" not in page
    assert at_mia.gets("/budgets").status_code == 403
    assert at_mia.gets("/usage/export").status_code == 403
    own = Program(site, mia, [Scope.CHAT]).gets("/usage/mine").get_json()
    assert [one["id"] for one in own["by_person"]] == [str(mia.caller.user_id)]
    everybody = at_ada.gets("/usage?span=7").text
    assert mia.caller.display_name in everybody
    assert 'aria-label="Tokens: ' in everybody
    assert own["total"]["calls"] < Program(site, ada).gets("/usage").get_json()["total"]["calls"]


def test_the_sheet_has_a_line_for_each_and_no_formula(at_ada: Browser, ada: Member) -> None:
    ada.asks("Is the canteen open?")
    answer = at_ada.gets("/usage/export?span=month")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    table = list(csv.DictReader(io.StringIO(answer.text)))
    assert {row["user_id"] for row in table} == {str(ada.caller.user_id)}
    assert sum(int(row["calls"]) for row in table) >= 2
    used = Used(1, 0, 1, 2, 3, (Cost("EUR", 4),))
    line = list(lines([Row(ada.house.clock.now().date(), "=cmd|' /C calc'!A0", None, None, None, used)]))[1]
    assert "'=cmd" in line
    assert line.endswith(",1,0,2,3,1,EUR,4\r\n")


def test_administrators_are_told_once_by_mail(house: House, ada: Member) -> None:
    ada.adds("mia@harrow.example", Role.MEMBER)
    form = BudgetForm("Tight", Subject(SubjectKind.ORGANISATION), Unit.TOKENS, Period.MONTH, Limits(1, 10**6))
    with house.app.db.tenant(ada.tenant_id) as tx:
        budgets.create_budget(tx, ada.caller, form, clock=house.clock)
    ada.asks("Is the canteen open?")
    with Mailbox() as box:
        box.serves(house)
        for _ in range(2):
            tell_of_budgets(house.worker, ada.tenant_id)
    assert [mail["To"] for mail in box.mails] == ["ada@harrow.example"]
    assert "Tight: " in box.mails[0].get_content()
