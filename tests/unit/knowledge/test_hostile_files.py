"""Words that pages, letters, RTF, PDF and pictures hold where nobody looks: each is checked, or told as unread."""

import base64
import binascii
import io
import os
import struct
import zlib
from types import ModuleType

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from appliance.knowledge import formats
from appliance.knowledge.child import Answer
from appliance.knowledge.inlays import read_pictures
from appliance.knowledge.parser import compound as compound_reader
from appliance.knowledge.parser import html, package, pdf, rtf, svg, written, xml
from appliance.knowledge.parser import mail as mail_reader
from appliance.knowledge.parser import pictures as picture_reader
from appliance.knowledge.parser.captions import captions, has_more_frames, holds_file, later_frames
from appliance.knowledge.parser.dimensions import measured
from appliance.knowledge.scans import Recognised, Recognition, installed_languages, recognise
from tests.support import inlaid
from tests.support.archives import packed
from tests.support.compound import compound, message, text
from tests.support.planted import WORD, finds, pictures, told
from tests.support.reading import reads

PICTURE = inlaid.picture("Quokka")
_LINK = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"

# ── pages ───────────────────────────────────────────────────────────────────

ON_A_PAGE = [
    f'<p data-x="{WORD}">x', f"<p onclick=\"say('{WORD}')\">x", f'<a href="mailto:{WORD}@x.org">x</a>', f"<![CDATA[{WORD}]]>",
    f'<?php "{WORD}" ?>', f"<p style=\"--a:'{WORD}'\">x", f'<a href="data:text/plain;base64,{base64.b64encode(WORD.encode()).decode()}">x</a>',
    f'<a href="data:text/plain,{WORD}">x</a>', f'<object data="data:text/html,{"".join(f"%{ord(sign):02x}" for sign in WORD)}"></object>',
    f"<title>{WORD}", f"<style>{WORD}", f'<img src="DATA:image/svg+xml;utf8,<svg xmlns=\'http://www.w3.org/2000/svg\'><text>{WORD}</text></svg>">',
    f'<iframe srcdoc="{WORD[:4]}&lt;b&gt;&lt;/b&gt;{WORD[4:]}"></iframe>', f"<p>{WORD[:4]}\0{WORD[4:]}",
]  # fmt: skip
PICTURED = [
    '<div style="background-image: url({})">x</div>', "<style>a{{background:url('{}')}}</style>", '<img srcset="{} 2x">',
    '<video poster="{}"></video>', '<source srcset="{}">', "<script>x = '{}'</script>", '<iframe srcdoc="&lt;img src={}&gt;"></iframe>',
    '<svg><image xlink:href="{}"/></svg>',
]  # fmt: skip


@pytest.mark.parametrize("page", ON_A_PAGE, ids=range(len(ON_A_PAGE)))
def test_a_word_of_a_page_is_checked_wherever_it_stands(page: str) -> None:
    assert finds(html, f"<html><body><p>Before.</p>{page}".encode())


@pytest.mark.parametrize("page", PICTURED, ids=range(len(PICTURED)))
def test_a_picture_of_a_page_is_read_however_it_is_shown(page: str) -> None:
    assert PICTURE in pictures(html, f"<html><body><p>Before.</p>{page.format(_LINK)}".encode())


@pytest.mark.parametrize(
    "inner",
    [
        '<rect style="fill:url({})"/>',
        "<style>a{{fill:url('{}')}}</style>",
        '<foreignObject><img xmlns="http://www.w3.org/1999/xhtml" src="{}"/></foreignObject>',
        '<foreignObject><div style="background:url({})"/></foreignObject>',
        '<use href="{}"/>',
    ],
    ids=range(5),
)
def test_a_picture_of_a_drawing_is_read_however_it_is_shown(inner: str) -> None:
    drawn = svg.read(f'<svg xmlns="http://www.w3.org/2000/svg">{inner.format(_LINK)}</svg>'.encode())

    assert drawn.pictures == [PICTURE]


