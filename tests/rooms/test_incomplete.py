"""What could not be read was not checked: such a document is neither ready nor clean until somebody releases it."""

import json
from email.message import EmailMessage
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from appliance import knowledge
from appliance.identity import Forbidden, Role
from appliance.knowledge import Document, Status
from appliance.knowledge.errors import NotFailed, NotQuarantined
from appliance.providers.local.embeddings import LocalEmbedder
from tests.support.archives import Files, locked, packed
from tests.support.house import SAMPLES, SHARED, House, Member, Server
from tests.unit.knowledge.test_nasty import STATUS

NASTY = SHARED / "nasty"
MET = {
    "docx_macro.docm": Status.INCOMPLETE, "mail_bomb_nested.eml": Status.INCOMPLETE,
    "zip_droste_quine.zip": Status.FAILED,
}  # fmt: skip
CARD = "4539 1488 0343 6467"  # a valid check digit, nobody's card
MIXED: Files = {
    "travel.txt": "Hotel rooms are reimbursed up to 140 euros a night.",
    "locked.zip": locked("salaries-canary.txt", b"x"),
}


def releases(house: House, member: Member, document: Document) -> Document:
    with house.app.db.tenant(member.tenant_id) as tx:
        knowledge.approve(tx, member.caller, document.document_id)
    knowledge.ingest(house.worker.workshop, member.tenant_id, document.document_id)
    return member.document(document.document_id)


def test_a_document_that_was_read_in_part_is_held_with_the_names_of_the_rest(ada: Member) -> None:
    document = ada.reads_in("papers.zip", packed(MIXED))

    assert (document.status, document.reason_code) == (Status.INCOMPLETE, "incomplete")
    assert [(part.name, part.reason_code) for part in document.unread] == [
        ("locked.zip › salaries-canary.txt", "encrypted")
    ]
    assert "Remove the password" in document.unread[0].reason
    assert ada.asks("How much is reimbursed for a hotel room a night?").outcome == "abstained"


def test_only_who_may_release_does_and_then_what_was_read_is_found(house: House, ada: Member) -> None:
    document = ada.reads_in("papers.zip", packed(MIXED))
    member = ada.adds("mia@harrow.example", Role.MEMBER)
    with pytest.raises(Forbidden), house.app.db.tenant(ada.tenant_id) as tx:
        knowledge.approve(tx, member.caller, document.document_id)

    released = releases(house, ada, document)

    assert released.status is Status.READY
    assert [part.name for part in released.unread] == ["locked.zip › salaries-canary.txt"]
    assert "140 euros" in ada.asks("How much is reimbursed for a hotel room a night?").body
    with pytest.raises(NotQuarantined), house.app.db.tenant(ada.tenant_id) as tx:
        knowledge.approve(tx, ada.caller, document.document_id)


def test_a_held_document_can_be_tried_again_and_a_ready_one_not(house: House, ada: Member) -> None:
    held, ready = ada.reads_in("papers.zip", packed(MIXED)), ada.reads_in("fire-drill.txt")
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert knowledge.retry(tx, ada.caller, held.document_id).unread == ()
    knowledge.ingest(house.worker.workshop, ada.tenant_id, held.document_id)

    assert ada.document(held.document_id).status is Status.INCOMPLETE
    with pytest.raises(NotFailed), house.app.db.tenant(ada.tenant_id) as tx:
        knowledge.retry(tx, ada.caller, ready.document_id)


def test_the_log_says_what_kind_of_thing_is_missing_and_not_its_name(
    server: Server, database: str, ada: Member
) -> None:
    ada.reads_in("papers.zip", packed(MIXED))
    with server.connect("boot", database) as boot:
        bodies = [bytes(cast("bytes", body)) for (body,) in boot.execute("SELECT body FROM cloister.audit_inbox")]
    held = [entry for entry in map(json.loads, bodies) if entry["event"] == "knowledge:document:held"]

    assert [entry["facts"]["unread"] for entry in held] == ["encrypted"]
    assert not any(b"canary" in body for body in bodies)


def test_a_file_of_which_nothing_inside_was_read_fails_with_the_names(ada: Member) -> None:
    document = ada.reads_in("papers.zip", locked("secret.txt", b"hush"))

    assert (document.status, document.reason_code) == (Status.FAILED, "encrypted")
    assert [part.name for part in document.unread] == ["secret.txt"]


