"""By which model an organisation is searched, and whether it has an approximate index of its own."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from appliance.kernel.db import Tx, together

# Under this many passages of a scope, leaving aside what lies outside it costs more than an exact search, which misses
# nothing besides (16 ms at 12,700, 58 at 42,000).
WORTH_AN_INDEX = 20_000
SWITCH = "index-switch"
OWN_INDEXES = "chunk_vectors_hnsw_"
_ACTIVE = text("SELECT model, dimension FROM vector_indexes WHERE tenant_id = :tenant AND state = 'active'")
_EXISTS = text(
    """SELECT i.indisvalid AND i.indisready FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
       WHERE c.relname = :name AND c.relnamespace = 'cloister'::regnamespace"""
)


@dataclass(frozen=True)
class IndexModel:
    """An embedding model, by its name among the gateway's, and how long its vectors are."""

    name: str
    dimension: int


# Of organisations that never chose, which have no row. Their vectors are of it, so it stays whatever new models come;
# `migrations/sql/functions/count_passages_2.sql` says the same.
DEFAULT = IndexModel("multilingual-e5-small", 384)


def active_model(tx: Tx) -> IndexModel:
    """Return the model whose vectors this organisation is searched by."""
    row = tx.execute(_ACTIVE, {"tenant": tx.tenant_id}).one_or_none()
    return DEFAULT if row is None else IndexModel(row.model, row.dimension)


def hold_model(tx: Tx) -> IndexModel:
    """Return the same, which stays so until the end of tx: whoever writes vectors holds it, and a switch waits."""
    together(tx, SWITCH)
    return active_model(tx)


def has_own_index(tx: Tx, model: IndexModel) -> bool:
    """Say whether the organisation has an approximate index of its own, and it is whole."""
    return bool(tx.scalar(_EXISTS, {"name": own_index(tx.tenant_id, model)}))


def own_index(tenant_id: UUID, model: IndexModel) -> str:
    """Return the name of an organisation's own index; within Postgres' 63 characters."""
    return f"{OWN_INDEXES}{tenant_id.hex}_{hashlib.sha256(model.name.encode()).hexdigest()[:8]}"
