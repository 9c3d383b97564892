"""The pages of documents, collections and jobs: finding, sorting, moving, and who reads what."""

import re

from flask import Flask

from appliance import identity, knowledge
from appliance.identity import Role
from tests.support.archives import packed
from tests.support.house import Member
from tests.support.site import Browser


def titles(browser: Browser, address: str) -> list[str]:
    return re.findall(r'<td class="head"><a href="/documents/[0-9a-f-]+">([^<]+)</a>', browser.gets(address).text)


def test_a_list_of_documents_finds_sorts_and_keeps_it_in_the_address(at_ada: Browser, ada: Member) -> None:
    for name, text in (("banana.txt", "b" * 50), ("apple.txt", "a " * 900), ("cherry.txt", "c " * 20)):
        ada.uploads(name, text)
    assert titles(at_ada, "/documents") == ["cherry", "apple", "banana"]
    assert titles(at_ada, "/documents?sort=title") == ["apple", "banana", "cherry"]
    assert titles(at_ada, "/documents?sort=-size") == ["apple", "banana", "cherry"]
    assert titles(at_ada, "/documents?q=BAN") == ["banana"]
    assert titles(at_ada, "/documents?q=%25") == []
    assert titles(at_ada, "/documents?status=received&sort=title") == ["apple", "banana", "cherry"]
    assert titles(at_ada, "/documents?status=ready") == []
    assert titles(at_ada, "/documents?sort=nonsense&page=9999999999&status=nonsense&collection=x") == [
        "cherry", "apple", "banana",
    ]  # fmt: skip
    assert re.findall(r'data-document="', at_ada.gets("/documents/rows?q=ban").text) == ['data-document="']


def test_it_shows_fifty_a_page(at_ada: Browser, ada: Member) -> None:
    for number in range(53):
        ada.uploads(f"n{number:02}.txt", f"text {number}")
    assert titles(at_ada, "/documents?sort=title&page=2") == ["n50", "n51", "n52"]
    assert "51–53" in at_ada.gets("/documents?sort=title&page=2").text


def makes(browser: Browser, name: str, audience: str = "groups", **more: str) -> str:
    answer = browser.posts("/collections", name=name, description="", audience=audience, **more)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"].split("?")[0].rsplit("/", 1)[1]


def test_a_document_moves_and_its_readers_change_at_once(site: Flask, at_ada: Browser, ada: Member) -> None:
    mia = ada.adds("mia@harrow.example", Role.MEMBER)
    at_mia = Browser(site)
    at_mia.signs_in(mia)
    document = ada.uploads("plan.txt", "The plan.")
    assert titles(at_mia, "/documents") == ["plan"]

    board = makes(at_ada, "Board")
    path = f"/documents/{document.document_id}"
    assert at_mia.posts(f"{path}/collection", collection=board).status_code == 403
    assert at_ada.posts(f"{path}/collection", collection=board).status_code == 303
    assert titles(at_ada, f"/documents?collection={board}") == ["plan"]
    assert titles(at_mia, "/documents") == []
    assert at_mia.gets(path).status_code == 404
    assert "knowledge:document:moved" in at_ada.gets("/audit").text


def test_the_same_file_is_not_moved_upon_itself(at_ada: Browser, ada: Member) -> None:
    document = ada.uploads("plan.txt", "The plan.")
    board = makes(at_ada, "Board")
    assert at_ada.uploads("plan.txt", b"The plan.", collection=board).status_code == 303
    assert at_ada.posts(f"/documents/{document.document_id}/collection", collection=board).status_code == 409
    assert titles(at_ada, f"/documents?collection={board}") == ["plan"]


def test_a_collection_is_made_changed_and_deleted_on_its_page(site: Flask, at_ada: Browser, ada: Member) -> None:
    mia = ada.adds("mia@harrow.example", Role.MEMBER)
    with ada.services.db.tenant(ada.tenant_id) as tx:
        group = identity.create_group(tx, ada.caller, name="Board", clock=ada.house.clock)
        identity.set_group_members(tx, ada.caller, group.group_id, [mia.caller.user_id])
    board = makes(at_ada, "Papers", groups=str(group.group_id))
    refused = at_ada.posts("/collections", name="Papers", description="kept", audience="everyone")
    assert refused.status_code == 409
    assert "kept" in refused.text  # the form keeps what was typed

    at_mia = Browser(site)
    at_mia.signs_in(mia)
    assert "Papers" in at_mia.gets("/collections").text
    assert at_mia.posts(f"/collections/{board}", name="Mine", audience="everyone").status_code == 403
    at_ada.posts(f"/collections/{board}", name="Papers", description="", audience="groups")
    assert "Papers" not in at_mia.gets("/collections").text
    assert at_mia.gets(f"/collections/{board}").status_code == 404
    assert at_ada.posts(f"/collections/{board}/deletion").status_code == 303
    assert at_ada.gets(f"/collections/{board}").status_code == 404


