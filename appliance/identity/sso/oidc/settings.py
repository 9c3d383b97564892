"""What an OIDC connection is set to, as it is stored and as it is read."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from appliance.identity.sso.errors import ConnectionSettingMalformed
from appliance.kernel.egress import CertificatesUnusable, check_certificates

_LONGEST, _LONGEST_SCOPE, _LONGEST_BUNDLE, _MOST_SKEW = 500, 100, 60_000, 300
_SCOPES: Final = ("openid", "email", "profile")


class ClientProof(StrEnum):
    """How we show a token endpoint who we are."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    NONE = "none"
    """A public client: PKCE alone."""


@dataclass(frozen=True)
class OidcSettings:
    """One issuer, and how it is spoken to. `vendor` chooses what the wizard shows, and nothing else."""

    issuer: str
    client_id: str
    proof: ClientProof = ClientProof.BASIC
    scopes: tuple[str, ...] = _SCOPES
    subject_claim: str = "sub"
    email_claim: str = "email"
    name_claim: str = "name"
    groups_claim: str = ""
    """Empty: the provider is not asked about groups, and nobody's change."""
    ca_bundle: str = ""
    skew_seconds: int = 60
    vendor: str = "other"


_NAMES: Final = tuple(one.name for one in fields(OidcSettings))


def checked(given: Mapping[str, object]) -> dict[str, object]:
    """Return settings as they are stored. Raises ConnectionSettingMalformed with the first that cannot be right."""
    unknown = sorted(set(given) - set(_NAMES))
    if unknown:
        raise ConnectionSettingMalformed(setting=unknown[0][:40])
    return stored(read(given))


def read(given: Mapping[str, object]) -> OidcSettings:
    """Return settings as the client reads them. Raises ConnectionSettingMalformed."""
    return OidcSettings(
        issuer=_issuer(given),
        client_id=_text(given, "client_id", is_needed=True),
        proof=_proof(given),
        scopes=_scopes(given),
        subject_claim=_claim(given, "subject_claim", "sub"),
        email_claim=_claim(given, "email_claim", "email"),
        name_claim=_claim(given, "name_claim", "name"),
        groups_claim=_claim(given, "groups_claim", ""),
        ca_bundle=_bundle(given),
        skew_seconds=_seconds(given),
        vendor=_text(given, "vendor")[:20] or "other",
    )


def stored(settings: OidcSettings) -> dict[str, object]:
    """Return settings as JSON has them."""
    return {**asdict(settings), "proof": settings.proof.value, "scopes": list(settings.scopes)}


def _issuer(given: Mapping[str, object]) -> str:
    # Kept as it was written: the token's `iss` must be the very same text, a slash at its end included.
    issuer = _text(given, "issuer", is_needed=True)
    try:
        parts = urlsplit(issuer)
        has_host = bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:
        raise ConnectionSettingMalformed(setting="issuer") from None
    if parts.scheme not in {"https", "http"} or not has_host or parts.query or parts.fragment or "?" in issuer:
        raise ConnectionSettingMalformed(setting="issuer")
    if parts.scheme == "http" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise ConnectionSettingMalformed(setting="issuer")  # whoever listens on the way would be everybody
    return issuer


def _text(given: Mapping[str, object], name: str, *, is_needed: bool = False) -> str:
    value = given.get(name, "")
    text = value.strip() if isinstance(value, str) else None
    if text is None or len(text) > _LONGEST or not text.isprintable() or (is_needed and not text):
        raise ConnectionSettingMalformed(setting=name)
    return text


def _claim(given: Mapping[str, object], name: str, default: str) -> str:
    text = _text(given, name)
    if any(sign.isspace() for sign in text):
        raise ConnectionSettingMalformed(setting=name)
    return text or default


def _proof(given: Mapping[str, object]) -> ClientProof:
    try:
        return ClientProof(str(given.get("proof") or ClientProof.BASIC.value))
    except ValueError:
        raise ConnectionSettingMalformed(setting="proof") from None


def _scopes(given: Mapping[str, object]) -> tuple[str, ...]:
    value = given.get("scopes") or list(_SCOPES)
    named = value.split() if isinstance(value, str) else value
    if not isinstance(named, list | tuple) or not all(
        isinstance(one, str)
        and one.isascii()
        and one.isprintable()
        and 0 < len(one) <= _LONGEST_SCOPE
        and not set(one) & set(' "\\')
        for one in named
    ):
        raise ConnectionSettingMalformed(setting="scopes")
    return tuple(dict.fromkeys(("openid", *named)))


def _bundle(given: Mapping[str, object]) -> str:
    value = given.get("ca_bundle", "")
    if not isinstance(value, str) or len(value) > _LONGEST_BUNDLE:
        raise ConnectionSettingMalformed(setting="ca_bundle")
    if value.strip():
        try:
            check_certificates(value)
        except CertificatesUnusable:
            raise ConnectionSettingMalformed(setting="ca_bundle") from None
    return value.strip()


def _seconds(given: Mapping[str, object]) -> int:
    value = given.get("skew_seconds", 60)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_SKEW:
        raise ConnectionSettingMalformed(setting="skew_seconds")
    return value
