from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from appliance.kernel.secret import Secret

ProviderId = NewType("ProviderId", UUID)
ProviderKeyId = NewType("ProviderKeyId", UUID)


class ProviderKind(StrEnum):
    """Whose interface a provider speaks."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    AZURE_OPENAI = "azure_openai"
    BEDROCK = "bedrock"
    VERTEX = "vertex"
    OPENAI_COMPATIBLE = "openai_compatible"


class OwnKeys(StrEnum):
    """Whether an organisation may use provider keys of its own. The platform's operators say so."""

    FORBIDDEN = "forbidden"
    """It uses the platform's shared keys alone."""
    ALLOWED = "allowed"
    """Its own where it has a provider of that name, else the shared ones."""
    REQUIRED = "required"
    """Its own alone."""


@dataclass(frozen=True)
class ProviderKey:
    """A provider's key as it is shown: everything but the key. `fingerprint` is comparable within an organisation.

    `uses` counts how often it was lent; `check_code` is what the last check said, "ok" or a refusal's code.
    """

    key_id: ProviderKeyId
    label: str
    weight: int
    last_four: str
    fingerprint: str
    created_by: UUID | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    uses: int
    last_error: str | None
    revoked_at: datetime | None
    checked_at: datetime | None = None
    check_code: str | None = None
    last_error_at: datetime | None = None
    created_by_name: str | None = None

    def is_live(self, now: datetime) -> bool:
        """Return whether it would be lent now."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


@dataclass(frozen=True)
class ModelProvider:
    """Where models are called. A shared one belongs to the platform; organisations see none of its keys."""

    provider_id: ProviderId
    name: str
    kind: ProviderKind
    base_url: str
    region: str | None
    is_shared: bool
    keys: tuple[ProviderKey, ...] = ()


@dataclass(frozen=True)
class Lent:
    """A key for one call. Whoever borrowed it wipes `secret` when the call's headers are made."""

    provider: ModelProvider
    key_id: ProviderKeyId
    fingerprint: str
    secret: Secret