def test_a_documents_own_page_offers_what_its_status_asks_for(site: Flask, at_ada: Browser, ada: Member) -> None:
    held = ada.reads_in("card.txt", "Pay with 4111 1111 1111 1111.")
    broken = ada.reads_in("broken.pdf", b"%PDF-1.7 broken")
    waiting = ada.uploads("waiting.txt", "It waits.")
    at_mia = Browser(site)
    at_mia.signs_in(ada.adds("mia@harrow.example", Role.MEMBER))
    for document, verb, who in (
        (held, "approval", {at_ada}),
        (broken, "retry", {at_ada, at_mia}),
        (waiting, "cancellation", {at_ada, at_mia}),
    ):
        path = f"/documents/{document.document_id}"
        for browser in (at_ada, at_mia):
            assert (f'action="{path}/{verb}"' in browser.gets(path).text) is (browser in who), verb
    ready = ada.reads_in("fire-drill.txt")
    assert not re.search("/(approval|retry|cancellation)", at_ada.gets(f"/documents/{ready.document_id}").text)


def test_the_list_of_uploads_says_what_is_held_and_offers_no_retry_where_nothing_failed(
    at_ada: Browser, ada: Member
) -> None:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        batch_id = knowledge.create_batch(tx, ada.caller, clock=ada.house.clock)
    at_ada.uploads("card.txt", b"Pay with 4111 1111 1111 1111.", batch=str(batch_id))
    assert f"/batches/{batch_id}/retry" in at_ada.gets(f"/batches/{batch_id}").text
    with ada.services.db.tenant(ada.tenant_id) as tx:
        document = knowledge.list_documents(tx, ada.caller)[0]
    knowledge.ingest(ada.house.worker.workshop, ada.tenant_id, document.document_id)
    assert '<td data-label="Held back" class="number">1</td>' in at_ada.gets("/batches").text
    assert f"/batches/{batch_id}/retry" not in at_ada.gets(f"/batches/{batch_id}").text


def test_the_list_of_uploads_is_turned_to_its_end(at_ada: Browser, ada: Member) -> None:
    with ada.services.db.tenant(ada.tenant_id) as tx:
        first, *_ = [knowledge.create_batch(tx, ada.caller, clock=ada.house.clock) for _ in range(51)]
    assert str(first) not in at_ada.gets("/batches").text
    further = at_ada.first(r'href="(/batches\?before=[0-9a-f-]{36})">Further', "/batches")
    assert str(first) in at_ada.gets(further).text
    assert at_ada.gets("/batches?before=x").status_code == 200


def test_jobs_are_listed_for_administrators(site: Flask, at_ada: Browser, at_bo: Browser, ada: Member) -> None:
    document = ada.uploads("plan.txt", "The plan.")
    page = at_ada.gets("/jobs").text
    assert f"/documents/{document.document_id}" in page
    assert "Read a document" in page
    assert str(document.document_id) not in at_bo.gets("/jobs").text
    mia = ada.adds("mia@harrow.example", Role.MEMBER)
    at_mia = Browser(site)
    at_mia.signs_in(mia)
    assert at_mia.gets("/jobs").status_code == 403


def test_pages_of_documents_speak_german(at_ada: Browser, ada: Member) -> None:
    ada.uploads("plan.txt", "The plan.")
    at_ada.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "de"
    assert "Dateien wählen" in at_ada.gets("/documents").text
    assert "Wartet" in at_ada.gets("/documents").text
    ada.reads_in("expenses.txt", "The card is 4111 1111 1111 1111.")
    assert "Gefunden: Nummer einer Zahlungskarte." in at_ada.gets("/documents").text


def test_an_answer_that_found_nothing_says_so_in_german(at_ada: Browser, ada: Member) -> None:
    ada.asks("Who won the ice hockey championship?")
    at_ada.client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "de"
    talk = at_ada.first(r'href="(/chat/[0-9a-f-]{36})"', "/chat")
    assert "Ich habe in diesen Dokumenten nichts gefunden" in at_ada.gets(talk).text


def test_a_document_that_was_read_in_part_says_what_is_missing_and_is_released_by_hand(
    site: Flask, at_ada: Browser, ada: Member
) -> None:
    hostile = "<img src=x onerror=alert(1)>.exe"
    document = ada.reads_in("papers.zip", packed({"a.txt": "Words.", hostile: b"MZ\x90\x00\x03\x00\x00\x00"}))
    path = f"/documents/{document.document_id}"
    listed, page = at_ada.gets("/documents").text, at_ada.gets(path).text

    assert titles(at_ada, "/documents?status=incomplete") == ["papers"]
    assert "Partly unreadable" in listed
    assert f'action="{path}/approval"' in listed
    assert f'action="{path}/retry"' in listed
    assert "<b>&lt;img src=x onerror=alert(1)&gt;.exe</b>: This kind of file is not supported." in page
    assert "It is not searched until an administrator releases it." in page

    at_mia = Browser(site)
    at_mia.signs_in(ada.adds("mia@harrow.example", Role.MEMBER))
    assert f'action="{path}/approval"' not in at_mia.gets("/documents").text
    assert at_mia.posts(f"{path}/approval").status_code == 403
    assert at_ada.posts(f"{path}/approval").status_code == 303
    knowledge.ingest(ada.house.worker.workshop, ada.tenant_id, document.document_id)

    assert "Partly read" in at_ada.gets("/documents").text
    assert "Words." in at_ada.gets(path).text
    assert "onerror=alert(1)&gt;.exe" in at_ada.gets(path).text
    assert {"knowledge:document:held", "knowledge:document:approved"} <= set(
        re.findall(r"knowledge:document:\w+", at_ada.gets("/audit").text)
    )
