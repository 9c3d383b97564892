"""From one embedding model to another: new vectors beside the old ones, a moment at which searches go over, the old ones go.

    chosen (`changes`) → pieces of work, each a job of its own, until no passage is without a vector → (a large
    organisation waits for its approximate index) → the switch → a minute later the old vectors go, in batches

What is uploaded meanwhile is embedded by the model in force, as ever, and found without a vector of the new one by the
next piece, or by the switch, which looks once more while nobody may write vectors. So nothing is uploaded slower, and
a new model that breaks breaks no upload. A killed worker's piece is done again: what is stored is not asked for twice.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from appliance import audit
from appliance.audit import Actor, ActorKind, Event, Outcome
from appliance.gateway import ModelMissing, Vectors
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx, in_turn
from appliance.kernel.ids import TenantId
from appliance.knowledge.changes import REEMBED, TURN, changing, enqueue, retire
from appliance.knowledge.chunking import Chunk, embedding_text
from appliance.knowledge.flow import Workshop
from appliance.knowledge.index import as_literal
from appliance.knowledge.indexes import SWITCH, IndexModel, active_model, has_own_index
from appliance.knowledge.tables import VectorIndexRow

_BATCH = 32
# A piece takes its turn in the queue like a document of some size: uploads and other organisations come between. It is
# over before a worker that is told to end loses patience.
_BATCHES, _SECONDS = 64, 10.0
_SYSTEM = Actor(ActorKind.SYSTEM)
# Longer than any statement of the web may take: a search that began by the old model has ended.
_GRACE = timedelta(minutes=1)
_DROPPED = 2_000
_COUNT = text("SELECT count(*) FROM chunk_vectors WHERE tenant_id = :tenant AND model = :model")
_ANY_WITHOUT = text(
    """SELECT EXISTS (
         SELECT FROM chunks c WHERE c.tenant_id = :tenant AND NOT EXISTS (
           SELECT FROM chunk_vectors v WHERE v.tenant_id = :tenant AND v.chunk_id = c.chunk_id AND v.model = :model))"""
)
_NEXT = text(
    """SELECT c.chunk_id, c.document_id, d.title, c.heading, c.body, c.page_from, c.page_to, c.position, c.start_at, c.end_at
       FROM (SELECT * FROM chunks o WHERE o.tenant_id = :tenant AND o.chunk_id > :after AND NOT EXISTS (
               SELECT FROM chunk_vectors v WHERE v.tenant_id = :tenant AND v.chunk_id = o.chunk_id AND v.model = :model)
             ORDER BY o.chunk_id LIMIT :most) c
       JOIN documents d ON d.tenant_id = :tenant AND d.document_id = c.document_id ORDER BY c.chunk_id"""
)
_HOLD = text(
    """SELECT document_id FROM documents WHERE tenant_id = :tenant AND document_id = ANY(:documents)
       ORDER BY document_id FOR KEY SHARE"""
)
_STORE = text(
    """INSERT INTO chunk_vectors (tenant_id, chunk_id, model, e)
       SELECT :tenant, c.chunk_id, :model, CAST(v.e AS halfvec)
       FROM unnest(CAST(:ids AS uuid[]), CAST(:vectors AS text[])) v (id, e)
       JOIN chunks c ON c.tenant_id = :tenant AND c.chunk_id = v.id
       ON CONFLICT DO NOTHING"""
)
_NOTE = text(
    """UPDATE vector_indexes SET embedded = embedded + :made
       WHERE tenant_id = :tenant AND model = :model AND state = 'filling' RETURNING model"""
)
_IS_QUEUED = text(
    """SELECT EXISTS (SELECT FROM procrastinate_jobs WHERE tenant_id = :tenant AND task_name = :task
                      AND status IN ('todo', 'doing'))"""
)
_RETIRING = text(
    """SELECT model FROM vector_indexes WHERE tenant_id = :tenant AND state = 'retiring' AND changed_at <= :before
       ORDER BY model LIMIT 1 FOR UPDATE"""
)
# SKIP LOCKED: a document that is being deleted takes its vectors along, in an order of its own.
_DROP = text(
    """WITH gone AS (
         DELETE FROM chunk_vectors WHERE tenant_id = :tenant AND model = :model AND chunk_id IN (
           SELECT chunk_id FROM chunk_vectors WHERE tenant_id = :tenant AND model = :model
           LIMIT :most FOR UPDATE SKIP LOCKED) RETURNING chunk_id
       ) SELECT count(*) FROM gone"""
)
_FORGET = text(
    """DELETE FROM vector_indexes i WHERE tenant_id = :tenant AND model = :model AND NOT EXISTS (
         SELECT FROM chunk_vectors v WHERE v.tenant_id = :tenant AND v.model = :model) RETURNING model"""
)


@dataclass(frozen=True)
class _Piece:
    """Passages without a vector of the new model."""

    ids: Sequence[UUID]
    documents: Sequence[UUID]
    texts: Sequence[str]


def reembed(shop: Workshop, tenant_id: TenantId) -> None:
    """Do a piece of the work, and queue the next or switch. Nothing, if the change was cancelled. Safe to repeat."""
    with shop.db.tenant(tenant_id) as tx:
        model = _begin(tx, shop.clock)
    if model is None:
        return
    after, until = UUID(int=0), time.monotonic() + _SECONDS
    for _ in range(_BATCHES):
        with shop.db.tenant(tenant_id) as tx:
            piece = _next(tx, model, after)
            if piece is None:
                _switch(tx, shop.clock)
                return
        try:
            vectors = shop.gateway.embed_passages(tenant_id, piece.texts, model=model, is_charged=False)
        except ModelMissing:
            with shop.db.tenant(tenant_id) as tx:
                _give_up(tx, model, shop.clock)
            return
        with shop.db.tenant(tenant_id) as tx:
            if not _store(tx, model, piece, vectors):
                return
        after = piece.ids[-1]
        if time.monotonic() > until:
            break
    with shop.db.tenant(tenant_id) as tx:
        if changing(tx) is not None:
            enqueue(tx)


def tend_change(shop: Workshop, tenant_id: TenantId) -> None:
    """By the clock: switch once a large organisation's index is there, and delete the vectors that no search needs.

    A piece that no job will do, because it failed again and again, is told: a person can choose the model once more.
    """
    with shop.db.tenant(tenant_id) as tx:
        if changing(tx) is not None:
            _look_after(tx, shop.clock)
    while _drop(shop, tenant_id):
        pass


def _begin(tx: Tx, clock: Clock) -> str | None:
    row = changing(tx)
    if row is None or row.state != "filling":
        return None
    if row.began_at is None:
        row.embedded = int(tx.scalar(_COUNT, {"tenant": tx.tenant_id, "model": row.model}) or 0)
        row.began_at, row.began_with = clock.now(), row.embedded
    return row.model


def _next(tx: Tx, model: str, after: UUID) -> _Piece | None:
    values = {"tenant": tx.tenant_id, "model": model, "after": after, "most": _BATCH}
    rows = tx.execute(_NEXT, values).all()
    if not rows:
        return None
    texts = [embedding_text(_chunk(row), title=row.title) for row in rows]
    return _Piece([row.chunk_id for row in rows], [row.document_id for row in rows], texts)


def _chunk(row: Row[Any]) -> Chunk:
    return Chunk(row.position, row.heading, row.body, row.page_from, row.page_to, row.start_at, row.end_at)


def _store(tx: Tx, model: str, piece: _Piece, vectors: Vectors) -> bool:
    """Store what is still wanted; False if the change was cancelled meanwhile."""
    values = {"tenant": tx.tenant_id, "model": model, "made": len(piece.ids)}
    if tx.scalar(_NOTE, values) is None:
        return False
    # Held as who deletes a document locks it, so that neither waits for the other in a circle.
    tx.execute(_HOLD, {"tenant": tx.tenant_id, "documents": list(set(piece.documents))})
    rows = [as_literal(row) for row in vectors]
    tx.execute(_STORE, {"tenant": tx.tenant_id, "model": model, "ids": list(piece.ids), "vectors": rows})
    return True


def _give_up(tx: Tx, model: str, clock: Clock) -> None:
    in_turn(tx, TURN)
    row = changing(tx)
    if row is not None and row.model == model:
        _fail(tx, row, "model_missing", clock)


def _look_after(tx: Tx, clock: Clock) -> None:
    in_turn(tx, TURN)
    row = changing(tx)
    if row is None or row.state != "filling" or tx.scalar(_IS_QUEUED, {"tenant": tx.tenant_id, "task": REEMBED}):
        return
    if row.filled_at is None:
        _fail(tx, row, "interrupted", clock)
    else:
        _switch(tx, clock)


def _switch(tx: Tx, clock: Clock) -> None:
    """Let searches go over, if every passage has its vector and a large organisation its index."""
    in_turn(tx, TURN)
    row = changing(tx)
    if row is None or row.state != "filling":
        return
    row.filled_at = row.filled_at or clock.now()
    tx.flush()
    before = active_model(tx)
    if has_own_index(tx, before) and not has_own_index(tx, IndexModel(row.model, row.dimension)):
        return  # The worker's next round over the indexes builds it; then `tend_change` comes here again.
    in_turn(tx, SWITCH)
    if tx.scalar(_ANY_WITHOUT, {"tenant": tx.tenant_id, "model": row.model}):
        enqueue(tx)
        return
    retire(tx.get_one(VectorIndexRow, (tx.tenant_id, before.name)), clock)
    tx.flush()  # there is one active model at a time
    row.state, row.changed_at = "active", clock.now()
    audit.record(tx, _SYSTEM, Event.INDEX_SWITCHED, model_before=before.name, model=row.model)


def _fail(tx: Tx, row: VectorIndexRow, code: str, clock: Clock) -> None:
    row.state, row.reason_code, row.changed_at = "failed", code, clock.now()
    audit.record(tx, _SYSTEM, Event.INDEX_CHANGE_FAILED, outcome=Outcome.FAILURE, model=row.model, code=code)


def _drop(shop: Workshop, tenant_id: TenantId) -> bool:
    """Delete a batch of what is retired; False once there is nothing to do now."""
    with shop.db.tenant(tenant_id) as tx:
        model = tx.scalar(_RETIRING, {"tenant": tenant_id, "before": shop.clock.now() - _GRACE})
        if model is None:
            return False
        values = {"tenant": tenant_id, "model": model}
        return bool(tx.scalar(_DROP, {**values, "most": _DROPPED}) or tx.scalar(_FORGET, values))
