"""The form of a connection's settings, which administrators and whoever holds its link fill in alike."""

from dataclasses import dataclass
from typing import Final

from flask import request, url_for

from appliance.identity.sso.errors import ConnectionSettingMalformed
from appliance.identity.sso.oidc.settings import OidcSettings, read, stored
from appliance.identity.sso.values import Connection, ConnectionKind, ConnectionState
from appliance.kernel.errors import Invalid
from appliance.web import forms, proxy_forms, saml_forms
from appliance.web.sessions import services


class ClientSecretLeftOut(Invalid):
    """While you proved who you are, the secret was not kept. Give it once more."""

    code = "client_secret_left_out"


@dataclass(frozen=True)
class Vendor:
    """What a provider calls things, for whoever copies values between two windows. Names of buttons are the vendor's own."""

    key: str
    name: str
    where: str
    issuer: str
    groups: str
    subject: str = "sub"


VENDORS: Final = (
    Vendor("entra", "Microsoft Entra ID", "Identity > Applications > App registrations > New registration", "https://login.microsoftonline.com/TENANT-ID/v2.0", "groups", "oid"),
    Vendor("okta", "Okta", "Applications > Create App Integration > OIDC > Web Application", "https://ORGANISATION.okta.com", "groups"),
    Vendor("google", "Google Workspace", "Google Auth Platform > Clients > Create client > Web application", "https://accounts.google.com", ""),
    Vendor("keycloak", "Keycloak", "Clients > Create client > OpenID Connect", "https://HOST/realms/REALM", "groups"),
    Vendor("adfs", "AD FS", "Application Groups > Add Application Group > Server application accessing a web API", "https://HOST/adfs", "group"),
    Vendor("ping", "PingOne", "Applications > Add > OIDC Web App", "https://auth.pingone.com/ENVIRONMENT-ID/as", "groups"),
    Vendor("other", "Other", "", "https://HOST", "groups"),
)  # fmt: skip

_OF_A_VENDOR: Final = ("groups_claim", "subject_claim")
"""What each calls by another name: whoever chooses another one is shown its own."""


def settings(kind: ConnectionKind) -> dict[str, object]:
    """Return what the form says. Raises ConnectionSettingMalformed for a skew that is no number."""
    if kind is ConnectionKind.SAML:
        return saml_forms.settings()
    if kind is ConnectionKind.PROXY:
        return proxy_forms.settings()
    skew = forms.field("skew_seconds").strip() or "60"
    if not (skew.isascii() and skew.isdigit() and len(skew) <= 4):  # noqa: PLR2004 - seconds; the room says how many
        raise ConnectionSettingMalformed(setting="skew_seconds")
    named = ("issuer", "client_id", "proof", "scopes", "subject_claim", "email_claim", "name_claim", "groups_claim",
             "ca_bundle", "vendor")  # fmt: skip
    return {name: forms.field(name) for name in named} | {"skew_seconds": int(skew)}


def secret() -> str | None:
    """Return the secret of the form, which is named `key`, so that no page shows it again. Raises ClientSecretLeftOut."""
    text = forms.field("key").strip()
    if forms.field("key_lost") and not text:
        raise ClientSecretLeftOut
    return text or None


def shown(connection: Connection | None) -> dict[str, str]:
    """Return what the form shows: what was typed and refused, else what is stored, or is another vendor's who was chosen."""
    if request.form.get("issuer") is not None:
        return {name: str(value) for name, value in request.form.items() if name != "key"}
    if connection is not None and connection.kind is ConnectionKind.SAML:
        return saml_forms.shown(connection)
    if connection is not None and connection.kind is ConnectionKind.PROXY:
        return proxy_forms.shown(connection)
    if connection is None:
        return {}
    kept: OidcSettings = read(connection.settings)
    shown = {**{name: str(value) for name, value in stored(kept).items()}, "scopes": " ".join(kept.scopes)}
    if connection.state is ConnectionState.DRAFT and request.args.get("vendor", kept.vendor) != kept.vendor:
        return {name: value for name, value in shown.items() if name not in _OF_A_VENDOR}
    return shown


def vendor_of(form: dict[str, str]) -> Vendor:
    """Return whose words the page uses."""
    asked = request.args.get("vendor") or form.get("vendor")
    return next((one for one in VENDORS if one.key == asked), VENDORS[-1])


def addresses(connection: Connection) -> dict[str, str]:
    """Return what is copied into the provider: this connection's own addresses."""
    if connection.kind is ConnectionKind.SAML:
        return saml_forms.addresses(connection)
    if connection.kind is ConnectionKind.PROXY:
        return proxy_forms.addresses(connection)
    base = f"{services().settings.address}/sso/{connection.connection_id}"
    return {
        "callback": f"{base}/callback",
        "logout": f"{base}/backchannel-logout",
        "start": f"{base}/start",
        "signed_out": services().settings.address + url_for("signin.sign_in_page"),
    }
