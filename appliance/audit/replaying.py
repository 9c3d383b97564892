"""What a package still has of a log and the restored database lacks: listed, and cited in the new epoch.

After a loss the log goes on in a new epoch (`anchors/epochs.py`). Entries of the former one that were lost may stand in a package
that somebody took away before. They cannot be put back: what was signed since cannot be undone, and an entry sealed today is
not one sealed then. So each is cited: a new entry says which one it was, where it stood, and the hash of its exact bytes, which
lie in the package. Who keeps the package can show the entry; the new log shows that it was known when, and to whom.

Only a package is taken that verifies, by a key of this log, and that continues the newest checkpoint that is left here: then
its entries were once sealed by this log. Asking for permission is the caller's part; only the operator's console does.
"""

import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select

from appliance.audit.errors import NothingSealed, ReplayRefused
from appliance.audit.events import Event
from appliance.audit.growth import log_key
from appliance.audit.inbox import NewEntry, record, record_all
from appliance.audit.queries import entry_of
from appliance.audit.tables import CheckpointRow, HeadRow, InboxRow, LogKeyRow, LogRow
from appliance.audit.values import Actor
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId
from appliance.proof.disclosures import Disclosed
from appliance.proof.entries import shown_entries
from appliance.proof.epochs import split_origin
from appliance.proof.package import MANIFEST, opened
from appliance.proof.tree import leaf_hash
from appliance.proof.verify import INTACT, Known, verify_package

_AT_ONCE = 500
_KINDS = (Event.LOG_EPOCH_OPENED.value,)


@dataclass(frozen=True)
class Lost:
    """An entry of a former epoch that the package has and this log lacks. `facts` is what is cited."""

    position: int
    event_id: UUID
    event: str
    at: str
    facts: dict[str, str | int]
    is_cited: bool


@dataclass(frozen=True)
class Replay:
    """What a package came to. `kept`: how many entries of that epoch are left here; `can_cite`: a later one was begun; `withheld`: lost entries that it does not show."""

    origin: str
    size: int
    kept: int
    can_cite: bool
    digest: str
    withheld: int


def look(db: Database, tenant_id: TenantId, package: Path) -> tuple[Replay, list[Lost]]:
    """Return what a package has that the log lacks. Raises ReplayRefused, NothingSealed."""
    with opened(str(package)) as found:
        manifest = found.json(MANIFEST)
    with db.tenant(tenant_id) as tx:
        origin, kept, can_cite = _kept(tx, str(manifest["origin"]))
        _require_ours(tx, package, manifest, origin, kept)
    lost = list(_lost(db, tenant_id, package, origin, kept))
    beyond = max(0, int(manifest["last"]) - max(kept, int(manifest["first"])))
    with package.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Replay(origin, int(manifest["size"]), kept, can_cite, digest, beyond - len(lost)), lost


def cite(db: Database, tenant_id: TenantId, actor: Actor, package: Path) -> int:
    """Cite in the new epoch what the log lacks, each entry once however often it is asked for; return how many. Raises as `look`."""
    replay, lost = look(db, tenant_id, package)
    if not replay.can_cite:
        raise ReplayRefused(reason="no new epoch was opened since: order one first, `appliance audit epoch`")
    missing = [one for one in lost if not one.is_cited]
    for low in range(0, len(missing), _AT_ONCE):
        batch = missing[low : low + _AT_ONCE]
        with db.tenant(tenant_id) as tx:
            record_all(tx, [NewEntry(actor, Event.LOG_ENTRY_CITED, one.event_id, facts=one.facts) for one in batch])
    with db.tenant(tenant_id) as tx:
        record(
            tx, actor, Event.LOG_REPLAYED, entries=len(missing), origin=replay.origin, package=replay.digest, kept=replay.kept,
            size=replay.size, withheld=replay.withheld,
        )  # fmt: skip
    return len(missing)


