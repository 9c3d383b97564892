"""Every way of losing access ends here, in the transaction that takes it: sessions deleted, tokens revoked."""

from datetime import datetime

from sqlalchemy import delete, update

from appliance.identity.tables import SessionRow, TokenRow
from appliance.identity.values import UserId
from appliance.kernel.db import Tx


def end_access(tx: Tx, user_id: UserId, *, now: datetime) -> None:
    """End a member's sessions and tokens in this organisation."""
    end_sessions(tx, user_id)
    tx.execute(
        update(TokenRow)
        .where(TokenRow.tenant_id == tx.tenant_id, TokenRow.user_id == user_id, TokenRow.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def end_sessions(tx: Tx, user_id: UserId) -> None:
    """Sign a member out of this organisation everywhere."""
    tx.execute(delete(SessionRow).where(SessionRow.tenant_id == tx.tenant_id, SessionRow.user_id == user_id))
