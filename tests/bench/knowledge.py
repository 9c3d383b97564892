"""From chunks to answers: `make bench ONLY=knowledge`. Quality on the labelled sets beside the project, speed on made-up ones.

Every number goes through the real statement on the real database as the app role. `.bm25` and `.dense` are the same
statement with all weight on one side. Answers are measured on the half of the articles on which nothing was fitted.
`APPLIANCE_BENCH_1M=1` adds the million passages (some ten minutes and gigabytes); `APPLIANCE_BENCH_PARTS=quality` chooses.
"""

import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import psycopg

from appliance import knowledge
from appliance.chat import Chat, Screen
from appliance.gateway import Asker, Gateway
from appliance.gateway.inspecting import Inspector
from appliance.kernel.computing import here
from appliance.knowledge import DocumentId, Found, search, surroundings
from appliance.knowledge.evaluation import LabelledSet, Question, evaluate, fill, read_set
from appliance.ops import migrations
from appliance.ops.embedded_postgres import EmbeddedPostgres
from appliance.providers.base import Embedder, Passage, Purpose, Vectors
from appliance.providers.local.catalogue import DEFAULT
from appliance.providers.local.embeddings import LocalEmbedder, digest
from appliance.providers.local.extractive import ExtractiveAnswerer, Ranking, rank, threshold_for
from tests.bench import scale
from tests.bench.vectors import Remembering
from tests.support.cluster import migrate
from tests.support.house import SHARED, House, Member, Server

Result = dict[str, str | float]
SETS = SHARED / "retrieval"
VECTORS = Path("build/bench-vectors.sqlite")
PASSAGES = 6
SIDES = {"": 0.5, ".bm25": 1.0, ".dense": 0.0}


def run() -> list[Result]:
    """Measure what is there to be measured."""
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        with EmbeddedPostgres(directory / "postgres", durable=False) as postgres, psycopg.connect(
            postgres.url(), autocommit=True
        ) as admin:  # fmt: skip
            server = Server(postgres, admin, dict.fromkeys(migrations.LOGIN_ROLES, "bench"), directory)
            parts = {"ingest": _ingest, "quality": _quality, "scale": scale.measured}
            chosen = os.environ.get("APPLIANCE_BENCH_PARTS", ",".join(parts)).split(",")
            results = []
            for part in chosen:
                for result in parts[part](server):
                    print(f"  {result['name']} {result['value']:.3f}", file=sys.stderr, flush=True)
                    results.append(result)
            return results


def open_house(server: Server, name: str) -> House:
    """Make a database and the rooms over it, which embed each text once."""
    server.admin.execute(f"CREATE DATABASE {name}")
    migrate(server, name)
    (server.directory / name).mkdir()
    house = House(server, name, server.directory / name)
    embedder = remembering(house)
    answerer = ExtractiveAnswerer(embedder)
    gateway = Gateway(house.app.db, embedders=[embedder], models={answerer.name: answerer}, clock=house.clock)
    house.app = replace(house.app, gateway=gateway, chat=Chat(house.app.db, gateway, sealer=house.app.vault, writer=house.app.writer, screen=Screen(Inspector(lambda: house.app.scanner, here)), clock=house.clock))
    return house


def remembering(house: House) -> Remembering:
    """Return the local model that embeds each text once."""
    directory = house.settings.models_dir / DEFAULT.name
    return Remembering(LocalEmbedder(directory), VECTORS, model=digest(directory / "model.onnx"))


class Timed:
    """An Embedder that knows how long it took."""

    def __init__(self, inner: Embedder) -> None:
        self.name, self.dimension, self._inner, self.seconds = inner.name, inner.dimension, inner, 0.0

    def embed(self, texts: Sequence[str], *, purpose: Purpose) -> Vectors:
        began = time.perf_counter()
        vectors = self._inner.embed(texts, purpose=purpose)
        self.seconds += time.perf_counter() - began
        return vectors

    def ping(self) -> None:
        self._inner.ping()


def _ingest(server: Server) -> Iterator[Result]:
    """Yield what reading, cutting, checking and writing a document add to embedding its passages, within one run."""
    server.admin.execute("CREATE DATABASE bench_ingest")
    migrate(server, "bench_ingest")
    (server.directory / "bench_ingest").mkdir()
    house = House(server, "bench_ingest", server.directory / "bench_ingest")
    owner = house.founds("Bench", "bench@bench.example")
    embedder = Timed(LocalEmbedder(house.settings.models_dir / DEFAULT.name, threads=1))
    shop = replace(
        house.worker.workshop, gateway=Gateway(house.worker.db, embedders=[embedder], models={}, clock=house.clock)
    )
    overheads = []
    for turn in range(4):  # the first loads the model
        text = "\n\n".join(_paragraph(turn, number) for number in range(64))
        document = owner.uploads(f"document {turn}.txt", text)
        embedder.seconds, began = 0.0, time.perf_counter()
        knowledge.ingest(shop, owner.tenant_id, document.document_id)
        overheads.append((time.perf_counter() - began) / embedder.seconds)
    house.close()
    yield {"name": "ingest.overhead_over_embedding", "value": float(np.median(overheads[1:])), "unit": "ratio"}


def _paragraph(turn: int, number: int) -> str:
    return " ".join(
        f"Rule {turn}-{number}-{place}: employees of department {number * 7 + place} receive {place + 20} days of paid leave."
        for place in range(10)
    )


def _quality(server: Server) -> Iterator[Result]:
    for name in ("product_docs_qa", "xquad_en", "xquad_de", "scifact"):
        if (SETS / name).is_dir():
            yield from _ranked(server, name)
    if (SETS / "chunking_eval").is_dir():
        yield from _spans(server)


