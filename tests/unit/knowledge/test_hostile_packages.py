"""Words that a package holds where its reader does not look: each is checked, or told as unread; never passed over."""

import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable

import pytest

from appliance.knowledge.parser import package
from tests.support import packages
from tests.support.archives import packed
from tests.support.inlaid import word as word_with
from tests.support.packages import REL, odf, pptx, relations, row, shape, slide, xlsx
from tests.support.planted import WORD, finds, told
from tests.support.reading import hidden, missed, reads

_WORD = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:v="urn:schemas-microsoft-com:vml" '
    f'xmlns:r="{REL}" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
)
_PLAIN = "<w:p><w:r><w:t>Before.</w:t></w:r></w:p>"
_PARAGRAPH = f"<w:p><w:r><w:t>{WORD}</w:t></w:r></w:p>"


def document(body: str = "", relation: tuple[str, str] | None = None, **parts: str | bytes) -> bytes:
    """Return a DOCX; `parts` by path with __ for / and _dot_ for a dot."""
    files: dict[str, str | bytes] = {
        "word/document.xml": f"<w:document {_WORD}><w:body>{_PLAIN}{body}</w:body></w:document>"
    }
    if relation:
        files["word/_rels/document.xml.rels"] = relations(r1=" ".join(relation))
    return packed(files | {name.replace("__", "/").replace("_dot_", "."): part for name, part in parts.items()})


def run(inner: str) -> str:
    return f"<w:p><w:r>{inner}</w:r></w:p>"


