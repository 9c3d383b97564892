"""Writes the smallest office packages that programs open, so that tests need nobody's files."""

from collections.abc import Mapping

from tests.support.archives import packed

OFFICE = "http://schemas.openxmlformats.org"
REL = f"{OFFICE}/officeDocument/2006/relationships"
_S = f'xmlns="{OFFICE}/spreadsheetml/2006/main" xmlns:r="{REL}"'
_P = f'xmlns:p="{OFFICE}/presentationml/2006/main" xmlns:a="{OFFICE}/drawingml/2006/main" xmlns:r="{REL}"'
_ODF = "urn:oasis:names:tc:opendocument:xmlns"
_O = " ".join(
    f'xmlns:{short}="{_ODF}:{name}:1.0"'
    for short, name in (("office", "office"), ("text", "text"), ("table", "table"), ("draw", "drawing"),
                        ("style", "style"), ("presentation", "presentation"), ("fo", "xsl-fo-compatible"))
) + ' xmlns:dc="http://purl.org/dc/elements/1.1/"'  # fmt: skip


def relations(**found: str) -> str:
    """Return a part of relations: an id, and "kind target"."""
    lines = "".join(
        f'<Relationship Id="{place}" Type="{REL}/{said.split()[0]}" Target="{said.split()[1]}"/>'
        for place, said in found.items()
    )
    return f'<Relationships xmlns="{OFFICE}/package/2006/relationships">{lines}</Relationships>'


def xlsx(*sheets: str, states: Mapping[int, str] | None = None, **parts: str | bytes) -> bytes:
    """Return a workbook of sheets, each given as the inside of a worksheet; `parts` by path with __ for / and _dot_ for a dot."""
    names = "".join(
        f'<sheet name="Sheet {number}" sheetId="{number}" state="{(states or {}).get(number, "visible")}" r:id="r{number}"/>'
        for number in range(1, len(sheets) + 1)
    )
    found = {f"r{number}": f"worksheet worksheets/sheet{number}.xml" for number in range(1, len(sheets) + 1)}
    return packed(
        {
            "xl/workbook.xml": f"<workbook {_S}><sheets>{names}</sheets></workbook>",
            "xl/_rels/workbook.xml.rels": relations(**found, styles="styles styles.xml"),
            **{f"xl/worksheets/sheet{n}.xml": f"<worksheet {_S}>{one}</worksheet>" for n, one in enumerate(sheets, 1)},
            **{name.replace("__", "/").replace("_dot_", "."): content for name, content in parts.items()},
        }
    )


def styles(*formats: str) -> str:
    """Return a part of styles, one for each number format."""
    codes = "".join(f'<numFmt numFmtId="{n}" formatCode="{code}"/>' for n, code in enumerate(formats, 164))
    cells = "".join(f'<xf numFmtId="{n}"/>' for n in range(164, 164 + len(formats)))
    return f"<styleSheet {_S}><numFmts>{codes}</numFmts><cellXfs>{cells}</cellXfs></styleSheet>"


def row(number: int, *cells: str | float, hidden: bool = False, style: int | None = None) -> str:
    """Return a row: texts in the cell itself, numbers as they are."""
    look = "" if style is None else f' s="{style}"'
    said = "".join(
        f'<c t="inlineStr"><is><t>{cell}</t></is></c>' if isinstance(cell, str) else f"<c{look}><v>{cell}</v></c>"
        for cell in cells
    )
    return f'<row r="{number}"{" hidden=" + chr(34) + "1" + chr(34) if hidden else ""}>{said}</row>'


def slide(*shapes: str, show: str = "1") -> str:
    return f'<p:sld {_P} show="{show}"><p:cSld><p:spTree>{"".join(shapes)}</p:spTree></p:cSld></p:sld>'


def shape(text: str, place: str = "", look: str = "") -> str:
    """Return a shape with one line of text; `place` is the kind of placeholder."""
    ph = f'<p:ph type="{place}"/>' if place else ""
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="1" name="x" {look}/><p:nvPr>{ph}</p:nvPr></p:nvSpPr>'
        f"<p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"
    )


def pptx(*slides: str, order: tuple[int, ...] = (), beside: Mapping[int, str] | None = None, **parts: str) -> bytes:
    """Return a presentation. `order`: how the slides follow each other; `beside`: a slide's own relations."""
    places = order or tuple(range(1, len(slides) + 1))
    names = "".join(f'<p:sldId id="{255 + n}" r:id="r{n}"/>' for n in places)
    found = {f"r{n}": f"slide slides/slide{n}.xml" for n in range(1, len(slides) + 1)}
    return packed(
        {
            "ppt/presentation.xml": f"<p:presentation {_P}><p:sldIdLst>{names}</p:sldIdLst></p:presentation>",
            "ppt/_rels/presentation.xml.rels": relations(**found, who="commentAuthors commentAuthors.xml"),
            **{f"ppt/slides/slide{n}.xml": one for n, one in enumerate(slides, 1)},
            **{f"ppt/slides/_rels/slide{n}.xml.rels": one for n, one in (beside or {}).items()},
            **{name.replace("__", "/").replace("_dot_", "."): content for name, content in parts.items()},
        }
    )


def notes(text: str) -> str:
    return slide(shape(text, "body")).replace("p:sld ", "p:notes ").replace("</p:sld>", "</p:notes>")


def comments(text: str) -> str:
    return f'<p:cmLst {_P}><p:cm authorId="0"><p:text>{text}</p:text></p:cm></p:cmLst>'


def authors(name: str) -> str:
    return f'<p:cmAuthorLst {_P}><p:cmAuthor id="0" name="{name}"/></p:cmAuthorLst>'


def odf(kind: str, body: str, *, looks: str = "", **parts: str | bytes) -> bytes:
    """Return an OpenDocument package; `kind` is text, spreadsheet or presentation."""
    return packed(
        {
            "mimetype": f"application/vnd.oasis.opendocument.{kind}",
            "content.xml": f"<office:document-content {_O}><office:automatic-styles>{looks}</office:automatic-styles>"
            f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>",
            **{name.replace("__", "/").replace("_dot_", "."): content for name, content in parts.items()},
        }
    )


def epub(chapters: Mapping[str, str], spine: tuple[str, ...]) -> bytes:
    """Return a book of chapters by name, read in the order of `spine`."""
    items = "".join(f'<item id="{name}" href="{name}.xhtml" media-type="application/xhtml+xml"/>' for name in chapters)
    order = "".join(f'<itemref idref="{name}"/>' for name in spine)
    return packed(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
            "OEBPS/book.opf": f"<package><metadata><title>The Book</title></metadata><manifest>{items}</manifest><spine>{order}</spine></package>",
            **{f"OEBPS/{name}.xhtml": f"<html><body>{body}</body></html>" for name, body in chapters.items()},
        }
    )
