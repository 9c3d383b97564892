"""Writes what is searched: chunks, vectors and postings, all of a document at once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from appliance.gateway import Vectors
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id
from appliance.kernel.languages import language_of
from appliance.kernel.words import terms
from appliance.knowledge.chunking import Chunk
from appliance.knowledge.indexes import active_model
from appliance.knowledge.places import flat
from appliance.knowledge.values import DocumentId

# Arrays and unnest: COPY is refused on tables with row security, and a row a statement would take minutes.
_CHUNKS = text(
    """INSERT INTO chunks (tenant_id, chunk_id, document_id, position, heading, body, page_from, page_to, start_at, end_at,
                           term_count, ranges, boxes)
       SELECT :tenant, c.id, :document, c.position, c.heading, c.body, c.page_from, c.page_to, c.start_at, c.end_at,
              c.terms, CAST(c.ranges AS int[]), CAST(c.boxes AS int[])
       FROM unnest(CAST(:ids AS uuid[]), CAST(:positions AS int[]), CAST(:headings AS text[]), CAST(:bodies AS text[]),
                   CAST(:pages_from AS int[]), CAST(:pages_to AS int[]), CAST(:starts AS int[]), CAST(:ends AS int[]),
                   CAST(:term_counts AS int[]), CAST(:ranges AS text[]), CAST(:boxes AS text[]))
            c (id, position, heading, body, page_from, page_to, start_at, end_at, terms, ranges, boxes)"""
)
_VECTORS = text(
    """INSERT INTO chunk_vectors (tenant_id, chunk_id, model, e)
       SELECT :tenant, v.id, :model, CAST(v.e AS halfvec) FROM unnest(CAST(:ids AS uuid[]), CAST(:vectors AS text[])) v (id, e)"""
)
_POSTINGS = text(
    """INSERT INTO postings (tenant_id, term, chunk_id, frequency, length)
       SELECT :tenant, p.term, p.id, p.frequency, p.length
       FROM unnest(CAST(:terms AS text[]), CAST(:ids AS uuid[]), CAST(:frequencies AS smallint[]), CAST(:lengths AS int[]))
            p (term, id, frequency, length)"""
)
_FREQUENCY_LIMIT = 1000
_BATCH = 5_000
_SAMPLE = 20


@dataclass(frozen=True)
class Indexed:
    """The languages that a document's terms were cut in, and how many terms there are."""

    languages: frozenset[str]
    term_count: int

    def plus(self, languages: Sequence[str], words: Sequence[Counter[str]]) -> "Indexed":
        terms_of_part = sum(counter.total() for counter in words)
        return Indexed(self.languages | set(languages), self.term_count + terms_of_part)


def replace_index(tx: Tx, document_id: DocumentId, title: str, chunks: Sequence[Chunk], vectors: Vectors) -> Indexed:
    """Put these chunks in the place of whatever the document had before; return what the document has to remember.

    The vectors are of the model in force, which whoever calls holds until the end of tx (`indexes.hold_model`).
    """
    tx.execute(
        text("DELETE FROM chunks WHERE tenant_id = :tenant AND document_id = :document"),
        {"tenant": tx.tenant_id, "document": document_id},
    )
    indexed = Indexed(frozenset(), 0)
    main = language_of(" ".join(chunk.text for chunk in chunks[:_SAMPLE]))
    for start in range(0, len(chunks), _BATCH):  # a whole large document would pass a statement's limit
        part = chunks[start : start + _BATCH]
        ids = [new_id() for _ in part]
        # A passage of another language than its document is cut by its own rules.
        languages = [language_of(chunk.text, otherwise=main) for chunk in part]
        words = [
            Counter(terms(f"{title} {chunk.heading} {chunk.text}", language))
            for chunk, language in zip(part, languages, strict=True)
        ]
        _insert_chunks(tx, document_id, ids, part, words)
        rows = [as_literal(row) for row in vectors[start : start + _BATCH]]
        tx.execute(_VECTORS, {"tenant": tx.tenant_id, "ids": ids, "model": active_model(tx).name, "vectors": rows})
        _insert_postings(tx, ids, words)
        indexed = indexed.plus(languages, words)
    return indexed


def as_literal(vector: Vectors) -> str:
    """Return a vector in pgvector's own text form."""
    import numpy as np  # whoever has a vector has it

    return "[" + ",".join(np.char.mod("%.6g", vector)) + "]"


def _insert_chunks(
    tx: Tx, document_id: DocumentId, ids: list[UUID], chunks: Sequence[Chunk], words: list[Counter[str]]
) -> None:
    tx.execute(
        _CHUNKS,
        {
            "tenant": tx.tenant_id,
            "document": document_id,
            "ids": ids,
            "positions": [chunk.position for chunk in chunks],
            "headings": [chunk.heading for chunk in chunks],
            "bodies": [chunk.text for chunk in chunks],
            "pages_from": [chunk.page_from for chunk in chunks],
            "pages_to": [chunk.page_to for chunk in chunks],
            "starts": [chunk.start for chunk in chunks],
            "ends": [chunk.end for chunk in chunks],
            "term_counts": [counter.total() for counter in words],
            # As text: unnest would flatten an array of arrays.
            "ranges": [_array(flat(chunk.places.ranges)) for chunk in chunks],
            "boxes": [_array(flat(chunk.places.boxes)) for chunk in chunks],
        },
    )


def _array(numbers: list[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"


def _insert_postings(tx: Tx, ids: list[UUID], words: list[Counter[str]]) -> None:
    rows = sorted(
        (term, chunk_id, min(count, _FREQUENCY_LIMIT), counter.total())
        for chunk_id, counter in zip(ids, words, strict=True)
        for term, count in counter.items()
    )
    if rows:
        names = ("terms", "ids", "frequencies", "lengths")
        columns = (list(column) for column in zip(*rows, strict=True))
        tx.execute(_POSTINGS, {"tenant": tx.tenant_id, **dict(zip(names, columns, strict=True))})
