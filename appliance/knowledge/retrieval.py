"""Hybrid retrieval in one statement: BM25 over postings and exact vector search, fused by reciprocal rank.

BM25: Robertson and Zaragoza 2009, k1 = 1.2, b = 0.75. RRF: Cormack et al. 2009, k = 60. Row-level security already
hides other tenants; the literal tenant predicate beside it is what lets the planner use an index that leads with
it. `+ 0` keeps the vector search exact: an approximate index loses a small tenant's rows (FINDINGS-database).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from appliance.gateway import Vectors
from appliance.kernel.db import Tx
from appliance.kernel.words import terms
from appliance.knowledge.index import as_literal
from appliance.knowledge.values import DocumentId, Passage

CANDIDATES = 50
_SEARCH = """
WITH stats AS (
  SELECT count(*)::float8 AS n, greatest(avg(term_count), 1)::float8 AS mean FROM chunks WHERE tenant_id = '{tenant}'
), hits AS MATERIALIZED (
  SELECT p.term, p.chunk_id, p.frequency FROM postings p {of_postings}WHERE p.tenant_id = '{tenant}' AND p.term = ANY(:terms)
), frequent AS (
  SELECT term, count(*)::float8 AS df FROM hits GROUP BY term
), lexical AS (
  SELECT h.chunk_id, row_number() OVER (ORDER BY sum(
           ln(1 + (s.n - f.df + .5) / (f.df + .5)) * h.frequency * 2.2
           / (h.frequency + 1.2 * (.25 + .75 * c.term_count / s.mean))) DESC, h.chunk_id) AS rank
  FROM hits h JOIN frequent f USING (term) JOIN chunks c ON c.tenant_id = '{tenant}' AND c.chunk_id = h.chunk_id
  CROSS JOIN stats s GROUP BY h.chunk_id ORDER BY rank LIMIT {candidates}
), dense AS (
  SELECT v.chunk_id, row_number() OVER (ORDER BY v.distance, v.chunk_id) AS rank
  FROM (SELECT w.chunk_id, (w.e <=> CAST(:vector AS halfvec)) + 0 AS distance FROM chunk_vectors w {of_vectors}
        WHERE w.tenant_id = '{tenant}' ORDER BY distance LIMIT {candidates}) v
)
SELECT c.chunk_id, c.document_id, d.title, c.heading, c.body, c.page_from, c.page_to, c.position,
       coalesce(1.0 / (60 + l.rank), 0) + coalesce(1.0 / (60 + v.rank), 0) AS score
FROM lexical l FULL JOIN dense v USING (chunk_id)
JOIN chunks c ON c.tenant_id = '{tenant}' AND c.chunk_id = coalesce(l.chunk_id, v.chunk_id)
JOIN documents d ON d.tenant_id = '{tenant}' AND d.document_id = c.document_id AND d.status = 'ready'
ORDER BY score DESC, c.chunk_id LIMIT :limit
"""
_WEIGHTS = """
SELECT (SELECT count(*) FROM chunks WHERE tenant_id = '{tenant}') AS n, t.term,
       (SELECT count(*) FROM postings p WHERE p.tenant_id = '{tenant}' AND p.term = t.term) AS df
FROM unnest(CAST(:terms AS text[])) t (term)
"""


# Whoever may not read every collection is searched for in theirs alone, before ranking: ranks tell of what is there.
_WITHIN = """JOIN chunks i ON i.tenant_id = '{tenant}' AND i.chunk_id = {alias}.chunk_id
  JOIN documents o ON o.tenant_id = '{tenant}' AND o.document_id = i.document_id AND o.collection_id = ANY(:collections) """


@dataclass(frozen=True)
class Found:
    """Passages, best first, and how telling each term of the question is among all chunks."""

    passages: tuple[Passage, ...]
    term_weights: Mapping[str, float]


def search(
    tx: Tx, question: str, vector: Vectors, *, collections: frozenset[UUID] | None = None, limit: int = 6
) -> Found:
    """Return the passages of this transaction's organisation that fit the question best.

    `collections` are those to search in; None means all of them, for who may read all.
    """
    asked = sorted(set(terms(question)))
    values = {"terms": asked, "vector": as_literal(vector), "limit": limit}
    of_postings = of_vectors = ""
    if collections is not None:
        values["collections"] = sorted(collections)
        of_postings, of_vectors = (_WITHIN.format(tenant=tx.tenant_id, alias=alias) for alias in "pw")
    statement = text(
        _SEARCH.format(tenant=tx.tenant_id, candidates=CANDIDATES, of_postings=of_postings, of_vectors=of_vectors)
    )
    rows = tx.execute(statement, values)
    passages = tuple(
        Passage(
            row.chunk_id,
            DocumentId(row.document_id),
            row.title,
            row.heading,
            row.body,
            row.page_from,
            row.page_to,
            row.position,
        )
        for row in rows
    )
    return Found(passages, _term_weights(tx, asked))


def _term_weights(tx: Tx, asked: list[str]) -> dict[str, float]:
    rows = tx.execute(text(_WEIGHTS.format(tenant=tx.tenant_id)), {"terms": asked})
    return {row.term: math.log(1 + (row.n - row.df + 0.5) / (row.df + 0.5)) for row in rows}
