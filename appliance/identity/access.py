"""Who has access, and by what: for those who review it, or show it to an auditor. Asking for permission is the caller's part."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import or_, select, text

from appliance.identity.granting import is_granted
from appliance.identity.permissions import GRANTS, Permission, givable
from appliance.identity.tables import MembershipRow, TokenRow
from appliance.identity.values import MemberKind, Role, UserId
from appliance.kernel.db import Tx

_ACCESS: Final = text(
    """SELECT m.user_id, m.display_name, m.email, m.role, m.kind, m.joined_at, m.access_until,
              r.name AS role_title, r.permissions AS granted,
              greatest(s.seen, t.used) AS seen, coalesce(f.factors, 0) AS factors, coalesce(t.tokens, 0) AS tokens
       FROM memberships m
       LEFT JOIN custom_roles r ON r.tenant_id = m.tenant_id AND r.role_id = m.custom_role_id
       LEFT JOIN (SELECT user_id, max(last_seen_at) AS seen FROM sessions WHERE tenant_id = :tenant GROUP BY user_id) s
         ON s.user_id = m.user_id
       LEFT JOIN (SELECT user_id, count(*) AS tokens, max(last_used_at) AS used FROM api_tokens
                  WHERE tenant_id = :tenant AND revoked_at IS NULL AND expires_at > :now GROUP BY user_id) t
         ON t.user_id = m.user_id
       LEFT JOIN count_factors(ARRAY(SELECT user_id FROM memberships WHERE tenant_id = :tenant)) f ON f.user_id = m.user_id
       WHERE m.tenant_id = :tenant AND m.suspended_at IS NULL AND (m.access_until IS NULL OR m.access_until > :now)
       ORDER BY lower(m.display_name), m.user_id"""
)


@dataclass(frozen=True)
class Access:
    """A member, and what they come in by. `last_seen_at` counts sessions and tokens that are still on record."""

    user_id: UserId
    display_name: str
    email: str
    role: Role
    kind: MemberKind
    joined_at: datetime
    access_until: datetime | None
    last_seen_at: datetime | None
    factors: int
    tokens: int
    role_title: str = ""
    """The name of a role of the organisation's own."""
    permissions: frozenset[Permission] = frozenset()

    @property
    def role_name(self) -> str:
        """What the role is called in evidence."""
        return self.role_title or self.role.value


@dataclass(frozen=True)
class LiveToken:
    """A token that works: everything but the token."""

    token_id: UUID
    user_id: UserId
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


def list_access(tx: Tx, *, now: datetime) -> list[Access]:
    """Return the members who have access, those with the strongest roles first."""
    ranks = {role.value: rank for rank, role in enumerate(Role)}
    rows = tx.execute(_ACCESS, {"tenant": tx.tenant_id, "now": now}).all()
    return [
        Access(
            UserId(row.user_id), row.display_name, row.email, Role(row.role), MemberKind(row.kind), row.joined_at,
            row.access_until, row.seen, int(row.factors), int(row.tokens), row.role_title or "",
            givable(row.granted) if row.granted is not None else GRANTS[Role(row.role)],
        )
        for row in sorted(rows, key=lambda one: ranks[one.role])
    ]  # fmt: skip


def list_live_tokens(tx: Tx, *, now: datetime) -> list[LiveToken]:
    """Return the tokens that work, by the order in which they were made."""
    rows = tx.scalars(
        select(TokenRow)
        .where(TokenRow.tenant_id == tx.tenant_id, TokenRow.revoked_at.is_(None), TokenRow.expires_at > now)
        .order_by(TokenRow.token_id)
    )
    return [
        LiveToken(
            row.token_id, UserId(row.user_id), row.name, tuple(row.scopes), row.created_at, row.expires_at, row.last_used_at
        )
        for row in rows
    ]


def ids_of(tx: Tx, said: str, *, most: int) -> frozenset[UserId]:
    """Return who is or was a member with this text in their name, address or role: for who may read the log, not the people."""
    columns = (MembershipRow.display_name, MembershipRow.email, MembershipRow.role)
    query = select(MembershipRow.user_id).where(
        MembershipRow.tenant_id == tx.tenant_id, or_(*(column.icontains(said, autoescape=True) for column in columns))
    )
    return frozenset(map(UserId, tx.scalars(query.limit(most))))


def others_may(tx: Tx, user_id: UserId, permission: Permission) -> bool:
    """Say whether another person of this tenant has a role that grants it."""
    query = select(MembershipRow.user_id).where(
        MembershipRow.tenant_id == tx.tenant_id,
        is_granted(tx, permission),
        MembershipRow.kind == MemberKind.PERSON.value,
        MembershipRow.suspended_at.is_(None),
        MembershipRow.user_id != user_id,
    )
    return tx.scalar(query.limit(1)) is not None
