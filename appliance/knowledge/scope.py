"""What of an organisation's documents a question may search, and how much that is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from appliance.kernel.db import Tx
from appliance.knowledge.indexes import WORTH_AN_INDEX, IndexModel, has_own_index

_EXTENT = """
SELECT languages, sum(chunk_count)::bigint AS chunks, sum(term_count)::bigint AS terms FROM documents d
WHERE tenant_id = '{tenant}' AND status = 'ready' AND {condition} GROUP BY languages
"""


@dataclass(frozen=True)
class Scope:
    """Which documents; without choices all of them. `collections` None means every collection, for who may read all.

    Of media types and labels one that fits is enough; the days are those of the upload, the last one left out.
    """

    collections: frozenset[UUID] | None = None
    media_types: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    uploaded_from: datetime | None = None
    uploaded_before: datetime | None = None

    @property
    def condition(self) -> str:
        """The condition on documents d, with `values` as its parameters; empty where everything is searched."""
        chosen = {
            "d.collection_id = ANY(:collections)": self.collections is not None,
            "d.media_type = ANY(:media_types)": bool(self.media_types),
            "d.labels && CAST(:labels AS text[])": bool(self.labels),
            "d.uploaded_at >= :uploaded_from": self.uploaded_from is not None,
            "d.uploaded_at < :uploaded_before": self.uploaded_before is not None,
        }
        return " AND ".join(condition for condition, is_chosen in chosen.items() if is_chosen)

    @property
    def values(self) -> dict[str, Any]:
        return {
            "collections": sorted(self.collections or ()),
            "media_types": sorted(self.media_types),
            "labels": sorted(self.labels),
            "uploaded_from": self.uploaded_from,
            "uploaded_before": self.uploaded_before,
        }


EVERYTHING = Scope()


@dataclass(frozen=True)
class Extent:
    """How much a scope holds, by which model it is searched, and whether an index of its own helps."""

    chunks: int
    mean_length: float
    languages: frozenset[str]
    model: str
    dimension: int
    is_large: bool


def extent(tx: Tx, scope: Scope, model: IndexModel) -> Extent:
    """Measure a scope that is searched by vectors of a model: documents are counted, never their chunks."""
    statement = text(_EXTENT.format(tenant=tx.tenant_id, condition=scope.condition or "true"))
    rows = tx.execute(statement, scope.values).all()
    chunks, terms = sum(row.chunks or 0 for row in rows), sum(row.terms or 0 for row in rows)
    return Extent(
        chunks=chunks,
        mean_length=max(terms / chunks, 1.0) if chunks else 1.0,
        languages=frozenset(language for row in rows for language in row.languages),
        model=model.name,
        dimension=model.dimension,
        is_large=(not scope.condition or chunks >= WORTH_AN_INDEX) and has_own_index(tx, model),
    )
