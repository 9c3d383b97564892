"""Scans on their way through the house: read, checked like every text, and tried again once recognition is there."""

import pytest
from reportlab.pdfgen.canvas import Canvas

from appliance import knowledge
from appliance.knowledge import Status
from tests.support import inlaid, papers
from tests.support.house import House, Member
from tests.support.recognition import IS_INSTALLED, needs_tesseract, remove_recognition

CARD = "4539 1488 0343 6467"  # a valid check digit, nobody's card


def scan(*lines: str) -> bytes:
    def draw(canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 14)
        for number, line in enumerate(lines):
            canvas.drawString(60, 740 - 24 * number, line)

    return papers.scan(papers.pdf(draw))


@needs_tesseract
def test_it_answers_from_a_scan(ada: Member) -> None:
    ada.reads_in("rules.pdf", scan("The archive closes at five in the afternoon.", "Visitors leave their coats below."))
    answer = ada.asks("When does the archive close?")

    assert "closes at five" in answer.body
    assert answer.citations[0].page_from == 1


@needs_tesseract
def test_it_holds_a_scan_with_a_card_number(ada: Member) -> None:
    document = ada.reads_in("bill.pdf", scan("Paid by the card of the company:", CARD, "Thank you for your visit."))

    assert document.status is Status.QUARANTINED


@needs_tesseract
def test_it_holds_a_letter_with_a_picture_of_a_card(ada: Member) -> None:
    document = ada.reads_in("letter.docx", inlaid.word(inlaid.picture("Harrow Bank", CARD, "Valid until 11/29")))

    assert document.status is Status.QUARANTINED
    assert ada.asks("Until when is the card of Harrow Bank valid?").outcome == "abstained"


def test_a_picture_waits_for_recognition_and_a_logo_does_not(ada: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    remove_recognition(monkeypatch)
    passport = ada.reads_in("passport.docx", inlaid.word(inlaid.blank(1_011, 638)))
    letter = ada.reads_in("letter.docx", inlaid.word(inlaid.blank(600, 140)))

    assert passport.status is Status.INCOMPLETE
    assert "apt-get install tesseract-ocr" in passport.warnings[0]
    assert letter.status is Status.READY
    assert "not read" in letter.warnings[0]


def test_a_scan_waits_for_recognition_and_is_tried_again(
    house: House, ada: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as without:
        remove_recognition(without)
        document = ada.reads_in("rules.pdf", scan("The archive closes at five in the afternoon."))
    assert (document.status, document.reason_code) == (Status.FAILED, "needs_ocr")
    assert "apt-get install tesseract-ocr" in (document.reason or "")
    if not IS_INSTALLED:
        return

    with house.app.db.tenant(ada.tenant_id) as tx:
        knowledge.retry(tx, ada.caller, document.document_id)
    knowledge.ingest(house.worker.workshop, ada.tenant_id, document.document_id)
    assert ada.document(document.document_id).status is Status.READY
