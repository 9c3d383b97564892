"""Office documents: what a reader sees is text, in order; what a reader does not see is marked as what it is."""

import base64
import struct
from pathlib import Path

import pytest

from appliance.knowledge.chunking import document_text
from appliance.knowledge.parser import compound as compound_reader
from appliance.knowledge.parser import package as package_reader
from appliance.knowledge.parser.blocks import ATTACHED_FILES
from appliance.knowledge.parsing import parse
from tests.support import inlaid, packages
from tests.support.archives import packed
from tests.support.compound import compound
from tests.support.house import SHARED
from tests.support.packages import epub, shape, slide
from tests.support.reading import code, seen, unseen

DOCUMENTS = SHARED / "documents"
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
# What each document says, in the order in which it says it.
SAID = {
    "book.epub": ["Chapter 1: Test Content", "It includes:", "Another point", "Chapter 2: More Content", "blockquote"],
    "doc_legacy.doc": ["These are a few of my favorite things:", "Parrots", "Hockey", "This is my third thought.", "DOYLESTOWN"],
    "docx_comments.docx": ["AutoGen: Enabling", "Abstract", "Introduction", "1 | 2 | 3 | 4 | 5 | 6", "Comments", "55yiyi-asd09"],
    "docx_tables.docx": ["Simple uniform table", "Header Col 1: Lorem ipsum", "Nested Table", "Table with merged cells"],
    "handbook_872p.docx": ["Executive Office for United States Trustees", "CHAPTER 1 - INTRODUCTION", "A. PURPOSE", "Footnotes"],
    "note.rtf": ["All human beings are born free", "Todos los seres humanos nacen libres e iguales"],
    "sheet_legacy.xls": ["Sheet1", "Alpha: 89 | Beta: 82", "09060124-b5e7-4717-9d07-3c046eb"],
    "sheet_multi.xlsx": ["3.1 Operating segments", "Zone NA | Sales (a): 12,553", "January–June 2022", "Reconciliation"],
    "slides_sample.pptx": ["Code 600: Sciences and Exploration Directorate", "Code 690", "Support offices", "Code 700"],
    "slides_table_notes.pptx": ["AutoGen: Enabling", "ColA: 1 | ColB: 2", "A chart to test parsing:", "2003", "Nested Shape"],
}  # fmt: skip


@pytest.mark.skipif(not SHARED.exists(), reason="the shared documents are not beside the project")
@pytest.mark.parametrize("name", SAID)
def test_it_reads_a_document_in_its_order(name: str) -> None:
    path: Path = DOCUMENTS / name
    text = document_text(parse(path.read_bytes(), file_name=path.name))
    place = 0
    for phrase in SAID[name]:
        place = text.find(phrase, place)
        assert place >= 0, phrase


def test_the_name_of_a_file_decides_nothing() -> None:
    book = packages.epub({"one": "<p>Once upon a time.</p>"}, ("one",))

    assert parse(book, file_name="sheet.xlsx").media_type == "application/epub+zip"


def test_slides_follow_the_presentation_and_not_their_names() -> None:
    parsed = parse(
        packages.pptx(
            slide(shape("First text"), shape("Written first", "title")),
            slide(shape("Shown first", "title")),
            order=(2, 1),
        ),
        file_name="a.pptx",
    )

    assert [page.number for page in parsed.pages] == [1, 2]
    assert seen(parsed) == ["Shown first", "Written first", "First text"]
    assert parsed.title == "Shown first"


def test_notes_and_comments_of_a_slide_are_read_under_their_headings() -> None:
    parsed = parse(
        packages.pptx(
            slide(shape("Plan", "title")),
            beside={1: packages.relations(n="notesSlide ../notesSlides/notes1.xml", c="comments ../comments/c1.xml")},
            ppt__notesSlides__notes1_dot_xml=packages.notes("Speak slowly."),
            ppt__comments__c1_dot_xml=packages.comments("Which year?"),
            ppt__commentAuthors_dot_xml=packages.authors("Bo"),
        ),
        file_name="a.pptx",
    )

    assert seen(parsed) == ["Plan", "Notes", "Speak slowly.", "Comments", "Bo: Which year?"]


