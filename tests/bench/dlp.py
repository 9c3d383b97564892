"""How good and how fast the detectors are, beside Presidio, detect-secrets and gitleaks where they are installed (deploy/docs/dlp.md).

The sets of ../shared/data/dlp are for development; others, unseen, decide.
"""

import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles
from typing import Final

from appliance.dlp import NOTHING, Category, Engine, OwnRules
from appliance.dlp.own import Dictionary, ExactList, Lists, Pattern
from appliance.dlp.own.exact_values import read_values
from appliance.dlp.own.words import digest
from appliance.providers.local.catalogue import LABELS, TAGGER
from appliance.providers.local.tagger import LocalTagger
from tests.bench import dlp_calls, dlp_large, dlp_peers
from tests.bench.dlp_sets import ALL, AMOUNT, SETS, SPEED, documents, told
from tests.support.negatives import count_flagged, negative_lines
from tests.support.scoring import Score, ours, read, score

Result = dict[str, str | float]
MODELS: Final = Path(sys.prefix) / "share" / "appliance" / "models"
CRAFTED: Final = {
    "digits": "4111 ", "at signs": "a@", "dots": "a.", "quotes": "'", "colons": "password:", "names": "Dear Mr ", "one word": "A",
    "keys": "-----BEGIN PRIVATE KEY-----", "entities": "&#49;", "spaced": "1 ", "capitals": "Aa Bb ", "streets": "12 Aa Bb Cc ", "flats": "1 Aa Lane Suite 1 ",
    "base64": "QUFB", "no width": "\u200b1", "names of fields": "name: ", "addresses": "a@b.cc ", "lines": "1\n", "card groups": "4111 1111 1111 1111 ",
    "digits in words": "one two ", "codes of signs": "40 41 ", "binary digits": "01010101 ", "octal digits": "101 ", "base32": "ABCDEFG2",
}  # fmt: skip
SMALL, LARGE = 20_000, 160_000
_MOMENT: Final = 0.004
_SHORT_LINE: Final = 40
DOCS: Final = Path(__file__).parents[2] / "deploy" / "docs"
LINES: Final = 7_000


def run() -> list[Result]:
    """Measure quality, then speed, then what crafted texts cost."""
    rules, whole = Engine(), Engine(tagger=LocalTagger(MODELS / TAGGER.name, LABELS))
    scores = _scored(whole)
    texts = {"mixed": mixed_text()[:AMOUNT], "unlike": unlike_text(), **dict(documents())}
    speeds = [*_speed(rules, whole), *_speed_of_sets(whole), *_speed_of_documents(whole, texts)]
    return [
        *_quality(scores, ""),
        *_quality(_scored(rules), "rules."),
        *_negatives(rules, whole),
        *_negative_lines(rules, whole),
        *speeds,
        *dlp_peers.run(scores, {str(one["name"]): float(one["value"]) for one in speeds}, texts),
        *dlp_large.run(),
        *_own(rules),
        *_doubling(rules),
        *dlp_calls.run(rules, whole),
    ]


def _scored(engine: Engine) -> dict[str, Score]:
    sets = ((name, read(file), categories) for name, file, categories in SETS)
    return {name: score(rows, ours(engine), categories) for name, rows, categories in sets if rows}


def _quality(scores: dict[str, Score], prefix: str) -> Iterator[Result]:
    for name, found in scores.items():
        yield from told(name, found, prefix)


def _negatives(rules: Engine, whole: Engine) -> Iterator[Result]:
    for name, engine in (("dlp.rules.hard_negatives_flagged", rules), ("dlp.hard_negatives_flagged", whole)):
        if rows := read("ent_neg_dev.jsonl"):
            found = score(rows, ours(engine), ALL)
            yield {"name": name, "value": found.flagged / found.clean, "unit": f"of {found.clean} texts"}


def _negative_lines(rules: Engine, whole: Engine) -> Iterator[Result]:
    """Order numbers, hashes, versions, UUIDs, dates, log lines and code, generated: whatever is told of them is wrong."""
    lines = list(negative_lines(LINES, seed=20))
    for name, engine in (("dlp.rules.negative_lines_flagged_per_1000", rules), ("dlp.negative_lines_flagged_per_1000", whole)):
        yield {"name": name, "value": 1000 * count_flagged(lines, engine.inspect) / LINES, "unit": f"of {LINES} lines"}


