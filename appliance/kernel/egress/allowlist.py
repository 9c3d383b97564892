"""The hosts that an operator named, and how they may be reached.

api.openai.com                  https, port 443, at public addresses
api.example.org:8443            another port; `:*` is any
vllm.internal:8000=10.1.0.0/16  a host of one's own network: only where its addresses lie in that network
http://vllm.internal:8000=10.1.0.0/16   the same without TLS, which only one's own networks may be
10.1.2.3:8000, [fd00::7]:8000   an address: naming it is the permission
localhost:11434                 this host; with or without TLS
sftp://backup.example.org       SFTP, port 22; with a port or a network as above. Nothing else is meant by it, nor it by anything else

No `*.example.org`: at the clouds' shared suffixes, such as *.openai.azure.com, anybody can have a host of their own.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from appliance.kernel.egress.addresses import LOOPBACK, Address, Network, holds_nobodys, is_nobodys, is_own, is_public
from appliance.kernel.egress.errors import (
    AllowListInvalid,
    EgressDenied,
    PlainDenied,
    PortDenied,
    SftpDenied,
    UrlDenied,
)
from appliance.kernel.egress.targets import PORTS, WEB, Target, place_of

_ENTRY: Final = re.compile(
    r"(?:(?P<scheme>[a-z]+)://)?(?P<authority>[^/=]+?)(?P<any>:\*)?(?:=(?P<network>.+))?", re.IGNORECASE
)
_WIDEST: Final = {4: 8, 6: 7}
LOCALHOST: Final = "localhost"


@dataclass(frozen=True)
class Entry:
    """One line of the list. Without networks: at public addresses. Port None: the scheme's own, 0: any."""

    host: str
    port: int | None
    schemes: frozenset[str]
    networks: tuple[Network, ...]

    def has_port(self, target: Target) -> bool:
        """Return whether the target's port is meant."""
        return self.port == 0 or target.port == (PORTS[target.scheme] if self.port is None else self.port)


@dataclass(frozen=True)
class Permission:
    """Where an allowed host may be: in these networks, at public addresses, or both."""

    networks: tuple[Network, ...]
    is_public: bool

    @property
    def is_direct(self) -> bool:
        """Whether the host is in a network that was named, and so not behind the proxy to the outside."""
        return not self.is_public

    def covers(self, address: Address) -> bool:
        """Return whether the host may be called at this address."""
        if is_nobodys(address):
            return False
        return any(address in network for network in self.networks) or (self.is_public and is_public(address))


class AllowList:
    """The entries by host. Raises AllowListInvalid with every fault at once."""

    def __init__(self, entries: Iterable[str] = ()) -> None:
        self._entries: dict[str, list[Entry]] = {}
        faults = []
        for text in entries:
            try:
                entry = entry_of(text)
            except ValueError as error:
                faults.append(f"{text if '@' not in text else '…@…'}: {error}")  # what is before it is a password
            else:
                self._entries.setdefault(entry.host, []).append(entry)
        if faults:
            raise AllowListInvalid(faults)

    def permission(self, target: Target) -> Permission:
        """Return where the target may be. Raises EgressDenied, PlainDenied, PortDenied, SftpDenied."""
        named = self._entries.get(target.host)
        fitting = [entry for entry in named or () if target.scheme in entry.schemes]
        if target.scheme == "sftp" and not any(entry.has_port(target) for entry in fitting):
            raise SftpDenied(host=target.host, port=target.port)
        if not named:
            raise EgressDenied(host=target.host)
        if not fitting:
            raise PlainDenied(host=target.host, port=target.port)
        fitting = [entry for entry in fitting if entry.has_port(target)]
        if not fitting:
            raise PortDenied(host=target.host, port=target.port)
        networks = tuple(network for entry in fitting for network in entry.networks)
        return Permission(networks, is_public=any(not entry.networks for entry in fitting))


def entry_of(text: str) -> Entry:
    """Return what an entry says. Raises ValueError with what is wrong."""
    if "*" in text.removesuffix(":*").partition(":*=")[0]:
        raise ValueError("a host is named whole; at a shared suffix anybody can have a host")
    match = _ENTRY.fullmatch(text)
    scheme = (match["scheme"] or "").lower() if match else ""
    if match is None or scheme not in {"", *PORTS}:
        raise ValueError("it is HOST, HOST:PORT, HOST:*, HOST=NETWORK, or that after http:// or sftp://")
    try:
        host, port, address = place_of(match["authority"])
    except UrlDenied as error:
        raise ValueError(str(error.facts["reason"])) from None
    if match["any"]:
        if port is not None:
            raise ValueError("it has two ports")
        port = 0
    networks = _networks(host, address, match["network"])
    return Entry(host, port, _schemes(scheme, networks), networks)


def _networks(host: str, address: Address | None, written: str | None) -> tuple[Network, ...]:
    if written is not None:
        if address is not None or host == LOCALHOST:
            raise ValueError("only a name is given a network; an address is where it is")
        return (_network(written),)
    if host == LOCALHOST:
        return LOOPBACK
    return () if address is None or is_public(address) else (ipaddress.ip_network(address),)


def _network(text: str) -> Network:
    try:
        network = ipaddress.ip_network(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        raise ValueError(f"{text} is no network; it is written like 10.1.0.0/16") from None
    if network.prefixlen < _WIDEST[network.version]:
        raise ValueError(f"{text} is too wide a network; /{_WIDEST[network.version]} is the widest")
    if holds_nobodys(network):
        raise ValueError(f"{text} holds addresses that are no host's")
    return network


def _schemes(scheme: str, networks: tuple[Network, ...]) -> frozenset[str]:
    if scheme == "http" and not (networks and all(is_own(network) for network in networks)):
        raise ValueError("only hosts of your own network are spoken to without TLS; name it: http://HOST:PORT=NETWORK")
    if not scheme:
        is_here = bool(networks) and all(network.is_loopback for network in networks)
        return WEB if is_here else frozenset({"https"})
    return frozenset({scheme})
