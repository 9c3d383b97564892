"""Embedding and answering on this host. Ratios within one run are what counts; processors here are shared.

With `../shared/data` beside the project it measures quality as well, on a fixed sample of the questions.
"""

import json
import math
import os
import random
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from appliance.providers.base import Passage, Purpose, Vectors
from appliance.providers.local.catalogue import DEFAULT
from appliance.providers.local.embeddings import LocalEmbedder
from appliance.providers.local.extractive import rank

Result = dict[str, str | float]
RETRIEVAL = Path(__file__).parents[3] / "shared" / "data" / "retrieval"
MODELS = Path(os.environ.get("APPLIANCE_MODELS_DIR", Path(sys.prefix) / "share" / "appliance" / "models"))
CHUNK = "Employees receive 28 days of paid leave per calendar year, and requests are made two weeks ahead. " * 8
QUESTION = "How many days of leave do employees have?"
QUESTIONS_FOR_RANKING, PASSAGES = 300, 6


@dataclass(frozen=True)
class Labelled:
    """A question, and the documents that answer it with their grade."""

    text: str
    relevant: Mapping[int, int]


class Remembering:
    """An Embedder that embeds each text once: questions share their paragraphs."""

    def __init__(self, inner: LocalEmbedder) -> None:
        self.name, self.dimension, self._inner = inner.name, inner.dimension, inner
        self._known: dict[tuple[str, Purpose], Vectors] = {}

    def embed(self, texts: Sequence[str], *, purpose: Purpose) -> Vectors:
        new = [text for text in dict.fromkeys(texts) if (text, purpose) not in self._known]
        if new:
            for text, vector in zip(new, self._inner.embed(new, purpose=purpose), strict=True):
                self._known[text, purpose] = vector
        return np.stack([self._known[text, purpose] for text in texts])

    def ping(self) -> None:
        self._inner.ping()


def run() -> list[Result]:
    """Measure speed; and, where the labelled questions are, ranking."""
    one, two = (LocalEmbedder(MODELS / DEFAULT.name, threads=threads) for threads in (1, 2))
    results = [*speed(one, two)]
    for name in ("xquad_en", "xquad_de", "product_docs_qa"):
        if (RETRIEVAL / name).is_dir():
            results += quality(name, Remembering(two))
    return results


def speed(one: LocalEmbedder, two: LocalEmbedder) -> Iterator[Result]:
    """Yield chunks a CPU second and a second, turn about, and the time of a question."""
    taken: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    for _ in range(4):
        for threads, embedder in ((1, one), (2, two)):
            taken[threads].append(_time(embedder, [CHUNK] * 16, Purpose.PASSAGE))
    (cpu, wall), (cpu_of_two, wall_of_two) = (np.min(taken[threads][1:], axis=0) for threads in (1, 2))
    yield {"name": "models: embed, 1 thread", "value": float(16 / cpu), "unit": "chunks/CPU-s"}
    yield {"name": "models: embed, 2 threads", "value": float(16 / cpu_of_two), "unit": "chunks/CPU-s"}
    yield {"name": "models: embed, 2 threads to 1, by the clock", "value": float(wall / wall_of_two), "unit": "ratio"}
    queries = [_time(one, [QUESTION], Purpose.QUERY)[1] for _ in range(50)]
    yield {"name": "models: embed a question, median", "value": float(np.median(queries)) * 1000, "unit": "ms"}
    passages = [Passage(number, "", _rules(number)) for number in range(1, PASSAGES + 1)]
    began = time.perf_counter()
    rank(two, QUESTION, passages, {})
    yield {"name": "models: answer from 6 passages", "value": (time.perf_counter() - began) * 1000, "unit": "ms"}


def _rules(group: int) -> str:
    return " ".join(CHUNK[: len(CHUNK) // 8].replace("28", str(group * 10 + rule)) for rule in range(8))


def quality(name: str, embedder: Remembering) -> Iterator[Result]:
    """Yield nDCG@10 of the vectors of whole texts alone."""
    texts, questions = _labelled(RETRIEVAL / name)
    vectors = embedder.embed(texts, purpose=Purpose.PASSAGE)
    asked = embedder.embed([question.text for question in questions], purpose=Purpose.QUERY)
    orders = np.argsort(-(asked @ vectors.T), axis=1)
    gains = [_ndcg(order[:10], question.relevant) for order, question in zip(orders, questions, strict=True)]
    yield {"name": f"models: {name}, dense", "value": float(np.mean(gains)), "unit": "nDCG@10"}


def _labelled(directory: Path) -> tuple[list[str], list[Labelled]]:
    documents = [json.loads(line) for line in (directory / "corpus.jsonl").read_text().splitlines()]
    place = {document["_id"]: number for number, document in enumerate(documents)}
    relevant: dict[str, dict[int, int]] = {}
    for line in (directory / "qrels.tsv").read_text().splitlines()[1:]:
        question, document, grade = line.split("\t")
        relevant.setdefault(question, {})[place[document]] = int(grade)
    rows = [json.loads(line) for line in (directory / "queries.jsonl").read_text().splitlines()]
    rows = [row for row in rows if row["_id"] in relevant]
    chosen = random.Random(7).sample(rows, min(len(rows), QUESTIONS_FOR_RANKING))
    texts = [f"{document.get('title') or ''}\n{document['text']}".strip() for document in documents]
    return texts, [Labelled(row["text"], relevant[row["_id"]]) for row in chosen]


def _ndcg(order: Iterable[int], relevant: Mapping[int, int]) -> float:
    gain = sum(relevant.get(int(place), 0) / math.log2(rank_ + 2) for rank_, place in enumerate(order))
    best = sum(grade / math.log2(place + 2) for place, grade in enumerate(sorted(relevant.values(), reverse=True)[:10]))
    return gain / best


def _time(embedder: LocalEmbedder, texts: Sequence[str], purpose: Purpose) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    embedder.embed(texts, purpose=purpose)
    return time.process_time() - cpu, time.perf_counter() - wall
