"""Presidio as it is installed, detect-secrets and gitleaks, in an environment of their own, on the same texts in the same run."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.bench.dlp_sets import ALL, SETS, SPEED, Result, told
from tests.support.scoring import Score, read, score

PEER: Final = Path("build/peers/presidio/bin/python")
_PIECE: Final = 6_000
_NEGATIVES: Final = "ent_neg_dev.jsonl"


def run(ours: Mapping[str, Score], speeds: Mapping[str, float], documents: Mapping[str, str]) -> Iterator[Result]:
    """Score them as ours were, and say in which categories Presidio is ahead of ours, and how many times as fast ours are."""
    if not PEER.exists():
        print("Presidio is not installed here: deploy/docs/dlp.md says how", file=sys.stderr)
        return
    sets = {name: (rows, categories) for name, file, categories in (*SETS, ("negatives", _NEGATIVES, ALL)) if (rows := read(file))}
    texts = {name: [row["text"] for row in rows] for name, (rows, _) in sets.items()}
    texts |= {name: _pieces(text) for name, text in documents.items()}
    asked = subprocess.run(
        [PEER, Path(__file__).with_name("dlp_peer.py")], input=json.dumps(texts), check=True, stdout=subprocess.PIPE, text=True
    )
    for peer, answers in json.loads(asked.stdout).items():
        theirs = {name: _score(rows, answers[name]["spans"], categories) for name, (rows, categories) in sets.items()}
        for name, found in theirs.items():
            if name == "negatives":
                yield {"name": f"dlp.{peer}.hard_negatives_flagged", "value": found.flagged / found.clean, "unit": f"of {found.clean} texts"}
            elif peer == "presidio" or "SECRET" in found.by_category:
                yield from told(name, found, f"{peer}.")
        rates = {name: answer["characters"] / 1e6 / answer["seconds"] for name, answer in answers.items()}
        yield {"name": f"dlp.{peer}.mb_s", "value": rates["mixed"], "unit": "MB a CPU second"}
        yield {"name": f"dlp.rules_mb_s.times_{peer}", "value": speeds["dlp.rules_mb_s"] / rates["mixed"], "unit": "times as fast"}
        yield {"name": f"{SPEED}.times_{peer}", "value": speeds[SPEED] / rates["mixed"], "unit": "times as fast"}
        for name, rate in rates.items():
            if peer == "presidio" and (own := speeds.get(f"{SPEED}.{name}")):
                yield {"name": f"dlp.rules_and_names.times_{peer}.{name}", "value": own / rate, "unit": f"times as fast, {own:.3f} and {rate:.3f} MB a CPU second"}
        if peer == "presidio":
            yield _behind(ours, theirs)


def _pieces(text: str) -> list[str]:
    return [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]


def _score(rows: list[dict[str, Any]], spans: list[list[tuple[int, int, str]]], categories: frozenset[str]) -> Score:
    answers = iter(spans)
    return score(rows, lambda _text: [(start, end, kind) for start, end, kind in next(answers)], categories)


def _behind(ours: Mapping[str, Score], theirs: Mapping[str, Score]) -> Result:
    """Return in how many categories of a set Presidio's F1 is above ours."""
    pairs = [(f"{category.lower()}.{name}", one.f1, theirs[name].by_category[category].f1) for name, found in ours.items()
             for category, one in found.by_category.items() if one.right + one.missed]  # fmt: skip
    behind = [f"{name} {own:.3f} to {other:.3f}" for name, own, other in pairs if own < other]
    return {"name": "dlp.behind_presidio", "value": len(behind), "unit": f"of {len(pairs)} categories and sets {', '.join(behind)}"}
