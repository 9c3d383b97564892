"""Writes the sample documents: `python -m tests.samples.write_samples`. Run again only to change them."""

from pathlib import Path

import docx
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer

HERE = Path(__file__).parent
LEAVE = [
    ("Leave and travel policy", "Title"),
    ("Annual leave", "Heading2"),
    (
        (
            "Every employee of Harrow Textiles receives 28 days of paid annual leave per calendar year. Leave that is not "
            "taken by 31 March of the following year expires, unless the line manager has agreed to carry it over in writing."
        ),
        "BodyText",
    ),
    (
        (
            "Requests are made at least two weeks ahead. The line manager answers within five working days; a request that "
            "is not answered counts as granted."
        ),
        "BodyText",
    ),
    ("Parental leave", "Heading2"),
    (
        (
            "Both parents may take up to 16 weeks of parental leave at full pay within the first two years of the child. "
            "The leave may be split into three parts."
        ),
        "BodyText",
    ),
    None,
    ("Travel", "Heading2"),
    (
        (
            "Journeys of less than four hours are made by train. Hotel rooms are reimbursed up to 140 euros a night, breakfast "
            "included. Receipts are handed in within 30 days of the return."
        ),
        "BodyText",
    ),
    (
        (
            "Employees who travel by bicycle receive 12 cents per kilometre. Taxis are reimbursed only after 22:00 or with heavy "
            "luggage."
        ),
        "BodyText",
    ),
]
SECURITY = [
    (1, "Information security handbook"),
    (2, "Passwords"),
    (0, "A password has at least 14 characters and is never written on paper. Shared accounts are not allowed."),
    (2, "Incidents"),
    (
        0,
        (
            "A lost laptop is reported to the security desk within one hour, by telephone. The security desk locks the device "
            "remotely and informs the data protection officer, Marta Lindqvist, on the same day."
        ),
    ),
    (3, "The report names the time and the place of the loss"),
    (3, "The report names the data that the device held"),
    (2, "Retention"),
]
RETENTION = [
    ("Record", "Kept for"),
    ("Visitor book", "90 days"),
    ("Access log", "13 months"),
    ("Contracts", "10 years"),
]


def main() -> None:
    """Write both documents."""
    style = getSampleStyleSheet()
    story = []
    for part in LEAVE:
        story += [PageBreak()] if part is None else [Paragraph(part[0], style[part[1]]), Spacer(1, 6)]
    target = str(HERE / "leave-and-travel.pdf")
    SimpleDocTemplate(target, pagesize=A4, title="Leave and travel policy", invariant=1).build(story)
    handbook = docx.Document()
    for level, text in SECURITY:
        if level == 0:
            handbook.add_paragraph(text)
        elif level == 3:
            handbook.add_paragraph(text, style="List Bullet")
        else:
            handbook.add_heading(text, level)
    table = handbook.add_table(rows=0, cols=2)
    for row in RETENTION:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text
    handbook.save(str(HERE / "security-handbook.docx"))


if __name__ == "__main__":
    main()
