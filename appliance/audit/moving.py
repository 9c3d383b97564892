"""Many entries at once from the inbox into the log: one statement reads them, one moves them, and little is done for each.

Ids come and go as text, and each column goes back as one literal of an array: as objects, they took longer than all else.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import CursorResult, text

from appliance.audit.growth import Growth
from appliance.kernel.db import IN_BYTES, Tx
from appliance.kernel.ids import TenantId, parse_id

Waiting = tuple[str, str, bytes]
"""An entry in the inbox: organisation, id, body."""
_WAITING = text(
    """SELECT CAST(tenant_id AS text), CAST(event_id AS text), body FROM audit_inbox
       WHERE (tenant_id, event_id) > (CAST(:tenant AS uuid), CAST(:event AS uuid)) AND tenant_id <> ALL(CAST(:broken AS uuid[]))
       ORDER BY audit_inbox.tenant_id, audit_inbox.event_id LIMIT :most"""
)
_MOVE = text(
    """WITH taken AS (
         DELETE FROM audit_inbox i
         USING unnest(CAST(:tenants AS uuid[]), CAST(:positions AS bigint[]), CAST(:ids AS uuid[]), CAST(:leaves AS bytea[]),
                      CAST(:actors AS uuid[]), CAST(:subjects AS uuid[]))
           AS t (tenant_id, position, event_id, leaf, actor_id, subject)
         WHERE i.tenant_id = t.tenant_id AND i.event_id = t.event_id
           AND (i.tenant_id, i.event_id) BETWEEN (CAST(:first_tenant AS uuid), CAST(:first_id AS uuid))
                                             AND (CAST(:last_tenant AS uuid), CAST(:last_id AS uuid))
         RETURNING i.tenant_id, t.position, i.event_id, i.event, t.actor_id, t.subject, t.leaf, i.body, i.recorded_at)
       INSERT INTO audit_log (tenant_id, position, event_id, event, actor_id, subject, leaf, body, recorded_at)
       SELECT * FROM taken"""
)
"""The range says nothing new: by it a short part of the index is read, and not the whole inbox, however much waits."""
_ID = rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_NAMED: Final = re.compile(
    rb'\{"actor":\{"address":(?:null|"(?:[^"\\]|\\.)*"),"id":(?:null|"(' + _ID + rb')"),"kind":.*'
    rb',"subject":(?:null|"(' + _ID + rb')"),"tenant_id":"' + _ID + rb'","version":[12]\}', re.DOTALL,
)  # fmt: skip
_NULL: Final = "NULL"


def waiting(tx: Tx, *, after: tuple[UUID, UUID], broken: Iterable[TenantId], most: int) -> list[Waiting]:
    """Return what waits in the inbox behind a place, by organisation and id."""
    asked = {"tenant": after[0], "event": after[1], "broken": list(broken), "most": most}
    rows = tx.execute(_WAITING, asked, execution_options=IN_BYTES)
    return cast("list[Waiting]", rows.all())


def by_tenant(found: Iterable[Waiting]) -> list[tuple[TenantId, list[Waiting]]]:
    """Return what waits of each organisation; it comes in that order."""
    return [(TenantId(UUID(tenant)), list(rows)) for tenant, rows in groupby(found, itemgetter(0))]


class Batch:
    """Entries that got their positions, to be moved together."""

    def __init__(self) -> None:
        self.count = 0
        self._columns: dict[str, list[str]] = {
            name: [] for name in ("tenants", "positions", "ids", "leaves", "actors", "subjects")
        }

    def take(self, growth: Growth, rows: list[Waiting]) -> None:
        """Put an organisation's waiting entries at the end of its log."""
        leaves = [
            hashlib.sha256(b"\x00" + body).digest() for _, _, body in rows
        ]  # as `leaf_hash`, without a call for each
        first, columns = growth.add_all(leaves), self._columns
        columns["tenants"] += [tenant for tenant, _, _ in rows]
        columns["positions"] += map(str, range(first, first + len(rows)))
        columns["ids"] += [event_id for _, event_id, _ in rows]
        columns["leaves"] += [leaf.hex() for leaf in leaves]
        named = [_who_and_what(body) for _, _, body in rows]
        columns["actors"] += [actor for actor, _ in named]
        columns["subjects"] += [subject for _, subject in named]
        self.count += len(rows)

    def move(self, tx: Tx) -> bool:
        """Bring them from the inbox into the log; False where one of them is not there any more."""
        columns = self._columns
        # In a literal of an array a backslash is written twice.
        written = {name: "{" + ",".join(columns[name]) + "}" for name in columns if name != "leaves"}
        written["leaves"] = "{" + ",".join(["\\\\x" + leaf for leaf in columns["leaves"]]) + "}"
        tenants, ids = columns["tenants"], columns["ids"]
        ends = {"first_tenant": tenants[0], "first_id": ids[0], "last_tenant": tenants[-1], "last_id": ids[-1]}
        done = cast("CursorResult[Any]", tx.execute(_MOVE, written | ends))
        return done.rowcount == self.count


def _who_and_what(body: bytes) -> tuple[str, str]:
    """Return the ids by which an entry is found: actor and subject. What cannot be read is sealed all the same."""
    said = _NAMED.fullmatch(body)
    if said is not None:
        actor, subject = said.groups()
        return actor.decode() if actor else _NULL, subject.decode() if subject else _NULL
    try:
        read = json.loads(body)
        return _id(read["actor"]["id"]), _id(read["subject"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return _NULL, _NULL


def _id(given: str | None) -> str:
    return str(parse_id(given) or _NULL) if given else _NULL
