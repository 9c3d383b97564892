"""An organisation's documents in numbers."""

from sqlalchemy import func, select

from appliance import identity
from appliance.identity import Caller, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.days import Days, first_moment, last_days
from appliance.kernel.db import Tx
from appliance.knowledge.tables import DocumentRow


def documents_by_day(tx: Tx, caller: Caller, *, days: int, clock: Clock) -> Days:
    """Return how many of the documents that are here were uploaded on each of the last days."""
    identity.require(caller, Permission.USAGE_READ)
    day = func.date_trunc("day", DocumentRow.uploaded_at, "UTC")
    rows = tx.execute(
        select(day, func.count())
        .where(DocumentRow.tenant_id == tx.tenant_id, DocumentRow.uploaded_at >= first_moment(clock.now(), days))
        .group_by(day)
    )
    return last_days([(row[0], row[1]) for row in rows], until=clock.now(), days=days)
