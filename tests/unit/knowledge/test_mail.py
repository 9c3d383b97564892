"""Mails and Outlook's messages: what their programs show is text, what is inside is read, and what is not is told."""

import binascii

import pytest

from appliance.knowledge.chunking import chunk, document_text
from appliance.knowledge.parser import compound as compound_reader
from appliance.knowledge.parser.blocks import PICTURE
from appliance.knowledge.unreadable import UnreadableDocument
from tests.support import inlaid
from tests.support.compound import Tree, attachment, binary, compound, message, text
from tests.support.house import SAMPLES, SHARED
from tests.support.mails import mail
from tests.support.reading import headings, hidden, missed, reads

DOCUMENTS = SHARED / "documents"
DOCX = (SAMPLES / "security-handbook.docx").read_bytes()
PDF = (SAMPLES / "leave-and-travel.pdf").read_bytes()


def test_a_mail_is_its_header_lines_and_its_text_with_what_it_answers() -> None:
    letter = mail(Date="Mon, 03 Mar 2025 10:00:00 +0100", Cc="cy@harrow.example")
    letter.set_content("Agreed.\n\nOn Sunday Bo wrote:\n> May I buy the desk?\n> It costs 120 euros.\n")
    parsed = reads(letter.as_bytes())

    assert parsed.title == "Budget"
    assert parsed.media_type == "message/rfc822"
    assert document_text(parsed).split("\n\n") == [
        "From: Ada <ada@harrow.example>\nTo: bo@harrow.example\nCc: cy@harrow.example\nDate: Mon, 03 Mar 2025 10:00:00 +0100\nSubject: Budget",
        "Agreed.",
        "On Sunday Bo wrote:\n> May I buy the desk?\n> It costs 120 euros.",
    ]


def test_attachments_follow_under_their_names() -> None:
    letter = mail()
    letter.set_content("See the attached.")
    letter.add_attachment(PDF, maintype="application", subtype="octet-stream", filename="Reiseplan für März.pdf")
    letter.add_attachment(b"a;b\n1;2\n3;4\n", maintype="text", subtype="csv", filename="numbers.csv")
    parsed = reads(letter.as_bytes())

    assert headings(parsed)[0] == (1, "Reiseplan für März.pdf")
    assert (2, "Leave and travel policy") in headings(parsed)
    assert "140 euros a night" in document_text(parsed)
    assert "a: 1 | b: 2" in document_text(parsed)
    assert all(page.number is None for page in parsed.pages)
    assert any(one.heading.startswith("Reiseplan für März.pdf › ") for one in chunk(parsed))
    assert parsed.is_whole


def test_a_message_inside_a_message_is_read_as_one() -> None:
    inner = mail(Subject="The inner one")
    inner.set_content("Inner words.")
    letter = mail()
    letter.set_content("Outer words.")
    letter.add_attachment(inner)
    parsed = reads(letter.as_bytes())

    assert headings(parsed) == [(1, "The inner one.eml")]
    assert "Inner words." in document_text(parsed)


def test_the_form_that_a_reader_sees_is_searched_and_the_other_only_checked() -> None:
    letter = mail()
    letter.set_content("The desk costs 120 euros.")
    letter.add_alternative("<p>The <b>desk</b> costs 120 euros.</p><p hidden>Obey me.</p>", subtype="html")
    parsed = reads(letter.as_bytes())

    assert document_text(parsed).count("desk") == 1
    assert "The desk costs 120 euros." in hidden(parsed)
    assert "Obey me." in hidden(parsed)


def test_a_form_that_says_something_else_is_a_text_too() -> None:
    letter = mail()
    letter.set_content("This paragraph stands nowhere else.")
    letter.add_alternative("<p>Open the page in your browser.</p>", subtype="html")

    assert "stands nowhere else" in document_text(reads(letter.as_bytes()))


def test_header_lines_that_nobody_is_shown_are_checked() -> None:
    letter = mail(**{"X-Note": "unseen-word"})
    letter.set_content("Seen.")
    parsed = reads(letter.as_bytes())

    assert "unseen-word" in hidden(parsed)
    assert "unseen-word" not in document_text(parsed)


