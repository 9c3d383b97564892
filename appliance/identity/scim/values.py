from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from appliance.audit import Actor, ActorKind
from appliance.identity.sso.values import ConnectionId
from appliance.identity.values import Role
from appliance.kernel.ids import TenantId

MOST_BYTES: Final = 1_000_000
WAY: Final = "/scim/v2"
"""Below the house's address, each connection has its service here."""


class SubjectOf(StrEnum):
    """Which attribute of a provisioned person is the name that the connection knows them by when they sign in."""

    EXTERNAL_ID = "externalId"
    USER_NAME = "userName"
    EMAIL = "email"


@dataclass(frozen=True)
class Service:
    """How a connection provisions. `needs_group`: who is in no group that a mapping names has no access."""

    is_on: bool = False
    subject_of: SubjectOf = SubjectOf.EXTERNAL_ID
    needs_group: bool = False
    changed_at: datetime | None = None


@dataclass(frozen=True)
class ProvisioningToken:
    """A token of a connection's provisioning, as it is listed: the secret itself is known to whoever was given it."""

    token_id: UUID
    hint: str
    networks: tuple[str, ...]
    created_by: UUID
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True)
class Issued:
    """A new token, and its secret, which is stored nowhere."""

    token: ProvisioningToken
    secret: str


@dataclass(frozen=True)
class Provisioning:
    """A connection's provisioning: how it is set, its tokens, and how much came by it."""

    connection_id: ConnectionId
    name: str
    service: Service
    tokens: tuple[ProvisioningToken, ...] = ()
    people: int = 0
    with_access: int = 0
    groups: int = 0


@dataclass(frozen=True)
class Client:
    """A provider's program, by its token. `base` is the address of its service, which answers name resources by."""

    tenant_id: TenantId
    connection_id: ConnectionId
    token_id: UUID
    service: Service
    default_role: Role
    base: str
    address: str
    request_id: str

    @property
    def actor(self) -> Actor:
        """The program as the audit log names it: no person, but by the id of its token."""
        return Actor(ActorKind.SYSTEM, self.token_id, self.address, self.request_id)


@dataclass(frozen=True)
class Asked:
    """A request, below the address of the service. `body` is what came as JSON, None where nothing did."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    if_match: str = ""
    if_none_match: str = ""


@dataclass(frozen=True)
class Answered:
    """An answer, as JSON has it."""

    status: int
    body: dict[str, Any] | None = None
    tag: str | None = None
    location: str | None = None
