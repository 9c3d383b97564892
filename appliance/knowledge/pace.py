"""How long it takes until what was uploaded is read, by how fast files were read of late."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import text

from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.knowledge.values import Document

_MEASURED = timedelta(minutes=15)
# Bytes settled of late, in how many seconds in which there was something to read (the pause before an upload says
# nothing of its pace), and what is still to be read up to each of some moments of upload.
_PACE = text(
    """WITH files AS (
         SELECT byte_count, status, progress, uploaded_at, started_at, settled_at FROM documents WHERE tenant_id = :tenant
           AND (settled_at > :since OR status IN ('received', 'parsing', 'embedding'))
         UNION ALL
         SELECT byte_count, status, progress, uploaded_at, started_at, settled_at FROM document_versions
           WHERE tenant_id = :tenant AND (settled_at > :since OR status IN ('received', 'parsing', 'embedding'))
       ), settled AS (
         SELECT coalesce(sum(byte_count), 0)::float8 AS bytes
         FROM files WHERE settled_at > :since AND status <> 'cancelled'
       ), spans AS (
         SELECT unnest(range_agg(tstzrange(greatest(least(coalesce(started_at, uploaded_at), until), :since), until))) AS span
         FROM (SELECT *, coalesce(settled_at, :now) AS until FROM files) f
         WHERE status <> 'cancelled' AND until >= :since AND (settled_at IS NULL OR started_at IS NOT NULL)
       ), busy AS (
         SELECT coalesce(sum(extract(epoch FROM upper(span) - lower(span))), 0)::float8 AS seconds FROM spans
       )
       SELECT u.until, s.bytes AS settled, busy.seconds,
              (SELECT coalesce(sum(byte_count * (100 - progress) / 100.0), 0)::float8 FROM files
               WHERE status IN ('received', 'parsing', 'embedding') AND uploaded_at <= u.until) AS remaining
       FROM unnest(CAST(:untils AS timestamptz[])) u (until), settled s, busy"""
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
    values = {"tenant": tx.tenant_id, "since": now - _MEASURED, "now": now, "untils": sorted(untils)}
    found: dict[datetime | None, int | None] = {}
    for until, settled, seconds, remaining in tx.execute(_PACE, values):
        found[until] = round(remaining * seconds / settled) if settled and seconds > 0 else None
    return found