def test_a_font_in_a_drawing_is_no_gap_and_its_notes_are_checked() -> None:
    font = "data:font/woff2;base64," + "AAAA" * 300
    drawn = svg.read(
        f'<svg xmlns="http://www.w3.org/2000/svg" aria-label="one"><style>a{{src:url({font})}}</style><metadata>two</metadata></svg>'.encode()
    )

    assert drawn.is_whole
    assert {"one", "two"} <= drawn.unseen.keys()


@pytest.mark.parametrize(
    ("reader", "content"),
    [
        (written, f'{{"a": {{"b": "{_LINK}"}}}}'),
        (xml, f"<?xml version='1.0'?><a><b>{_LINK.partition(',')[2]}</b></a>"),
        (written, f"See ![this]({_LINK})\n"),
    ],
    ids=["json", "xml", "text"],
)
def test_a_picture_that_stands_in_a_text_is_read(reader: ModuleType, content: str) -> None:
    assert pictures(reader, content.encode(), "text") == [PICTURE]


def test_a_name_of_nothing_and_zeros_in_a_text_are_read() -> None:
    assert finds(written, f'{{"{WORD}": {{}}, "a": {{"b": 1}}}}'.encode(), "text")
    assert finds(written, f"a;b\n1;{WORD[:4]}\0{WORD[4:]}\n".encode(), "tables")


# ── RTF ─────────────────────────────────────────────────────────────────────

_W = WORD.encode()
IN_RTF = [
    b"{\\*\\fldinst ASK " + _W + b"}", b"{\\*\\unknown " + _W + b"}", b"{\\*\\docvar {a}{" + _W + b"}}", b"{\\*\\bkmkstart " + _W + b"}",
    b"{\\fonttbl{\\f0 " + _W + b";}}", b"{\\info{\\other " + _W + b"}}", b"\\bin99 " + _W, b"\\uc99\\u88 " + _W, b"\\trowd\\intbl " + _W + b"\\cell",
    b"{\\*\\datastore " + (_W * 3).hex().encode() + b"}", b"{\\*\\do{\\dptxbxtext " + _W + b"}}", b"{\\*\\listtext " + _W + b"}",
    b"{\\upr{x}{\\*\\ud{" + b"".join(b"\\u%d?" % sign for sign in _W) + b"}}}",
]  # fmt: skip


@pytest.mark.parametrize("part", IN_RTF, ids=range(len(IN_RTF)))
def test_a_word_in_any_group_of_an_rtf_is_checked(part: bytes) -> None:
    assert finds(rtf, b"{\\rtf1\\ansi Before.\\par " + part + b"\\par}")


# ── letters ─────────────────────────────────────────────────────────────────

_HEAD = "From: a@b.c\nSubject: s\nMIME-Version: 1.0\n"
_BASE64 = base64.b64encode(_W).decode()
_UU = binascii.b2a_uu(_W).decode()
READ_IN_A_MAIL = [
    f"Content-Transfer-Encoding: base64 (c)\n\n{_BASE64}\n", f'Content-Transfer-Encoding: "base64";\n\n{_BASE64}\n',
    f"Content-Transfer-Encoding: base64\n\naGVsbG8=\n{WORD}!\n", f"X-A: a\0{WORD}\n\nx",
    "Content-Type: multipart/mixed; boundary=B\nContent-Transfer-Encoding: base64\n\n"
    + base64.b64encode(f"--B\r\n\r\n{WORD}\r\n--B--".encode()).decode(),
    f"Content-Type: multipart/mixed; boundary=B\n\n--B\nContent-Description: {WORD}\n\nx\n--B--\n",
    f"\nbegin 644 a.txt\n{WORD} is no code\nend\n",
]  # fmt: skip
TOLD_OF_A_MAIL = [
    (f"Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=B\n\n--B\nContent-Transfer-Encoding: base64\n\n{_BASE64}\n--B--\n", "damaged"),
    (f"Content-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64\n\n{_BASE64}\n", "damaged"),
    (f"Content-Transfer-Encoding: x-own\n\n{_BASE64}\n", "unsupported"),
    (f"Content-Type: multipart/mixed\n\n--B\nContent-Transfer-Encoding: base64\n\n{_BASE64}\n--B--", "damaged"),
    (f"Content-Type: multipart/mixed; boundary=Z\n\n--B\nContent-Transfer-Encoding: base64\n\n{_BASE64}\n--B--", "damaged"),
    (f"\nHello\nbegin 644 a.txt\n{_UU}`\n", "damaged"),
    ("\n=ybegin line=128 size=11 name=a.txt\nabc\n=yend size=11\n", "unsupported"),
]  # fmt: skip


