from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from appliance.audit import Actor, ActorKind
from appliance.kernel.ids import TenantId

UserId = NewType("UserId", UUID)
GroupId = NewType("GroupId", UUID)


class Role(StrEnum):
    """What a member of an organisation may do; see `permissions.GRANTS`."""

    OWNER = "owner"
    ADMIN = "admin"
    SUPPORT_ADMIN = "support_admin"
    """An operator whom an owner let in for some hours; see `support`."""
    CUSTOM = "custom"
    """A role of the organisation's own; what it grants stands in `custom_roles`."""
    AUDITOR = "auditor"
    MEMBER = "member"
    SUPPORT = "support"
    """An operator whom an owner let in for some hours, to look."""
    OPERATOR = "operator"
    """Of the platform alone: runs the box, and reads no organisation's content."""


ORGANISATION_ROLES = (Role.OWNER, Role.ADMIN, Role.AUDITOR, Role.MEMBER)
SUPPORT_ROLES = (Role.SUPPORT_ADMIN, Role.SUPPORT)


class Scope(StrEnum):
    """What a token may be used for; never more than its person's role. See `permissions.SCOPES`."""

    AUDIT_READ = "audit:read"
    CHAT = "chat"
    CHATBOTS_WRITE = "chatbots:write"
    CONVERSATIONS_REVIEW = "conversations:review"
    DOCUMENTS_READ = "documents:read"
    DOCUMENTS_WRITE = "documents:write"
    MODELS = "models"
    PEOPLE_READ = "people:read"
    PEOPLE_WRITE = "people:write"
    PLATFORM = "platform"
    PROVIDERS_WRITE = "providers:write"
    SETTINGS_WRITE = "settings:write"
    TOKENS_WRITE = "tokens:write"
    USAGE_READ = "usage:read"


class ModelEndpoint(StrEnum):
    """Where a program asks models, below /v1/: what a token can be limited to."""

    CHAT_COMPLETIONS = "chat/completions"
    RESPONSES = "responses"
    EMBEDDINGS = "embeddings"
    MESSAGES = "messages"
    COUNT_TOKENS = "messages/count_tokens"


@dataclass(frozen=True)
class TokenLimits:
    """What a token is limited to, beyond its scopes. An empty list does not limit.

    `models` and `endpoints` hold for /v1, where models are called; `networks` (CIDR) wherever the token is shown.
    """

    models: tuple[str, ...] = ()
    endpoints: tuple[ModelEndpoint, ...] = ()
    networks: tuple[str, ...] = ()


UNLIMITED = TokenLimits()


@dataclass(frozen=True)
class Caller:
    """A person, or a service account, acting in one organisation, for one request.

    `groups` are the access groups they belong to. `scopes` bounds a token; None means everything that the role grants.
    `is_recent` says that they proved who they are within the last minutes; a token was given with such a proof.
    `granted` and `role_title` are what a custom role grants, and its name. `lacks_factor`: their organisation asks for a
    second factor that they did not prove, and until then nothing is open to them. `support_until`: so long may an operator
    of the platform be in this organisation.
    `connection_id` names the identity provider that brought them, whose word is good in this organisation alone.
    `factor_id` is the app or passkey that they showed when they last proved who they are; None if that was none.
    """

    tenant_id: TenantId
    user_id: UserId
    role: Role
    display_name: str
    email: str
    organisation: str
    groups: frozenset[GroupId] = frozenset()
    scopes: frozenset[Scope] | None = None
    is_recent: bool = True
    token_id: UUID | None = None
    limits: TokenLimits = UNLIMITED
    language: str | None = None
    zone: str | None = None
    kind: ActorKind = ActorKind.USER
    address: str | None = None
    request_id: str | None = None
    session: str | None = None
    granted: frozenset[str] = frozenset()
    role_title: str = ""
    lacks_factor: bool = False
    support_until: datetime | None = None
    connection_id: UUID | None = None
    factor_id: UUID | None = None

    @property
    def actor(self) -> Actor:
        """The caller as the audit log names them."""
        return Actor(kind=self.kind, id=self.user_id, address=self.address, request_id=self.request_id, session=self.session)


class MemberKind(StrEnum):
    """A person signs in; a service account acts by its tokens alone."""

    PERSON = "person"
    SERVICE = "service"


@dataclass(frozen=True)
class Person:
    """A member of an organisation. `suspended_at` is set for those who were removed, `access_until` for whose access ends."""

    user_id: UserId
    display_name: str
    email: str
    role: Role
    joined_at: datetime
    last_seen_at: datetime | None
    kind: MemberKind = MemberKind.PERSON
    suspended_at: datetime | None = None
    groups: tuple[GroupId, ...] = ()
    access_until: datetime | None = None
    custom_role_id: UUID | None = None
    role_title: str = ""


class PeopleSort(StrEnum):
    """What a list of members is put in order by; by role means owners first, and last those who were removed."""

    NAME = "name"
    ROLE = "role"
    JOINED = "joined"
    SEEN = "seen"


@dataclass(frozen=True)
class PeopleFilter:
    """Which members, in which order. `text` is looked for in name, address and role."""

    text: str = ""
    role: Role | None = None
    kind: MemberKind | None = None
    with_removed: bool = False
    sort: PeopleSort = PeopleSort.ROLE
    is_descending: bool = False


@dataclass(frozen=True)
class Addressee:
    """Whom a mail is for, and in which language."""

    email: str
    language: str | None


@dataclass(frozen=True)
class Candidate:
    """A member as one chooses them from a list."""

    user_id: UserId
    display_name: str
    email: str
    kind: MemberKind


@dataclass(frozen=True)
class Session:
    """A signed-in browser. `digest` names it; the token itself is known to that browser only."""

    digest: bytes
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str
    agent: str


@dataclass(frozen=True)
class Group:
    """Some of an organisation's people."""

    group_id: GroupId
    name: str
    member_ids: tuple[UserId, ...]


@dataclass(frozen=True)
class GroupSize:
    """A group, and how many people are in it."""

    group_id: GroupId
    name: str
    members: int


@dataclass(frozen=True)
class Invitation:
    """Somebody who was asked to join and has not yet."""

    invitation_id: UUID
    email: str
    role: Role
    group_ids: tuple[GroupId, ...]
    invited_by: UserId | None
    created_at: datetime
    expires_at: datetime
    access_until: datetime | None = None
    custom_role_id: UUID | None = None
    role_title: str = ""
    """The name of a role of the organisation's own."""


@dataclass(frozen=True)
class Token:
    """A bearer token for the API, as it is listed: the secret itself is known to whoever was given it. `hint` ends it."""

    token_id: UUID
    user_id: UserId
    owner_name: str
    name: str
    hint: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    limits: TokenLimits = UNLIMITED


class TokenSort(StrEnum):
    """What a list of tokens is put in order by."""

    NAME = "name"
    CREATED = "created"
    USED = "used"
    ENDS = "ends"


@dataclass(frozen=True)
class TokenFilter:
    """Which tokens, in which order. `text` is looked for in the token's name and its owner's."""

    text: str = ""
    sort: TokenSort = TokenSort.CREATED
    is_descending: bool = True


@dataclass(frozen=True)
class Place:
    """Where a person belongs: an organisation, or the platform."""

    tenant_id: TenantId
    name: str
    role: Role
    role_title: str = ""
