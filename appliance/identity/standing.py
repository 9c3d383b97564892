"""Since when a member stands on their own: nobody else has given them their role, a password, or a way past a factor.

Whoever did so may hold what the member signs in with. A step that takes two people asks that both were left alone for a
while, in which the rest of the organisation can see it in the log. The time is the database's.
"""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select, update

from appliance.identity.tables import MembershipRow
from appliance.kernel.db import Tx


def note_hand(tx: Tx, user_id: UUID) -> None:
    """Note that somebody else had a hand, just now, in how a member stands here."""
    ours = MembershipRow.tenant_id == tx.tenant_id, MembershipRow.user_id == user_id
    tx.execute(update(MembershipRow).where(*ours).values(own_since=func.now()))


def is_left_alone(tx: Tx, user_id: UUID, time: timedelta) -> bool:
    """Say whether nobody had for that long; joining counts as a hand of whoever invited."""
    ours = MembershipRow.tenant_id == tx.tenant_id, MembershipRow.user_id == user_id
    left_alone = MembershipRow.own_since <= func.now() - time
    return tx.scalar(select(MembershipRow.user_id).where(*ours, left_alone)) is not None