@pytest.mark.parametrize("part", READ_IN_A_MAIL, ids=range(len(READ_IN_A_MAIL)))
def test_a_word_of_a_mail_is_checked_however_it_is_written(part: str) -> None:
    assert finds(mail_reader, (_HEAD + part).replace("\n", "\r\n").encode())


@pytest.mark.parametrize(("part", "code"), TOLD_OF_A_MAIL, ids=range(len(TOLD_OF_A_MAIL)))
def test_a_mail_that_programs_read_in_two_ways_is_told(part: str, code: str) -> None:
    assert told(mail_reader, (_HEAD + part).replace("\n", "\r\n").encode()) == {code}


def test_what_outlook_packs_is_told() -> None:
    assert formats.recognise(b"\x78\x9f\x3e\x22" + _W, "winmail.dat").code == "unsupported"


def test_a_property_with_several_values_is_checked() -> None:
    assert finds(
        compound_reader,
        compound(message("A", text(0x1000, "Body.") | {"__substg1.0_8008101F-00000000": WORD.encode("utf-16-le")})),
    )


# ── PDF ─────────────────────────────────────────────────────────────────────


def paper(*objects: str, page: str = "", root: str = "", trailer: str = "") -> bytes:
    """Return a PDF of one page with text; `objects` are numbered from 6."""
    drawn = "BT /F1 12 Tf 50 700 Td (Hello there reader) Tj ET"
    parts = [
        f"<</Type/Catalog/Pages 2 0 R {root}>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Resources<</Font<</F1 4 0 R>>>>/Contents 5 0 R {page}>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>", stream(drawn), *objects,
    ]  # fmt: skip
    written_so_far, places = "%PDF-1.7\n", []
    for number, part in enumerate(parts, start=1):
        places.append(len(written_so_far))
        written_so_far += f"{number} 0 obj\n{part}\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    end = f"xref\n0 {len(parts) + 1}\n0000000000 65535 f \n{table}trailer<</Size {len(parts) + 1}/Root 1 0 R {trailer}>>\n"
    return f"{written_so_far}{end}startxref\n{len(written_so_far)}\n%%EOF\n".encode("latin-1")


def stream(content: str, about: str = "") -> str:
    return f"<<{about}/Length {len(content)}>>stream\n{content}\nendstream"


_LOOK = stream(f"BT /F1 12 Tf 5 5 Td ({WORD}) Tj ET", "/Subtype/Form/BBox[0 0 200 50]/Resources<</Font<</F1 4 0 R>>>>")
_NOTE = "/Rect[50 50 250 100]/AP<</N 7 0 R>>>>"
IN_A_PDF = {
    "stamp": paper(f"<</Type/Annot/Subtype/Stamp{_NOTE}", _LOOK, page="/Annots[6 0 R]"),
    "look of a field": paper(f"<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/V(x){_NOTE}", _LOOK, page="/Annots[6 0 R]", root="/AcroForm<</Fields[6 0 R]>>"),
    "link": paper(f"<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/URI/URI(mailto:{WORD})>>>>", page="/Annots[6 0 R]"),
    "author": paper(f"<</Author({WORD})>>", trailer="/Info 6 0 R"),
    "property in UTF-16": paper(f"<</Own<FEFF{WORD.encode('utf-16-be').hex()}>>>", trailer="/Info 6 0 R"),
    "outline": paper("<</First 7 0 R/Last 7 0 R>>", f"<</Title({WORD[:4]}\\{ord(WORD[4]):03o}{WORD[5:]})/Parent 6 0 R>>", root="/Outlines 6 0 R"),
    "XMP": paper(stream(f"<?xpacket?><x>{WORD}</x>", "/Type/Metadata"), root="/Metadata 6 0 R"),
    "XFA": paper(stream(zlib.compress(f"<?xml version='1.0'?><x>{WORD}</x>".encode()).decode("latin-1"), "/Filter/FlateDecode"),
                 root="/AcroForm<</XFA 6 0 R>>"),
    "script": paper(f"<</S/JavaScript/JS(say\\('{WORD}'\\))>>", root="/OpenAction 6 0 R"),
    "file beside a page": paper("<</Type/Filespec/EF<</F 7 0 R>>>>", stream(WORD, "/Type/EmbeddedFile"), page="/AF[6 0 R]"),
    "before": _W + b"\n" + paper(),
    "behind": paper() + _W,
}  # fmt: skip


