"""The counts behind the limits of speed, of all processes that serve: requests and tokens of a minute, and what is under way.

Whoever counts takes the organisation's turn, so what is read is true until it is written. It is lost with a crash of the
database, which costs a minute's count: nothing here waits for a disk.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import text

from appliance.budgets import SubjectKind
from appliance.budgets.reserving import NOBODY
from appliance.kernel.db import Tx, in_turn
from appliance.kernel.ids import TenantId
from appliance.kernel.questions import Saying, ask
from appliance.kernel.rows import as_text

Counted = tuple[TenantId, SubjectKind, UUID | None]
"""Whose calls are counted together."""
STALE_SECONDS: Final = 900
"""After so long without a word a process that said what it has under way is taken for dead; no call lasts longer."""


@dataclass
class Minute:
    """What was asked in a minute."""

    requests: int = 0
    tokens: int = 0


def take_turn(tx: Tx) -> None:
    """Wait for the organisation's turn; it lasts until the end of the transaction."""
    ask(tx, Saying("SET LOCAL synchronous_commit = off", ()))
    in_turn(tx, "paces")


def counts_of(
    tx: Tx, counted: Iterable[Counted], *, minute: int, process: str, now: float
) -> tuple[dict[Counted, Minute], dict[Counted, int]]:
    """Return what was counted of these in this minute, and how many calls other processes have under way."""
    by_key = {(one[1].value, _id(one)): one for one in counted}
    asked = {"tenant": tx.tenant_id, "ids": [key for _, key in by_key]}
    minutes = tx.execute(_MINUTES, asked | {"minute": minute})
    places = tx.execute(_PLACES, asked | {"process": process, "since": now - STALE_SECONDS})
    found = {by_key[row.subject_kind, row.subject_id]: Minute(row.requests, row.tokens) for row in minutes if (row.subject_kind, row.subject_id) in by_key}
    held = {by_key[row.subject_kind, row.subject_id]: int(row.held) for row in places if (row.subject_kind, row.subject_id) in by_key}
    return {one: found.get(one, Minute()) for one in by_key.values()}, held


def put_minutes(tx: Tx, minutes: Mapping[Counted, Minute], *, minute: int) -> None:
    """Store what this minute's counts are now."""
    rows = [_row(one, minute=minute, requests=of.requests, tokens=of.tokens) for one, of in sorted(minutes.items(), key=str)]
    if rows:
        ask(tx, Saying(_PUT_MINUTES, [as_text(rows)]))


def put_places(tx: Tx, held: Mapping[Counted, int], *, process: str, now: float) -> None:
    """Store how many calls this process has under way."""
    rows = [_row(one, process=process, held=number, seen_at=now) for one, number in sorted(held.items(), key=str)]
    if rows:
        ask(tx, Saying(_PUT_PLACES, [as_text(rows)]))


def forget_places(tx: Tx, *, process: str) -> None:
    """Forget what the process of this name had under way that was here before."""
    ask(tx, Saying("DELETE FROM call_places WHERE tenant_id = $1 AND process = $2", (tx.tenant_id, process)))


def _id(one: Counted) -> UUID:
    return NOBODY if one[2] is None else one[2]


def _row(one: Counted, **more: object) -> dict[str, object]:
    return {"tenant_id": one[0], "subject_kind": one[1].value, "subject_id": _id(one), **more}


_MINUTES: Final = text(
    """SELECT subject_kind, subject_id, requests, tokens FROM call_paces
       WHERE tenant_id = :tenant AND minute = :minute AND subject_id = ANY (:ids)"""
)
_PLACES: Final = text(
    """SELECT subject_kind, subject_id, sum(held) AS held FROM call_places
       WHERE tenant_id = :tenant AND process <> :process AND seen_at > :since AND subject_id = ANY (:ids)
       GROUP BY subject_kind, subject_id"""
)
_PUT_MINUTES: Final = """INSERT INTO call_paces SELECT * FROM json_populate_recordset(NULL::call_paces, $1::json)
   ON CONFLICT (tenant_id, subject_kind, subject_id) DO UPDATE
   SET minute = excluded.minute, requests = excluded.requests, tokens = excluded.tokens"""
_PUT_PLACES: Final = """INSERT INTO call_places SELECT * FROM json_populate_recordset(NULL::call_places, $1::json)
   ON CONFLICT (tenant_id, subject_kind, subject_id, process) DO UPDATE
   SET held = excluded.held, seen_at = excluded.seen_at"""