IN_A_TEXT = {
    "field": run(f'<w:instrText>ASK x "{WORD}"</w:instrText>'),
    "torn field": "".join(f"<w:r><w:instrText>{part}</w:instrText></w:r>" for part in (WORD[:4], WORD[4:])).join(("<w:p>", "</w:p>")),
    "form for old programs": run(f"<mc:AlternateContent><mc:Choice><w:t>x</w:t></mc:Choice><mc:Fallback>{_PARAGRAPH}</mc:Fallback></mc:AlternateContent>"),
    "alternative text": run(f'<w:pict><v:shape alt="{WORD}"/></w:pict>'),
    "word art": run(f'<w:pict><v:textpath string="{WORD}"/></w:pict>'),
    "letters by number": run("".join(f'<w:sym w:font="Arial" w:char="F0{ord(sign):02X}"/>' for sign in WORD)),
    "drawing": run(f"<w:drawing><a:p><a:r><a:t>{WORD}</a:t></a:r></a:p></w:drawing>"),
    "list of a control": f'<w:sdt><w:sdtPr><w:listItem w:displayText="{WORD}"/></w:sdtPr></w:sdt>',
    "default of a field": run(f'<w:ffData><w:default w:val="{WORD}"/></w:ffData>'),
    "author of a change": f'<w:p><w:ins w:author="{WORD}"><w:r><w:t>x</w:t></w:r></w:ins></w:p>',
    "merged cell": f"<w:tbl><w:tr><w:tc>{_PLAIN}</w:tc></w:tr><w:tr><w:tc><w:vMerge/>{_PARAGRAPH}</w:tc></w:tr></w:tbl>",
    "outside of cells": f"<w:tbl><w:tr>{_PARAGRAPH}</w:tr></w:tbl>",
    "outside of paragraphs": f"<w:r><w:t>{WORD}</w:t></w:r>",
    "formula outside of paragraphs": f"<m:oMath><m:r><m:t>{WORD}</m:t></m:r></m:oMath>",
    "comment of XML": f"<!-- {WORD} -->",
    "foreign element": f"<x>{WORD}</x>",
}  # fmt: skip
IN_A_PART = {
    "altChunk elsewhere": document('<w:altChunk r:id="r1"/>', ("aFChunk", "x/a.html"), word__x__a_dot_html=f"<html><p>{WORD}</p></html>"),
    "document elsewhere": document(word__x__a_dot_bin=document(_PARAGRAPH)),
    "custom XML": document(customXml__item1_dot_xml=f'<a><b x="{WORD}"/></a>'),
    "SmartArt": document(word__diagrams__data1_dot_xml=f"<d><t>{WORD}</t></d>"),
    "glossary": document(word__glossary__document_dot_xml=f"<w:document {_WORD}>{_PARAGRAPH}</w:document>"),
    "header that nothing names": document(word__header9_dot_xml=f"<w:hdr {_WORD}>{_PARAGRAPH}</w:hdr>"),
    "variables": document(word__settings_dot_xml=f'<w:settings {_WORD}><w:docVar w:val="{WORD}"/></w:settings>'),
    "text": document(a_dot_txt=WORD),
    "axis of a chart": document(
        run('<c:chart r:id="r1"/>'), ("chart", "charts/c.xml"),
        word__charts__c_dot_xml=f"<c:chartSpace {_WORD}><c:chart><c:valAx><c:title><a:p><a:r><a:t>{WORD}</a:t></a:r></a:p></c:title></c:valAx></c:chart></c:chartSpace>",
    ),
    "comment without a text": document(word__comments_dot_xml=f'<w:comments {_WORD}><w:comment w:author="{WORD}"/></w:comments>'),
    "older drawing": document(word__a_dot_vml=f"<xml><div>{WORD}<br></div></xml>"),
    "text in two kinds": packed({"word/document.xml": f"<w:document {_WORD}>{_PLAIN}</w:document>", "xl/sharedStrings.xml": f"<t>{WORD}</t>"}),
    "master": pptx(slide(shape("x")), ppt__slideMasters__a_dot_xml=slide(shape(WORD))),
    "slide that is not shown": pptx(slide(shape("x")), slide(shape(WORD)), order=(1,)),
    "second choice": pptx(slide(f"<AlternateContent><Choice>{shape('y')}</Choice><Choice>{shape(WORD)}</Choice></AlternateContent>")),
    "merged cell of a slide": pptx(slide(f'<p:graphicFrame><p:nvPr><p:cNvPr/></p:nvPr><a:tbl><a:tr><a:tc><a:p><a:r><a:t>a</a:t></a:r></a:p></a:tc>'
                                         f'<a:tc hMerge="1"><a:p><a:r><a:t>{WORD}</a:t></a:r></a:p></a:tc></a:tr></a:tbl></p:graphicFrame>')),
    "header of notes": pptx(slide(shape("x")), beside={1: relations(q="notesSlide ../n.xml")}, ppt__n_dot_xml=slide(shape(WORD, "hdr"))),
    "tags": pptx(slide(shape("x")), ppt__tags__a_dot_xml=f'<tag val="{WORD}"/>'),
    "header of a sheet": xlsx(f"<sheetData>{row(1, 'x')}</sheetData><headerFooter><oddHeader>{WORD}</oddHeader></headerFooter>"),
    "choices of a cell": xlsx(f"<sheetData>{row(1, 'x')}</sheetData><dataValidation prompt='{WORD}'/>"),
    "text in a formula": xlsx(f"<sheetData>{row(1, 'x')}<row r='2'><c><f>IF(A1,\"{WORD}\")</f><v>1</v></c></row></sheetData>"),
    "cell without a row": xlsx(f'<c t="inlineStr"><is><t>{WORD}</t></is></c><sheetData>{row(1, "x")}</sheetData>'),
    "thousand and first cell": xlsx(f"<sheetData>{row(1, *'x' * 1005, WORD)}</sheetData>"),
    "pivot cache": xlsx(f"<sheetData>{row(1, 'x')}</sheetData>", xl__pivotCache__a_dot_xml=f'<s v="{WORD}"/>'),
    "external link": xlsx(f"<sheetData>{row(1, 'x')}</sheetData>", xl__externalLinks__a_dot_xml=f"<v>{WORD}</v>"),
    "sheet that nothing names": xlsx(f"<sheetData>{row(1, 'x')}</sheetData>", xl__worksheets__a_dot_xml=f"<t>{WORD}</t>"),
    "format of a number": xlsx(f"<sheetData>{row(1, 'x')}</sheetData>", xl__styles_dot_xml=packages.styles(f"0;&quot;{WORD}&quot;")),
    "shape on a sheet": odf("spreadsheet", f'<table:table table:name="A"><table:shapes><draw:frame><text:p>{WORD}</text:p></draw:frame></table:shapes>'
                            "<table:table-row><table:table-cell><text:p>x</text:p></table:table-cell></table:table-row></table:table>"),
    "value of a field": odf("text", f'<text:p>x<text:hidden-text text:string-value="{WORD}"/></text:p>'),
    "master of a presentation": odf("presentation", "<draw:page><text:p>x</text:p></draw:page>", styles_dot_xml=f"<a><p>{WORD}</p></a>"),
    "object of another name": odf("text", "<text:p>x</text:p>", Other__content_dot_xml=f"<a><p>{WORD}</p></a>"),
    "earlier version": odf("text", "<text:p>x</text:p>", Versions__a=odf("text", f"<text:p>{WORD}</text:p>")),
    "chapter that nothing names": packed({
        "mimetype": "application/epub+zip", "META-INF/container.xml": '<c><rootfile full-path="b.opf"/></c>',
        "b.opf": "<package/>", "d.xhtml": f"<html><body>{WORD}</body></html>", "t.ncx": "<!DOCTYPE ncx PUBLIC 'a' 'b'><ncx/>"}),
}  # fmt: skip


@pytest.mark.parametrize("place", IN_A_TEXT, ids=str)
def test_a_word_in_a_text_is_checked_wherever_it_stands(place: str) -> None:
    assert finds(package, document(IN_A_TEXT[place]))


