from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from appliance.audit import Actor, ActorKind
from appliance.kernel.ids import TenantId

UserId = NewType("UserId", UUID)


class Role(StrEnum):
    """What a member of an organisation may do; see `permissions.GRANTS`."""

    OWNER = "owner"
    ADMIN = "admin"
    AUDITOR = "auditor"
    MEMBER = "member"


@dataclass(frozen=True)
class Caller:
    """A person acting in one organisation, for one request."""

    tenant_id: TenantId
    user_id: UserId
    role: Role
    display_name: str
    email: str
    organisation: str
    kind: ActorKind = ActorKind.USER
    address: str | None = None
    request_id: str | None = None

    @property
    def actor(self) -> Actor:
        """The caller as the audit log names them."""
        return Actor(kind=self.kind, id=self.user_id, address=self.address, request_id=self.request_id)


@dataclass(frozen=True)
class Person:
    user_id: UserId
    display_name: str
    email: str
    role: Role
    joined_at: datetime
    last_seen_at: datetime | None


@dataclass(frozen=True)
class Session:
    """A signed-in browser. `digest` names it; the token itself is known to that browser only."""

    digest: bytes
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str
    agent: str
