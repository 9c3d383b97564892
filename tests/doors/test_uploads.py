"""Uploads at the page, by programs and at the console: batches, versions, labels, parts."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from appliance.identity import Role
from tests.doors.conftest import Console
from tests.support.house import House, Member
from tests.support.product import csrf
from tests.support.program import PREFIX, Program
from tests.support.queue import Worker
from tests.support.site import Browser

OLD, NEW = b"The drill is on the first Thursday of May.", b"The drill is on the second Friday of June."


def sends(browser: Browser, path: str, files: dict[str, bytes], key: str = "", **form: str) -> TestResponse:
    """Send files as the page's script does."""
    headers = {"Accept": "application/json", "X-CSRF-Token": csrf(browser.gets("/account").text)}
    parts = {**form, "files": [(io.BytesIO(content), name) for name, content in files.items()]}
    return browser.client.post(path, data=parts, headers=headers | ({"Idempotency-Key": key} if key else {}))


def script(browser: Browser, path: str, **form: object) -> TestResponse:
    headers = {"Accept": "application/json", "X-CSRF-Token": csrf(browser.gets("/account").text)}
    return browser.client.post(path, data=form, headers=headers)


@pytest.fixture
def worker(house: House) -> Iterator[Worker]:
    worker = Worker(house)
    yield worker
    worker.close()


def test_several_files_of_a_plain_form_are_a_batch_with_a_page(at_ada: Browser, worker: Worker) -> None:
    token = csrf(at_ada.gets("/account").text)
    files = [(io.BytesIO(OLD), "drill.txt"), (io.BytesIO(b"\0\1\2\3" * 9), "broken.txt")]
    answer = at_ada.client.post("/documents", data={"csrf": token, "files": files})
    batch = answer.headers["Location"]
    assert batch.startswith("/batches/")
    assert "data-busy" in at_ada.gets(f"{batch}/state").text

    worker.works()
    page = at_ada.gets(batch).text
    assert "100 % of 2 files" in page
    assert "drill" in page
    assert "broken" in page
    assert "drill" not in re.sub("(?s)<nav.*?</nav>", "", at_ada.gets(f"{batch}?status=failed").text)
    assert at_ada.posts(f"{batch}/retry").status_code == 303
    assert at_ada.posts(f"{batch}/cancellation").status_code == 303
    assert "Cancelled" in at_ada.gets(batch).text
    assert batch in at_ada.gets("/batches").text


def test_a_file_sent_again_under_its_key_gets_the_same_answer(at_ada: Browser) -> None:
    first = sends(at_ada, "/documents", {"drill.txt": OLD}, key="one")
    again = sends(at_ada, "/documents", {"drill.txt": OLD}, key="one")
    assert again.get_json() == first.get_json()
    assert first.get_json()["documents"][0]["receipt"] == "added"
    assert sends(at_ada, "/documents", {"drill.txt": NEW}, key="one").status_code == 422
    assert sends(at_ada, "/documents", {"drill.txt": OLD}, key="two").get_json()["documents"][0]["receipt"] == "known"
    assert sends(at_ada, "/documents", {"drill.txt": b""}, key="three").status_code == 422
    assert (
        sends(at_ada, "/documents", {"drill.txt": NEW}, key="three").get_json()["documents"][0]["receipt"] == "version"
    )


def test_the_folder_stands_before_the_name_and_leads_nowhere(at_ada: Browser) -> None:
    for folder in ("Reports/2026", "../../Reports/./2026/", "\\Reports\\2026"):
        answer = sends(at_ada, "/documents", {"../drill.txt": OLD + folder.encode()}, folder=folder)
        assert answer.get_json()["documents"][0]["file_name"] == "Reports/2026/drill.txt"


def test_a_document_shows_its_versions_and_takes_a_new_one(at_ada: Browser, worker: Worker) -> None:
    document = sends(at_ada, "/documents", {"drill.txt": OLD}).get_json()["documents"][0]["id"]
    worker.works()
    path = f"/documents/{document}"
    assert sends(at_ada, f"{path}/versions", {"drill (final).txt": NEW}).get_json()["documents"][0]["version"] == 1
    assert "Version 2 is on its way. Until it is ready, version 1 stays in force." in at_ada.gets(path).text
    assert "first Thursday" in at_ada.gets(path).text
    assert "New version 2:" in at_ada.gets("/documents").text

    worker.works()
    page = at_ada.gets(path).text
    assert "second Friday" in page
    assert "Replaced" in page
    earlier = re.search(rf'action="({path}/versions/[0-9a-f-]+)/restoration"', page)
    assert earlier is not None
    assert at_ada.posts(f"{earlier[1]}/restoration").status_code == 303
    worker.works()
    assert "first Thursday" in at_ada.gets(path).text
    assert at_ada.posts(f"{earlier[1]}/deletion").status_code == 303
    assert earlier[1] not in at_ada.gets(path).text


