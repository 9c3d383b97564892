"""A stream's secret, sealed together with where it may be sent."""

from typing import Any
from uuid import UUID

from appliance.audit.destined import Destination, Sealer, open_for, seal_for
from appliance.audit.sinks.tables import SinkRow
from appliance.kernel.sealing import Place
from appliance.kernel.secret import Secret


def seal_secret(tx: Any, sealer: Sealer, row: SinkRow, secret: Secret) -> bytes | None:
    """Return the sealed value of a stream's secret, None where it has none."""
    return None if secret.is_empty else seal_for(tx, sealer, _place(row.sink_id), _destination(row), secret)


def open_secret(tx: Any, sealer: Sealer, row: SinkRow) -> Secret:
    """Return a stream's secret. Raises IntegrityError where it was given for another address; and as opening does."""
    if row.sealed is None:
        return Secret(bytearray())
    return open_for(tx, sealer, _place(row.sink_id), _destination(row), row.sealed)


def _place(sink_id: UUID) -> Place:
    return Place("audit_sinks", "sealed", (sink_id,))


def _destination(row: SinkRow) -> Destination:
    return {"kind": row.kind, "region": row.region, "sink": str(row.sink_id), "url": row.url}
