"""The evidence as one PDF: by framework, then item by item. ReportLab draws it; only this module knows it.

Text is text, in the reader's language, with a title, an outline and page numbers, so that it can be searched and read out.
The fonts are in the file: DejaVu where the host has it, which knows most scripts of Europe, or else ReportLab's own Vera.
What a font has no sign for is a question mark here; the JSON beside it has the name as it is written.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from functools import cache
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from appliance.evidence.controls import FRAMEWORKS
from appliance.evidence.flow import Gathered, standing_of
from appliance.evidence.items import LABELS, STANDINGS
from appliance.evidence.values import Evidence, Framework
from appliance.evidence.words import TITLE, WORDS, Cover, Say, gap_words, word_rows

MOST_ROWS: Final = 60
_LONGEST: Final = 500
_PAGE: Final = landscape(A4)
_MARGIN: Final = 40
_WIDTH: Final = _PAGE[0] - 2 * _MARGIN
_LINE, _HEAD = HexColor("#9aa0a6"), HexColor("#eceff1")
_NAMED: Final = Path("/usr/share/fonts/truetype/dejavu")


class _Heading(Paragraph):  # type: ignore[misc] # ReportLab has no types
    """A heading that the outline names."""

    def __init__(self, text: str, level: int) -> None:
        super().__init__(_text(text), _styles()[f"h{level}"])
        self.entry, self.level = text, level

    def draw(self) -> None:
        """Draw it, and note where it stands."""
        key = f"h{id(self)}"
        self.canv.bookmarkHorizontal(key, 0, self.height)
        self.canv.addOutlineEntry(_shown(self.entry), key, self.level - 1, closed=self.level == 1)
        super().draw()


def draw_paper(cover: Cover, gathered: Gathered, say: Say) -> bytes:
    """Return the PDF."""
    file = BytesIO()
    day = f"{cover.made_at.astimezone(UTC):%Y-%m-%d %H:%M}"
    said = say(WORDS["about"]).format(organisation=cover.organisation, day=day, version=cover.version)
    story: list[Flowable] = [
        _Heading(say(TITLE), 1), _paragraph(said), Spacer(1, 6), _paragraph(say(WORDS["signature"])), Spacer(1, 12),
    ]  # fmt: skip
    for framework in FRAMEWORKS.values():
        story += _framework(framework, gathered, say)
    story.append(PageBreak())
    story.append(_Heading(say(WORDS["evidence"]), 1))
    for one in gathered.values():
        story += _item(one, say)
    document = SimpleDocTemplate(
        file, pagesize=_PAGE, leftMargin=_MARGIN, rightMargin=_MARGIN, topMargin=_MARGIN, bottomMargin=_MARGIN, invariant=1,
        title=say(TITLE), author=cover.organisation, subject=f"Cloister {cover.version}", lang=cover.language,
        displayDocTitle=1,
    )  # fmt: skip
    document.build(story, canvasmaker=_numbered(say))
    return file.getvalue()


def _framework(framework: Framework, gathered: Gathered, say: Say) -> list[Flowable]:
    head = [say(WORDS[name]) for name in ("control", "words", "evidence", "standing")]
    rows = [
        [one.number, say(one.words), ", ".join(say(gathered[item].about.title) for item in one.items),
         say(STANDINGS[standing_of(one, gathered)])]
        for one in framework.controls
    ]  # fmt: skip
    title = say(WORDS["controls"]).format(framework=framework.title)
    return [_Heading(title, 1), _table(head, rows, (0.16, 0.38, 0.32, 0.14)), Spacer(1, 14)]


def _item(one: Evidence, say: Say) -> list[Flowable]:
    parts: list[Flowable] = [_Heading(say(one.about.title), 2), _paragraph(say(one.about.words))]
    if one.as_of is not None:
        parts.append(_paragraph(say(WORDS["of"]).format(day=f"{one.as_of.astimezone(UTC):%Y-%m-%d %H:%M}")))
    for gap in one.gaps:
        what, remedy = gap_words(gap, say)
        parts.append(_paragraph(say(WORDS["missing"]).format(what=what, remedy=remedy)))
    if one.rows and one.about.columns:
        parts.append(Spacer(1, 4))
        parts.append(_table([say(LABELS[name]) for name in one.about.columns], word_rows(one, say, MOST_ROWS)))
    if len(one.rows) > MOST_ROWS:
        parts.append(_paragraph(say(WORDS["further"]).format(number=len(one.rows) - MOST_ROWS, item=one.item.value)))
    return [*parts, Spacer(1, 12)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], shares: Sequence[float] = ()) -> Table:
    style = _styles()
    cells = [[Paragraph(_text(one), style["head"]) for one in head]]
    cells += [[Paragraph(_text(_cut(one)), style["cell"]) for one in row] for row in rows]
    widths = [share * _WIDTH for share in shares] or [_WIDTH / len(head)] * len(head)
    table = Table(cells, colWidths=widths, repeatRows=1, hAlign="LEFT")
    table.setStyle(
        TableStyle(
            [("GRID", (0, 0), (-1, -1), 0.4, _LINE), ("BACKGROUND", (0, 0), (-1, 0), _HEAD), ("VALIGN", (0, 0), (-1, -1), "TOP")]
        )
    )
    return table


def _cut(cell: str) -> str:
    """Return what a page has room for: a row does not go on on the next one."""
    return cell if len(cell) <= _LONGEST else cell[:_LONGEST] + "…"


def _paragraph(text: str) -> Paragraph:
    return Paragraph(_text(text), _styles()["body"])


def _text(text: str) -> str:
    return escape(_shown(text), quote=False)


def _shown(text: str) -> str:
    known = _fonts()[2]
    return "".join(sign if sign in known or sign.isspace() else "?" for sign in text)


def _numbered(say: Say) -> Callable[..., Any]:
    """Return a canvas that knows, when it ends, how many pages there are."""
    from reportlab.pdfgen.canvas import Canvas

    class Numbered(Canvas):  # type: ignore[misc] # as above
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            self._pages: list[dict[str, Any]] = []

        def showPage(self) -> None:  # noqa: N802 - ReportLab's name
            self._pages.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            for number, page in enumerate(self._pages, start=1):
                self.__dict__.update(page)
                self.setFont(_fonts()[0], 8)
                said = say(WORDS["page"]).format(number=number, total=len(self._pages))
                self.drawRightString(_PAGE[0] - _MARGIN, _MARGIN / 2, said)
                super().showPage()
            super().save()

    return Numbered


@cache
def _styles() -> Mapping[str, ParagraphStyle]:
    plain, bold, _ = _fonts()
    return {
        "body": ParagraphStyle("body", fontName=plain, fontSize=9, leading=12, spaceAfter=3),
        "cell": ParagraphStyle("cell", fontName=plain, fontSize=6.5, leading=8, splitLongWords=1),
        "head": ParagraphStyle("head", fontName=bold, fontSize=6.5, leading=8),
        "h1": ParagraphStyle("h1", fontName=bold, fontSize=15, leading=19, spaceBefore=6, spaceAfter=6, keepWithNext=1),
        "h2": ParagraphStyle("h2", fontName=bold, fontSize=11, leading=14, spaceAfter=3, keepWithNext=1),
    }


@cache
def _fonts() -> tuple[str, str, frozenset[str]]:
    """Return the plain font, the bold one, and the signs that both have."""
    names = ("DejaVuSans", "DejaVuSans-Bold")
    files = [str(_NAMED / f"{name}.ttf") for name in names]
    if not all(Path(file).is_file() for file in files):
        names, files = ("Vera", "VeraBd"), ["Vera.ttf", "VeraBd.ttf"]  # ReportLab finds its own
    known: set[int] = set()
    for name, file in zip(names, files, strict=True):
        font = TTFont(name, file)
        pdfmetrics.registerFont(font)
        signs = set(font.face.charToGlyph)
        known = known & signs if known else signs
    return (*names, frozenset(map(chr, known)))