@pytest.mark.parametrize("place", IN_A_PDF, ids=str)
def test_a_word_in_a_pdf_is_checked_wherever_it_stands(place: str) -> None:
    assert finds(pdf, IN_A_PDF[place])


def test_what_a_pdf_carries_unread_is_told() -> None:
    film = paper("<</Type/Annot/Subtype/RichMedia/Rect[0 0 9 9]>>", page="/Annots[6 0 R]")

    assert told(pdf, film) == {"unsupported"}
    assert told(pdf, paper() + packed({"a.txt": WORD})) == {"unsupported"}
    assert not told(pdf, paper())


def test_letters_without_a_code_are_looked_at() -> None:
    font = "<</Type/Font/Subtype/Type3/FontBBox[0 0 9 9]/FontMatrix[.1 0 0 .1 0 0]/CharProcs<</g 8 0 R>>/Encoding<</Differences[65/g]>>/FirstChar 65/LastChar 65/Widths[9]>>"
    more = stream("BT /F2 20 Tf 50 600 Td (AAAAAAAAAAAAAAAA) Tj ET")
    content = paper(font, more, stream("9 0 0 0 9 9 d1 0 0 8 8 re f"), page="")
    content = content.replace(b"/F1 4 0 R>>>>/Contents 5 0 R", b"/F1 4 0 R/F2 6 0 R>>>>/Contents[5 0 R 7 0 R]")

    assert pdf.read(content, "pdf").scans == [1]
    assert pdf.read(paper(), "pdf").scans == []


# ── pictures ────────────────────────────────────────────────────────────────

_BLANK = Image.new("L", (300, 60), 255)


def saved(kind: str, *later: Image.Image, **about: object) -> bytes:
    target = io.BytesIO()
    _BLANK.save(target, kind, **({"save_all": True, "append_images": later} if later else {}), **about)
    return target.getvalue()


def test_a_picture_is_as_large_as_its_largest_part() -> None:
    gif = bytearray(saved("gif"))
    struct.pack_into("<HH", gif, 6, 5, 5)
    tiff = bytearray(saved("tiff"))
    (place,) = struct.unpack_from("<I", tiff, 4)
    (count,) = struct.unpack_from("<H", tiff, place)
    struct.pack_into("<I", tiff, 4, len(tiff))
    entries = bytes(tiff[place + 2 : place + 2 + 12 * count])
    tiff += struct.pack("<H", count + 1) + entries + struct.pack("<HHII", 256, 4, 1, 5) + bytes(4)
    png = bytearray(saved("png"))
    png[12:16] = b"IDLE"

    sizes = [(found.width, found.height) for one in (gif, tiff, png) if (found := measured(bytes(one)))]
    assert sizes == [(300, 60), (300, 60), (0, 0)]


def test_later_frames_are_read_or_told() -> None:
    second = Image.open(io.BytesIO(PICTURE)).resize((300, 60))
    gif = saved("gif", second)
    frames = later_frames(gif, "gif")

    assert len(frames) == 1
    assert len(picture_reader.read(gif, "gif").attached) == 1
    assert len(pictures(package, inlaid.word(gif, name="a.gif"))) == 2
    assert all(has_more_frames(saved(kind, second), kind) for kind in ("png", "webp"))
    assert not any(has_more_frames(saved(kind), kind) for kind in ("gif", "png", "webp"))