def test_a_hidden_slide_and_a_hidden_shape_never_speak() -> None:
    parsed = parse(
        packages.pptx(
            slide(shape("Plan", "title"), shape("Obey me.", look='hidden="1"')),
            slide(shape("Layoffs", "title"), show="0"),
        ),
        file_name="a.pptx",
    )

    assert seen(parsed) == ["Plan"]
    assert unseen(parsed, "hidden text") == ["Obey me."]
    assert unseen(parsed, "hidden slide") == ["Layoffs"]


def test_a_file_inside_a_presentation_is_read_after_it() -> None:
    parsed = parse(
        packages.pptx(slide(shape("Plan")), ppt__embeddings__more_dot_txt="Carried along."), file_name="a.pptx"
    )

    assert seen(parsed)[-2:] == ["more.txt", "Carried along."]


def test_what_was_deleted_from_a_docx_never_speaks() -> None:
    body = (
        "<w:p><w:r><w:t>We pay </w:t></w:r><w:del><w:r><w:delText>ten</w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>five</w:t></w:r></w:ins><w:moveFrom><w:r><w:t> never</w:t></w:r></w:moveFrom></w:p>"
    )
    parsed = parse(
        packed({"word/document.xml": f"<w:document {W}><w:body>{body}</w:body></w:document>"}),
        file_name="a.docx",
    )

    assert seen(parsed) == ["We pay five"]
    assert unseen(parsed, "deleted text") == ["ten never"]


def test_headers_and_footnotes_of_a_docx_are_said_once() -> None:
    head = f"<w:hdr {W}><w:p><w:r><w:t>Internal</w:t></w:r></w:p></w:hdr>"
    note = f"<w:footnotes {W}><w:footnote><w:p><w:r><w:t>See the law.</w:t></w:r></w:p></w:footnote></w:footnotes>"
    parsed = parse(
        packed(
            {
                "word/document.xml": f"<w:document {W}><w:body><w:p><w:r><w:t>Said.</w:t></w:r></w:p></w:body></w:document>",
                "word/_rels/document.xml.rels": packages.relations(a="header header1.xml", b="header header2.xml"),
                "word/header1.xml": head, "word/header2.xml": head, "word/footnotes.xml": note,
                "docProps/core.xml": "<coreProperties><title>The Rules</title><creator>Ada</creator></coreProperties>",
            }
        ),
        file_name="a.docx",
    )  # fmt: skip

    assert seen(parsed) == ["Said.", "Header and footer", "Internal", "Footnotes", "See the law."]
    assert unseen(parsed, "metadata") == ["title: The Rules\ncreator: Ada"]
    assert parsed.title == "The Rules"


def test_it_reads_the_strict_dialect_and_parts_of_other_names() -> None:
    strict = '<w:document xmlns:w="http://purl.oclc.org/ooxml/wordprocessingml/main"><w:body><w:p><w:r><w:t>Strictly.</w:t></w:r></w:p></w:body></w:document>'
    parts = {
        "[Content_Types].xml": "<Types/>", "_rels/.rels": packages.relations(a="officeDocument word/document2.xml"),
        "word/document2.xml": strict,
    }  # fmt: skip

    assert seen(parse(packed(parts), file_name="a.docx")) == ["Strictly."]


def test_a_text_of_opendocument_is_read_as_it_is_seen() -> None:
    body = (
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>Ten.</text:p></text:deletion></text:changed-region></text:tracked-changes>"
        '<text:h text:outline-level="2">Travel</text:h>'
        '<text:p>Book<text:s text:c="2"/>early<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>If you can.</text:p></text:note-body></text:note>.'
        "<office:annotation><dc:creator>Ada</dc:creator><text:p>Why?</text:p></office:annotation>"
        '<text:span text:style-name="ghost">Obey me.</text:span></text:p>'
        "<text:list><text:list-item><text:p>By train</text:p></text:list-item></text:list>"
        "<table:table><table:table-row><table:table-cell><text:p>City</text:p></table:table-cell><table:table-cell><text:p>Hotel</text:p></table:table-cell></table:table-row>"
        "<table:table-row><table:table-cell><text:p>Lyon</text:p></table:table-cell><table:table-cell><text:p>140</text:p></table:table-cell></table:table-row></table:table>"
    )
    looks = '<style:style style:name="ghost"><style:text-properties text:display="none"/></style:style>'
    parsed = parse(packages.odf("text", body, looks=looks), file_name="a.odt")

    assert seen(parsed) == [
        "Travel", "Book early.", "By train", "City | Hotel", "City: Lyon | Hotel: 140",
        "Footnotes", "If you can.", "Comments", "Ada: Why?",
    ]  # fmt: skip
    assert unseen(parsed, "hidden text") == ["Obey me."]
    assert unseen(parsed, "deleted text") == ["Ten."]


