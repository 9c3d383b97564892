"""What a program does with conversations: ask, follow the stream, branch, share, export; and only its own."""

import json
from typing import Any

import pytest
from flask import Flask

from appliance.api.openapi import document
from appliance.identity import Role, Scope
from tests.support.house import House, Member
from tests.support.program import PREFIX, Program

QUESTION = "When does the fire drill take place?"


@pytest.fixture
def program(site: Flask, ada: Member) -> Program:
    ada.reads_in("drill.txt", "The fire drill takes place on the first Thursday of May.")
    return Program(site, ada)


def starts(program: Program) -> str:
    chatbot = program.gets("/chatbots").get_json()["items"][0]["chatbot_id"]
    made = program.asks("POST", "/conversations", {"chatbot_id": chatbot})
    assert made.status_code == 201, made.text
    return f"/conversations/{made.get_json()['conversation_id']}"


def asks(program: Program, talk: str, question: str = QUESTION, **more: Any) -> dict[str, Any]:
    answer = program.asks("POST", f"{talk}/messages", {"question": question} | more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def events(stream: str) -> list[tuple[str, dict[str, Any]]]:
    blocks = [block.split("\n") for block in stream.strip().split("\n\n")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]


def test_it_answers_with_citations_and_keeps_both(program: Program) -> None:
    talk = starts(program)
    answer = asks(program, talk)["answer"]

    assert "first Thursday of May" in answer["body"]
    assert answer["citations"][0]["title"] == "drill"
    said = program.gets(f"{talk}/messages").get_json()["items"]
    assert [one["role"] for one in said] == ["user", "assistant"]
    assert program.gets(talk).get_json()["title"] == QUESTION


def test_it_says_plainly_that_nothing_was_found(program: Program) -> None:
    assert asks(program, starts(program), "Who won the ice hockey cup?")["answer"]["outcome"] == "abstained"


def test_it_streams_an_answer(program: Program) -> None:
    talk = starts(program)
    answer = program.asks("POST", f"{talk}/messages", {"question": QUESTION, "stream": True})
    found = events(answer.text)

    assert answer.content_type == "text/event-stream"
    assert [found[0][0], found[-1][0]] == ["question", "done"]
    text = "".join(data["text"] for name, data in found if name == "delta")
    assert text == found[-1][1]["body"]
    assert any(name == "citation" for name, _ in found)


def test_it_asks_once_under_one_key(program: Program) -> None:
    talk = starts(program)
    first = program.asks("POST", f"{talk}/messages", {"question": QUESTION}, Idempotency_Key="k")
    again = program.asks("POST", f"{talk}/messages", {"question": QUESTION}, Idempotency_Key="k")

    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.get_json() == first.get_json()
    assert len(program.gets(f"{talk}/messages").get_json()["items"]) == 2


def test_it_edits_retries_and_switches_branches(program: Program) -> None:
    talk = starts(program)
    first = asks(program, talk)
    edited = asks(program, talk, "On which day is the fire drill?", edits=first["question"]["message_id"])
    assert len(program.gets(f"{talk}/messages").get_json()["items"]) == 2

    program.asks("PUT", f"{talk}/branch", {"message_id": first["question"]["message_id"]})
    shown = program.gets(f"{talk}/messages").get_json()["items"]
    assert shown[0]["body"] == QUESTION
    assert shown[0]["siblings"] == [first["question"]["message_id"], edited["question"]["message_id"]]
    retried = program.asks("POST", f"{talk}/messages/{first['answer']['message_id']}/retry", {})
    assert retried.get_json()["answer"]["parent_id"] == first["question"]["message_id"]


def test_it_gives_feedback_and_renames_and_exports_and_deletes(program: Program) -> None:
    talk = starts(program)
    answer = asks(program, talk)["answer"]["message_id"]
    path = f"{talk}/messages/{answer}/feedback"
    assert program.asks("PUT", path, {"is_good": False, "comment": "Too short."}).status_code == 204
    said = program.gets(f"{talk}/messages").get_json()["items"][-1]
    assert said["feedback"] == {"is_good": False, "comment": "Too short."}

    assert program.asks("PUT", f"{talk}/title", {"title": "Drill"}).get_json()["title"] == "Drill"
    assert "first Thursday" in program.gets(f"{talk}/export?format=md").get_json()["text"]
    exported = json.loads(program.gets(f"{talk}/export").get_json()["text"])
    assert exported["title"] == "Drill"
    assert exported["messages"][1]["feedback"] == {"is_good": False, "comment": "Too short."}
    assert program.gets("/conversations?text=Thursday").get_json()["items"][0]["title"] == "Drill"
    assert program.gets("/conversations?text=hockey").get_json()["items"] == []
    assert program.asks("DELETE", talk).status_code == 204
    assert program.gets(talk).status_code == 404


def test_it_shares_inside_the_organisation_alone(site: Flask, program: Program, ada: Member, bo: Member) -> None:
    talk = starts(program)
    asks(program, talk)
    eve, stranger = Program(site, ada.adds("eve@harrow.example", Role.MEMBER)), Program(site, bo)
    assert eve.gets(talk).status_code == 404

    assert program.asks("PUT", f"{talk}/sharing").status_code == 204
    assert "first Thursday" in eve.gets(f"{talk}/messages").text
    assert stranger.gets(talk).status_code == 404
    assert stranger.gets(f"{talk}/messages").status_code == 404
    assert eve.asks("POST", f"{talk}/messages", {"question": QUESTION}).status_code == 404
    assert eve.asks("DELETE", talk).status_code == 404

    assert program.asks("DELETE", f"{talk}/sharing").status_code == 204
    assert eve.gets(f"{talk}/messages").status_code == 404


def test_a_temporary_question_leaves_nothing(program: Program) -> None:
    chatbot = program.gets("/chatbots").get_json()["items"][0]["chatbot_id"]
    answer = program.asks("POST", f"/chatbots/{chatbot}/answers", {"question": QUESTION}).get_json()
    tried = program.asks("POST", f"/chatbots/drafts/{chatbot}/answers", {"question": QUESTION}).get_json()

    assert "first Thursday" in answer["answer"]["body"]
    assert "first Thursday" in tried["answer"]["body"]
    assert program.gets("/conversations").get_json()["items"] == []


def test_a_temporary_question_leaves_nothing_under_a_key_either(house: House, program: Program) -> None:
    chatbot = program.gets("/chatbots").get_json()["items"][0]["chatbot_id"]
    for path in (f"/chatbots/{chatbot}/answers", f"/chatbots/drafts/{chatbot}/answers"):
        for _ in range(2):
            answer = program.asks("POST", path, {"question": QUESTION}, Idempotency_Key=path)
            assert "first Thursday" in answer.get_json()["answer"]["body"]
            assert "Idempotency-Replayed" not in answer.headers
        described = document()["paths"][PREFIX + path.replace(chatbot, "{chatbot_id}")]["post"]
        assert "Idempotency-Key" not in [one["name"] for one in described["parameters"]]
    with house.server.connect("boot", house.database) as boot:
        assert boot.execute("SELECT count(*) FROM cloister.idempotency_keys").fetchone() == (0,)


def test_it_pages_the_latest_first(program: Program, ada: Member) -> None:
    for number in range(3):
        talk = starts(program)
        program.asks("PUT", f"{talk}/title", {"title": f"Talk {number}"})
        ada.house.clock.passes(minutes=1)
    page = program.gets("/conversations?limit=2").get_json()
    further = program.gets(f"/conversations?limit=2&cursor={page['next_cursor']}").get_json()

    assert [one["title"] for one in page["items"] + further["items"]] == ["Talk 2", "Talk 1", "Talk 0"]
    assert further["next_cursor"] is None


def test_a_token_without_the_scope_asks_nothing(site: Flask, program: Program, ada: Member) -> None:
    talk = starts(program)
    other = Program(site, ada, [Scope.DOCUMENTS_READ])

    assert other.gets("/conversations").status_code == 403
    assert other.asks("POST", f"{talk}/messages", {"question": QUESTION}).status_code == 403