def test_a_release_is_of_the_version_that_the_page_showed(at_ada: Browser, worker: Worker) -> None:
    held = b"Card 4111 1111 1111 1111. "
    document = sends(at_ada, "/documents", {"drill.txt": held + OLD}).get_json()["documents"][0]["id"]
    worker.works()
    shown = re.search(
        rf'action="/documents/{document}/approval".*?name="version" value="(\d+)"', at_ada.gets("/documents").text
    )
    assert shown is not None
    sends(at_ada, "/documents", {"drill.txt": held + NEW})
    worker.works()
    assert at_ada.posts(f"/documents/{document}/approval", version=shown[1]).status_code == 409
    assert at_ada.posts(f"/documents/{document}/approval", version="2").status_code == 303


def test_a_program_releases_the_version_that_it_names(site: Flask, ada: Member, worker: Worker) -> None:
    program = Program(site, ada)
    held = b"Card 4111 1111 1111 1111. "
    document = program.uploads({"drill.txt": held + OLD}).get_json()["items"][0]["document_id"]
    worker.works()
    assert program.asks("POST", f"/documents/{document}/approval?version=2").status_code == 409
    assert program.asks("POST", f"/documents/{document}/approval?version=1").status_code == 200


def test_labels_are_given_shown_and_found(at_ada: Browser) -> None:
    document = sends(at_ada, "/documents", {"drill.txt": OLD}).get_json()["documents"][0]["id"]
    sends(at_ada, "/documents", {"soup-list.txt": b"Soup on Mondays."})
    assert at_ada.posts(f"/documents/{document}/labels", labels="safety,  fire  drill, safety, ").status_code == 303
    assert 'value="fire drill, safety"' in at_ada.gets(f"/documents/{document}").text
    found = at_ada.gets("/documents?label=fire drill").text
    assert document in found
    assert "soup-list" not in found
    assert at_ada.posts(f"/documents/{document}/labels", labels=",".join("abcdefghijklmnopqrstuvw")).status_code == 422
    assert at_ada.posts(f"/documents/{document}/labels", labels="x" * 41).status_code == 422


def test_a_document_on_its_way_is_cancelled_and_read_again(at_ada: Browser, worker: Worker) -> None:
    document = sends(at_ada, "/documents", {"drill.txt": OLD}).get_json()["documents"][0]["id"]
    assert f"/documents/{document}/cancellation" in at_ada.gets("/documents").text
    at_ada.posts(f"/documents/{document}/cancellation")
    assert worker.works() == 1
    assert "Cancelled" in at_ada.gets("/documents").text
    assert at_ada.posts(f"/documents/{document}/cancellation").status_code == 409
    at_ada.posts(f"/documents/{document}/retry")
    worker.works()
    assert "first Thursday" in at_ada.gets(f"/documents/{document}").text


def test_the_page_sends_a_large_file_in_parts(site: Flask, at_ada: Browser, ada: Member, worker: Worker) -> None:
    content = OLD * 200
    upload = script(at_ada, "/uploads", name="drill.txt", bytes=str(len(content)), folder="Plans").get_json()
    path = f"/uploads/{upload['id']}"
    for start in (0, 5000):
        piece = (io.BytesIO(content[:5000] if start == 0 else content[5000:]), "part")
        assert script(at_ada, f"{path}/parts", start=str(start), part=piece).status_code == 200
    assert at_ada.gets(path).get_json()["received"] == len(content)
    assert script(at_ada, f"{path}/parts", start="nonsense", part=(io.BytesIO(b"x"), "part")).status_code == 422
    received = script(at_ada, f"{path}/completion").get_json()["documents"][0]
    assert (received["file_name"], received["receipt"]) == ("Plans/drill.txt", "added")
    assert at_ada.gets(path).status_code == 404
    worker.works()
    assert "first Thursday" in at_ada.gets(f"/documents/{received['id']}").text

    assert script(at_ada, "/uploads", name="a.txt", bytes="999999999999").status_code == 422
    assert script(at_ada, "/uploads", name="a.txt", bytes="900000000").status_code == 413
    at_mia = Browser(site)
    at_mia.signs_in(ada.adds("mia@harrow.example", Role.MEMBER))
    mine = script(at_ada, "/uploads", name="a.txt", bytes="10").get_json()["id"]
    assert at_mia.gets(f"/uploads/{mine}").status_code == 404


