"""What each protocol keeps in a connection's settings: how they are checked, and what the persons of a provider hang on."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from appliance.identity.sso.oidc import settings as oidc
from appliance.identity.sso.proxy import settings as proxy
from appliance.identity.sso.saml import settings as saml
from appliance.identity.sso.values import ConnectionKind

Settings = dict[str, object]
_CHECKS: Final[dict[ConnectionKind, Callable[[Mapping[str, object]], Settings]]] = {
    ConnectionKind.OIDC: oidc.checked,
    ConnectionKind.PROXY: proxy.checked,
    ConnectionKind.SAML: saml.checked,
}
# Whoever another issuer calls by the same name is somebody else: with these, all that were linked are let go.
_WHOSE: Final[dict[ConnectionKind, tuple[str, ...]]] = {
    ConnectionKind.OIDC: ("issuer", "subject_claim"),
    ConnectionKind.PROXY: ("user_header", "verified_header"),
    ConnectionKind.SAML: ("entity_id", "subject_attribute"),
}


def kinds() -> tuple[ConnectionKind, ...]:
    """Return the protocols that this house speaks."""
    return tuple(_CHECKS)


def checked_settings(kind: ConnectionKind, given: Mapping[str, object]) -> Settings:
    """Return settings in the form they are stored in. Raises ConnectionSettingMalformed."""
    return _CHECKS[kind](given)


def is_another_issuer(kind: ConnectionKind, before: Mapping[str, object], after: Mapping[str, object]) -> bool:
    """Say whether a change of settings makes the provider's persons other ones."""
    return any(before.get(name) != after.get(name) for name in _WHOSE[kind])


def good_until(kind: ConnectionKind, settings: Mapping[str, object]) -> datetime | None:
    """Return when the last certificate of a provider ends, or None where it has none."""
    if kind is not ConnectionKind.SAML:
        return None
    return max((one.not_after for one in saml.certificates_of(settings)), default=None)


def made_secret(kind: ConnectionKind, connection_id: UUID, *, now: datetime) -> str | None:
    """Return the secret that we make for a new connection ourselves, or None where its provider gives it to us."""
    return saml.made_secret(connection_id, now=now) if kind is ConnectionKind.SAML else None


def takes_secret(kind: ConnectionKind) -> bool:
    """Say whether a connection's secret is given by people: a key of ours never is."""
    return kind is not ConnectionKind.SAML
