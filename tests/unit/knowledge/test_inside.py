"""Archives and pages: what is inside is read in processes of its own, and told by name where it is not."""

import binascii
import io
import zipfile

import pytest

from appliance.knowledge.chunking import document_text
from appliance.knowledge.parsing import Limits
from appliance.knowledge.unreadable import Unread, UnreadableDocument
from tests.support.archives import locked, packed
from tests.support.house import SAMPLES
from tests.support.reading import headings, hidden, missed, reads

DOCX = (SAMPLES / "security-handbook.docx").read_bytes()
PDF = (SAMPLES / "leave-and-travel.pdf").read_bytes()


def test_the_files_of_an_archive_are_read_under_their_names() -> None:
    parsed = reads(
        packed({"plans/travel.pdf": PDF, "handbook.docx": DOCX, "notes/": "", "notes/a.txt": "Little words."})
    )

    assert [name for level, name in headings(parsed) if level == 1] == [
        "plans/travel.pdf",
        "handbook.docx",
        "notes/a.txt",
    ]
    assert parsed.media_type == "application/zip"
    assert parsed.is_whole


def test_an_archive_in_an_archive_is_named_on_the_way() -> None:
    parsed = reads(packed({"outer.zip": packed({"inner.txt": "Words."})}))

    assert [name for _, name in headings(parsed)] == ["outer.zip › inner.txt"]


def test_what_of_an_archive_is_not_read_is_told_by_name() -> None:
    files = {
        "read.txt": b"Words.",
        "locked.zip": locked("secret.txt", b"hush"),
        "program.exe": b"MZ\x90\x00\x03\x00\x00\x00",
        "broken.pdf": b"%PDF-1.7\nno",
    }
    parsed = reads(packed(files))

    assert missed(parsed) == [
        ("locked.zip › secret.txt", "encrypted"),
        ("program.exe", "unsupported"),
        ("broken.pdf", "damaged"),
    ]
    assert not parsed.is_whole


def test_an_archive_of_which_nothing_is_read_fails_and_says_why() -> None:
    with pytest.raises(UnreadableDocument) as caught:
        reads(locked("secret.txt", b"hush"))
    assert caught.value.code == "encrypted"
    assert [part.name for part in caught.value.unread] == ["secret.txt"]

    with pytest.raises(UnreadableDocument) as caught:
        reads(packed({"a.exe": b"MZ\x90\x00\x03\x00", "b.zip": locked("c", b"d")}))
    assert caught.value.code == "nothing_readable"


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("../../etc/cron.d/evil.txt", "etc/cron.d/evil.txt"),
        ("/etc/passwd.txt", "etc/passwd.txt"),
        ("C:\\Windows\\a.txt", "Windows/a.txt"),
        ("a\u202etxt.exe", "atxt.exe"),
        ("./a//b/./c.txt", "a/b/c.txt"),
        ("..", "?"),
        ("x" * 400 + ".txt", "…" + "x" * 195 + ".txt"),
    ],
)
def test_a_name_in_an_archive_is_shown_and_never_a_path(name: str, seen: str) -> None:
    parsed = reads(packed({name: "Words."}))

    assert [text for _, text in headings(parsed)] == [seen]


def test_names_of_an_old_archive_are_read_in_their_encoding() -> None:
    archive = packed({"XXXXXXXX.txt": "Words."}, zipfile.ZIP_STORED).replace(b"XXXXXXXX", "Прибытие".encode("cp866"))

    assert [text for _, text in headings(reads(archive))] == ["Прибытие.txt"]


def test_a_member_that_unpacks_to_too_much_is_a_bomb_and_the_rest_is_read() -> None:
    parsed = reads(packed({"bomb.txt": b"\0" * 120_000_000, "a.txt": b"Words."}))

    assert missed(parsed) == [("bomb.txt", "bomb")]
    assert "Words." in document_text(parsed)


def test_blank_files_and_what_the_finder_leaves_are_no_gaps() -> None:
    parsed = reads(
        packed(
            {
                "a.txt": "Words.",
                "empty.txt": "",
                "blank.html": "<p> </p>",
                "__MACOSX/._a.txt": b"\x00\x05\x16\x07\x00com.apple.quarantine",
            }
        )
    )

    assert parsed.is_whole
    assert "com.apple.quarantine" in hidden(parsed)
    assert "empty.txt" in hidden(parsed)


def test_comments_of_an_archive_are_checked() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.comment = b"comment-word"
        archive.writestr("a.txt", "Words.")

    assert "comment-word" in hidden(reads(target.getvalue()))


def test_a_file_that_stands_in_a_page_is_read_too() -> None:
    page = f'<p>Seen.</p><object data="data:application/pdf;base64,{binascii.b2a_base64(PDF).decode()}"></object>'
    parsed = reads(page.encode(), "a.html")

    assert headings(parsed)[0] == (1, "application-1.pdf")
    assert "140 euros a night" in document_text(parsed)


# ── limits of a whole upload ────────────────────────────────────────────────


def test_it_goes_five_deep_and_says_what_is_below() -> None:
    archive = packed({"deepest.txt": "Words."})
    for level in range(6):
        archive = packed({f"{level}.zip": archive, f"{level}.txt": f"Level {level}."})
    parsed = reads(archive)

    assert missed(parsed) == [("5.zip › 4.zip › 3.zip › 2.zip › 1.zip › 0.zip", "too_deep"), ("5.zip › 4.zip › 3.zip › 2.zip › 1.zip › 0.txt", "too_deep")]  # fmt: skip


def test_it_reads_so_many_files_and_no_more() -> None:
    archive = packed({f"{number}.txt": f"Words {number}." for number in range(6)})

    assert missed(reads(archive, limits=Limits(files=4))) == [("4.txt", "too_many_files"), ("5.txt", "too_many_files")]
    assert [code for _, code in missed(reads(archive, limits=Limits(file_bytes=20)))] == ["too_many_files"] * 4
    assert [code for _, code in missed(reads(archive, limits=Limits(characters=20)))] == ["too_much_text"] * 5


def test_it_spends_so_much_time_on_an_upload_and_no_more() -> None:
    slow = "<p>" + "<b>x</b> " * 400_000
    parsed = reads(
        packed({"a.txt": "Words."} | {f"{n}.html": slow for n in range(8)}),
        limits=Limits(cpu_seconds=1, uploads_share=2),
    )

    assert "time_limit" in [code for _, code in missed(parsed)]
    assert "Words." in document_text(parsed)


def test_a_million_parts_are_not_told_one_by_one() -> None:
    archive = bytearray(packed({f"{number}.txt": "x" for number in range(1_500)}, zipfile.ZIP_STORED))
    for place in range(len(archive) - 4):
        if archive[place : place + 4] == b"PK\x01\x02":
            archive[place + 8] |= 1
    with pytest.raises(UnreadableDocument) as caught:
        reads(bytes(archive))

    assert len(caught.value.unread) == 201
    assert caught.value.unread[-1] == Unread("", "more_unread")
