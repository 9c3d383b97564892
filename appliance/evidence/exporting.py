"""Packages of evidence, asked for by a person and written by the worker: with what that person may see at that moment."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final
from uuid import UUID

from sqlalchemy import case, func, select, update

import appliance
from appliance import audit, identity, tenancy
from appliance.audit import Actor, ActorKind, Event
from appliance.evidence.access_reviews import list_access_reviews, list_review_items, result_of
from appliance.evidence.errors import EvidenceLimited, EvidenceNotReady, EvidencePackageNotFound
from appliance.evidence.flow import gather
from appliance.evidence.packing import Contents, Signer, pack, replacing
from appliance.evidence.sbom import bill_of_materials, postgres_of
from appliance.evidence.tables import PackageRow
from appliance.evidence.words import Cover, Say
from appliance.identity import Caller, Permission, UserId
from appliance.identity.tokens import caller_by_person
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx, in_turn
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import TenantId, new_id
from appliance.kernel.jobs import Job, enqueue
from appliance.kernel.log import logger

PACKAGE: Final = "evidence.package"
KEPT_FOR: Final = timedelta(days=7)
_REVIEWS: Final = 20
AT_ONCE, HOURLY = 3, 12
log = logger("evidence")


class PackageState(StrEnum):
    """How far a package is."""

    WAITING = "waiting"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired"


@dataclass(frozen=True)
class EvidencePackage:
    """A package that somebody asked for. `digest` is the file's SHA-256."""

    package_id: UUID
    requested_by: UUID
    requested_at: datetime
    language: str
    state: PackageState
    digest: str | None
    byte_count: int | None
    ready_at: datetime | None


def request_package(tx: Tx, caller: Caller, *, language: str, clock: Clock) -> EvidencePackage:
    """Let the worker write a package, in a language of the catalogues; that it was asked for is an event in the log.

    Raises EvidenceLimited.
    """
    identity.require(caller, Permission.AUDIT_READ)
    _require_room(tx, clock)
    row = PackageRow(
        tenant_id=tx.tenant_id, package_id=new_id(), requested_by=caller.user_id, requested_at=clock.now(),
        language=language, state=PackageState.WAITING.value,
    )  # fmt: skip
    tx.add(row)
    tx.flush()
    audit.record(tx, caller.actor, Event.EVIDENCE_PACKAGE_REQUESTED, subject=row.package_id)
    enqueue(tx, Job(PACKAGE, row.package_id, lock=f"{PACKAGE}/{row.package_id}"))
    return _package(row)


def _require_room(tx: Tx, clock: Clock) -> None:
    """Raise EvidenceLimited where an organisation asks for more than one worker should write for it."""
    in_turn(tx, "evidence packages")
    mine = select(func.count()).select_from(PackageRow).where(PackageRow.tenant_id == tx.tenant_id)
    unwritten, hour = PackageRow.state == PackageState.WAITING.value, PackageRow.requested_at > clock.now() - timedelta(hours=1)
    if (tx.scalar(mine.where(unwritten)) or 0) >= AT_ONCE or (tx.scalar(mine.where(hour)) or 0) >= HOURLY:
        raise EvidenceLimited


def list_packages(tx: Tx, caller: Caller, *, before: UUID | None = None, limit: int = 50) -> list[EvidencePackage]:
    """Return the packages that were asked for, the newest first, or those before one of them."""
    identity.require_granted(caller, Permission.AUDIT_READ)
    query = select(PackageRow).where(PackageRow.tenant_id == tx.tenant_id)
    if before is not None:
        query = query.where(PackageRow.package_id < before)
    return [_package(row) for row in tx.scalars(query.order_by(PackageRow.package_id.desc()).limit(limit))]


def get_package(tx: Tx, caller: Caller, package_id: UUID) -> EvidencePackage:
    """Return one. Raises EvidencePackageNotFound."""
    identity.require_granted(caller, Permission.AUDIT_READ)
    row = tx.get(PackageRow, (tx.tenant_id, package_id))
    if row is None:
        raise EvidencePackageNotFound
    return _package(row)


def open_package(tx: Tx, caller: Caller, directory: Path, package_id: UUID) -> tuple[EvidencePackage, Path]:
    """Return a ready package's file; that it was taken is an event in the log. Raises EvidencePackageNotFound, EvidenceNotReady."""
    identity.require(caller, Permission.AUDIT_READ)
    package, path = get_package(tx, caller, package_id), _path(directory, tx.tenant_id, package_id)
    if package.state is not PackageState.READY or not path.exists():
        raise EvidenceNotReady
    audit.record(tx, caller.actor, Event.EVIDENCE_PACKAGE_TAKEN, subject=package_id)
    return package, path


