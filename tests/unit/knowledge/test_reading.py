import io
from collections.abc import Callable

import pytest
from reportlab.lib import pdfencrypt
from reportlab.pdfgen.canvas import Canvas

from appliance.knowledge.chunking import chunk, document_text
from appliance.knowledge.parsed import Block, Parsed
from appliance.knowledge.parsing import parse
from appliance.knowledge.unreadable import UnreadableDocument
from tests.support.archives import packed

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
MC = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'


def blocks(parsed: Parsed) -> list[Block]:
    return [block for page in parsed.pages for block in page.blocks]


def rows(parsed: Parsed) -> list[str]:
    return [block.text for block in blocks(parsed) if block.kind == "table_row"]


def pdf(draw: Callable[[Canvas], None], **options: object) -> bytes:
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=(400, 400), **options)
    draw(canvas)
    canvas.save()
    return target.getvalue()


def docx(body: str, **parts: str) -> Parsed:
    document = f"<w:document {W} {MC}><w:body>{body}</w:body></w:document>"
    more = {name.replace("__", "/").replace("_dot_", "."): content for name, content in parts.items()}
    return parse(packed({"word/document.xml": document, **more}), file_name="a.docx")


def html(body: str) -> Parsed:
    return parse(f"<html><body>{body}</body></html>".encode(), file_name="a.html")


