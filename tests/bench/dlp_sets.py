"""The labelled sets, and how what is found in one is told."""

from collections.abc import Iterator
from typing import Final

from appliance.knowledge.parsing import parse
from tests.support.scoring import CORE, DATA, NAMES, Score

Result = dict[str, str | float]
ALL: Final = frozenset(NAMES.values()) - {"DEVICE", "TRACK", "MARKING", "AGE", "CARE_DATE", "PLATE"}
SETS: Final = (
    ("presidio_research", "pii_presidio_research.jsonl", CORE | {"ADDRESS", "DL"}),
    ("datafog", "pii_datafog_corpus.jsonl", CORE),
    ("enterprise", "ent_dev.jsonl.gz", ALL),
    ("secrets.gitleaks", "secrets_gitleaks_cases.jsonl.gz", frozenset({"SECRET"})),
    ("secrets.kingfisher", "secrets_kingfisher_examples.jsonl.gz", frozenset({"SECRET"})),
    ("names.wnut17", "ner_wnut17dev.jsonl", frozenset({"PERSON"})),
)
SPEED: Final = "dlp.rules_and_names_mb_s"
AMOUNT: Final = 60_000
"""Characters that names are looked for in when speed is measured, ours and others'."""
_DOCUMENTS: Final = ("handbook_872p.docx", "page_wikipedia.html", "page_10k.html")


def documents() -> Iterator[tuple[str, str]]:
    """Return the middle of the text of each large shared document, as uploads are read, by name; none where the folder is not there."""
    for name in _DOCUMENTS:
        path = DATA.parent / "documents" / name
        if path.is_file():
            pages = parse(path.read_bytes(), file_name=name).pages
            text = "\n".join(block.text for page in pages for block in page.blocks)
            start = max(0, (len(text) - AMOUNT) // 2)
            yield path.stem, text[start : start + AMOUNT]


def told(name: str, found: Score, prefix: str) -> Iterator[Result]:
    """Return what is found in a set, together and, but for the rules alone, by category."""
    scope = "all" if name == "enterprise" else "core"
    counts = found.total(but=("ADDRESS", "DL") if scope == "core" else ("ADDRESS",))
    yield {
        "name": f"dlp.{prefix}f1.{scope}.{name}",
        "value": counts.f1,
        "unit": f"precision {counts.precision:.3f}, recall {counts.recall:.3f}",
    }
    yield {"name": f"dlp.{prefix}leak.{name}", "value": found.leak, "unit": "share of marked characters"}
    for category, one in sorted(found.by_category.items()):
        if prefix != "rules." and one.right + one.missed:
            yield {
                "name": f"dlp.{prefix}f1.{category.lower()}.{name}",
                "value": one.f1,
                "unit": f"precision {one.precision:.3f}, recall {one.recall:.3f}, of {one.right + one.missed}",
            }
