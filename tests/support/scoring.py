"""How good a detector is: what it finds of marked texts, category by category.

A finding counts where it and a marked span share at least half of what either covers, one to one, within a category; an
address by its characters, as nobody agrees where one ends; a secret also where the finding covers most of it. Leak is the
share of marked characters that no finding covers.
"""

import gzip
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from appliance.dlp import Category, Engine, Finding

DATA: Final = Path(os.environ.get("DLP_SETS") or Path(__file__).parents[3] / "shared" / "data" / "dlp")
CORE: Final = frozenset({"PERSON", "EMAIL", "PHONE", "SSN", "CREDIT_CARD", "IBAN", "IP"})
NAMES: Final[Mapping[Category, str]] = {
    Category.PERSON: "PERSON", Category.ADDRESS: "ADDRESS", Category.EMAIL: "EMAIL", Category.PHONE: "PHONE", Category.BIRTH_DATE: "DOB",
    Category.SOCIAL_SECURITY: "SSN", Category.NATIONAL_ID: "NATIONAL_ID", Category.PASSPORT: "PASSPORT", Category.DRIVING_LICENCE: "DL",
    Category.VEHICLE: "VIN", Category.DEVICE: "DEVICE", Category.IP_ADDRESS: "IP", Category.MAC_ADDRESS: "MAC", Category.BANK_ACCOUNT: "BANK_ACCOUNT",
    Category.IBAN: "IBAN", Category.WALLET: "CRYPTO", Category.PAYMENT_CARD: "CREDIT_CARD", Category.CARD_CODE: "CVV", Category.CARD_TRACK: "TRACK",
    Category.MEDICAL_RECORD: "MRN", Category.HEALTH_ID: "HEALTH_ID", Category.SECRET: "SECRET", Category.API_KEY: "SECRET",
    Category.CONNECTION: "SECRET", Category.PRIVATE_KEY: "SECRET", Category.MARKING: "MARKING",
    Category.CARE_DATE: "CARE_DATE", Category.GREAT_AGE: "AGE", Category.LICENCE_PLATE: "PLATE",
}  # fmt: skip
_SAME: Final = {"NPI": "HEALTH_ID", "MBI": "HEALTH_ID", "DE_IBAN": "IBAN"}
# What is marked in a set and asked of nobody: a finding there is no mistake.
_BESIDE: Final = {"LOC", "ZIP", "ZIP_CODE", "UUID"}
_HALF, _MOST = 0.5, 0.8

Span = tuple[int, int, str]
Detect = Callable[[str], Sequence[Span]]


@dataclass
class Counts:
    """Found and right, found and wrong, not found."""

    right: int = 0
    wrong: int = 0
    missed: int = 0

    @property
    def precision(self) -> float:
        """The share of what is found that is right."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 0.0

    @property
    def recall(self) -> float:
        """The share of what there is that is found."""
        return self.right / (self.right + self.missed) if self.right + self.missed else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


@dataclass
class Score:
    """What came of a set."""

    by_category: dict[str, Counts] = field(default_factory=dict)
    marked: int = 0
    leaked: int = 0
    clean: int = 0
    flagged: int = 0

    def total(self, *, but: Iterable[str] = ("ADDRESS",)) -> Counts:
        """Return all categories together, but those that are counted by characters."""
        kept = [counts for name, counts in self.by_category.items() if name not in set(but)]
        return Counts(sum(one.right for one in kept), sum(one.wrong for one in kept), sum(one.missed for one in kept))

    @property
    def leak(self) -> float:
        """The share of marked characters that nothing covers."""
        return self.leaked / self.marked if self.marked else 0.0


def read(name: str) -> list[dict[str, Any]]:
    """Return the texts of a set with their spans; none where the folder is not there."""
    path = DATA / name
    if not path.is_file():
        return []
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in raw.splitlines()]


def ours(engine: Engine) -> Detect:
    """Return an engine as what is scored."""

    def detect(text: str) -> list[Span]:
        return [_span(one) for one in engine.inspect(text)]

    return detect


def score(rows: Iterable[Mapping[str, Any]], detect: Detect, categories: frozenset[str]) -> Score:
    """Ask the detector about every text."""
    total = Score({name: Counts() for name in sorted(categories)})
    for row in rows:
        _count(total, row, detect(row["text"]), categories)
    return total


def _span(finding: Finding) -> Span:
    return finding.start, finding.end, NAMES[finding.category]


def _count(total: Score, row: Mapping[str, Any], found: Sequence[Span], categories: frozenset[str]) -> None:
    marked = [(one["start"], one["end"], _SAME.get(one["type"], one["type"])) for one in row["spans"]]
    asked = [one for one in marked if one[2] in categories]
    beside = [one for one in marked if one[2] in _BESIDE]
    told = [one for one in found if one[2] in categories]
    covered = {place for start, end, _ in found for place in range(start, end)}
    hidden = {place for start, end, _ in asked for place in range(start, end)}
    total.marked += len(hidden)
    total.leaked += len(hidden - covered)
    if not asked:
        total.clean += 1
        total.flagged += bool(told)
    for name in categories:
        counts = total.by_category[name]
        ones, others = [one for one in asked if one[2] == name], [one for one in told if one[2] == name]
        if name == "ADDRESS":
            _by_characters(counts, ones, others, beside)
        else:
            _by_spans(
                counts, ones, others, [*beside, *(one for one in asked if name == "SECRET")], is_loose=name == "SECRET"
            )


def _by_spans(
    counts: Counts, marked: Sequence[Span], found: Sequence[Span], beside: Sequence[Span], *, is_loose: bool
) -> None:
    free = list(found)
    for one in marked:
        best = max(free, key=lambda other: _likeness(one, other, is_loose=is_loose), default=None)
        if best is not None and _likeness(one, best, is_loose=is_loose) >= _HALF:
            counts.right += 1
            free.remove(best)
        elif is_loose and any(_shared(one, other) >= _MOST * (one[1] - one[0]) for other in found):
            counts.right += 1  # two secrets in one finding, such as an id and its key
        else:
            counts.missed += 1
    counts.wrong += sum(not any(_shared(one, other) for other in beside) for one in free)


def _by_characters(counts: Counts, marked: Sequence[Span], found: Sequence[Span], beside: Sequence[Span]) -> None:
    right, told, rest = (
        {place for start, end, _ in spans for place in range(start, end)} for spans in (marked, found, beside)
    )
    counts.right += len(right & told)
    counts.wrong += len(told - right - rest)
    counts.missed += len(right - told)


def _shared(one: Span, other: Span) -> int:
    return max(0, min(one[1], other[1]) - max(one[0], other[0]))


def _likeness(one: Span, other: Span, *, is_loose: bool) -> float:
    shared = _shared(one, other)
    if is_loose and shared >= _MOST * (one[1] - one[0]):
        return 0.9
    return shared / (max(one[1], other[1]) - min(one[0], other[0])) if shared else 0.0
