"""Certificates of providers that end soon: people are reminded once of each, in the log, on the page and by mail."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import update

from appliance import audit
from appliance.audit import Actor, ActorKind, Event
from appliance.identity.sso.tables import ConnectionRow
from appliance.identity.sso.values import OPEN_STATES
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx

AHEAD: Final = timedelta(days=30)


@dataclass(frozen=True)
class Ending:
    """A connection whose provider's last certificate ends soon, or has ended: from then on nobody comes in by it."""

    connection: str
    good_until: datetime


def remind_of_certificates(tx: Tx, *, clock: Clock) -> list[Ending]:
    """Record, and return, the connections of this organisation that nobody was reminded of yet."""
    found = tx.execute(
        update(ConnectionRow)
        .where(
            ConnectionRow.tenant_id == tx.tenant_id,
            ConnectionRow.state.in_([state.value for state in OPEN_STATES]),
            ConnectionRow.good_until <= clock.now() + AHEAD,
            ConnectionRow.warned_until.is_distinct_from(ConnectionRow.good_until),
        )
        .values(warned_until=ConnectionRow.good_until)
        .returning(ConnectionRow.connection_id, ConnectionRow.name, ConnectionRow.good_until)
    ).all()
    for one in found:
        audit.record(tx, Actor(ActorKind.SYSTEM), Event.CONNECTION_CERTIFICATE_EXPIRING, subject=one.connection_id,
                     good_until=one.good_until.isoformat())  # fmt: skip
    return [Ending(one.name, one.good_until) for one in found]
