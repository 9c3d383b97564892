"""What a SAML connection is set to, as it is stored and as it is read.

A connection is begun before its provider is known: who looks after the provider needs our values first. So the provider may be
missing as a whole, and nobody is sent to it until it is there.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from appliance.identity.sso.errors import ConnectionSettingMalformed
from appliance.identity.sso.saml.metadata import Described, read_metadata
from appliance.identity.sso.saml.values import Binding, Endpoint, Names, Ours, Provider
from appliance.kernel.federation import (
    CertificateUnusable,
    SigningCertificate,
    make_key,
    parse_certificate,
    parse_certificates,
)

_LONGEST, _LONGEST_CERTIFICATES, _MOST_CERTIFICATES, _MOST_SKEW = 1000, 60_000, 8, 300
_BINDINGS: Final = {"redirect": Binding.REDIRECT, "post": Binding.POST}
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class SamlSettings:
    """One provider, and how it is spoken to. `vendor` chooses what the wizard shows, and nothing else."""

    entity_id: str = ""
    sign_on_url: str = ""
    sign_on_binding: str = "redirect"
    sign_out_url: str = ""
    sign_out_answer_url: str = ""
    certificates: tuple[str, ...] = ()
    """PEM. While a provider changes its certificate both are here, and both are good."""
    metadata_url: str = ""
    metadata_certificate: str = ""
    """Who must have signed the metadata of that address; empty: TLS says who wrote it."""
    subject_attribute: str = ""
    email_attribute: str = ""
    name_attribute: str = ""
    groups_attribute: str = ""
    skew_seconds: int = 120
    demands_encryption: bool = False
    signs_requests: bool = True
    takes_unsolicited: bool = False
    vendor: str = "other"


_NAMES: Final = frozenset(one.name for one in fields(SamlSettings))
_OF_METADATA: Final = frozenset(
    {"metadata", "entity_id", "sign_on_url", "sign_on_binding", "sign_out_url", "sign_out_answer_url", "certificates"}
)


def checked(given: Mapping[str, object]) -> dict[str, object]:
    """Return settings as they are stored. Beside them `metadata` may be given, and says what the provider is.

    Raises ConnectionSettingMalformed with the first that cannot be right, MetadataUnusable.
    """
    unknown = sorted(set(given) - _NAMES - {"metadata"})
    if unknown:
        raise ConnectionSettingMalformed(setting=unknown[0][:40])
    metadata = given.get("metadata") or ""
    if not isinstance(metadata, str):
        raise ConnectionSettingMalformed(setting="metadata")
    if not metadata:
        return stored(read({name: value for name, value in given.items() if name != "metadata"}))
    others = read({name: value for name, value in given.items() if name not in _OF_METADATA})
    found = read_metadata(metadata.encode(), now=datetime.now(UTC))
    return stored(read(asdict(described_by(others, found))))


def read(given: Mapping[str, object]) -> SamlSettings:
    """Return settings as the verifier reads them. Raises ConnectionSettingMalformed."""
    settings = SamlSettings(
        entity_id=_text(given, "entity_id"),
        sign_on_url=_url(given, "sign_on_url"),
        sign_on_binding=_binding(given),
        sign_out_url=_url(given, "sign_out_url"),
        sign_out_answer_url=_url(given, "sign_out_answer_url"),
        certificates=_certificates(given),
        metadata_url=_url(given, "metadata_url"),
        metadata_certificate=_one_certificate(given),
        subject_attribute=_text(given, "subject_attribute"),
        email_attribute=_text(given, "email_attribute"),
        name_attribute=_text(given, "name_attribute"),
        groups_attribute=_text(given, "groups_attribute"),
        skew_seconds=_seconds(given),
        demands_encryption=_flag(given, "demands_encryption"),
        signs_requests=_flag(given, "signs_requests"),
        takes_unsolicited=_flag(given, "takes_unsolicited"),
        vendor=_text(given, "vendor")[:20] or "other",
    )
    needed = {"entity_id": settings.entity_id, "sign_on_url": settings.sign_on_url, "certificates": settings.certificates}
    missing = [name for name, value in needed.items() if not value]
    if 0 < len(missing) < len(needed):
        raise ConnectionSettingMalformed(setting=missing[0])
    return settings


def stored(settings: SamlSettings) -> dict[str, object]:
    """Return settings as JSON has them."""
    return {**asdict(settings), "certificates": list(settings.certificates)}


def described_by(settings: SamlSettings, found: Described) -> SamlSettings:
    """Return settings with the provider that metadata describes in place of the one before."""
    return replace(
        settings, entity_id=found.entity_id, sign_on_url=found.sign_on.url,
        sign_on_binding="post" if found.sign_on.binding is Binding.POST else "redirect",
        sign_out_url=found.sign_out.url if found.sign_out else "", sign_out_answer_url=found.sign_out_answers or "",
        certificates=tuple(one.pem for one in found.certificates),
    )  # fmt: skip


def provider_of(given: Mapping[str, object]) -> Provider:
    """Return the provider of stored settings. Raises ConnectionSettingMalformed where it is not there yet."""
    settings = read(given)
    if not settings.entity_id:
        raise ConnectionSettingMalformed(setting="entity_id")
    sign_out = Endpoint(settings.sign_out_url, Binding.REDIRECT) if settings.sign_out_url else None
    return Provider(
        settings.entity_id, Endpoint(settings.sign_on_url, _BINDINGS[settings.sign_on_binding]),
        tuple(parse_certificate(one) for one in settings.certificates), sign_out,
        settings.sign_out_answer_url or settings.sign_out_url or None,
        Names(settings.subject_attribute, settings.email_attribute, settings.name_attribute, settings.groups_attribute),
        timedelta(seconds=settings.skew_seconds), settings.demands_encryption, settings.signs_requests,
        settings.takes_unsolicited,
    )  # fmt: skip


def certificates_of(given: Mapping[str, object]) -> tuple[SigningCertificate, ...]:
    """Return the provider's certificates in stored settings, those that end last first."""
    found = [parse_certificate(one) for one in read(given).certificates]
    return tuple(sorted(found, key=lambda one: one.not_after, reverse=True))


