"""How long it takes until what was uploaded is read, by how fast files were read of late."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import text

from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.knowledge.values import Document

_MEASURED = timedelta(minutes=15)
# Bytes settled of late, since when, and what is still to be read up to each of some moments of upload.
_PACE = text(
    """WITH files AS (
         SELECT byte_count, status, progress, uploaded_at, started_at, settled_at FROM documents WHERE tenant_id = :tenant
           AND (settled_at > :since OR status IN ('received', 'parsing', 'embedding'))
         UNION ALL
         SELECT byte_count, status, progress, uploaded_at, started_at, settled_at FROM document_versions
           WHERE tenant_id = :tenant AND (settled_at > :since OR status IN ('received', 'parsing', 'embedding'))
       ), settled AS (
         SELECT coalesce(sum(byte_count), 0)::float8 AS bytes, min(greatest(started_at, :since)) AS since
         FROM files WHERE settled_at > :since AND status <> 'cancelled'
       )
       SELECT u.until, s.bytes AS settled, s.since,
              (SELECT coalesce(sum(byte_count * (100 - progress) / 100.0), 0)::float8 FROM files
               WHERE status IN ('received', 'parsing', 'embedding') AND uploaded_at <= u.until) AS remaining
       FROM unnest(CAST(:untils AS timestamptz[])) u (until), settled s"""
)


def timed(tx: Tx, documents: Sequence[Document], *, clock: Clock) -> list[Document]:
    """Return the documents with the seconds until each is read; None for those that are settled, or before any was."""
    untils = {one.on_its_way_since for one in documents if not one.is_settled}
    seconds = seconds_left(tx, untils, clock.now()) if untils else {}
    return [
        one if one.is_settled else replace(one, seconds_left=seconds.get(one.on_its_way_since)) for one in documents
    ]


def seconds_left(tx: Tx, untils: Collection[datetime], now: datetime) -> dict[datetime | None, int | None]:
    """Return in how many seconds what was uploaded until each of these moments is read, at the pace of late."""
    values = {"tenant": tx.tenant_id, "since": now - _MEASURED, "untils": sorted(untils)}
    found: dict[datetime | None, int | None] = {}
    for until, settled, since, remaining in tx.execute(_PACE, values):
        seconds = (now - since).total_seconds() if since is not None else 0
        found[until] = round(remaining * seconds / settled) if settled and seconds > 0 else None
    return found
