"""Every way of losing access ends here, in the transaction that takes it: sessions deleted, tokens revoked, links closed."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.sql.functions import Function

from appliance import audit
from appliance.audit import Actor, Event
from appliance.identity.sso.tables import LinkRow, TransactionRow
from appliance.identity.tables import InvitationRow, MembershipRow, SessionRow, SupportGrantRow, TokenRow
from appliance.identity.values import UserId
from appliance.kernel.db import Tx, in_turn

LINKS: Final = "links"
"""The lock of links. Whoever ends somebody's links holds it alone (`in_turn`); whoever makes one shares it (`together`), and looks
again whether the maker may (`require_held_still`): so no link is made behind the back of a removal."""


def end_access(tx: Tx, user_id: UserId, *, now: datetime) -> None:
    """End a member's sessions and tokens in this organisation, and what an operator was let in by."""
    end_sessions(tx, user_id)
    end_tokens(tx, user_id, now=now)
    tx.execute(
        update(SupportGrantRow)
        .where(SupportGrantRow.tenant_id == tx.tenant_id, SupportGrantRow.user_id == user_id)
        .where(SupportGrantRow.ended_at.is_(None))
        .values(ended_at=now)
    )


def end_tokens(tx: Tx, user_id: UserId, *, now: datetime | Function[datetime]) -> None:
    """End a member's tokens in this organisation."""
    tx.execute(
        update(TokenRow)
        .where(TokenRow.tenant_id == tx.tenant_id, TokenRow.user_id == user_id, TokenRow.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def end_links(tx: Tx, actor: Actor, user_id: UserId) -> None:
    """Close the links that a member made and may not make any more: invitations, set-up links of connections, links to a new password.

    Nothing says who made a link to a new password, so all that are open in the organisation close.
    """
    in_turn(tx, LINKS)
    closed = tx.scalars(
        update(InvitationRow)
        .where(InvitationRow.tenant_id == tx.tenant_id, InvitationRow.invited_by == user_id)
        .where(InvitationRow.closed_at.is_(None))
        .values(closed_at=func.now())
        .returning(InvitationRow.invitation_id)
    ).all()
    for invitation_id in closed:
        audit.record(tx, actor, Event.INVITATION_REVOKED, subject=invitation_id)
    ours = LinkRow.tenant_id == tx.tenant_id, LinkRow.created_by == user_id
    for connection_id in tx.scalars(delete(LinkRow).where(*ours).returning(LinkRow.connection_id)).all():
        audit.record(tx, actor, Event.CONNECTION_LINK_CLOSED, subject=connection_id, links=1)
    end_password_links(tx)


def end_password_links(tx: Tx) -> None:
    """Close every link to a new password of the organisation's members."""
    members = tx.scalars(select(MembershipRow.user_id).where(MembershipRow.tenant_id == tx.tenant_id)).all()
    tx.execute(text("SELECT close_password_resets(:ids)"), {"ids": list(members)})


def end_half_ways(tx: Tx, user_id: UserId) -> None:
    """End what was begun with a person's old password: sign-ins without their second factor, links to a new one."""
    tx.execute(text("SELECT close_challenges_of(:id)"), {"id": user_id})
    tx.execute(text("SELECT close_password_resets(:ids)"), {"ids": [user_id]})


def end_sessions(tx: Tx, user_id: UserId) -> None:
    """Sign a member out of this organisation everywhere, and end what they are about to link by a session that they had."""
    tx.execute(delete(SessionRow).where(SessionRow.tenant_id == tx.tenant_id, SessionRow.user_id == user_id))
    end_ways(tx, user_id)


def end_ways(tx: Tx, user_id: UserId) -> None:
    """End a person's ways to a provider of this organisation that took a proof to begin, which counts no more."""
    tx.execute(delete(TransactionRow).where(TransactionRow.tenant_id == tx.tenant_id, TransactionRow.user_id == user_id))


def end_sessions_by(tx: Tx, user_id: UserId, connection_id: UUID) -> None:
    """End the sessions that a member opened by this connection."""
    ours = SessionRow.tenant_id == tx.tenant_id, SessionRow.user_id == user_id
    tx.execute(delete(SessionRow).where(*ours, SessionRow.connection_id == connection_id))
