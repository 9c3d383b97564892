"""What is shown of claims that are so, and of claims that are not, made of XQuAD's paragraphs, questions and answers: `make bench ONLY=grounding`.

One claim of each kind from every other question, as far as its sentence has what the kind changes. A figure is the share that is shown: of
what is so it is to be high, of what is not, low.
"""

import json
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.chat.grounding import Grounding
from appliance.gateway import Delta, Passage
from appliance.kernel.words import sentences

RETRIEVAL = Path(__file__).parents[3] / "shared" / "data" / "retrieval"
_ASKING: Final = r"how many|how much|how long|how old|what|which|whom|whose|who|where|when|why|how|wie viele|wie viel|wie lange|welche[rsmn]?|was|wen|wem|wer|wo|wann|warum|wie"
_CLAUSE: Final = re.compile(r"[;,]\s+|\s(?:and|or|but|und|oder|aber|while|während)\s")
_LEADING: Final = re.compile(r"((?:In|On|At|During|After|Before|By|Since|Im|Am|Bei|Nach|Vor|Seit|Während)\b[^,]{3,70}), (.{20,})")
_VERB: Final = re.compile(r"\b(?:is|are|was|were|has|had|have|can|will|would|could|did|ist|sind|war|waren|hat|hatte|haben|hatten|wird|werden|wurde|wurden|kann|konnte)\b")
_DENIAL: Final = re.compile(r"\s(?:not|never|nicht|nie)\b")
_NAME: Final = re.compile(r"(?<=[a-zäöüß,] )[A-Z][a-zäöüß]{3,}")
_SCALES: Final = [("million", "billion"), ("billion", "million"), ("Millionen", "Milliarden"), ("Milliarden", "Millionen"), ("thousand", "million"), (" million", ""), (" Millionen", "")]
_BOUNDS: Final = [("more than", "less than"), ("less than", "more than"), ("at least", "at most"), ("over", "under"), ("mehr als", "weniger als"), ("über", "unter"), ("mindestens", "höchstens"), ("more than ", ""), ("at least ", ""), ("mehr als ", ""), ("weniger als ", "")]
_TRUE: Final = ("as it is", "shortened", "clause moved", "as asked, right")


@dataclass(frozen=True)
class _Case:
    """A question with its paragraph, the sentence that answers it, and what else the paragraph says."""

    question: str
    answer: str
    text: str
    sentence: str
    others: tuple[str, ...]
    stranger: str
    dice: random.Random


def run() -> list[dict[str, object]]:
    """Return the share of each kind that is shown, by language, and the time for a claim."""
    results: list[dict[str, object]] = []
    began, claims = time.process_time(), 0
    for language in ("en", "de"):
        made, shown = Counter[str](), Counter[str]()
        for case in _cases(language):
            for kind, make in _KINDS.items():
                claim = make(case)
                if claim and (kind in _TRUE or claim != case.sentence):
                    made[kind] += 1
                    shown[kind] += _is_shown(claim, case)
        results += [
            {"name": f"grounding.{language}.{'so' if kind in _TRUE else 'not'}.{kind.replace(', ', '_').replace(' ', '_')}", "value": 100 * shown[kind] / made[kind], "unit": f"% of {made[kind]}"}
            for kind in _KINDS if made[kind]
        ]  # fmt: skip
        claims += made.total()
    return [*results, {"name": "grounding.claim", "value": 1000 * (time.process_time() - began) / claims, "unit": "ms"}]


def _cases(language: str) -> Iterator[_Case]:
    folder = RETRIEVAL / f"xquad_{language}"
    texts = {one["_id"]: one["text"] for one in _lines(folder / "corpus.jsonl")}
    place = dict(line.split("\t")[:2] for line in (folder / "qrels.tsv").read_text().splitlines()[1:])
    asked = defaultdict(list)
    for one in _lines(folder / "queries.jsonl"):
        asked[place[one["_id"]]].append(one)
    for number, (where, questions) in enumerate(asked.items()):
        for at, one in enumerate(questions[number % 2 :: 2]):
            text, answer, dice = texts[where], one["answer"], random.Random(f"{one['_id']}")
            sentence = next((text[a:b] for a, b in sentences(text) if answer in text[a:b]), "").rstrip(".")
            others = tuple(two["answer"] for two in questions if answer not in two["answer"] and two["answer"] not in answer)
            stranger = texts[dice.choice([each for each in texts if each != where])]
            if answer in sentence and len(sentence.split()) > 4 and at < 6:
                yield _Case(one["text"], answer, text, sentence, others, stranger, dice)


