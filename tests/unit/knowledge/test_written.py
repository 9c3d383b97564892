"""Tables, JSON and XML, told by what they hold and not by their name."""

import pytest

from appliance.knowledge.chunking import document_text
from appliance.knowledge.parsed import Parsed
from appliance.knowledge.parsing import parse
from appliance.knowledge.unreadable import UnreadableDocument
from tests.support.house import SHARED


def reads(content: str, name: str = "a.txt", encoding: str = "utf-8") -> Parsed:
    return parse(content.encode(encoding), file_name=name)


def said(content: str, name: str = "a.txt", encoding: str = "utf-8") -> list[str]:
    return [block.text for page in reads(content, name, encoding).pages for block in page.blocks if not block.hidden]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_each_row_of_a_table_carries_its_header(separator: str) -> None:
    rows = ["Name", "Town", "Since"], ["Ada", "Halle", "2019"], ["Bo", "Jena", "2021"], ["Cy", "Gera", "2024"]
    table = "\n".join(separator.join(row) for row in rows)

    assert said(table)[1:] == [
        "Name: Ada | Town: Halle | Since: 2019",
        "Name: Bo | Town: Jena | Since: 2021",
        "Name: Cy | Town: Gera | Since: 2024",
    ]
    assert reads(table).media_type == "text/csv"


def test_a_table_may_have_commas_lines_and_quotes_in_its_cells() -> None:
    table = 'Item,Note\r\n"Desk, oak","He said ""no"".\r\nTwice."\r\nChair,none\r\n'

    assert said(table, "a.csv")[1:] == ['Item: Desk, oak | Note: He said "no". Twice.', "Item: Chair | Note: none"]


def test_a_german_table_keeps_its_decimal_commas() -> None:
    table = "Artikel;Preis;Ort\nTür;1,50;Köln\nTor;12,75;Gräfenhainichen\n"

    assert said(table, "a.csv", "cp1252")[1] == "Artikel: Tür | Preis: 1,50 | Ort: Köln"


def test_excels_own_first_line_says_what_separates() -> None:
    assert said("sep=|\nA|B\n1|2\n", "a.csv")[-1] == "A: 1 | B: 2"


def test_a_table_without_names_above_it_has_rows_all_the_same() -> None:
    assert said("1;2;3\n4;5;6\n7;8;9\n", "a.csv") == ["1 | 2 | 3", "4 | 5 | 6", "7 | 8 | 9"]


def test_an_empty_first_column_is_no_header() -> None:
    assert said(";Spring;Autumn\n;1;2\n;3;4\nsum;4;6\n", "a.csv")[-1] == "sum | Spring: 4 | Autumn: 6"


def test_prose_with_a_comma_in_each_line_is_no_table() -> None:
    prose = "Dear Ada, thank you.\nFirst, we met.\nThen, we talked.\nLast, we left.\n"

    assert reads(prose).media_type == "text/plain"


def test_json_says_the_way_to_each_value() -> None:
    lines = said(
        '{"order": {"id": 7, "paid": true, "note": null}, "items": [{"name": "Desk", "price": 120.50}], "tags": ["a", "b"]}'
    )

    assert lines == ["order: id: 7 | paid: true | note:", "items[1]: name: Desk | price: 120.50", "tags: a, b"]


def test_json_lines_are_read_line_by_line() -> None:
    parsed = reads('{"who": "Ada"}\n{"who": "Bo"}\n', "log.jsonl")

    assert document_text(parsed) == "who: Ada\n\nwho: Bo"
    assert parsed.media_type == "application/json"


def test_json_loses_no_digit_and_no_name_that_comes_twice() -> None:
    assert said('{"card": 4539148803436467, "card": 1e400, "x": [1.10]}') == [
        "card: 4539148803436467 | card: 1e400",
        "x: 1.10",
    ]


def test_broken_json_is_a_text() -> None:
    assert reads('{"a": 1,\nand then nothing').media_type == "text/plain"


def test_json_that_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(UnreadableDocument) as caught:
        reads("[" * 100_000 + "]" * 100_000)
    assert caught.value.code == "too_deep"


def test_xml_reads_a_record_as_a_row() -> None:
    xml = '<?xml version="1.0"?><orders><order id="7"><who>Ada</who><total>120</total></order><order id="8"><who>Bo</who></order></orders>'

    assert said(xml) == ["order: id: 7 | who: Ada | total: 120", "order: id: 8 | who: Bo"]


def test_xml_reads_prose_as_prose_and_keeps_the_order() -> None:
    xml = "<doc><title>Visit</title><p>Ada went to <i>Halle</i> by train.</p><meta><a>1</a></meta><end>Done</end></doc>"

    assert said(xml) == ["doc: title: Visit | p: Ada went to Halle by train.", "meta: a: 1", "doc: end: Done"]


def test_xml_without_a_declaration_is_told_by_its_form() -> None:
    assert reads("<invoice><number>42</number></invoice>").media_type == "application/xml"


def test_what_only_looks_like_xml_is_a_text() -> None:
    assert said("<think> that is what he said, and left.") == ["<think> that is what he said, and left."]


@pytest.mark.parametrize(
    "declaration",
    ['<!DOCTYPE a SYSTEM "file:///etc/hostname">', '<!DOCTYPE a [<!ENTITY b "c">]>', '<!DOCTYPE a PUBLIC "x" "http://192.0.2.1/a.dtd">'],
)  # fmt: skip
def test_xml_with_a_document_type_is_refused(declaration: str) -> None:
    with pytest.raises(UnreadableDocument) as caught:
        reads(f'<?xml version="1.0"?>{declaration}<a>x</a>')
    assert caught.value.code == "document_type"


def test_what_nobody_reads_in_a_page_is_checked_and_not_searched() -> None:
    page = """<html><head><meta name="author" content="meta-word"></head><body><p>Seen.</p><!-- comment-word -->
    <img alt="alt-word" src="x.png"><script>var a = "script-word";</script><input value="value-word"></body></html>"""
    parsed = reads(page, "a.html")
    hidden = " ".join(block.text for one in parsed.pages for block in one.blocks if block.hidden)

    assert document_text(parsed) == "Seen."
    assert all(f"{name}-word" in hidden for name in ("meta", "comment", "alt", "script", "value"))
    assert parsed.is_whole


def test_a_text_for_others_only_is_not_whole() -> None:
    parsed = reads("Please read this.\n\n-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----\n")

    assert [part.code for part in parsed.unread] == ["encrypted"]


@pytest.mark.skipif(not SHARED.exists(), reason="the shared documents are not beside the project")
def test_type_is_told_by_content_and_not_by_name() -> None:
    for name, kind in (("documents/mail_multipart.eml", "message/rfc822"), ("documents/mail_outlook.msg", "application/vnd.ms-outlook"),
                       ("nasty/zip_rel_path.zip", "application/zip"), ("nasty/polyglot_html_as_pdf.pdf", "text/html")):  # fmt: skip
        assert parse((SHARED / name).read_bytes(), file_name="wrong.pdf").media_type == kind
