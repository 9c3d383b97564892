"""The labelled sets, and how what is found in one is told."""

from collections.abc import Iterator
from typing import Final

from tests.support.scoring import CORE, NAMES, Score

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