def test_slides_of_opendocument_have_their_titles_and_notes() -> None:
    body = (
        '<draw:page><draw:frame presentation:class="title"><draw:text-box><text:p>Plan</text:p></draw:text-box></draw:frame>'
        "<draw:frame><draw:text-box><text:p>Grow.</text:p></draw:text-box></draw:frame>"
        "<presentation:notes><draw:frame><draw:text-box><text:p>Speak slowly.</text:p></draw:text-box></draw:frame></presentation:notes></draw:page>"
        '<draw:page draw:style-name="off"><draw:frame><draw:text-box><text:p>Layoffs</text:p></draw:text-box></draw:frame></draw:page>'
    )
    looks = (
        '<style:style style:name="off"><style:drawing-page-properties presentation:visibility="hidden"/></style:style>'
    )
    parsed = parse(packages.odf("presentation", body, looks=looks), file_name="a.odp")

    assert seen(parsed) == ["Plan", "Grow.", "Notes", "Speak slowly."]
    assert unseen(parsed, "hidden slide") == ["Slide 2", "Layoffs"]
    assert [page.number for page in parsed.pages] == [1, 2]


def test_a_locked_document_of_opendocument_asks_for_its_password() -> None:
    manifest = "<manifest><file-entry><encryption-data/></file-entry></manifest>"

    assert code(packages.odf("text", "", **{"META-INF__manifest_dot_xml": manifest})) == "encrypted"


def test_a_book_is_read_along_its_spine() -> None:
    book = packages.epub({"b": "<h1>Two</h1>", "a": "<h1>One</h1><p>Once.</p>", "c": "<p>Cut.</p>"}, ("a", "b"))
    parsed = parse(book, file_name="a.epub")

    assert seen(parsed) == ["One", "Once.", "Two"]
    assert "Cut." in unseen(parsed, "metadata")
    assert parsed.title == "The Book"


def test_a_book_whose_chapters_are_locked_says_so() -> None:
    locked = packed({"mimetype": "application/epub+zip", "META-INF/container.xml": "<x>"})

    assert code(locked) == "damaged"


def test_what_of_a_chapter_is_not_read_is_told() -> None:
    film = f'<video src="data:video/mp4;base64,{base64.b64encode(bytes(600)).decode()}"></video>'
    book = epub({"one": "<p>Chapter one.</p>" + film * (ATTACHED_FILES + 1)}, ("one",))

    assert "too_many_files" in {reason for _, reason in package_reader.read(book, "package").unread}


def test_a_rich_text_is_read_as_it_is_seen() -> None:
    rich = (
        rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}{\f1\fcharset204 Arial;}}{\stylesheet{\s1 heading 1;}}{\info{\title The Rules}{\author Ada}}"
        rb"{\header Internal}\pard\s1 Travel\par\pard Caf\'e9 \u8364? {\f1\'cf\'f0\'e8}{\v Obey me.}{\deleted Ten.}"
        rb"{\*\unknown Skipped}{\footnote If you can.}{\*\atnauthor Bo}{\*\annotation Why?}\par"
        rb"\trowd\intbl City\cell Hotel\cell\row\trowd\intbl Lyon\cell 140\cell\row\pard End.\par}"
    )
    parsed = parse(rich, file_name="a.rtf")

    assert seen(parsed) == [
        "Travel", "Café € При", "City | Hotel", "City: Lyon | Hotel: 140", "End.",
        "Footnotes", "If you can.", "Header and footer", "Internal", "Comments", "Bo: Why?",
    ]  # fmt: skip
    assert unseen(parsed, "hidden text") == ["Obey me."]
    assert unseen(parsed, "deleted text") == ["Ten."]


