from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from appliance.kernel.ids import TenantId


@dataclass(frozen=True)
class Organisation:
    tenant_id: TenantId
    name: str
    created_at: datetime
    suspended_at: datetime | None = None


class Review(StrEnum):
    """Whether administrators may open other people's conversations."""

    OFF = "off"
    AUDITED = "audited"
    """Yes; it is recorded, and its owner sees it."""
    TWO_PERSON = "two_person"
    """Only after a second administrator has agreed: the works council's mode."""


@dataclass(frozen=True)
class OrganisationSettings:
    """What an organisation's administrators choose. Links in answers go to `link_hosts` and nowhere else outside.

    For `call_content_days` it is kept what calls to providers say; 0 for not at all.
    """

    conversation_review: Review = Review.OFF
    link_hosts: tuple[str, ...] = ()
    call_content_days: int = 0
