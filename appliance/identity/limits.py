"""What a token is limited to: which models, at which addresses of the gateway, and from where."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from appliance.identity.errors import LimitsBeyond, TokenLimitMalformed
from appliance.identity.values import ModelEndpoint, TokenLimits
from appliance.kernel.patterns import MOST_ENTRIES, covers, is_name

Network = IPv4Network | IPv6Network
_MAPPED: Final = IPv6Network("::ffff:0:0/96")


def checked(given: TokenLimits) -> TokenLimits:
    """Return limits in the form in which they are kept. Raises TokenLimitMalformed."""
    models, networks = _said(given.models), _said(given.networks)
    wrong = [one for one in models if not is_name(one)] + (models + networks)[2 * MOST_ENTRIES :]
    if wrong:
        raise TokenLimitMalformed(entry=wrong[0][:60])
    endpoints = tuple(one for one in ModelEndpoint if one in given.endpoints)
    return TokenLimits(tuple(models), endpoints, tuple(str(_network(one)) for one in networks))


def check_within(asked: TokenLimits, own: TokenLimits) -> None:
    """Raise LimitsBeyond unless whatever one token may do, the other may. A token never makes one that may do more."""
    is_within = _are_covered(asked.models, own.models) and (
        not own.endpoints or (bool(asked.endpoints) and set(asked.endpoints) <= set(own.endpoints))
    )
    if own.networks and is_within:
        wide = [_network(one) for one in own.networks]
        is_within = bool(asked.networks) and all(_is_inside(_network(one), wide) for one in asked.networks)
    if not is_within:
        raise LimitsBeyond


def is_from(networks: Iterable[str], address: str) -> bool:
    """Say whether an address is in one of the networks. An IPv4 address in IPv6's clothes is the IPv4 address."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    plain = _plain(found)
    return any(plain in ip_network(one) for one in networks)


def _said(entries: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(one.strip() for one in entries if one.strip()))


def _network(entry: str) -> Network:
    try:
        found = ip_network(entry)
    except ValueError:
        raise TokenLimitMalformed(entry=entry[:60]) from None
    if isinstance(found, IPv6Network) and found.subnet_of(_MAPPED):
        return IPv4Network((int(found.network_address) & 0xFFFFFFFF, found.prefixlen - _MAPPED.prefixlen))
    return found


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _are_covered(asked: tuple[str, ...], own: tuple[str, ...]) -> bool:
    return not own or (bool(asked) and all(covers(own, one) for one in asked))


def _is_inside(network: Network, wide: Iterable[Network]) -> bool:
    for one in wide:
        if isinstance(network, IPv4Network) and isinstance(one, IPv4Network) and network.subnet_of(one):
            return True
        if isinstance(network, IPv6Network) and isinstance(one, IPv6Network) and network.subnet_of(one):
            return True
    return False
