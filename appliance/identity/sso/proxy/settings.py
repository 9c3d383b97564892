"""What a connection by a proxy is set to: from where it speaks, and in which headers."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Final

from appliance.identity.errors import TokenLimitMalformed
from appliance.identity.limits import checked as checked_limits
from appliance.identity.sso.errors import ConnectionSettingMalformed
from appliance.identity.values import TokenLimits

_HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{2,63}")
_NOT_THESE: Final = frozenset(
    {"authorization", "cookie", "forwarded", "host", "origin", "referer", "user-agent", "x-csrf-token", "x-forwarded-for"}
)
_MOST_NETWORKS: Final = 20


@dataclass(frozen=True)
class ProxySettings:
    """`networks`: the proxy's own addresses. `verified_header` must say SUCCESS: with it, `user_header` is a certificate's subject."""

    networks: tuple[str, ...]
    user_header: str = "X-Forwarded-User"
    secret_header: str = "X-Proxy-Secret"  # noqa: S105 - the name of a header
    verified_header: str = ""
    email_header: str = ""
    name_header: str = ""
    groups_header: str = ""
    """Names between commas. Empty: groups are not followed."""


_NAMES: Final = tuple(one.name for one in fields(ProxySettings))


def checked(given: Mapping[str, object]) -> dict[str, object]:
    """Return settings as they are stored. Raises ConnectionSettingMalformed with the first that cannot be right."""
    unknown = sorted(set(given) - set(_NAMES))
    if unknown:
        raise ConnectionSettingMalformed(setting=unknown[0][:40])
    settings = read(given)
    return {**asdict(settings), "networks": list(settings.networks)}


def read(given: Mapping[str, object]) -> ProxySettings:
    """Return settings as they are asked for. Raises ConnectionSettingMalformed."""
    defaults = {one.name: one.default for one in fields(ProxySettings) if one.name != "networks"}
    named = {name: _header(given, name, str(default)) for name, default in defaults.items()}
    used = [one.lower() for one in named.values() if one]
    if len(used) != len(set(used)):  # one header would say two things
        raise ConnectionSettingMalformed(setting="user_header")
    return ProxySettings(_networks(given), **named)


def _networks(given: Mapping[str, object]) -> tuple[str, ...]:
    value = given.get("networks")
    entries = value.split() if isinstance(value, str) else value
    if not isinstance(entries, list | tuple) or not 0 < len(entries) <= _MOST_NETWORKS:
        raise ConnectionSettingMalformed(setting="networks")
    try:
        found = checked_limits(TokenLimits(networks=tuple(map(str, entries)))).networks
    except TokenLimitMalformed:
        raise ConnectionSettingMalformed(setting="networks") from None
    if not found or any(one.endswith("/0") for one in found):  # everybody is nobody's proxy
        raise ConnectionSettingMalformed(setting="networks")
    return found


def _header(given: Mapping[str, object], name: str, default: str) -> str:
    value = given.get(name, default)
    text = value.strip() if isinstance(value, str) else "?"
    if not text and name in {"user_header", "secret_header"}:
        text = default
    if text and (not _HEADER.fullmatch(text) or text.lower() in _NOT_THESE):
        raise ConnectionSettingMalformed(setting=name)
    return text