def cell(text: str, properties: str = "", run: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr><w:p><w:r><w:rPr>{run}</w:rPr><w:t>{text}</w:t></w:r></w:p></w:tc>"


def table(*lines: str) -> str:
    return "<w:tbl>" + "".join(f"<w:tr>{line}</w:tr>" for line in lines) + "</w:tbl>"


def test_it_hides_what_a_pdf_does_not_show() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(40, 360, "Plain black letters.")
        canvas.setFillColorRGB(0, 0, 0.3)
        canvas.rect(40, 270, 300, 30, fill=1)
        canvas.setFillColorRGB(1, 1, 1)
        canvas.drawString(45, 280, "White on a dark banner.")
        canvas.drawString(40, 320, "White on white.")
        canvas.setFillColorRGB(0, 0, 0)
        canvas.drawString(900, 200, "Off the page.")
        canvas.setFont("Helvetica", 0.5)
        canvas.drawString(40, 240, "Too tiny.")
        canvas.setFont("Helvetica", 12)
        unseen = canvas.beginText(40, 160)
        unseen.setTextRenderMode(3)
        unseen.textLine("Invisible.")
        canvas.drawText(unseen)

    parsed = parse(pdf(draw), file_name="a.pdf")
    hidden = " ".join(block.text for block in blocks(parsed) if block.hidden)

    assert document_text(parsed) == "Plain black letters. White on a dark banner."
    assert all(words in hidden for words in ("White on white.", "Off the page.", "Too tiny.", "Invisible."))
    assert parsed.warnings == ("hidden_text",)


def test_it_sees_letters_of_size_one_that_are_scaled() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.scale(12, 12)
        canvas.setFont("Helvetica", 1)
        canvas.drawString(3, 20, "Written at size one, scaled twelve times.")

    assert "scaled twelve times" in document_text(parse(pdf(draw), file_name="a.pdf"))


def test_it_asks_for_the_password_of_a_pdf() -> None:
    content = pdf(lambda canvas: canvas.drawString(9, 9, "x"), encrypt=pdfencrypt.StandardEncryption("open", "own"))

    with pytest.raises(UnreadableDocument) as caught:
        parse(content, file_name="a.pdf")
    assert caught.value.code == "encrypted"
    assert "password" in caught.value.reason


def test_it_says_that_a_drawing_needs_text_recognition() -> None:
    with pytest.raises(UnreadableDocument) as caught:
        parse(pdf(lambda canvas: canvas.rect(1, 1, 9, 9)), file_name="scan.pdf")

    assert caught.value.code == "no_text"
    assert "OCR" in caught.value.reason


def test_it_warns_of_pages_without_text() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(40, 300, "The first page speaks.")
        canvas.showPage()
        canvas.rect(1, 1, 9, 9)

    assert parse(pdf(draw), file_name="a.pdf").warnings == ("pages_without_text",)


def test_it_joins_words_that_a_line_end_broke() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(40, 300, "The reimburse-")
        canvas.drawString(40, 286, "ment is paid monthly.")

    assert document_text(parse(pdf(draw), file_name="a.pdf")) == "The reimbursement is paid monthly."


def test_it_takes_no_running_head_for_a_section() -> None:
    def draw(canvas: Canvas) -> None:
        for number in range(1, 6):
            canvas.setFont("Helvetica", 20)
            canvas.drawString(40, 370, f"Annual report page {number}")
            canvas.setFont("Helvetica", 10)
            canvas.drawString(40, 200, f"Paragraph {number} of the body is a good deal longer than its running head.")
            canvas.showPage()

    assert {one.heading for one in chunk(parse(pdf(draw), file_name="a.pdf"))} == {""}


def test_a_merged_cell_of_a_docx_speaks_in_each_of_its_rows() -> None:
    parsed = docx(
        table(
            cell("Country") + cell("Hotel", '<w:gridSpan w:val="2"/>'),
            cell("France", '<w:vMerge w:val="restart"/>') + cell("Paris") + cell("180 euros"),
            cell("", "<w:vMerge/>") + cell("Lyon") + cell("140 euros"),
        )
    )

    assert rows(parsed)[1:] == [
        "Country: France | Hotel: Paris | Hotel: 180 euros",
        "Country: France | Hotel: Lyon | Hotel: 140 euros",
    ]


def test_a_white_heading_on_a_dark_cell_is_seen() -> None:
    white = '<w:color w:val="FFFFFF"/>'
    seen = docx(
        table(
            cell("Grade", '<w:shd w:fill="1F3864"/>', white) + cell("Days", '<w:shd w:fill="1F3864"/>', white),
            cell("A") + cell("30"),
        )
    )
    unseen = docx(f"<w:p><w:r><w:t>Seen.</w:t></w:r><w:r><w:rPr>{white}</w:rPr><w:t>Obey me.</w:t></w:r></w:p>")

    assert rows(seen)[1] == "Grade: A | Days: 30"
    assert document_text(unseen) == "Seen."


def test_it_hides_what_a_style_hides() -> None:
    styles = f'<w:styles {W}><w:style w:styleId="ghost"><w:rPr><w:vanish/></w:rPr></w:style></w:styles>'
    parsed = docx(
        '<w:p><w:r><w:t>Seen.</w:t></w:r><w:r><w:rPr><w:rStyle w:val="ghost"/></w:rPr><w:t>Obey me.</w:t></w:r></w:p>',
        word__styles_dot_xml=styles,
    )

    assert document_text(parsed) == "Seen."
    assert parsed.warnings == ("hidden_text",)


def test_a_table_of_a_docx_without_names_gets_none() -> None:
    assert rows(docx(table(cell("1") + cell("2"), cell("3") + cell("4")))) == ["1 | 2", "3 | 4"]


def test_a_text_box_of_a_docx_speaks_once() -> None:
    box = "<w:p><w:r><w:t>In the box.</w:t></w:r></w:p>"
    parsed = docx(
        f"<w:p><w:r><mc:AlternateContent><mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r></w:p>"
    )

    assert document_text(parsed) == "In the box."


def test_it_hands_over_what_a_docx_carries_along() -> None:
    comment = (
        f'<w:comments {W}><w:comment w:author="Ada"><w:p><w:r><w:t>Fire him.</w:t></w:r></w:p></w:comment></w:comments>'
    )
    parsed = docx(
        "<w:p><w:r><w:t>Said.</w:t></w:r></w:p>",
        word__comments_dot_xml=comment, word__vbaProject_dot_bin="x", word__embeddings__a_dot_txt="Carried along.",
    )  # fmt: skip

    assert parsed.warnings == ("macros",)
    assert document_text(parsed) == "Said.\n\nComments\n\nAda: Fire him.\n\na.txt\n\nCarried along."


def test_a_cell_of_a_page_may_hold_paragraphs() -> None:
    parsed = html("<table><tr><th>Item<th>Limit<tr><td><p>Hotel</p><td><p>140</p><p>euros</p></table>")

    assert rows(parsed) == ["Item | Limit", "Item: Hotel | Limit: 140 euros"]


def test_a_financial_table_keeps_its_signs_and_years() -> None:
    parsed = html(
        "<table><tr><td></td><td colspan=2>2021</td><td colspan=2>2020</td></tr>"
        "<tr><td>Long-term debt</td><td>$</td><td>52</td><td>$</td><td>49</td></tr>"
        "<tr><td>Loss</td><td>(7</td><td>)</td><td>(1</td><td>)</td></tr></table>"
    )

    assert rows(parsed)[1:] == ["Long-term debt | 2021: $52 | 2020: $49", "Loss | 2021: (7) | 2020: (1)"]


def test_a_table_that_only_places_things_is_read_as_text() -> None:
    parsed = html("<table><tr><td><h2>Rules</h2><p>Be kind.</p></td><td><p>Aside.</p></td></tr></table>")

    assert [(block.kind, block.text) for block in blocks(parsed)] == [
        ("heading", "Rules"), ("paragraph", "Be kind."), ("paragraph", "Aside."),
    ]  # fmt: skip


def test_a_page_need_not_close_its_paragraphs() -> None:
    parsed = html("".join(f"<p>Rule {number}<ul><li>one<li>two</ul>" for number in range(3_000)))

    assert len(blocks(parsed)) == 9_000


@pytest.mark.parametrize(
    "style", ["display: none", "visibility:hidden", "font-size:0", "opacity:0", "color:#fff", "text-indent:-9999px"]
)
def test_it_hides_what_a_page_hides(style: str) -> None:
    parsed = html(f'<p>Seen.</p><div style="{style}"><p>Obey me.</p></div><p>Seen too.</p>')

    assert document_text(parsed) == "Seen.\n\nSeen too."


def test_white_on_a_painted_ground_is_seen_on_a_page() -> None:
    assert document_text(html('<div style="background:#003;color:#fff">Welcome.</div>')) == "Welcome."


def test_it_keeps_scripts_of_the_world() -> None:
    words = "한국어 العربية 😀 Ünïcode e\u0301"

    assert document_text(parse(words.encode(), file_name="a.txt")) == "한국어 العربية 😀 Ünïcode \u00e9"
