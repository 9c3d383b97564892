"""Taking packages to other hosts: claimed by one process at a time, tried again with growing waits, told of when it does not work.

Nothing is held in a transaction while a file travels. A claim is a lease: `next_try_at` lies ahead while a process is at it,
and is moved on as long as the file is moving; a dead process's package is taken up again. What arrived and was not noted is
sent once more, under the same name with the same bytes.
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Update, and_, or_, select, update

from appliance.audit.destined import Sealer
from appliance.audit.errors import ScheduleNotFound
from appliance.audit.events import Event
from appliance.audit.exporting import export_path, get_export
from appliance.audit.inbox import record
from appliance.audit.places.addresses import place_of
from appliance.audit.places.bucket import Bucket
from appliance.audit.places.envelope import open_place
from appliance.audit.places.errors import PlaceFailed, PlaceIsFolder
from appliance.audit.tables import ExportRow, ScheduleRow
from appliance.audit.values import Actor, ActorKind, ExportState, Outcome, Place, PlaceKind
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.egress import Egress, EgressDenied, EgressFailed, OutgoingMalformed, Timeouts
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import TenantId
from appliance.kernel.log import logger
from appliance.kernel.sealing import SigningKey
from appliance.kernel.secret import Secret
from appliance.kernel.sftp import Door, SftpFailed, parse_host_key, put_file
from appliance.kernel.sigv4 import AwsCredentials

LEASE: Final = timedelta(minutes=15)
TOLD_AFTER: Final = 3
"""So many tries fail before people are told: a host that is started again is none of their business."""
_TRIAL_SECONDS: Final = 15.0
_LONGEST_WAIT: Final = timedelta(hours=6)
_TIMES: Final = Timeouts(connect=15)
_TRIAL: Final = b"A trial of where packages of the audit log are put. It can be removed.\n"
_SYSTEM: Final = Actor(ActorKind.SYSTEM)
log = logger("places")


@dataclass(frozen=True)
class Undelivered:
    """A package that does not get to its place, for who is told of it."""

    export_id: UUID
    url: str
    reason: str
    tries: int


@dataclass(frozen=True)
class Courier:
    """Takes packages where they shall go. `directory` is where they lie."""

    db: Database
    sealer: Sealer
    egress: Egress
    clock: Clock
    directory: Path
    seconds: float | None = None
    """For how long one is under way at most; None: as long as a large package may take."""

    def due(self, tenant_id: TenantId) -> list[UUID]:
        """Return the packages of an organisation that can be taken away now."""
        with self.db.tenant(tenant_id) as tx:
            query = select(ExportRow.export_id).join(ScheduleRow, _OF_SCHEDULE).where(
                ExportRow.tenant_id == tenant_id, *_TO_TAKE, ScheduleRow.kind != PlaceKind.FOLDER.value, _free(self.clock.now())
            )  # fmt: skip
            return list(tx.scalars(query.order_by(ExportRow.export_id)))

    def deliver(self, tenant_id: TenantId, export_id: UUID) -> Undelivered | None:
        """Take one package to its place. Returns what people are to be told where it fails again; what fails is tried again."""
        claimed = self._claim(tenant_id, export_id)
        if claimed is None:
            return None
        row, source, name = claimed
        try:
            with self.db.tenant(tenant_id) as tx:
                secret = open_place(tx, self.sealer, row)
            with secret:
                self._put(place_of(row), secret, source, name, beat=self._beat(tenant_id, export_id))
        except (Refusal, OSError) as fault:
            return self._note_failure(tenant_id, export_id, row.url or "", _reason(fault))
        except Exception:
            log.exception("delivery_failed", tenant_id=str(tenant_id), export_id=str(export_id))
            return self._note_failure(tenant_id, export_id, row.url or "", "a fault of this host; its log says which")
        self._note_delivery(tenant_id, export_id)
        return None

    def put_trial(self, place: Place, secret: Secret, schedule_id: UUID) -> None:
        """Put a few words where packages would go. Raises PlaceFailed."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(_TRIAL)
            file.flush()
            self._put(place, secret, Path(file.name), f"cloister-trial-{str(schedule_id)[-12:]}.txt", beat=lambda: None)

    def _claim(self, tenant_id: TenantId, export_id: UUID) -> tuple[ScheduleRow, Path, str] | None:
        now = self.clock.now()
        with self.db.tenant(tenant_id) as tx:
            schedule_id = tx.scalar(
                _of(tenant_id, export_id).where(*_TO_TAKE, _free(now)).values(next_try_at=now + LEASE).returning(ExportRow.schedule_id)
            )
            row = tx.get(ScheduleRow, (tenant_id, schedule_id)) if schedule_id else None
            if row is None:
                return None  # Another process got there first, or the schedule was removed.
            tx.expunge(row)
            export = get_export(tx, export_id)
        return row, export_path(self.directory, tenant_id, export), export.place_name

    def _put(self, place: Place, secret: Secret, source: Path, name: str, *, beat: Callable[[], None]) -> None:
        found = json.loads(secret.content)
        if place.kind is PlaceKind.S3:
            credentials = AwsCredentials(found["key_id"], found["secret"])
            bucket = Bucket(self.egress, self.clock, place, credentials)
            if self.seconds is not None:
                bucket = replace(bucket, times=Timeouts(5, 5, 8, 5, whole=self.seconds))
            bucket.put(source, name, beat=beat)
            return
        url = place.url or ""
        try:
            sock = self.egress.open_tunnel(url, _TIMES if self.seconds is None else Timeouts(connect=5))
            door = Door(place.account or "", parse_host_key(place.host_key or ""))
            who = SigningKey(bytes.fromhex(found["key"])) if "key" in found else Secret.of(found["password"])
            limits = {} if self.seconds is None else {"seconds": self.seconds}
            put_file(sock, door, who, source, f"{_folder(url)}{name}", beat=beat, **limits)
        except SftpFailed as failure:
            raise PlaceFailed(reason=str(failure.facts["reason"])) from None
        except (EgressDenied, EgressFailed, OutgoingMalformed) as refusal:
            raise PlaceFailed(reason=str(refusal)) from None

    def _beat(self, tenant_id: TenantId, export_id: UUID) -> Callable[[], None]:
        """Return what keeps the lease while a file is moving."""
        last = [self.clock.now()]

        def beat() -> None:
            now = self.clock.now()
            if now - last[0] > LEASE / 3:
                last[0] = now
                with self.db.tenant(tenant_id) as tx:
                    tx.execute(_of(tenant_id, export_id).values(next_try_at=now + LEASE))

        return beat

    def _note_delivery(self, tenant_id: TenantId, export_id: UUID) -> None:
        with self.db.tenant(tenant_id) as tx:
            export = get_export(tx, export_id)
            tx.execute(_of(tenant_id, export_id).values(delivered_at=self.clock.now(), failure=None))
            record(tx, _SYSTEM, Event.LOG_EXPORT_DELIVERED, subject=export_id, size=export.size or 0)

    def _note_failure(self, tenant_id: TenantId, export_id: UUID, url: str, reason: str) -> Undelivered | None:
        now = self.clock.now()
        with self.db.tenant(tenant_id) as tx:
            tries = 1 + (tx.scalar(select(ExportRow.tries).where(*_this(tenant_id, export_id)).with_for_update()) or 0)
            wait = min(timedelta(minutes=2**min(tries, 9)), _LONGEST_WAIT)
            tx.execute(_of(tenant_id, export_id).values(tries=tries, failure=reason[:300], next_try_at=now + wait))
            if tries == TOLD_AFTER:
                record(tx, _SYSTEM, Event.LOG_EXPORT_UNDELIVERED, subject=export_id, outcome=Outcome.FAILURE, tries=tries)
        log.warning("delivery_waits", tenant_id=str(tenant_id), export_id=str(export_id), tries=tries)
        return Undelivered(export_id, url, reason, tries) if tries == TOLD_AFTER else None