def made_secret(connection_id: UUID, *, now: datetime) -> str:
    """Return a connection's own key and the certificate that its provider gets, one after the other (PEM)."""
    key, certificate = make_key(f"Cloister {connection_id}", now=now)
    return key.decode() + certificate


def ours_of(address: str, connection_id: UUID, secret: str) -> Ours:
    """Return who we are to the provider of a connection: its entity id and its addresses are its alone."""
    base = f"{address.rstrip('/')}/sso/{connection_id}"
    key, frame, certificate = secret.partition("-----BEGIN CERTIFICATE-----")
    return Ours(f"{base}/metadata", f"{base}/acs", f"{base}/slo", frame + certificate, key.encode())


def _text(given: Mapping[str, object], name: str) -> str:
    value = given.get(name, "")
    text = value.strip() if isinstance(value, str) else None
    if text is None or len(text) > _LONGEST or not text.isprintable():
        raise ConnectionSettingMalformed(setting=name)
    return text


def _url(given: Mapping[str, object], name: str) -> str:
    url = _text(given, name)
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:
        raise ConnectionSettingMalformed(setting=name) from None
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not is_whole or not is_safe or "#" in url or not url.isascii() or any(sign in url for sign in " \"'<>\\;"):
        raise ConnectionSettingMalformed(setting=name)
    return url


def _flag(given: Mapping[str, object], name: str) -> bool:
    value = given.get(name, name == "signs_requests")
    if not isinstance(value, bool):
        raise ConnectionSettingMalformed(setting=name)
    return value


def _binding(given: Mapping[str, object]) -> str:
    value = str(given.get("sign_on_binding") or "redirect")
    if value not in _BINDINGS:
        raise ConnectionSettingMalformed(setting="sign_on_binding")
    return value


def _certificates(given: Mapping[str, object]) -> tuple[str, ...]:
    value = given.get("certificates", ())
    written = [value] if isinstance(value, str) else value
    if not isinstance(written, list | tuple) or not all(isinstance(one, str) for one in written):
        raise ConnectionSettingMalformed(setting="certificates")
    if sum(len(one) for one in written) > _LONGEST_CERTIFICATES:
        raise ConnectionSettingMalformed(setting="certificates")
    try:
        found = [one.pem for text in written if text.strip() for one in parse_certificates(text)]
    except CertificateUnusable:
        raise ConnectionSettingMalformed(setting="certificates") from None
    if len(found) > _MOST_CERTIFICATES:
        raise ConnectionSettingMalformed(setting="certificates")
    return tuple(dict.fromkeys(found))


def _one_certificate(given: Mapping[str, object]) -> str:
    value = given.get("metadata_certificate", "")
    if not isinstance(value, str) or len(value) > _LONGEST_CERTIFICATES:
        raise ConnectionSettingMalformed(setting="metadata_certificate")
    try:
        return parse_certificate(value.strip()).pem if value.strip() else ""
    except CertificateUnusable:
        raise ConnectionSettingMalformed(setting="metadata_certificate") from None


def _seconds(given: Mapping[str, object]) -> int:
    value = given.get("skew_seconds", 120)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_SKEW:
        raise ConnectionSettingMalformed(setting="skew_seconds")
    return value
