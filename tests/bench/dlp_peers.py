"""Presidio as it is installed, detect-secrets and gitleaks, in an environment of their own, on the same texts in the same run."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.bench.dlp_sets import ALL, SETS, Result, told
from tests.support.scoring import Score, read, score

PEER: Final = Path("build/peers/presidio/bin/python")
_PIECE: Final = 6_000
_NEGATIVES: Final = "ent_neg_dev.jsonl"


def run(ours: Mapping[str, Score], speeds: Mapping[str, float], mixed: str, unlike: str) -> Iterator[Result]:
    """Score them as ours were, and say in which categories Presidio is ahead of ours, and how many times as fast ours are."""
    if not PEER.exists():
        print("Presidio is not installed here: deploy/docs/dlp.md says how", file=sys.stderr)
        return
    sets = {name: (rows, categories) for name, file, categories in (*SETS, ("negatives", _NEGATIVES, ALL)) if (rows := read(file))}
    texts = {name: [row["text"] for row in rows] for name, (rows, _) in sets.items()}
    texts["mixed"], texts["unlike"] = _pieces(mixed), _pieces(unlike)
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
        rate, unlike_rate = (answers[name]["characters"] / 1e6 / answers[name]["seconds"] for name in ("mixed", "unlike"))
        yield {"name": f"dlp.{peer}.mb_s", "value": rate, "unit": "MB a CPU second"}
        for name in ("dlp.rules_mb_s", "dlp.rules_and_names_mb_s"):
            yield {"name": f"{name}.times_{peer}", "value": speeds[name] / rate, "unit": "times as fast"}
        name = "dlp.rules_and_names_mb_s.unlike"
        yield {"name": f"{name}.times_{peer}", "value": speeds[name] / unlike_rate, "unit": "times as fast, where nothing is there twice"}
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