def _own(rules: Engine) -> Iterator[Result]:
    """Own rules of the largest size beside the rules of the house: what they cost on prose."""
    values = read_values("\n".join(f"Person {number} Alpha" for number in range(50_000)).encode())
    key = b"0" * 32
    exact = ExactList("people", Category.OWN, key, frozenset(digest(key, one) for one in values.values), values.most_words,
                      values.shortest, values.longest, values.have_digits)  # fmt: skip
    terms = Dictionary("terms", Category.OWN, tuple(f"term{number} of ours" for number in range(5_000)))
    expression = Pattern("orders", Category.OWN, r"\bPO-[0-9]{6}\b")
    own = OwnRules(1, Lists((terms,), (expression,), (exact,)), (), key)
    text = "\n".join(_mixed(["Nothing is in it."], 400_000))
    for name, given in (("dlp.rules_without_own_mb_s", NOTHING), ("dlp.rules_with_own_mb_s", own)):
        rules.inspect(text[:1000], own=given)
        spent = min(_seconds(rules, text, given) for _ in range(2))
        yield {"name": name, "value": len(text) / 1e6 / spent, "unit": "MB a CPU second"}


def _speed(rules: Engine, whole: Engine) -> Iterator[Result]:
    mixed, texts = mixed_text(), _texts()
    for engine, text, name in ((rules, mixed, "dlp.rules_mb_s"), (whole, mixed[:AMOUNT], SPEED)):
        engine.inspect(text)  # automata are built while they are used
        spent = min(_seconds(engine, text) for _ in range(3))
        yield {"name": name, "value": len(text) / 1e6 / spent, "unit": "MB a CPU second"}
    # Each is another: nothing of it is known from before.
    prompts = ["\n".join(random.Random(number).sample(texts, 8))[:1024] for number in range(60)]
    for engine, name in ((rules, "dlp.rules.prompt_1kb_p95_ms"), (whole, "dlp.prompt_1kb_p95_ms")):
        times = [_seconds(engine, prompt) * 1000 for prompt in prompts]
        yield {"name": name, "value": quantiles(times, n=20)[-1], "unit": "ms CPU"}


def _speed_of_sets(whole: Engine) -> Iterator[Result]:
    """Every text of a set by itself, as prompts come."""
    for name, file, _ in SETS:
        if texts := [row["text"] for row in read(file)]:
            spent = sum(_seconds(whole, text) for text in texts)
            yield {"name": f"{SPEED}.{name}", "value": sum(map(len, texts)) / 1e6 / spent, "unit": "MB a CPU second"}


def _speed_of_documents(whole: Engine, texts: dict[str, str]) -> Iterator[Result]:
    for name, text in texts.items():
        if name != "mixed":
            spent = min(_seconds(whole, text) for _ in range(2))
            yield {"name": f"{SPEED}.{name}", "value": len(text) / 1e6 / spent, "unit": "MB a CPU second"}


def _texts() -> list[str]:
    return [row["text"] for row in read("ent_dev.jsonl.gz")] or ["Dear Ms Okonkwo, please call +49 30 901820 on 3 May. "] * 200


def mixed_text() -> str:
    """Return two megabytes of texts among prose."""
    return "\n".join(_mixed(_texts(), 2_000_000))


def unlike_text() -> str:
    """Return texts among this product's documentation, no line of which is there twice: what is read once does not help here."""
    lines = dict.fromkeys(line for path in sorted(DOCS.glob("*.md")) for line in path.read_text().splitlines() if len(line) > _SHORT_LINE)
    told = [line for pair in zip(lines, dict.fromkeys(_texts()), strict=False) for line in pair] if read("ent_dev.jsonl.gz") else list(lines)
    return "\n".join(told)[:AMOUNT]


def _mixed(texts: list[str], size: int) -> Iterator[str]:
    """Return texts among plain prose, as documents are: most of it holds nothing."""
    prose = "The committee met again in the morning and went through the plans for the new building, item by item, until noon. "
    length, number = 0, 0
    while length < size:
        piece = texts[number % len(texts)] + "\n" + prose * 12
        number, length = number + 1, length + len(piece)
        yield piece


def _doubling(rules: Engine) -> Iterator[Result]:
    """Eight times the text: 8 is linear, 64 quadratic. What is looked at in less than a moment is made longer first, to be measured at all."""
    worst = ("", 0.0)
    for name, piece in CRAFTED.items():
        small = (piece * (SMALL // len(piece) + 1))[:SMALL]
        rules.inspect(small)
        while _seconds(rules, small) < _MOMENT:
            small *= 2
        large = small * (LARGE // SMALL)
        rules.inspect(small)
        ratio = min(_seconds(rules, large) for _ in range(2)) / max(min(_seconds(rules, small) for _ in range(3)), 1e-4)
        worst = max(worst, (name, ratio), key=lambda one: one[1])
    yield {"name": "dlp.crafted_8_times_as_long", "value": worst[1], "unit": f"times the CPU, at worst: {worst[0]}"}


def _seconds(engine: Engine, text: str, own: OwnRules = NOTHING) -> float:
    began = time.process_time()
    engine.inspect(text, own=own)
    return time.process_time() - began
