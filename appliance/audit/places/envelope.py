"""A place's secret, sealed together with where it may be sent: nor does it open for a host with another key."""

from typing import Any, Final

from appliance.audit.destined import Destination, Sealer, open_for, seal_for
from appliance.audit.tables import ScheduleRow
from appliance.kernel.sealing import IntegrityError, Place, SealedColumn
from appliance.kernel.secret import Secret

SEALED: Final = SealedColumn("audit_schedules", "sealed", ("schedule_id",), ("uuid",))


def seal_place(tx: Any, sealer: Sealer, row: ScheduleRow, secret: Secret) -> bytes:
    """Return the sealed value of a place's secret."""
    return seal_for(tx, sealer, _place(row), _destination(row), secret)


def open_place(tx: Any, sealer: Sealer, row: ScheduleRow) -> Secret:
    """Return a place's secret. Raises IntegrityError where it was given for another one; and as opening does."""
    place = _place(row)
    if row.sealed is None:
        raise IntegrityError(f"{place.name}: missing")
    return open_for(tx, sealer, place, _destination(row), row.sealed)


def _place(row: ScheduleRow) -> Place:
    return SEALED.place(row.schedule_id)


def _destination(row: ScheduleRow) -> Destination:
    return {
        "account": row.account, "host_key": row.host_key, "kind": row.kind, "region": row.region,
        "schedule": str(row.schedule_id), "url": row.url,
    }  # fmt: skip
