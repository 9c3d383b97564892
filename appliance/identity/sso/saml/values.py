from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from appliance.identity.sso.values import Asserted
from appliance.kernel.federation import SigningCertificate

DEFAULT_SKEW = timedelta(minutes=2)


class Binding(StrEnum):
    """How a message reaches the provider."""

    REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
    POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"


@dataclass(frozen=True)
class Endpoint:
    """Where a provider takes messages of one kind."""

    url: str
    binding: Binding


@dataclass(frozen=True)
class Names:
    """Which attributes hold what. An empty name means the usual ones of the vendors."""

    subject: str = ""
    email: str = ""
    display_name: str = ""
    groups: str = ""


@dataclass(frozen=True)
class Provider:
    """A provider as its organisation's administrator entered it, or its metadata says."""

    entity_id: str
    sign_on: Endpoint
    certificates: tuple[SigningCertificate, ...]
    sign_out: Endpoint | None = None
    sign_out_answers: str | None = None
    names: Names = field(default_factory=Names)
    skew: timedelta = DEFAULT_SKEW
    demands_encryption: bool = False
    signs_requests: bool = True
    takes_unsolicited: bool = False


@dataclass(frozen=True)
class Ours:
    """Who we are to the provider of one connection."""

    entity_id: str
    acs: str
    sign_out: str
    certificate: str
    key: bytes = field(repr=False)


@dataclass(frozen=True)
class Asked:
    """What we asked a provider for. None stands for nothing: an answer to no request."""

    request_id: str
    at: datetime
    is_fresh: bool = False


@dataclass(frozen=True)
class Verified:
    """What was said, and by what it is known again until it expires."""

    asserted: Asserted
    assertion: bytes
    until: datetime
    session_ends: datetime | None = None
    """When the provider's own session ends at the latest; ours ends no later."""