def _lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _is_shown(claim: str, case: _Case) -> bool:
    grounding = Grounding([Passage(1, "Notes", case.text), Passage(2, "More", case.stranger)], is_strict=True)
    items = [*grounding.feed(f"{claim} [1]."), *grounding.close()]
    return any(isinstance(one, Delta) for one in items)


def _shortened(case: _Case) -> str:
    at = case.sentence.index(case.answer) + len(case.answer)
    cut = next((one.start() for one in _CLAUSE.finditer(case.sentence, at)), None)
    return case.sentence[:cut] if cut and len(case.sentence[:cut].split()) > 4 else ""


def _moved(case: _Case) -> str:
    found = _LEADING.fullmatch(case.sentence)
    return f"{found[2][0].upper()}{found[2][1:]} {found[1][0].lower()}{found[1][1:]}" if found else ""


def _as_asked(case: _Case, answer: str) -> str:
    if not answer:
        return ""
    said, number = re.subn(rf"\b(?:{_ASKING})\b", lambda _: answer, case.question.rstrip("? "), count=1, flags=re.IGNORECASE)
    return said[0].upper() + said[1:] if number else ""


def _phrase(case: _Case, *, is_near: bool) -> str:
    others = [one for one in case.others if (one in case.sentence) == is_near]
    return case.sentence.replace(case.answer, case.dice.choice(others), 1) if others else ""


def _number(case: _Case) -> str:
    found = list(re.finditer(r"\d+", case.sentence))
    others = sorted({*re.findall(r"\d+", case.text)} - {*re.findall(r"\d+", case.sentence)})
    if not found:
        return ""
    one = case.dice.choice(found)
    return f"{case.sentence[: one.start()]}{case.dice.choice(others) if others else int(one[0]) + 1}{case.sentence[one.end() :]}"


def _name(case: _Case) -> str:
    found, others = list(_NAME.finditer(case.sentence)), _NAME.findall(case.stranger)
    if not found or not others:
        return ""
    one = case.dice.choice(found)
    return case.sentence[: one.start()] + str(case.dice.choice(others)) + case.sentence[one.end() :]


def _denied(case: _Case) -> str:
    if _DENIAL.search(case.sentence):
        return _DENIAL.sub("", case.sentence, count=1)
    found = _VERB.search(case.sentence)
    word = " nicht" if re.search(r"\b(?:der|die|das|und)\b", case.text) else " not"
    return case.sentence[: found.end()] + word + case.sentence[found.end() :] if found else ""


def _swapped(case: _Case, pairs: list[tuple[str, str]]) -> str:
    found = [(one, other) for one, other in pairs if re.search(rf"(?<!\w){one}(?!\w)" if one.strip() == one else one, case.sentence)]
    if not found:
        return ""
    one, other = case.dice.choice(found)
    return case.sentence.replace(one, other, 1)


def _of_another(case: _Case) -> str:
    a, b = case.dice.choice(sentences(case.stranger))
    return case.stranger[a:b].rstrip(".")


_KINDS: Final[dict[str, Callable[[_Case], str]]] = {
    "as it is": lambda case: case.sentence,
    "shortened": _shortened,
    "clause moved": _moved,
    "as asked, right": lambda case: _as_asked(case, case.answer),
    "as asked, wrong": lambda case: _as_asked(case, case.dice.choice(case.others) if case.others else ""),
    "another phrase of the paragraph": lambda case: _phrase(case, is_near=False),
    "another phrase of the sentence": lambda case: _phrase(case, is_near=True),
    "another number": _number,
    "another name": _name,
    "denied": _denied,
    "another scale": lambda case: _swapped(case, _SCALES),
    "another bound": lambda case: _swapped(case, _BOUNDS),
    "another passage's": _of_another,
}
