"""Sheets: rows say what their cells are, numbers are said as people see them, and what is hidden never speaks."""

import pytest

from appliance.knowledge.chunking import chunk
from appliance.knowledge.parser.figures import shown
from appliance.knowledge.parsing import parse
from tests.support import packages
from tests.support.packages import row
from tests.support.reading import seen, unseen


def test_rows_of_a_sheet_carry_their_header() -> None:
    parsed = parse(
        packages.xlsx(f"<sheetData>{row(1, 'Costs 2026')}{row(3, 'City', 'Hotel')}{row(4, 'Lyon', 140)}</sheetData>"),
        file_name="a.xlsx",
    )

    assert seen(parsed) == ["Sheet 1", "Costs 2026", "City | Hotel", "City: Lyon | Hotel: 140"]
    assert chunk(parsed)[0].heading == "Sheet 1"


def test_a_second_table_of_a_sheet_has_its_own_names() -> None:
    rows = [
        row(1, "City", "Hotel"), row(2, "Lyon", 140), row(4, "Grade", "Days"), row(5, "A", 30),
    ]  # fmt: skip
    parsed = parse(packages.xlsx(f"<sheetData>{''.join(rows)}</sheetData>"), file_name="a.xlsx")

    assert seen(parsed)[-1] == "Grade: A | Days: 30"


def test_a_hidden_sheet_row_and_column_never_speak() -> None:
    plain = f'<cols><col min="3" max="3" hidden="1"/></cols><sheetData>{row(1, "City", "Hotel", "Secret")}{row(2, "Rome", 1, hidden=True)}{row(3, "Lyon", 140, 7)}</sheetData>'
    parsed = parse(
        packages.xlsx(plain, f"<sheetData>{row(1, 'Salaries')}</sheetData>", states={2: "veryHidden"}),
        file_name="a.xlsx",
    )

    assert seen(parsed) == ["Sheet 1", "City | Hotel", "City: Lyon | Hotel: 140"]
    assert unseen(parsed, "hidden sheet") == ["Sheet 2", "Salaries"]
    assert unseen(parsed, "hidden text") == ["Secret", "Rome | 1", "7"]
    assert parsed.warnings == ("hidden_text",)


def test_a_comment_on_a_cell_is_read_under_its_heading() -> None:
    parsed = parse(
        packages.xlsx(
            f"<sheetData>{row(1, 'City', 'Hotel')}{row(2, 'Lyon', 140)}</sheetData>",
            xl__worksheets___rels__sheet1_dot_xml_dot_rels=packages.relations(c="comments ../comments1.xml"),
            xl__comments1_dot_xml=f'<comments xmlns="{packages.OFFICE}/spreadsheetml/2006/main"><authors><author>Ada</author></authors>'
            '<commentList><comment ref="B2" authorId="0"><text><t>Too dear.</t></text></comment></commentList></comments>',
        ),
        file_name="a.xlsx",
    )

    assert seen(parsed)[-2:] == ["Comments", "B2 Ada: Too dear."]


def test_a_cell_in_the_last_corner_costs_one_cell() -> None:
    corner = '<sheetData><row r="1048576"><c r="XFD1048576"><v>7</v></c></row></sheetData>'

    assert seen(parse(packages.xlsx(corner), file_name="a.xlsx")) == ["Sheet 1", "7"]


def test_a_sheet_says_dates_and_shares_as_people_see_them() -> None:
    sheet = f"<sheetData>{row(1, 46082, style=0)}{row(2, 0.125, style=1)}{row(3, -1234.5, style=2)}{row(4, 9, style=3)}</sheetData>"
    styles = packages.styles("dd\\.mm\\.yyyy", "0.0%", "#,##0.00 [$€-407]", ";;;")
    parsed = parse(packages.xlsx(sheet, xl__styles_dot_xml=styles), file_name="a.xlsx")

    assert seen(parsed)[1:] == ["01.03.2026", "12.5%", "-1,234.50 €"]
    assert unseen(parsed, "hidden text") == ["9"]


@pytest.mark.parametrize(
    ("value", "form", "said"),
    [
        (0.1 + 0.2, "General", "0.3"),
        (46082.75, "yyyy-mm-dd hh:mm", "2026-03-01 18:00"),
        (46082.75, "d mmm yy, h:mm AM/PM", "1 Mar 26, 6:00 PM"),
        (1.5, "[h]:mm", "36:00"),
        (-5.0, "0;(0)", "(5)"),
        (0.0, '0;-0;"none"', "none"),
        (7.0, "000", "007"),
        (1234567.0, '0.0,,"m"', "1.2m"),
        (2.5, "0.##", "2.5"),
        (2.0, "0.##", "2"),
        (12000.0, "0.00E+00", "1.20E+04"),
        (5.0, '"No. "0', "No. 5"),
    ],
)
def test_a_number_is_said_in_its_format(value: float, form: str, said: str) -> None:
    assert shown(value, form) == said


def test_a_sheet_of_opendocument_is_read_as_it_is_seen() -> None:
    def cells(*texts: str) -> str:
        return "".join(f"<table:table-cell><text:p>{text}</text:p></table:table-cell>" for text in texts)

    body = (
        '<table:table table:name="Costs">'
        f"<table:table-row>{cells('City', 'Hotel')}</table:table-row>"
        f'<table:table-row table:visibility="filter">{cells("Rome", "9")}</table:table-row>'
        f"<table:table-row>{cells('Lyon')}<table:table-cell><office:annotation><dc:creator>Ada</dc:creator><text:p>Dear.</text:p></office:annotation><text:p>140</text:p></table:table-cell></table:table-row>"
        '<table:table-row table:number-rows-repeated="1048574"><table:table-cell table:number-columns-repeated="16384"/></table:table-row></table:table>'
        f'<table:table table:name="Pay" table:style-name="off"><table:table-row>{cells("Salaries")}</table:table-row></table:table>'
    )
    looks = '<style:style style:name="off"><style:table-properties table:display="false"/></style:style>'
    parsed = parse(packages.odf("spreadsheet", body, looks=looks), file_name="a.ods")

    assert seen(parsed) == ["Costs", "City | Hotel", "City: Lyon | Hotel: 140", "Comments", "B3 Ada: Dear."]
    assert unseen(parsed, "hidden text") == ["Rome | 9"]
    assert unseen(parsed, "hidden sheet") == ["Pay", "Salaries"]