def _letter(body: str = "Words.", **headers: str) -> EmailMessage:
    letter = EmailMessage()
    letter["From"], letter["Subject"] = "ada@harrow.example", "Till"
    for name, value in headers.items():
        letter[name.replace("_", "-")] = value
    letter.set_content(body)
    return letter


def _with(letter: EmailMessage, content: bytes, name: str) -> bytes:
    letter.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return letter.as_bytes()


def _alternative() -> bytes:
    letter = _letter(f"The card is {CARD}.")
    letter.add_alternative("<p>The card is hidden here.</p>", subtype="html")
    return letter.as_bytes()


PLACES = {
    "in an attachment": _with(_letter(), f"a;b\n{CARD};2\n3;4\n".encode(), "a.csv"),
    "in the name of an attachment": _with(_letter(), b"Words.", f"{CARD}.txt"),
    "in the name of what was not read": _with(_letter(), b"MZ\x90\x00\x03\x00\x00\x00", f"{CARD}.exe"),
    "in the name of a file that is empty": packed({"a.txt": "Words.", f"{CARD}.txt": ""}),
    "in a header line that nobody is shown": _letter(X_Note=CARD).as_bytes(),
    "in the form of a mail that nobody is shown": _alternative(),
    "in an archive in a mail": _with(_letter(), packed({"a/b.txt": f"It is {CARD}."}), "a.zip"),
    "in the title of a page in an archive": packed({"a.html": f"<title>{CARD}</title><p>Words.</p>"}),
    "in a comment of a page": f"<p>Words.</p><!-- {CARD} -->".encode(),
    "in a script of a page": f"<p>Words.</p><script>pay('{CARD}')</script>".encode(),
    "in a description of a picture": f"<p>Words.</p><img alt='{CARD}'>".encode(),
    "in JSON as a number": b'{"card": 4539148803436467}',
    "in an attribute of XML": f'<pay card="{CARD}">Words.</pay>'.encode(),
    "in UTF-16": f"The card is {CARD}.".encode("utf-16-le"),
}


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_card_number_is_found(ada: Member, place: str) -> None:
    document = ada.reads_in("a.bin", PLACES[place])

    assert document.status is Status.QUARANTINED
    assert CARD not in (document.reason or "")


def test_who_releases_a_finding_is_told_of_what_was_not_read_too(house: House, ada: Member) -> None:
    document = ada.reads_in("a.zip", packed({"a.txt": f"It is {CARD}.", "b.exe": b"MZ\x90\x00\x03\x00\x00\x00"}))

    assert document.status is Status.QUARANTINED
    assert [part.name for part in document.unread] == ["b.exe"]
    assert releases(house, ada, document).status is Status.READY


def test_pages_of_a_file_inside_are_no_pages_of_the_document(ada: Member) -> None:
    assert (
        ada.reads_in("travel.zip", packed({"travel.pdf": (SAMPLES / "leave-and-travel.pdf").read_bytes()})).page_count
        is None
    )


def one_of_each_kind() -> list[str]:
    """Return a hostile file for each way in which one can end, and those of which the worker's own word is known."""
    kinds = {(status, *sorted(told)): name for name, (status, told) in sorted(STATUS.items(), reverse=True)}
    return sorted({*kinds.values(), *MET})


@pytest.mark.skipif(not NASTY.exists(), reason="the shared documents are not beside the project")
@pytest.mark.parametrize(
    "names", [one_of_each_kind(), pytest.param(sorted(STATUS), marks=pytest.mark.long)], ids=["one of each kind", "all"]
)
def test_the_worker_is_none_the_worse_for_the_hostile_files(
    server: Server, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    house = House(server, database, tmp_path, ocr_picture_seconds=5)  # the unit test of these files lets them take all
    ada, met = house.founds("Harrow", "ada@harrow.example"), {}
    with monkeypatch.context() as patch:
        # The sheet of 200,000 rows falls into tens of thousands of passages: an hour of embedding, which hurts nobody.
        patch.setattr(LocalEmbedder, "embed", lambda self, texts, **_: np.full((len(texts), self.dimension), 0.05))
        for name in names:
            document = ada.reads_in(name, (NASTY / name).read_bytes())
            met[name] = document.status
            assert document.status.is_final
            assert document.status is Status.READY or document.reason

    assert {name: met[name] for name in MET} == MET
    assert ada.reads_in("fire-drill.txt").status is Status.READY
    assert "oak tree" in ada.asks("Where is the assembly point of the fire drill?").body
    house.close()