@pytest.mark.parametrize("place", IN_A_PART, ids=str)
def test_a_word_in_another_part_is_checked(place: str) -> None:
    found = finds(package, IN_A_PART[place])
    inside = package.read(IN_A_PART[place], "").attached

    assert found or any(finds(package, file) for _, file in inside)


def test_what_nothing_here_reads_is_told() -> None:
    unknown = document(word__x_dot_bin=zlib.compress(WORD.encode() * 50) * 20)
    entities = document(word__x_dot_xml='<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')

    assert told(package, unknown) == {"unsupported"}
    assert told(package, entities) == {"document_type"}


def test_fonts_and_printers_hold_no_document_back() -> None:
    noise = bytes(range(256)) * 9
    parsed = document(word__fonts__font1_dot_odttf=noise, word__printerSettings1_dot_bin=noise)

    assert not told(package, parsed)


# ── archives ────────────────────────────────────────────────────────────────

PLAIN = packed({"a.txt": "Hello."}, zipfile.ZIP_STORED)


def _without_directory() -> bytes:
    """Return an archive with a member that its directory does not name."""
    other = packed({"b.txt": WORD}, zipfile.ZIP_STORED)
    other = other[: other.index(b"PK\x01\x02")]
    begin, end = PLAIN.index(b"PK\x01\x02"), PLAIN.index(b"PK\x05\x06")
    directory, rest = bytearray(PLAIN[begin:end]), bytearray(PLAIN[end:])
    struct.pack_into("<I", directory, 42, len(other))
    struct.pack_into("<I", rest, 16, len(other) + begin)
    return other + PLAIN[:begin] + bytes(directory) + bytes(rest)


def _smaller_than_it_is() -> bytes:
    archive = bytearray(packed({"a.txt": "Hi" + WORD}))
    begin = archive.index(b"PK\x01\x02")
    struct.pack_into("<I", archive, begin + 24, 2)
    struct.pack_into("<I", archive, begin + 16, zlib.crc32(b"Hi"))
    return bytes(archive)


def _behind_the_deflated() -> bytes:
    whole = packed({"a.txt": "Hello."})
    begin = whole.index(b"PK\x01\x02")
    archive = bytearray(whole[:begin] + WORD.encode() + whole[begin:])
    (size,) = struct.unpack_from("<I", archive, 18)
    begin += len(WORD)
    for place in (18, begin + 20):
        struct.pack_into("<I", archive, place, size + len(WORD))
    struct.pack_into("<I", archive, archive.index(b"PK\x05\x06") + 16, begin)
    return bytes(archive)


def _twice() -> bytes:
    target = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(target, "w") as archive:
        warnings.simplefilter("ignore")
        for text in (WORD, "Hello."):
            archive.writestr(
                "word/document.xml", f"<w:document {_WORD}><w:body>{run(f'<w:t>{text}</w:t>')}</w:body></w:document>"
            )
    return target.getvalue()


@pytest.mark.parametrize(
    "write",
    [
        lambda: PLAIN + WORD.encode(),
        lambda: packed({"b.txt": WORD}) + PLAIN,
        lambda: b"PK" + WORD.encode() + PLAIN,
        _without_directory,
        _smaller_than_it_is,
        _behind_the_deflated,
        _twice,
    ],
    ids=[
        "behind",
        "archive before",
        "before",
        "not in the directory",
        "smaller than it is",
        "behind the deflated",
        "twice",
    ],
)
def test_bytes_that_no_directory_names_are_told(write: Callable[[], bytes]) -> None:
    assert told(package, write()) == {"damaged"}


def test_every_way_to_write_an_archive_is_whole() -> None:
    class Pipe(io.RawIOBase):
        """Sizes come behind the content where a writer cannot go back."""

        def __init__(self) -> None:
            self.written = b""

        def writable(self) -> bool:
            return True

        def write(self, content: bytes) -> int:  # type: ignore[override] # bytes are all that comes
            self.written += bytes(content)
            return len(content)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", "Hello.")
        archive.comment = b"Of the archive"
    methods = [
        packed({"a.txt": "Hello."}, method) for method in (zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    ]

    assert not any(told(package, one) for one in [pipe.written, *methods])


def test_what_looks_like_a_folder_or_the_finders_is_read_all_the_same() -> None:
    assert finds(package, packed({"a/": WORD, "b.txt": "x"}))
    assert finds(package, packed({"b.pdf": b"\x00\x05\x16\x07" + WORD.encode()}))


def test_the_process_that_reads_finds_them_too() -> None:
    some = {f"{number}.docx": document(IN_A_TEXT[place]) for number, place in enumerate(("field", "letters by number"))}
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg"><style>a{{content:"{WORD}"}}</style></svg>'.encode()
    parsed = reads(packed({**some, "a.txt": f"He\0llo {WORD}", "b.docx": word_with(drawing, name="image1.svg")}))

    assert not missed(parsed)
    assert hidden(parsed).count(WORD) == 2
