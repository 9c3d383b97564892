"""Hybrid retrieval in one statement: BM25 over postings and vector search, fused by their scores.

BM25: Robertson and Zaragoza 2009, k1 = 1.2, b = 0.75. A word of the question counts once, in whichever form the
language of a chunk gives it. Fusion: both scores brought to 0..1 over all candidates, then their mean (Bruch, Gai and
Ingber 2023); a rank alone forgets by how much the first is better than the second (measured in decision 0006).

Row-level security already hides other tenants; the literal tenant predicate beside it is what lets the planner use an
index that leads with it. `+ 0` keeps the vector search exact: a shared approximate index loses a small tenant's rows.
A large organisation has an approximate index of its own (`ops.vector_indexes`), used only where it exists.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, text

from appliance.gateway import QueryVector
from appliance.kernel.db import Tx
from appliance.kernel.words import asked_terms
from appliance.knowledge.index import as_literal
from appliance.knowledge.indexes import IndexModel
from appliance.knowledge.scope import EVERYTHING, Extent, Scope, extent
from appliance.knowledge.twins import joined
from appliance.knowledge.values import DocumentId, Passage

CANDIDATES = 50
LEXICAL_SHARE = 0.5
_SPARE = 20  # passages read beyond those that are wanted: some say the same
_APPROXIMATE = """SET LOCAL hnsw.iterative_scan = relaxed_order; SET LOCAL hnsw.ef_search = 200"""
_SEARCH = """
WITH {within}asked AS MATERIALIZED (
  SELECT * FROM unnest(CAST(:words AS text[]), CAST(:terms AS text[])) a (word, term)
), hits AS MATERIALIZED (
  SELECT a.word, p.chunk_id, sum(p.frequency)::float8 AS frequency, max(p.length)::float8 AS length
  FROM asked a JOIN postings p ON p.tenant_id = '{tenant}' AND p.term = a.term {of_postings}
  GROUP BY a.word, p.chunk_id
), weights AS MATERIALIZED (
  SELECT word, ln(1 + (:chunks - count(*) + .5) / (count(*) + .5)) AS weight FROM hits GROUP BY word
), lexical AS MATERIALIZED (
  SELECT h.chunk_id, sum(w.weight * h.frequency * 2.2 / (h.frequency + 1.2 * (.25 + .75 * h.length / :mean))) AS score
  FROM hits h JOIN weights w USING (word) GROUP BY h.chunk_id
), dense AS MATERIALIZED (
  SELECT v.chunk_id FROM (
    SELECT v.chunk_id, {distance} AS distance FROM chunk_vectors v {of_vectors}
    WHERE v.tenant_id = '{tenant}' AND v.model = '{model}' ORDER BY distance LIMIT {candidates}) v
), pool AS (
  SELECT chunk_id FROM (SELECT chunk_id FROM lexical ORDER BY score DESC, chunk_id LIMIT {candidates}) l
  UNION SELECT chunk_id FROM dense
), scored AS (
  SELECT p.chunk_id, coalesce(l.score, 0) AS lexical, -(v.e <=> CAST(:vector AS halfvec)) AS dense
  FROM pool p LEFT JOIN lexical l USING (chunk_id)
  JOIN chunk_vectors v ON v.tenant_id = '{tenant}' AND v.chunk_id = p.chunk_id AND v.model = '{model}'
), fused AS (
  SELECT chunk_id, :share * coalesce((lexical - min(lexical) OVER ()) / nullif(max(lexical) OVER () - min(lexical) OVER (), 0), 0)
    + (1 - :share) * coalesce((dense - min(dense) OVER ()) / nullif(max(dense) OVER () - min(dense) OVER (), 0), 0) AS score
  FROM scored
)
SELECT c.chunk_id, c.document_id, d.title, c.heading, c.body, c.page_from, c.page_to, c.position, f.score,
       (SELECT json_object_agg(word, weight) FROM weights) AS weights
FROM fused f
JOIN chunks c ON c.tenant_id = '{tenant}' AND c.chunk_id = f.chunk_id
JOIN documents d ON d.tenant_id = '{tenant}' AND d.document_id = c.document_id AND d.status = 'ready'
ORDER BY f.score DESC, c.chunk_id LIMIT :limit
"""
# What may be searched is cut out before ranking, never after: ranks and weights tell of what is there.
_ALLOWED = """allowed AS MATERIALIZED (
  SELECT d.document_id FROM documents d WHERE d.tenant_id = '{tenant}' AND d.status = 'ready' AND {condition}
), """
_WITHIN = """JOIN chunks i ON i.tenant_id = '{tenant}' AND i.chunk_id = {alias}.chunk_id
  JOIN allowed o ON o.document_id = i.document_id"""


@dataclass(frozen=True)
class Found:
    """Passages, best first, and how telling each word of the question is among all chunks that were searched."""

    passages: tuple[Passage, ...]
    term_weights: Mapping[str, float]


def search(
    tx: Tx,
    question: str,
    vector: QueryVector,
    *,
    scope: Scope = EVERYTHING,
    limit: int = 6,
    lexical_share: float = LEXICAL_SHARE,
) -> Found:
    """Return the passages of this transaction's organisation, within the scope, that fit the question best.

    Passages that say the same are one, with the others as its twins. `lexical_share` 1 ranks by words alone, 0 by
    vectors alone. `asking.ask_index` embeds the question by the model in force.
    """
    # Where the index changed its model this very moment, its former vectors stay for a while yet.
    searched = extent(tx, scope, IndexModel(vector.model, len(vector.values)))
    if not searched.chunks:
        return Found((), {})
    asked = asked_terms(question, searched.languages)
    if searched.is_large:
        tx.execute(text(_APPROXIMATE))
    values = {
        "words": [word for word, forms in asked.items() for _ in forms],
        "terms": [form for forms in asked.values() for form in forms],
        "vector": as_literal(vector.values),
        "chunks": float(searched.chunks),
        "mean": searched.mean_length,
        "share": lexical_share,
        "limit": limit + _SPARE,
        **scope.values,
    }
    rows = tx.execute(text(_statement(tx, scope, searched, limit)), values).all()
    passages = tuple(_passage(row) for row in rows)
    weights = dict(rows[0].weights or {}) if rows else {}
    unheard_of = math.log(1 + (searched.chunks + 0.5) / 0.5)
    return Found(joined(passages)[:limit], {word: weights.get(word, unheard_of) for word in asked})


def _statement(tx: Tx, scope: Scope, searched: Extent, limit: int) -> str:
    condition = scope.condition
    of_postings, of_vectors = (_WITHIN.format(tenant=tx.tenant_id, alias=alias) if condition else "" for alias in "pv")
    cast = f"halfvec({searched.dimension})"
    # The expression of a large organisation's index; `+ 0` is what no index has.
    near, exact = f"v.e::{cast} <=> CAST(:vector AS {cast})", "(v.e <=> CAST(:vector AS halfvec)) + 0"
    return _SEARCH.format(
        tenant=tx.tenant_id,
        model=searched.model,
        within=_ALLOWED.format(tenant=tx.tenant_id, condition=condition) if condition else "",
        of_postings=of_postings,
        of_vectors=of_vectors,
        distance=near if searched.is_large else exact,
        candidates=max(CANDIDATES, limit + _SPARE),
    )


def _passage(row: Row[Any]) -> Passage:
    return Passage(
        row.chunk_id,
        DocumentId(row.document_id),
        row.title,
        row.heading,
        row.body,
        row.page_from,
        row.page_to,
        row.position,
    )
