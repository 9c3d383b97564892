from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType
from urllib.parse import urlsplit
from uuid import UUID

from appliance.identity.values import GroupId, Role, UserId
from appliance.kernel.ids import TenantId

ConnectionId = NewType("ConnectionId", UUID)


class ConnectionKind(StrEnum):
    """Which protocol a provider speaks."""

    OIDC = "oidc"
    SAML = "saml"
    PROXY = "proxy"
    """No protocol: a proxy in front of this house says in headers who comes."""


class ConnectionState(StrEnum):
    """How far a connection is. Only after a test may it be active; only after its owner's own may it be enforced."""

    DRAFT = "draft"
    TESTED = "tested"
    ACTIVE = "active"
    ENFORCED = "enforced"
    OFF = "off"


OPEN_STATES = (ConnectionState.ACTIVE, ConnectionState.ENFORCED)


class Source(StrEnum):
    """Who gave a member their role."""

    MANUAL = "manual"
    IDP = "idp"
    SCIM = "scim"


class TransactionPurpose(StrEnum):
    """What somebody was sent to their provider for."""

    SIGN_IN = "sign_in"
    TEST = "test"
    CONFIRM = "confirm"
    LINK = "link"


@dataclass(frozen=True)
class Connection:
    """One provider of one organisation. `settings` are those of its kind; its secret is not here."""

    tenant_id: TenantId
    connection_id: ConnectionId
    kind: ConnectionKind
    name: str
    state: ConnectionState
    settings: dict[str, object]
    provisions: bool
    default_role: Role
    created_at: datetime
    changed_at: datetime
    """When what a test would see changed last."""
    tested_at: datetime | None = None
    tested_by: UserId | None = None
    has_secret: bool = False

    def takes(self, purpose: "TransactionPurpose") -> bool:
        """Say whether somebody may go this way for a purpose now: a connection is tested before it is in use."""
        is_test = purpose is TransactionPurpose.TEST and self.state is not ConnectionState.OFF
        return is_test or self.state in OPEN_STATES


@dataclass(frozen=True)
class Mapping:
    """What a group that a provider names gives here: a role, or an access group."""

    mapping_id: UUID
    connection_id: ConnectionId
    said: str
    role: Role | None = None
    group_id: GroupId | None = None
    custom_role_id: UUID | None = None
    role_title: str = ""
    """The name of a role of the organisation's own."""
    breadth: int = 0
    """How many permissions such a role has: of two that are given, the broader one counts."""


@dataclass(frozen=True)
class Asserted:
    """What a provider said of a person, after every check of its signature, its times and whom it is for.

    `subject` names the person at this connection and is the only thing that does. `groups` is None where the provider
    said nothing of groups, which is not the same as no group. `session` is the provider's own name of its session (OIDC
    `sid`, SAML SessionIndex). `shown` is what a test shows: names and values, without tokens.
    """

    subject: str
    email: str | None = None
    is_email_verified: bool | None = None
    """None: the provider said nothing of it, as many do not."""
    display_name: str = ""
    groups: tuple[str, ...] | None = None
    authenticated_at: datetime | None = None
    methods: tuple[str, ...] = ()
    session: str | None = None
    shown: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Arrival:
    """The browser that somebody came with."""

    address: str
    agent: str
    request_id: str


@dataclass(frozen=True)
class Transaction:
    """Somebody on their way to a provider and back. `secrets` are the protocol's own: nonce, verifier, request id.

    `factor_id` is the app or passkey that whoever links an account showed to begin it, `session` the digest of the session of another organisation by which they did.
    """

    connection_id: ConnectionId
    purpose: TransactionPurpose
    user_id: UserId | None
    secrets: dict[str, str]
    next: str
    factor_id: UUID | None = None
    session: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Wish:
    """Why somebody is sent to their provider, and where they go after that. `hint` is an address to offer there.

    `factor_id` is the app or passkey that they showed just before. Whoever links an account proves that it is theirs by a password
    (`password_hash`) or by a session (`session`, its digest); either must still be good when they leave for the provider, and a
    session of another organisation when they come back, too.
    """

    purpose: TransactionPurpose = TransactionPurpose.SIGN_IN
    user_id: UserId | None = None
    target: str = "/"
    hint: str = ""
    factor_id: UUID | None = None
    password_hash: str | None = field(default=None, repr=False)
    session: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Departure:
    """Where a browser goes, and the token for its cookie, by which it is known when it comes back.

    With a `form_field` it posts the message there, in a form (SAML's POST binding).
    """

    url: str
    token: str = field(repr=False)
    form_field: str = ""
    message: str = field(default="", repr=False)

    @property
    def origin(self) -> str:
        """Whom a form may post it to."""
        return "{0.scheme}://{0.netloc}".format(urlsplit(self.url))


@dataclass(frozen=True)
class Return:
    """Somebody who came back and was let in: their session's token (empty after a test), and where they go now.

    `user_id` is who was on their way, where that was known before: who tested, is confirmed, or has linked their account.
    """

    session: str = field(repr=False)
    target: str
    purpose: TransactionPurpose
    said: Asserted
    user_id: UserId | None = None
