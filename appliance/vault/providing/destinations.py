"""Where a provider's key may be sent: its base URL, as it was given or as the vendor has it."""

import re
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

from appliance.vault.providing.errors import BaseUrlMalformed, ProviderNameMalformed, RegionMalformed
from appliance.vault.providing.values import ProviderKind

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_REGION: Final = re.compile(r"[a-z]{2,12}(-[a-z0-9]{1,15}){0,4}")
_HOST: Final = re.compile(r"[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\]")
_LONGEST: Final = 500
_AWS_6: Final = IPv6Address("fd00:ec2::254")
_VENDORS: Final = {
    ProviderKind.OPENAI: "https://api.openai.com/v1",
    ProviderKind.ANTHROPIC: "https://api.anthropic.com",
}
_MULTIREGIONS: Final = frozenset({"eu", "us"})
REGIONAL: Final = frozenset({ProviderKind.BEDROCK, ProviderKind.VERTEX})


@dataclass(frozen=True)
class ProviderForm:
    """What a provider is called, and where it is. An empty `base_url` is the vendor's own."""

    name: str
    kind: ProviderKind
    base_url: str = ""
    region: str | None = None


def checked(form: ProviderForm) -> ProviderForm:
    """Return the form with its address filled in. Raises ProviderNameMalformed, RegionMalformed, BaseUrlMalformed."""
    name, region = form.name.strip().lower(), (form.region or "").strip().lower()
    if not _NAME.fullmatch(name):
        raise ProviderNameMalformed
    if form.kind in REGIONAL:
        if not _REGION.fullmatch(region):
            raise RegionMalformed
    elif region:
        raise RegionMalformed
    return ProviderForm(name, form.kind, _address(form.base_url.strip(), form.kind, region), region or None)


def _address(given: str, kind: ProviderKind, region: str) -> str:
    url = given or _own(kind, region)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BaseUrlMalformed from None
    host = (parts.netloc.rpartition(":")[0] if port is not None else parts.netloc).lower()
    # In the clear only where no vendor answers, inside one's own network: else the key is everybody's.
    schemes = {"https", "http"} if kind is ProviderKind.OPENAI_COMPATIBLE else {"https"}
    is_good = url.isascii() and url.isprintable() and " " not in url and len(url) <= _LONGEST and "\\" not in url
    if (
        not is_good
        or parts.scheme not in schemes
        or not _HOST.fullmatch(host)
        or parts.query
        or parts.fragment
        or "?" in url
        or _is_for_hosts_alone(host)
    ):
        raise BaseUrlMalformed
    return f"{parts.scheme}://{host}{'' if port is None else f':{port}'}{parts.path.rstrip('/')}"


def _is_for_hosts_alone(host: str) -> bool:
    """Say whether this is where a machine gets credentials of its own. For the root in KMS egress may be open to it."""
    with suppress(ValueError):
        address = ip_address(host.strip("[]"))
        return address.is_link_local or address == _AWS_6
    return False


def _own(kind: ProviderKind, region: str) -> str:
    if kind is ProviderKind.BEDROCK:
        return f"https://bedrock-runtime.{region}.amazonaws.com"
    if kind is ProviderKind.VERTEX:
        if region in _MULTIREGIONS:
            return f"https://aiplatform.{region}.rep.googleapis.com"
        return f"https://{'' if region == 'global' else f'{region}-'}aiplatform.googleapis.com"
    return _VENDORS.get(kind, "")
