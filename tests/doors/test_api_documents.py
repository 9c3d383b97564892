"""What a program does with documents and collections."""

from uuid import UUID

import pytest
from flask import Flask

from appliance import knowledge
from appliance.identity import Role, Scope
from appliance.knowledge import DocumentId
from tests.support.archives import packed
from tests.support.house import Member
from tests.support.program import Program

DRILL = b"The fire drill is on the first Thursday of May."


@pytest.fixture
def program(site: Flask, ada: Member) -> Program:
    return Program(site, ada)


def collection(program: Program, name: str, **chosen: object) -> str:
    made = program.asks("POST", "/collections", {"name": name} | chosen)
    assert made.status_code == 201, made.text
    return str(made.get_json()["collection_id"])


def test_it_takes_files_and_says_how_far_they_are(program: Program, ada: Member) -> None:
    received = program.uploads({"drill.txt": DRILL, "menu.txt": b"Soup on Mondays."})
    assert received.status_code == 202, received.text
    drill = received.get_json()["items"][0]
    assert (drill["file_name"], drill["status"]) == ("drill.txt", "received")

    knowledge.ingest(ada.house.worker.workshop, ada.tenant_id, DocumentId(UUID(drill["document_id"])))
    path = f"/documents/{drill['document_id']}"
    assert program.gets(path).get_json()["status"] == "ready"
    assert "first Thursday" in program.gets(f"{path}/passages").get_json()["items"][0]["body"]


def test_it_finds_and_pages_through_documents(program: Program) -> None:
    program.uploads({f"{name}.txt": name.encode() for name in ("one", "two", "three")})

    first = program.gets("/documents?limit=2").get_json()
    second = program.gets(f"/documents?limit=2&cursor={first['next_cursor']}").get_json()
    assert [one["title"] for one in first["items"] + second["items"]] == ["three", "two", "one"]
    assert second["next_cursor"] is None
    assert [one["title"] for one in program.gets("/documents?text=TWO").get_json()["items"]] == ["two"]
    assert program.gets("/documents?status=ready").get_json()["items"] == []
    assert program.gets("/documents?status=lost").status_code == 422


def test_it_stores_the_same_upload_once_and_knows_another_collection_under_the_same_key(program: Program) -> None:
    board = collection(program, "Board")
    first = program.uploads({"drill.txt": DRILL}, Idempotency_Key="k")
    again = program.uploads({"drill.txt": DRILL}, Idempotency_Key="k")
    other = program.uploads({"drill.txt": DRILL}, {"collection_id": board}, Idempotency_Key="k")

    assert again.get_json() == first.get_json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert other.get_json()["code"] == "idempotency_key_reused"


def test_it_moves_and_deletes_what_has_not_changed_since(program: Program) -> None:
    board = collection(program, "Board")
    document = program.uploads({"drill.txt": DRILL}).get_json()["items"][0]
    path = f"/documents/{document['document_id']}"
    tag = program.gets(path).headers["ETag"]

    moved = program.asks("PUT", f"{path}/collection", {"collection_id": board})
    assert moved.get_json()["collection_id"] == board
    assert program.asks("DELETE", path, If_Match=tag).status_code == 412
    assert program.asks("DELETE", f"/collections/{board}").get_json()["code"] == "collection_not_empty"
    assert program.asks("DELETE", path, If_Match=program.gets(path).headers["ETag"]).status_code == 204
    assert program.gets(path).status_code == 404
    assert program.asks("DELETE", f"/collections/{board}").status_code == 204


def test_it_refuses_what_is_no_file_and_what_has_nothing_to_release(program: Program) -> None:
    document = program.uploads({"drill.txt": DRILL}).get_json()["items"][0]["document_id"]

    assert program.uploads({}).status_code in {415, 422}
    assert program.uploads({"empty.txt": b""}).get_json()["code"] == "empty_file"
    assert program.asks("POST", "/documents", {"files": []}).status_code == 415
    assert program.asks("POST", f"/documents/{document}/approval").get_json()["code"] == "not_quarantined"
    assert program.asks("POST", f"/documents/{document}/retry").get_json()["code"] == "not_failed"


def test_it_hides_closed_collections_and_other_organisations(
    site: Flask, program: Program, ada: Member, bo: Member
) -> None:
    closed = collection(program, "Board")
    document = program.uploads({"pay.txt": b"Salaries"}, {"collection_id": closed}).get_json()["items"][0]
    path = f"/documents/{document['document_id']}"
    member = Program(site, ada.adds("eve@harrow.example", Role.MEMBER))
    for other in (member, Program(site, bo)):
        assert other.gets(path).status_code == 404
        assert other.gets(f"{path}/passages").status_code == 404
        assert other.gets(f"/collections/{closed}").status_code == 404
        assert other.gets("/documents").get_json()["items"] == []
        assert other.uploads({"x.txt": b"x"}, {"collection_id": closed}).status_code == 404

    program.asks("PUT", f"/collections/{closed}", {"name": "Board", "audience": "everyone"})
    assert member.gets(path).status_code == 200
    assert member.asks("DELETE", path).status_code == 403


def test_it_keeps_a_reading_token_from_writing(site: Flask, ada: Member) -> None:
    reader = Program(site, ada, [Scope.DOCUMENTS_READ])

    assert reader.uploads({"drill.txt": DRILL}).get_json()["code"] == "scope_missing"
    assert reader.asks("POST", "/collections", {"name": "x"}).status_code == 403


def test_it_tells_a_program_what_of_a_document_was_not_read(program: Program, ada: Member) -> None:
    document = ada.reads_in("papers.zip", packed({"a.txt": "Words.", "b.exe": b"MZ\x90\x00\x03\x00\x00\x00"}))
    path = f"/documents/{document.document_id}"
    told = program.gets(path).get_json()

    assert (told["status"], told["reason_code"]) == ("incomplete", "incomplete")
    assert [(part["name"], part["reason_code"]) for part in told["unread"]] == [("b.exe", "unsupported")]
    assert [one["title"] for one in program.gets("/documents?status=incomplete").get_json()["items"]] == ["papers"]
    assert program.asks("POST", f"{path}/approval").get_json()["status"] == "received"


def test_a_condition_on_a_list_is_answered_and_never_a_fault_of_ours(site: Flask, ada: Member) -> None:
    program = Program(site, ada)
    document = program.uploads({"drill.txt": DRILL}).get_json()["items"][0]["document_id"]
    for path in ("/documents", f"/documents/{document}/versions"):
        answer = program.asks("POST", path, None, If_Match='"x"')
        assert answer.status_code in {412, 415}, path
        assert program.uploads({"drill.txt": DRILL}, If_Match='"x"').status_code == 412