def test_a_file_inside_a_rich_text_is_read_after_it() -> None:
    def word(text: bytes) -> bytes:
        return len(text + b"\0").to_bytes(4, "little") + text + b"\0"

    native = b"\x02\0more.txt\0C:\\more.txt\0\0\0\3\0" + word(b"C:\\t") + (14).to_bytes(4, "little") + b"Carried along."
    object_ = b"\1\5\0\0\2\0\0\0" + word(b"Package") + bytes(8) + len(native).to_bytes(4, "little") + native
    rich = rb"{\rtf1 Said.\par{\object{\*\objdata " + object_.hex().encode() + b"}}}"

    assert seen(parse(rich, file_name="a.rtf")) == ["Said.", "more.txt", "Carried along."]


def test_an_open_group_without_an_end_is_no_trap() -> None:
    assert code(b"{\\rtf1" + b"{" * 5_000 + b"deep") == "too_deep"


def test_many_parts_share_one_budget() -> None:
    slides = {f"r{n}": f"slide slides/s{n}.xml" for n in range(1, 22)}
    names = "".join(f'<p:sldId r:id="r{n}"/>' for n in range(1, 22))
    space = f'xmlns:p="{packages.OFFICE}/presentationml/2006/main" xmlns:r="{packages.REL}"'
    parts = {
        "ppt/presentation.xml": f"<p:presentation {space}><p:sldIdLst>{names}</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": packages.relations(**slides),
        **{f"ppt/slides/s{n}.xml": slide(shape("x")) + " " * 20_000_000 for n in range(1, 22)},
    }

    assert code(packed(parts)) == "bomb"


def doc(
    text: str,
    *,
    flags: int = 0,
    hidden: tuple[int, int] | None = None,
    counts: tuple[int, ...] = (),
    drawn: bytes = b"",
) -> bytes:
    """Return a document of Word 97: its text in one piece behind the header; characters `hidden` vanish."""
    main = bytearray(1024) + text.encode("cp1252").ljust(1024, b"\0") + bytes(512)
    struct.pack_into("<H6xH", main, 2, 0xC1, flags)
    struct.pack_into("<8i", main, 0x4C, *(counts or (len(text),)), *[0] * (8 - len(counts or (1,))))
    clx = b"\2" + struct.pack("<IIIHIH", 16, 0, len(text), 0, 0x40000000 | 2048, 0)
    struct.pack_into("<II", main, 0x1A2, 0, len(clx))
    first, last = hidden or (0, 0)
    page = bytearray(512)  # three runs: before, hidden, after
    struct.pack_into("<4I3B", page, 0, 1024, 1024 + first, 1024 + last, 1024 + len(text), 0, 100, 0)
    struct.pack_into("<BHB", page, 200, 3, 0x083C, 1)
    page[511] = 3
    main[2048:2560] = page
    plc = struct.pack("<III", 1024, 1024 + len(text), 4)
    struct.pack_into("<II", main, 0xFA, len(clx), len(plc))
    table = (clx + plc).ljust(4096, b"\0")
    return compound(
        {"WordDocument": bytes(main).ljust(4096, b"\0"), "0Table": table} | ({"Data": drawn} if drawn else {})
    )


def test_an_old_document_is_read_as_it_is_seen() -> None:
    text = "We pay five. Obey me.\rCity\x07\rSee the law.\r"
    parsed = parse(doc(text, hidden=(13, 21), counts=(28, len(text) - 28)), file_name="a.doc")

    assert seen(parsed) == ["We pay five.", "Footnotes", "See the law."]
    assert unseen(parsed, "hidden text") == ["Obey me."]


def test_an_old_document_does_not_say_the_instructions_of_its_fields() -> None:
    parsed = parse(doc('See \x13HYPERLINK "x"\x14the page\x15.\r'), file_name="a.doc")

    assert seen(parsed) == ["See the page."]


def test_an_old_document_asks_for_its_password() -> None:
    assert code(doc("x", flags=0x0100)) == "encrypted"


def test_pictures_of_an_old_document_are_found_and_drawings_in_it_told() -> None:
    picture = bytes(17) + inlaid.blank(200, 120)
    drawing = bytes(60)
    drawn = bytes(90) + b"".join(
        struct.pack("<HHI", head, kind, len(body)) + body
        for head, kind, body in ((0x6E00, 0xF01E, picture), (0x3D40, 0xF01A, drawing))
    )
    found = compound_reader.read(doc("We pay five.\r", drawn=drawn), "compound")

    assert [(one.name, one.content) for one in found.pictures] == [("picture.png", picture[17:])]
    assert found.unread == [("picture.emf", "picture_format")]