def write_package(
    db: Database, directory: Path, tenant_id: TenantId, package_id: UUID, *, signer: Signer,
    speaking: Callable[[str], Say], clock: Clock, weaknesses: Path | None = None,
) -> None:  # fmt: skip
    """Write a package that was asked for; doing it again writes it again. Who may see nothing any more gets none."""
    with db.tenant(tenant_id) as tx:
        row = tx.get(PackageRow, (tenant_id, package_id))
        if row is None or row.state != PackageState.WAITING.value:
            return
        asked = _package(row)
    try:
        with db.tenant(tenant_id) as tx:
            caller = caller_by_person(tx, UserId(asked.requested_by), now=clock.now())
        gathered = gather(db, caller, clock=clock, weaknesses=weaknesses)
    except Refusal as refusal:
        log.warning("package_refused", tenant_id=str(tenant_id), package_id=str(package_id), code=refusal.code)
        _put(db, tenant_id, package_id, {"state": PackageState.FAILED.value})
        return
    contents = _contents(db, caller, asked, clock, weaknesses)
    path = _path(directory, tenant_id, package_id)
    with replacing(path) as part:
        pack(part, contents, gathered, signer, speaking(asked.language))
        digest, size = hashlib.sha256(part.read_bytes()).digest(), part.stat().st_size
    values = {"state": PackageState.READY.value, "digest": digest, "byte_count": size, "ready_at": clock.now()}
    _put(db, tenant_id, package_id, values, digest=digest.hex())


def sweep_packages(db: Database, directory: Path, tenant_id: TenantId, *, clock: Clock) -> int:
    """Remove the files of packages that were asked for a week ago; return how many. What was not written by then has failed."""
    with db.tenant(tenant_id) as tx:
        old = update(PackageRow).where(
            PackageRow.tenant_id == tenant_id, PackageRow.requested_at < clock.now() - KEPT_FOR,
            PackageRow.state.in_((PackageState.WAITING.value, PackageState.READY.value)),
        )  # fmt: skip
        now = case(
            (PackageRow.state == PackageState.WAITING.value, PackageState.FAILED.value), else_=PackageState.EXPIRED.value
        )
        gone = tx.scalars(old.values(state=now).returning(PackageRow.package_id)).all()
    for one in gone:
        _path(directory, tenant_id, one).unlink(missing_ok=True)
    return len(gone)


def _contents(
    db: Database, caller: Caller, asked: EvidencePackage, clock: Clock, weaknesses: Path | None
) -> Contents:
    with db.tenant(caller.tenant_id) as tx:
        organisation, state, postgres = tenancy.get_organisation(tx), audit.get_log(tx), postgres_of(tx)
        reviews = {
            str(one.review_id): result_of(one, list_review_items(tx, caller, one.review_id))
            for one in list_access_reviews(tx, caller, limit=_REVIEWS)
            if one.closed_at is not None
        }
    now = clock.now()
    cover = Cover(organisation.name, now, appliance.__version__, asked.language)
    return Contents(
        cover, str(caller.tenant_id), str(asked.requested_by), reviews, state.checkpoint if state else None,
        bill_of_materials(made_at=now, postgres=postgres, weaknesses=weaknesses),
    )  # fmt: skip


def _put(
    db: Database, tenant_id: TenantId, package_id: UUID, values: dict[str, object], *, digest: str | None = None
) -> None:
    with db.tenant(tenant_id) as tx:
        ours = update(PackageRow).where(PackageRow.tenant_id == tenant_id, PackageRow.package_id == package_id)
        tx.execute(ours.values(values))
        if digest is not None:
            audit.record(tx, Actor(ActorKind.SYSTEM), Event.EVIDENCE_PACKAGE_READY, subject=package_id, digest=digest)


def _path(directory: Path, tenant_id: TenantId, package_id: UUID) -> Path:
    return directory / str(tenant_id) / f"{package_id}.zip"


def _package(row: PackageRow) -> EvidencePackage:
    return EvidencePackage(
        row.package_id, row.requested_by, row.requested_at, row.language, PackageState(row.state),
        row.digest.hex() if row.digest else None, row.byte_count, row.ready_at,
    )  # fmt: skip