def try_place(courier: Courier, tenant_id: TenantId, actor: Actor, schedule_id: UUID) -> None:
    """Put a trial where a schedule's packages go; what came of it is on record. Raises ScheduleNotFound, PlaceIsFolder, PlaceFailed."""
    with courier.db.tenant(tenant_id) as tx:
        row = _schedule_of(tx, schedule_id)
        place, secret = place_of(row), open_place(tx, courier.sealer, row)
    refusal = None
    with secret:
        try:
            replace(courier, seconds=_TRIAL_SECONDS).put_trial(place, secret, schedule_id)
        except PlaceFailed as failure:
            refusal = failure
    with courier.db.tenant(tenant_id) as tx:
        outcome = Outcome.SUCCESS if refusal is None else Outcome.FAILURE
        record(tx, actor, Event.EXPORT_PLACE_TESTED, subject=schedule_id, outcome=outcome)
    if refusal is not None:
        raise refusal


def _schedule_of(tx: Tx, schedule_id: UUID) -> ScheduleRow:
    row = tx.get(ScheduleRow, (tx.tenant_id, schedule_id))
    if row is None:
        raise ScheduleNotFound
    if row.kind == PlaceKind.FOLDER.value:
        raise PlaceIsFolder
    return row


def _folder(url: str) -> str:
    """Return the folder of sftp://HOST/FOLDER with its last stroke; behind /~/ it is one of the account's home."""
    path = url.removeprefix("sftp://").partition("/")[2]
    if not path or path == "~":
        return ""
    return f"{path.removeprefix('~/')}/" if path.startswith("~/") else f"/{path}/"


def _reason(fault: Exception) -> str:
    if isinstance(fault, PlaceFailed):
        return str(fault.facts["reason"])
    return str(fault) if isinstance(fault, Refusal) else "the package cannot be read here"


def _of(tenant_id: TenantId, export_id: UUID) -> Update:
    return update(ExportRow).where(*_this(tenant_id, export_id))


def _this(tenant_id: TenantId, export_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return ExportRow.tenant_id == tenant_id, ExportRow.export_id == export_id


def _free(now: datetime) -> ColumnElement[bool]:
    return or_(ExportRow.next_try_at.is_(None), ExportRow.next_try_at <= now)


_OF_SCHEDULE: Final = and_(ScheduleRow.tenant_id == ExportRow.tenant_id, ScheduleRow.schedule_id == ExportRow.schedule_id)
_TO_TAKE: Final = (
    ExportRow.schedule_id.is_not(None), ExportRow.delivered_at.is_(None), ExportRow.state == ExportState.READY.value,
)  # fmt: skip
