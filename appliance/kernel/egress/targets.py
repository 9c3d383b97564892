"""Reads a URL in the one way that every program reads it, and refuses the rest.

Parsers differ in what they make of `http://a@b`, `http://0x7f.1`, `http://ⓛocalhost`; an allow-list is only as good as the
agreement between who checks and who connects. So this is the only reading: the parts of a Target are what is looked up,
connected to, shown as SNI and sent as Host.
"""

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from appliance.kernel.egress.addresses import Address, is_nobodys
from appliance.kernel.egress.errors import UrlDenied

PORTS: Final = {"https": 443, "http": 80, "sftp": 22}
WEB: Final = frozenset({"https", "http"})
"""What a request may be sent over; the other one is `tunnels.py`'s."""
_LONGEST_URL: Final = 8192
_LONGEST_HOST: Final = 253
_HIGHEST_PORT: Final = 65535
_URL: Final = re.compile(
    r"(?P<scheme>[^:/?#]*)://(?P<authority>[^/?#]*)(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?(?P<rest>#.*)?"
)
_SHOWN: Final = re.compile(r"[!-~]+")
_AUTHORITY: Final = re.compile(r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]*))?")
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True)
class Target:
    """Where a request goes. The host is in lower case; an IPv6 address stands without brackets."""

    scheme: str
    host: str
    port: int
    path: str
    address: Address | None

    @property
    def authority(self) -> str:
        """The host as it stands in a URL and in the Host field, with the port unless it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def is_tls(self) -> bool:
        return self.scheme == "https"


def target_of(url: str) -> Target:
    """Return what a URL means. Nothing is looked up. Raises UrlDenied."""
    if len(url) > _LONGEST_URL:
        raise UrlDenied(reason="it is too long")
    if not _SHOWN.fullmatch(url) or "\\" in url:
        raise UrlDenied(reason="it has signs that do not belong in a URL; a host in other letters is written as xn--")
    match = _URL.fullmatch(url)
    scheme = match["scheme"].lower() if match else ""
    if match is None or scheme not in WEB:
        raise UrlDenied(reason="it does not begin with https:// or http://")
    if match["rest"] is not None:
        raise UrlDenied(reason="it has a part after #")
    host, port, address = place_of(match["authority"])
    return Target(
        scheme, host, PORTS[scheme] if port is None else port, (match["path"] or "/") + (match["query"] or ""), address
    )


@lru_cache(maxsize=1024)
def place_of(authority: str) -> tuple[str, int | None, Address | None]:
    """Return the host, the port if one is written, and the address if the host is one. Raises UrlDenied."""
    if "@" in authority:
        raise UrlDenied(reason="it holds a user or a password")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise UrlDenied(reason="its host or port cannot be read")
    host, address = _host(match["host"].lower())
    return host, _port(match["port"]), address


def _port(text: str | None) -> int | None:
    if text is None:
        return None
    if not text or text.startswith("0") or len(text) > len(str(_HIGHEST_PORT)) or int(text) > _HIGHEST_PORT:
        raise UrlDenied(reason="its port is not a number from 1 to 65535")
    return int(text)


def _host(text: str) -> tuple[str, Address | None]:
    if text.startswith("["):
        return _ipv6(text[1:-1])
    labels = text.split(".")
    if len(text) > _LONGEST_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise UrlDenied(reason="its host is empty, ends in a dot, or is no name of a host")
    if not _NUMBER.fullmatch(labels[-1]):
        return text, None
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        raise UrlDenied(
            reason="its host is a number in an odd notation; an IPv4 address is four plain numbers"
        ) from None
    return text, _somebodys(address)


def _ipv6(text: str) -> tuple[str, Address]:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise UrlDenied(reason="its host is no IPv6 address") from None
    if str(address) != text:
        raise UrlDenied(reason="its IPv6 address is in an odd notation, or has a zone")
    return text, _somebodys(address)


def _somebodys(address: Address) -> Address:
    if is_nobodys(address):
        raise UrlDenied(reason="its address is no host's, or another address in disguise")
    return address
