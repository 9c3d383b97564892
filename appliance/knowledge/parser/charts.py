"""Charts and diagrams of OOXML: their texts, and the numbers that they draw as rows of a table."""

from .blocks import Output, Page
from .markup import Node
from .parts import Parts
from .rows import Cell, Row, lines

_LONG = 9  # digits: no chart has so many points


def paragraphs(node: Node) -> list[str]:
    """Return the paragraphs of DrawingML below a node."""
    return [paragraph_text(paragraph) for paragraph in node.all("p")]


def paragraph_text(paragraph: Node) -> str:
    """Return the text of one paragraph of DrawingML."""
    return "".join(" " if node.name == "br" else node.text() for node in paragraph.all("t", "br"))


def write_chart(parts: Parts, name: str, output: Output, page: Page, *, hidden: str | None = None) -> None:
    """Add a chart: its title, and a row for each category."""
    chart = parts.tree(name).first("chart")
    for title in (node for node in chart.all("title", "plotArea") if node.name == "title"):
        for text in paragraphs(title):
            output.add(page, "paragraph", text, hidden=hidden)
    series = list(chart.all("ser"))
    head: Row = [Cell("", 0, is_header=True)]
    body: dict[int, Row] = {}
    for column, one in enumerate(series, start=1):
        head.append(Cell(one.first("tx").first("v").text() or f"Series {column}", column, is_header=True))
        categories = _points(one.first("cat") if one.first("cat").name else one.first("xVal"))
        values = _points(one.first("val") if one.first("val").name else one.first("yVal"))
        for place, category in categories.items():
            if place not in values:
                output.add(page, "table_row", category, hidden=hidden)
        for place, value in values.items():
            row = body.setdefault(place, [Cell(categories.get(place, ""), 0)])
            row.append(Cell(_number(value), column))
    for line in lines([head, *(body[place] for place in sorted(body))], guess=False):
        output.add(page, "table_row", line, hidden=hidden)


def write_diagram(parts: Parts, name: str, output: Output, page: Page, *, hidden: str | None = None) -> None:
    """Add the texts of a diagram (SmartArt)."""
    for node in parts.tree(name).all("t"):
        for text in paragraphs(node):
            output.add(page, "list_item", text, hidden=hidden)


def _points(node: Node) -> dict[int, str]:
    found = {}
    for point in node.all("pt"):
        place = point.attributes.get("idx", "")
        if place.isascii() and place.isdigit() and len(place) < _LONG:
            found[int(place)] = point.first("v").text()
    return found


def _number(value: str) -> str:
    try:
        return f"{float(value):.10g}"
    except ValueError:
        return value
