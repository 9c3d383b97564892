"""How well the house finds what people labelled: recall@k, nDCG@10 and MRR of a set, through the product's own steps.

A set is a folder: corpus.jsonl {_id, title, text}, queries.jsonl {_id, text}, qrels.tsv (query, document, grade; one
line of headings). Its texts are plain already, so they are not parsed; from there on they are cut, embedded, written
and searched as any document is. A document stands where the best of its passages stands.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import select

from appliance.gateway import Asker, Gateway
from appliance.identity import Caller
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import new_id
from appliance.knowledge.asking import ask_index
from appliance.knowledge.chunking import Chunk, chunk, embedding_text
from appliance.knowledge.index import replace_index
from appliance.knowledge.indexes import active_model
from appliance.knowledge.parsed import Block, Page, Parsed
from appliance.knowledge.parser.plain import read
from appliance.knowledge.retrieval import LEXICAL_SHARE, search
from appliance.knowledge.tables import CollectionRow, DocumentRow
from appliance.knowledge.values import DocumentId, Status

_BATCH = 64
_DEPTH = 60  # passages read to find the documents: several may be of one
_GAIN_DEPTH = 10
_Thing = TypeVar("_Thing")


class SetUnreadable(Exception):
    """That folder is no set: it needs corpus.jsonl, queries.jsonl and qrels.tsv, as deploy/docs/search.md describes."""


@dataclass(frozen=True)
class Question:
    """A question with the documents that answer it, and how well."""

    text: str
    relevant: Mapping[str, int]
    labels: Mapping[str, Any]


@dataclass(frozen=True)
class LabelledSet:
    """Texts by their ids, each with its title, and questions; those without a label are left out."""

    name: str
    texts: Mapping[str, tuple[str, str]]
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Figures:
    """What an evaluation says, each the mean over the questions."""

    questions: int
    documents: int
    k: int
    recall: float
    ndcg: float
    mrr: float


def read_set(folder: Path) -> LabelledSet:
    """Return the set in a folder. Raises SetUnreadable."""
    try:
        texts = {str(row["_id"]): (str(row.get("title") or ""), str(row["text"])) for row in _rows(folder, "corpus")}
        relevant: dict[str, dict[str, int]] = {}
        for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]:
            question, document, grade = line.split("\t")
            relevant.setdefault(question, {})[document] = int(grade)
        asked = [row for row in _rows(folder, "queries") if any(relevant.get(str(row["_id"]), {}).values())]
        questions = tuple(Question(str(row["text"]), relevant[str(row["_id"])], row) for row in asked)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SetUnreadable from error
    if not texts or not questions:
        raise SetUnreadable
    return LabelledSet(folder.name, texts, questions)


def fill(
    db: Database, gateway: Gateway, caller: Caller, labelled: LabelledSet, *, clock: Clock
) -> dict[DocumentId, str]:
    """Put a set's texts into the caller's first collection, ready to be searched; return the documents' labels."""
    placed: dict[DocumentId, str] = {}
    with db.tenant(caller.tenant_id) as tx:
        model = active_model(tx).name
    texts_in_order = list(labelled.texts.items())
    for part in _parts(texts_in_order):
        cut = [(label, title, chunk(parsed(title, text))) for label, (title, text) in part]
        cut = [(label, title, chunks) for label, title, chunks in cut if chunks]
        texts = [embedding_text(one, title=title) for _, title, chunks in cut for one in chunks]
        vectors = np.concatenate(
            [gateway.embed_passages(caller.tenant_id, some, model=model) for some in _parts(texts)]
        )
        at = 0
        with db.tenant(caller.tenant_id) as tx:
            for label, title, chunks in cut:
                document_id = _document(tx, caller, title, chunks, clock)
                indexed = replace_index(tx, document_id, title, chunks, vectors[at : at + len(chunks)])
                row = tx.get_one(DocumentRow, (tx.tenant_id, document_id))
                row.languages, row.term_count = sorted(indexed.languages), indexed.term_count
                placed[document_id] = label
                at += len(chunks)
    return placed


def evaluate(
    db: Database,
    gateway: Gateway,
    caller: Caller,
    labelled: LabelledSet,
    placed: Mapping[DocumentId, str],
    *,
    k: int = 10,
    lexical_share: float = LEXICAL_SHARE,
) -> Figures:
    """Ask every question of a set that was filled in."""
    depth = max(k, _GAIN_DEPTH)
    recalls, gains, firsts = [], [], []
    for question in labelled.questions:
        ranked = ranking(db, gateway, caller, question.text, placed, depth=depth, lexical_share=lexical_share)
        wanted = {label for label, grade in question.relevant.items() if grade > 0}
        recalls.append(len(wanted.intersection(ranked[:k])) / len(wanted))
        gains.append(gain(ranked, question.relevant))
        firsts.append(next((1 / place for place, label in enumerate(ranked[:k], start=1) if label in wanted), 0.0))
    means = (float(np.mean(values)) for values in (recalls, gains, firsts))
    return Figures(len(labelled.questions), len(placed), k, *means)


def ranking(
    db: Database,
    gateway: Gateway,
    caller: Caller,
    question: str,
    placed: Mapping[DocumentId, str],
    *,
    depth: int,
    lexical_share: float = LEXICAL_SHARE,
) -> list[str]:
    """Return the labels of the documents that a question finds, best first."""
    asker = Asker.of(caller)
    found = ask_index(
        db, gateway, asker, question,
        lambda tx, vector: search(tx, question, vector, limit=max(_DEPTH, depth), lexical_share=lexical_share),
    )  # fmt: skip
    documents = [one.document_id for passage in found.passages for one in (passage, *passage.twins)]
    return [placed[document] for document in dict.fromkeys(documents)][:depth]


def gain(ranked: Sequence[str], relevant: Mapping[str, int]) -> float:
    """Return nDCG@10 (Järvelin and Kekäläinen 2002)."""
    best = sorted(relevant.values(), reverse=True)[:_GAIN_DEPTH]
    got = [relevant.get(label, 0) for label in ranked[:_GAIN_DEPTH]]
    ideal, reached = (sum(grade / math.log2(place + 2) for place, grade in enumerate(grades)) for grades in (best, got))
    return reached / ideal


def parsed(title: str, text: str) -> Parsed:
    """Return a plain text as the parser would."""
    pages = read(text.encode(), "text").pages
    blocks = (Page(page.number, tuple(_block(block) for block in page.blocks)) for page in pages)
    return Parsed("text/plain", title, tuple(blocks))


def _parts(things: Sequence[_Thing]) -> Iterator[Sequence[_Thing]]:
    return (things[start : start + _BATCH] for start in range(0, len(things), _BATCH))


def _block(block: Any) -> Block:
    return Block(block.kind, block.text, block.level, block.hidden)


def _document(tx: Tx, caller: Caller, title: str, chunks: Sequence[Chunk], clock: Clock) -> DocumentId:
    document_id = DocumentId(new_id())
    collection = tx.scalars(select(CollectionRow.collection_id).where(CollectionRow.tenant_id == tx.tenant_id)).first()
    row = DocumentRow(
        tenant_id=tx.tenant_id, document_id=document_id, collection_id=collection, file_name=title or "text",
        title=title, media_type="text/plain", byte_count=sum(len(one.text) for one in chunks),
        content_digest=document_id.bytes, status=Status.READY, progress=100, chunk_count=len(chunks),
        uploaded_by=caller.user_id, uploaded_at=clock.now(), ready_at=clock.now(),
    )  # fmt: skip
    tx.add(row)
    tx.flush()
    return document_id


def _rows(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    with (folder / f"{name}.jsonl").open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())