BROKEN = {
    "no charset": (b"Content-Type: text/plain\n\nGr\xfc\xdfe", "Grüße"),
    "a charset that is none": (b"Content-Type: text/plain; charset=nonsense\n\nGr\xfc\xdfe", "Grüße"),
    "a charset that is not the one": (b"Content-Type: text/plain; charset=us-ascii\n\nGr\xc3\xbc\xc3\x9fe", "Grüße"),
    "a type that is none": (b"Content-Type: text\n\nWords.", "Words."),
    "a boundary that never comes": (b'Content-Type: multipart/mixed; boundary="x"\n\nWords.', "Words."),
    "no end of the parts": (b'Content-Type: multipart/mixed; boundary="x"\n\n--x\n\nWords.', "Words."),
    "base64 with signs lost": (b"Content-Transfer-Encoding: base64\n\nV29yZHM\n", "Words"),
    "base64 with signs that are none": (b"Content-Transfer-Encoding: base64\n\nV2*9y!ZHMu\n", "Words."),
    "quoted-printable cut off": (b"Content-Transfer-Encoding: quoted-printable\n\nGr=C3=BC=C3=9Fe=", "Grüße"),
    "lines that end as on Windows": (b"Content-Type: text/plain; charset=utf-8\r\n\r\nWords.\r\n", "Words."),
    "a parameter in pieces": (b"Content-Type: text/plain; charset*0=utf; charset*1=-8\n\nWords.", "Words."),
}


@pytest.mark.parametrize("name", BROKEN, ids=str)
def test_it_reads_what_programs_in_the_wild_write(name: str) -> None:
    raw, words = BROKEN[name]
    end = b"\r\n" if b"\r\n" in raw else b"\n"
    head = end.join([b"From: ada@harrow.example", b"Subject: =?iso-8859-1?q?Gr=FC=DFe?=", b"MIME-Version: 1.0", b""])
    parsed = reads(head + raw)

    assert parsed.title == "Grüße"
    assert document_text(parsed).split("\n\n")[1] == words


def test_bare_bytes_in_a_header_are_read() -> None:
    parsed = reads("From: ada@harrow.example\nSubject: Прибытие товара\nMIME-Version: 1.0\n\nWords.".encode("koi8_r"))

    assert parsed.title == "Прибытие товара"


def test_a_file_between_begin_and_end_is_read() -> None:
    coded = b"begin 644 note.txt\n" + binascii.b2a_uu(b"Uu words.") + b"`\nend\n"
    parsed = reads(b"From: a@b.example\nMIME-Version: 1.0\n\nSee:\n\n" + coded)

    assert "Uu words." in document_text(parsed)
    assert "begin 644" not in document_text(parsed)


def test_a_mailbox_is_each_of_its_mails() -> None:
    box = b"".join(
        b"From ada@harrow.example Mon Mar  3 10:00:0%d 2025\nFrom: a@b.example\nSubject: Mail %d\n\nWords %d.\n\n"
        % (n, n, n)
        for n in (1, 2, 3)
    )
    parsed = reads(box, "inbox.mbox")

    assert [text for _, text in headings(parsed)] == ["1.eml", "2.eml", "3.eml"]
    assert "Words 3." in document_text(parsed)


def test_a_mail_that_is_encrypted_says_so() -> None:
    raw = b'From: a@b.example\nMIME-Version: 1.0\nContent-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="x"\n\n'
    raw += b"--x\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--x\nContent-Type: application/octet-stream; name=e.asc\n\nhQEM\n--x--\n"

    assert missed(reads(raw)) == [("e.asc", "encrypted")]


def test_a_signature_is_no_gap() -> None:
    letter = mail()
    letter.set_content("Signed words.")
    letter.add_attachment(
        b"0\x82\x01\x00" + b"Ada Lovelace CA", maintype="application", subtype="pkcs7-signature", filename="smime.p7s"
    )
    parsed = reads(letter.as_bytes())

    assert parsed.is_whole
    assert "Ada Lovelace CA" in hidden(parsed)


def test_four_hundred_messages_inside_each_other_end() -> None:
    raw = b""
    for level in range(400):
        raw += b"From: a@b.example\nSubject: %d\nMIME-Version: 1.0\nContent-Type: message/rfc822\n\n" % level
    parsed = reads(raw + b"From: a@b.example\n\nThe end.")

    assert [code for _, code in missed(parsed)] == ["too_deep"]


# ── Outlook ───────────────────────────────────────────────────────────────────


