"""Approximate indexes of large organisations: built when one passes the threshold, dropped when it has shrunk to half.

The worker's schedule starts it as a process of its own (`worker.indexes`): app and worker may not alter the schema,
and stay so. It signs in as the migrator, becomes the owner, and builds CONCURRENTLY, so that nobody's upload waits (a
plain CREATE INDEX would lock every organisation's vectors for half a minute). It learns ids and counts and nothing
else: a door's function counts, and row-level security shows the owner no row.

An index that was left half-built, by a stop or a full disk, is invalid: no search uses it, and the next run drops it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from appliance.knowledge.indexes import OWN_INDEXES, IndexModel, own_index

_LOCK = 0x434C4F564958  # one run at a time, whichever host it is on
_SETTINGS = (
    "SET ROLE cloister_owner",
    "SET search_path = cloister, public",
    "SET statement_timeout = 0",
    "SET lock_timeout = '1min'",
    "SET maintenance_work_mem = '256MB'",
    "SET max_parallel_maintenance_workers = 0",  # shared memory is scarce in a container
)
_EXISTING = """SELECT c.relname, i.indisvalid FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
    WHERE c.relnamespace = 'cloister'::regnamespace AND starts_with(c.relname, %s)"""
_CREATE = """CREATE INDEX CONCURRENTLY {name} ON chunk_vectors USING hnsw ((e::halfvec({dimension})) halfvec_cosine_ops)
    WITH (m = 16, ef_construction = 128) WHERE tenant_id = {tenant} AND model = {model}"""


@dataclass(frozen=True)
class Tended:
    """What a run did, by the names of the indexes."""

    built: tuple[str, ...]
    dropped: tuple[str, ...]


def tend(url: str, *, threshold: int) -> Tended:
    """Build what is missing, drop what is not needed any more; nothing while another run is at it."""
    with psycopg.connect(url, autocommit=True, application_name="cloister-indexes") as connection:
        locked = connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone()
        if locked != (True,):
            return Tended((), ())
        large = list(_large(connection, at_least=max(threshold // 2, 1)))
        for setting in _SETTINGS:
            connection.execute(setting.encode())
        existing: dict[str, bool] = {
            str(name): bool(valid) for name, valid in connection.execute(_EXISTING, (OWN_INDEXES,))
        }
        kept = {name for name, _, _, _ in large}
        dropped = [name for name, is_valid in existing.items() if not is_valid or name not in kept]
        for name in dropped:
            connection.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}").format(sql.Identifier(name)))
        present = set(existing) - set(dropped)
        # Who has an index and goes over to another model waits for that one's, also when smaller by now:
        # `knowledge.reembedding` switches from an own index to an own index only.
        has_one = {tenant_id for name, tenant_id, _, _ in large if name in present}
        built = []
        for name, tenant_id, model, passages in large:
            if name not in present and (passages >= threshold or tenant_id in has_one):
                connection.execute(_creation(name, tenant_id, model))
                built.append(name)
        return Tended(tuple(built), tuple(dropped))


def _large(connection: "psycopg.Connection[Any]", *, at_least: int) -> Iterator[tuple[str, UUID, IndexModel, int]]:
    rows = connection.execute(
        "SELECT tenant_id, model, dimension, passages FROM cloister.count_passages(%s)", (at_least,)
    )
    for tenant_id, model_name, dimension, passages in rows:
        model = IndexModel(model_name, dimension)
        yield own_index(tenant_id, model), tenant_id, model, passages


def _creation(name: str, tenant_id: UUID, model: IndexModel) -> sql.Composed:
    return sql.SQL(_CREATE).format(
        name=sql.Identifier(name),
        dimension=sql.Literal(model.dimension),
        tenant=sql.Literal(tenant_id),
        model=sql.Literal(model.name),
    )
