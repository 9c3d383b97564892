"""What a program does with chatbots."""

import pytest
from flask import Flask

from appliance.identity import Role
from tests.support.house import Member
from tests.support.program import Program

DRAFTS = "/chatbots/drafts"


@pytest.fixture
def program(site: Flask, ada: Member) -> Program:
    return Program(site, ada)


def names(program: Program) -> list[str]:
    return [one["name"] for one in program.gets("/chatbots").get_json()["items"]]


def test_it_shows_a_draft_to_nobody_before_it_is_published(site: Flask, program: Program, ada: Member) -> None:
    member = Program(site, ada.adds("eve@harrow.example", Role.MEMBER))
    made = program.asks("POST", DRAFTS, {"name": "Travel", "audience": "everyone"})
    assert made.status_code == 201, made.text
    path = f"{DRAFTS}/{made.get_json()['chatbot_id']}"
    assert "Travel" not in names(member)

    assert program.asks("POST", f"{path}/publication").get_json()["published_version"] == 1
    assert "Travel" in names(member)
    assert program.asks("PUT", path, {"name": "Trips", "audience": "everyone"}).get_json()["has_changes"]
    assert "Trips" not in names(member)


def test_it_opens_a_chatbot_to_nobody_unless_told_to(site: Flask, program: Program, ada: Member) -> None:
    member = Program(site, ada.adds("eve@harrow.example", Role.MEMBER))
    path = f"{DRAFTS}/{program.asks('POST', DRAFTS, {'name': 'Board'}).get_json()['chatbot_id']}"
    program.asks("POST", f"{path}/publication")

    assert "Board" in names(program)
    assert "Board" not in names(member)


@pytest.mark.parametrize(("given", "kept"), [(2.2e-131, 0), (0.704, 0.7), (2, 2)])
def test_it_keeps_a_temperature_to_two_digits(program: Program, given: float, kept: float) -> None:
    made = program.asks("POST", DRAFTS, {"name": "Travel", "temperature": given})
    assert (made.status_code, made.get_json()["temperature"]) == (201, kept)


def test_it_copies_and_archives(program: Program) -> None:
    first = program.gets(DRAFTS).get_json()["items"][0]
    path = f"{DRAFTS}/{first['chatbot_id']}"
    copied = program.asks("POST", f"{path}/copy", {"name": "Copy"}).get_json()
    assert (copied["name"], copied["published_version"]) == ("Copy", None)

    assert program.asks("PUT", f"{path}/archival").status_code == 204
    assert names(program) == []
    assert program.asks("DELETE", f"{path}/archival").status_code == 204
    assert names(program) == [first["name"]]


def test_it_refuses_unknown_models_and_what_changed_meanwhile(program: Program) -> None:
    path = f"{DRAFTS}/{program.gets(DRAFTS).get_json()['items'][0]['chatbot_id']}"
    tag = program.gets(path).headers["ETag"]

    assert program.asks("POST", DRAFTS, {"name": "x", "model": "none"}).get_json()["code"] == "chatbot_model_unknown"
    assert program.asks("PUT", path, {"name": "Papers"}, If_Match=tag).status_code == 200
    assert program.asks("PUT", path, {"name": "Mine"}, If_Match=tag).status_code == 412


def test_it_keeps_drafts_from_members_and_other_organisations(
    site: Flask, program: Program, ada: Member, bo: Member
) -> None:
    path = f"{DRAFTS}/{program.gets(DRAFTS).get_json()['items'][0]['chatbot_id']}"
    member = Program(site, ada.adds("eve@harrow.example", Role.MEMBER))

    assert member.gets(path).status_code == 403
    assert member.asks("POST", f"{path}/publication").status_code == 403
    assert Program(site, bo).gets(path).status_code == 404
    assert Program(site, bo).asks("PUT", f"{path}/archival").status_code == 404