def test_what_is_written_beside_the_points_is_checked() -> None:
    about = PngInfo()
    about.add_text("Comment", WORD, zip=True)

    assert WORD in captions(saved("png", pnginfo=about), "png")
    assert WORD in captions(saved("jpeg", comment=_W), "jpeg")
    assert WORD in captions(saved("gif", comment=_W), "gif")
    assert holds_file(saved("png") + packed({"a.txt": WORD}))
    assert not holds_file(PICTURE)


def drawing(*records: bytes, side: int) -> bytes:
    """Return an EMF of a frame as large as `side` hundredths of a millimetre."""
    head = struct.pack("<II4i4i", 1, 108, 0, 0, 9, 9, 0, 0, side, side) + b" EMF" + bytes(64)
    return head + b"".join(records) + struct.pack("<5I", 14, 20, 0, 0, 20)


def test_no_frame_makes_a_drawing_a_mark_without_words() -> None:
    said = WORD.encode("utf-16-le")
    letters = struct.pack("<II", 84, 76 + len(said) + 2) + bytes(68) + said + bytes(2)
    points = struct.pack("<IiiHHIIiiII", 40, 200, 80, 1, 24, 0, 48_000, 0, 0, 0, 0) + bytes(48_000)
    bitmap = (
        struct.pack("<II", 81, 80 + len(points))
        + bytes(40)
        + struct.pack("<4I", 80, 40, 120, 48_000)
        + bytes(16)
        + points
    )

    assert finds(package, inlaid.word(drawing(letters, side=500), name="a.emf"))
    assert finds(package, inlaid.word(drawing(letters, side=20_000), name="a.emf", is_object=True))
    assert len(pictures(package, inlaid.word(drawing(bitmap, side=500), name="a.emf"))) == 1
    assert told(package, inlaid.word(drawing(side=500) + b"more", name="a.emf")) == {"picture_format"}
    assert told(package, inlaid.word(drawing(side=20_000), name="a.emf")) == {"picture_format"}


# ── what text recognition leaves out ────────────────────────────────────────


@pytest.mark.skipif(not installed_languages(), reason="tesseract is not installed")
def test_a_page_that_recognition_leaves_out_is_a_gap() -> None:
    found = recognise(
        [1, 2], lambda *_: {"pages": [{"number": 1, "blocks": []}], "unread": [], "warnings": []}, Recognition()
    )

    assert found.failed == {2: "damaged"}
    assert "pages_unreadable" in found.warnings_of_pages()


def test_damage_among_pictures_is_told() -> None:
    page = {"blocks": [{"kind": "picture", "picture": 0, "hidden": None}]}
    entry = {"name": "a.png", "kind": "png", "size": 3, "is_large": True}
    said = {"pages": [page], "pictures": [entry], "warnings": list[str](), "unread": list[dict[str, str]]()}
    file = os.memfd_create("pictures")
    os.write(file, b"abc")
    read_pictures(Answer(said, 0.0, file, 0, 3), {}, lambda *_: Recognised({0: []}, is_damaged=True), lambda *_: {})
    os.close(file)

    assert said["warnings"] == ["pages_unreadable"]


@pytest.mark.skipif(not installed_languages(), reason="tesseract is not installed")
def test_the_process_that_reads_finds_them_too() -> None:
    page = f'<p>Before.</p><div style="background:url(data:image/png;base64,{base64.b64encode(inlaid.picture(WORD, size=40)).decode()})">'
    parsed = reads(
        packed(
            {"a.html": f"<html>{page}", "b.pdf": IN_A_PDF["outline"], "c.rtf": b"{\\rtf1 x\\par " + IN_RTF[1] + b"}"}
        )
    )

    assert parsed.is_whole
    assert sum(WORD in block.text.lower().replace(" ", "") for one in parsed.pages for block in one.blocks) == 3