def _ranked(server: Server, name: str) -> Iterator[Result]:
    house, owner, labelled, placed = _filled(server, name)
    for side, share in SIDES.items():
        figures = evaluate(house.app.db, house.app.gateway, owner.caller, labelled, placed, lexical_share=share)
        yield {"name": f"retrieval.ndcg10.{name}{side}", "value": figures.ndcg, "unit": "nDCG@10"}
        if not side:
            yield {"name": f"retrieval.recall10.{name}", "value": figures.recall, "unit": "share"}
    if name.startswith("xquad"):
        yield from _answers(name, house, owner, labelled, placed)
    house.close()


def _filled(server: Server, name: str) -> tuple[House, Member, LabelledSet, dict[DocumentId, str]]:
    house = open_house(server, f"bench_{name}")
    owner, labelled = house.founds("Bench", "bench@bench.example"), read_set(SETS / name)
    placed = fill(house.app.db, house.app.gateway, owner.caller, labelled, clock=house.clock)
    return house, owner, labelled, placed


def _answers(
    name: str, house: House, owner: Member, labelled: LabelledSet, placed: dict[DocumentId, str]
) -> Iterator[Result]:
    """Yield what the answerer quotes and refuses: each question once, and once with all paragraphs that answer it gone."""
    embedder = remembering(house)
    held, kept, refused = [], [], []
    for question in unseen(labelled):
        found = found_for(house, owner, question.text, limit=PASSAGES + 2)
        gone = [one for one in found.passages if placed[one.document_id] not in question.relevant]
        whole = _ranking(embedder, house, owner, replace(found, passages=found.passages[:PASSAGES]), question.text)
        without = _ranking(embedder, house, owner, replace(found, passages=tuple(gone[:PASSAGES])), question.text)
        answer = question.labels["answer"]
        gold = plain(answer if isinstance(answer, str) else answer[0])
        held.append(any(gold in plain(candidate.text) for candidate in whole.candidates[:3]))
        kept.append(whole.score >= threshold_for(question.text))
        refused.append(without.score < threshold_for(question.text))
    suffix = "" if name.endswith("en") else f".{name}"
    yield {"name": f"answers.quote_holds_gold_top3.{name}", "value": float(np.mean(held)), "unit": "share"}
    yield {"name": f"answers.answerable_answered{suffix}", "value": float(np.mean(kept)), "unit": "share"}
    yield {"name": f"answers.unanswerable_refused{suffix}", "value": float(np.mean(refused)), "unit": "share"}


def unseen(labelled: LabelledSet) -> list[Question]:
    """Return the questions about every second article: weights and thresholds were fitted on the others."""
    articles = sorted({title for title, _ in labelled.texts.values()})
    others = set(articles[1::2])
    return [one for one in labelled.questions if labelled.texts[next(iter(one.relevant))][0] in others]


def found_for(house: House, owner: Member, question: str, *, limit: int) -> Found:
    """Search as a chat does."""
    vector = house.app.gateway.embed_query(Asker(owner.tenant_id, owner.caller.actor), question, model=DEFAULT.name)
    with house.app.db.tenant(owner.tenant_id) as tx:
        return search(tx, question, vector, limit=limit)


def _ranking(embedder: Remembering, house: House, owner: Member, found: Found, question: str) -> Ranking:
    with house.app.db.tenant(owner.tenant_id) as tx:
        contexts = surroundings(tx, found.passages)
    passages = [Passage(number, one.passage.title, one.text) for number, one in enumerate(contexts, start=1)]
    return rank(embedder, question, passages, found.term_weights)


def _spans(server: Server) -> Iterator[Result]:
    """Yield how much of the labelled characters the five best passages hold, with what stands around them."""
    house, owner, labelled, placed = _filled(server, "chunking_eval")
    squeezed = {label: squeeze(text) for label, (_, text) in labelled.texts.items()}
    for side, share in SIDES.items():
        shares = []
        for question in labelled.questions:
            vector = house.app.gateway.embed_query(
                Asker(owner.tenant_id, owner.caller.actor), question.text, model=DEFAULT.name
            )
            with house.app.db.tenant(owner.tenant_id) as tx:
                found = search(tx, question.text, vector, limit=5, lexical_share=share)
                contexts = surroundings(tx, found.passages)
            label = question.labels["corpus_id"]
            texts = [squeeze(one.text) for one in contexts if placed[one.passage.document_id] == label]
            shares.append(covered(labelled.texts[label][1], squeezed[label], texts, question.labels["references"]))
        yield {"name": f"retrieval.span_recall5.chunking_eval{side}", "value": float(np.mean(shares)), "unit": "share"}
    house.close()


def covered(text: str, squeezed: str, found: Sequence[str], references: Sequence[dict[str, int]]) -> float:
    """Return the share of the labelled characters, white space apart, that the found texts hold where they stand."""
    held = np.zeros(len(squeezed), bool)
    for one in found:
        start = squeezed.find(one)
        if start >= 0:
            held[start : start + len(one)] = True
    wanted = np.zeros(len(squeezed), bool)
    for reference in references:
        start, end = (len(squeeze(text[: reference[edge]])) for edge in ("start_index", "end_index"))
        wanted[start:end] = True
    return float((held & wanted).sum() / wanted.sum())


def squeeze(text: str) -> str:
    """Return a text without white space: cutting cleans it, and nothing else."""
    return re.sub(r"\s+", "", text)


def plain(text: str) -> str:
    """Return a text's words."""
    return " ".join("".join(sign if sign.isalnum() else " " for sign in text.lower()).split())