def _kept(tx: Tx, origin: str) -> tuple[str, int, bool]:
    """Return how many entries of a package's epoch are left, and whether a later one was begun."""
    head = tx.scalars(select(HeadRow).where(HeadRow.tenant_id == tx.tenant_id)).one_or_none()
    if head is None:
        raise NothingSealed
    ours, theirs = split_origin(head.origin), split_origin(origin)
    if ours is None or theirs is None or not theirs.is_of(ours):
        raise ReplayRefused(reason="it is of another log")
    if origin == head.origin:
        return origin, head.size, False
    query = select(LogRow).where(LogRow.tenant_id == tx.tenant_id, LogRow.event.in_(_KINDS)).order_by(LogRow.position)
    for row in tx.scalars(query):
        facts = entry_of(row.event_id, row.event, row.recorded_at, row.body).facts
        if facts.get("old_origin") == origin:
            return origin, int(facts["old_size"]), True
    raise ReplayRefused(reason="this log does not say where that epoch ended")


def _require_ours(tx: Tx, package: Path, manifest: dict[str, Any], origin: str, kept: int) -> None:
    """Raise ReplayRefused unless the package verifies by a key of this log, and continues what is left of it."""
    newest = select(CheckpointRow).where(
        CheckpointRow.tenant_id == tx.tenant_id, CheckpointRow.size <= min(kept, int(manifest["size"])),
        CheckpointRow.note.startswith(f"{origin}\n"),
    )  # fmt: skip
    checkpoint = tx.scalars(newest.order_by(CheckpointRow.size.desc()).limit(1)).one_or_none()
    keys = tx.scalars(select(LogKeyRow).where(LogKeyRow.tenant_id == tx.tenant_id)).all()
    for key in keys:
        known = Known(key=str(log_key(origin, key.public)), earlier=None if checkpoint is None else checkpoint.note)
        report = verify_package(str(package), known)
        if report.status == INTACT:
            return
    raise ReplayRefused(reason=report.fault if keys and report.fault else "it is signed by no key of this log")


def _lost(db: Database, tenant_id: TenantId, package: Path, origin: str, kept: int) -> Iterator[Lost]:
    with opened(str(package)) as found:
        personal = Disclosed(found, found.json(MANIFEST))
        entries = ((position, body) for position, body, _ in shown_entries(found, str(tenant_id), personal) if position >= kept)
        while batch := list(itertools.islice(entries, _AT_ONCE)):
            facts = {position: _facts(origin, position, body) for position, body in batch}
            ids = [UUID(str(one["entry"])) for one in facts.values()]
            with db.tenant(tenant_id) as tx:
                cited = _cited(tx, ids)
            for (position, said), event_id in zip(facts.items(), ids, strict=True):
                yield Lost(position, event_id, str(said["event"]), str(said["at"]), said, event_id in cited)


def _facts(origin: str, position: int, body: bytes) -> dict[str, str | int]:
    """Return what is cited of an entry: ids and codes, and the hash of the whole, which holds the rest."""
    said = json.loads(body)
    found: dict[str, str | int | None] = {
        "actor": said["actor"]["kind"], "actor_id": said["actor"]["id"], "at": said["at"], "entry": said["event_id"],
        "event": said["event"], "leaf": leaf_hash(body).hex(), "of": said["subject"], "origin": origin, "outcome": said["outcome"],
        "position": position,
    }  # fmt: skip
    return {name: value for name, value in found.items() if value is not None}


def _cited(tx: Tx, ids: list[UUID]) -> set[UUID]:
    """Return which of these were cited before, whether that is sealed yet or not."""
    sealed = select(LogRow.subject).where(
        LogRow.tenant_id == tx.tenant_id, LogRow.event == Event.LOG_ENTRY_CITED.value, LogRow.subject.in_(ids)
    )
    waiting = select(InboxRow.event_id, InboxRow.event, InboxRow.recorded_at, InboxRow.body).where(
        InboxRow.tenant_id == tx.tenant_id, InboxRow.event == Event.LOG_ENTRY_CITED.value
    )
    unsealed = {UUID(said) for row in tx.execute(waiting) if (said := entry_of(*row).subject)}
    return {one for one in tx.scalars(sealed) if one} | (unsealed & set(ids))