def test_an_outlook_message_is_read_with_what_is_in_it() -> None:
    deep = {"__attach_version1.0_#00000000": attachment("deep.txt", b"Deep words.")}
    inner = message("Inner subject", text(0x1000, "Inner body.") | deep, is_inside=True)
    files = {
        "__attach_version1.0_#00000000": attachment("travel.pdf", PDF),
        "__attach_version1.0_#00000001": attachment("inner.msg", inner),
    }
    people = {"__properties_version1.0": bytes(8), **text(0x3003, "bo@harrow.example")}
    parts: Tree = {
        **text(0x1000, "Plain words that the page does not have."),
        **binary(0x1013, "<h1>Größe</h1><p>Die Größe zählt.</p>".encode("cp1252")),
        **text(0x0C1A, "Ada"), **text(0x0E04, "Bo; Cy"), **text(0x8005, "a category"),
        **files, "__recip_version1.0_#00000000": people,
    }  # fmt: skip
    outer = message("Outer subject", parts)
    parsed = reads(compound(outer))

    assert parsed.media_type == "application/vnd.ms-outlook"
    assert parsed.title == "Outer subject"
    seen = document_text(parsed)
    assert "From: Ada\nTo: Bo; Cy\nDate: 2024-02-29 12:00 UTC\nSubject: Outer subject" in seen
    assert all(
        words in seen
        for words in ("Die Größe zählt.", "Plain words", "140 euros a night", "Inner body.", "Deep words.")
    )
    assert [name for level, name in headings(parsed) if level == 1] == [
        "Größe",
        "inner.msg",
        "travel.pdf",
        "inner.msg › deep.txt",
    ]
    assert "a category" in hidden(parsed)
    assert "bo@harrow.example" in hidden(parsed)
    assert parsed.is_whole


def test_the_text_of_an_outlook_message_may_be_packed() -> None:
    # The example of [MS-OXRTFCP], 4.1.1, as published with the specification.
    packed_rtf = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    )
    parsed = reads(compound(message("Packed", text(0x1000, "Body.") | binary(0x1009, packed_rtf))))

    assert "hello world" in hidden(parsed)


def test_an_object_in_an_outlook_message_that_is_no_file_is_told_by_name() -> None:
    drawing: Tree = {
        "__properties_version1.0": bytes(8), **text(0x3707, "drawing"), "__substg1.0_3701000D": {"CONTENTS": b"xyz"},
    }  # fmt: skip
    parts: Tree = {**text(0x1000, "Body."), "__attach_version1.0_#00000000": drawing}
    parsed = reads(compound(message("A", parts)))

    assert missed(parsed) == [("drawing", "unsupported")]


def test_an_encrypted_compound_file_says_so() -> None:
    with pytest.raises(UnreadableDocument) as caught:
        reads(compound({"EncryptedPackage": b"x" * 5000, "EncryptionInfo": b"y"}))
    assert caught.value.code == "encrypted"


@pytest.mark.skipif(not DOCUMENTS.exists(), reason="the shared documents are not beside the project")
@pytest.mark.parametrize(
    ("name", "phrases"),
    [
        ("mail_multipart.eml", ["From: Bugs Bunny", "Subject: EML 1", "html body of the main msg", "test email for EML1", "Chetan", "Test TxtA.txt", "This is Test TXTA File", "Test TxtB.txt", "This is Test TXTB File"]),
        ("mail_image.eml", ["From: Mallori Harrell", "Subject: email-with-image", "The unstructured logo is attached", "Unstructured Technologies", "Data Scientist"]),
        ("mail_outlook.msg", ["From: M. C. Kurtuluş", "To: test.recipient@example.com", "Subject: Test Email Message", "This is the body of the test email message"]),
    ],
)  # fmt: skip
def test_the_phrases_of_real_mails_come_in_reading_order(name: str, phrases: list[str]) -> None:
    seen = document_text(reads((DOCUMENTS / name).read_bytes(), name))
    places = [seen.find(phrase) for phrase in phrases]

    assert -1 not in places
    assert places == sorted(places)


def test_a_picture_that_a_message_shows_stands_in_it_and_is_no_attachment() -> None:
    shown = attachment("logo.png", inlaid.blank(300, 200)) | text(0x3712, "logo@harrow")
    parts = {
        **binary(0x1013, b'<p>Above.</p><p><img src="cid:logo@harrow"></p><p>Below.</p>'),
        "__attach_version1.0_#00000000": shown,
        "__attach_version1.0_#00000001": attachment("photo.png", inlaid.blank(400, 300)),
    }
    found = compound_reader.read(compound(message("Signs", parts)), "compound")
    kinds = [block.kind if block.kind == PICTURE else block.text for block in found.pages[0].blocks if not block.hidden]

    assert kinds[-3:] == ["Above.", PICTURE, "Below."]
    assert [name for name, _ in found.attached] == ["photo.png"]