def test_a_program_versions_labels_and_batches(site: Flask, ada: Member, worker: Worker) -> None:
    program = Program(site, ada)
    batch = program.asks("POST", "/batches").get_json()["batch_id"]
    answer = program.uploads(
        {"drill.txt": OLD, "menu.txt": b"Soup."}, {"batch_id": batch, "folder": "Plans"}
    ).get_json()
    assert answer["receipts"] == ["added", "added"]
    document = answer["items"][0]["document_id"]
    worker.works()
    assert program.gets(f"/batches/{batch}").get_json()["counts"] == {"ready": 2}
    assert len(program.gets(f"/documents?batch_id={batch}").get_json()["items"]) == 2
    assert [one["batch_id"] for one in program.gets("/batches").get_json()["items"]] == [batch]

    program.asks("PUT", f"/documents/{document}/labels", {"labels": ["safety"]})
    assert [one["labels"] for one in program.gets("/documents?label=safety").get_json()["items"]] == [["safety"]]
    program.client.post(
        f"{PREFIX}/documents/{document}/versions", data={"files": [(io.BytesIO(NEW), "x.txt")]},
        headers={"Authorization": f"Bearer {program.secret}"},
    )  # fmt: skip
    assert program.gets(f"/documents/{document}").get_json()["newer"]["number"] == 2
    worker.works()
    versions = program.gets(f"/documents/{document}/versions").get_json()["items"]
    assert [(one["number"], one["is_current"]) for one in versions] == [(1, False), (2, True)]
    old = f"/documents/{document}/versions/{versions[0]['version_id']}"
    assert program.asks("DELETE", f"/documents/{document}/versions/{versions[1]['version_id']}").status_code == 409
    assert program.asks("POST", f"{old}/restoration").status_code == 202
    assert program.asks("DELETE", old).status_code == 204


def test_the_console_takes_folders_and_says_what_became_of_each(
    console: Console, house: House, ada: Member, tmp_path: Path
) -> None:
    folder = tmp_path / "Plans"
    (folder / "2026").mkdir(parents=True)
    (folder / "drill.txt").write_bytes(OLD)
    (folder / "2026" / "menu.txt").write_bytes(b"Soup on Mondays.")
    (folder / ".hidden").write_bytes(b"not for anybody")
    (folder / "empty.txt").write_bytes(b"")
    result = console("ingest", str(folder), "--no-wait", "--json")
    assert result.exit_code == 1
    told = {one["file_name"]: one["status"] for one in json.loads(result.output)}
    assert told == {"Plans/2026/menu.txt": "received", "Plans/drill.txt": "received", "Plans/empty.txt": "refused"}

    (folder / "empty.txt").unlink()
    again = console("ingest", str(folder), "--no-wait")
    assert again.exit_code == 0, again.output
    assert again.output.count("known already") == 2
    assert "There is no such collection" in str(console("ingest", str(folder), "--collection", "Nowhere").exception)
    assert console("ingest", str(folder), "--collection", "Documents", "--no-wait").exit_code == 0


def test_a_name_does_nothing_to_the_terminal_that_prints_it(site: Flask, console: Console, ada: Member) -> None:
    mia = ada.adds("mia@harrow.example", Role.MEMBER)
    Program(site, mia).asks("PUT", "/me/profile", {"display_name": "Mia\x1b]0;mine\x07"})
    document = mia.uploads("drill\x1b[2J\x9b31m\n.txt", OLD)
    for words in (("user", "list"), ("document", "list"), ("document", "get", str(document.document_id))):
        printed = console(*words).output
        assert "Mia" in printed
        assert not {"\x1b", "\x9b", "\x07"} & set(printed), words
    assert document.file_name == "drill[2J31m.txt"
