"""Trying a stream: one entry that lies in no log, sent at once."""

from dataclasses import replace
from uuid import UUID

from appliance.audit.events import Event
from appliance.audit.inbox import record
from appliance.audit.sinks.delivering import Outlet
from appliance.audit.sinks.envelope import open_secret
from appliance.audit.sinks.errors import PeerFailed, PeerRefused
from appliance.audit.sinks.peers import send
from appliance.audit.sinks.peers.kit import TRIAL_TIMES
from appliance.audit.sinks.queries import row_of
from appliance.audit.sinks.reading import place_of
from appliance.audit.sinks.values import Batch, Destination, Sealed, SinkKind
from appliance.audit.values import Actor, Entry, Outcome
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import TenantId, new_id


def try_sink(outlet: Outlet, tenant_id: TenantId, actor: Actor, sink_id: UUID) -> None:
    """Send a trial entry; that it left, and what came of it, is on record. Raises SinkNotFound, PeerFailed, PeerRefused."""
    refusal: Refusal | None = None
    with outlet.db.tenant(tenant_id) as tx:
        row = row_of(tx, sink_id)
        secret, place = open_secret(tx, outlet.sealer, row), place_of(tx, outlet.name_of(tx))
        to = Destination(sink_id, SinkKind(row.kind), row.url, row.region, row.retain_days)
    with secret:
        try:
            refused = send(replace(outlet.kit, times=TRIAL_TIMES), to, secret, Batch(place, [_trial(outlet, actor, sink_id)]))
            if refused:
                refusal = PeerRefused(reason=refused[0].reason)
        except PeerFailed as failure:
            refusal = failure
    with outlet.db.tenant(tenant_id) as tx:
        outcome = Outcome.SUCCESS if refusal is None else Outcome.FAILURE
        code = "ok" if refusal is None else refusal.code
        record(tx, actor, Event.SINK_TESTED, subject=sink_id, outcome=outcome, code=code)
    if refusal is not None:
        raise refusal


def _trial(outlet: Outlet, actor: Actor, sink_id: UUID) -> Sealed:
    event_id, now = new_id(), outlet.clock.now()
    entry = Entry(event_id, Event.SINK_TESTED.value, now, actor, Outcome.SUCCESS, str(sink_id), {"trial": 1})
    return Sealed(None, event_id, entry.event, now, b"", entry)
