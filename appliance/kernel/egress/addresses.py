"""Which addresses are on the internet, which are somebody's own, and which are nobody's.

Written out rather than taken from `ipaddress.is_global`, whose answer changed between Python's patch releases.
"""

import ipaddress
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Nobody may name these: they mean no host, many hosts, or another address in disguise, past which a judgement of the
# address inside would have to look in as many ways as there are translators.
_NEVER: Final = tuple(
    ipaddress.ip_network(block)
    for block in (
        "0.0.0.0/8", "192.88.99.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "::/128", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "ff00::/8",
    )
)  # fmt: skip
_LOOPBACK_6: Final = ipaddress.IPv6Address("::1")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")

# The IANA special-purpose registries. Of IPv6, what is not in 2000::/3 has not been handed out to anybody.
_OWN_4: Final = tuple(
    ipaddress.IPv4Network(block)
    for block in (
        "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
        "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    )
)  # fmt: skip
_INTERNET_6: Final = ipaddress.IPv6Network("2000::/3")
_OWN_6: Final = tuple(ipaddress.IPv6Network(block) for block in ("2001::/23", "2001:db8::/32", "3fff::/20"))

LOOPBACK: Final[tuple[Network, ...]] = (ipaddress.IPv4Network("127.0.0.1/32"), ipaddress.IPv6Network("::1/128"))


def is_nobodys(address: Address) -> bool:
    """Return whether nothing may be called at this address, whatever was named."""
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        return True
    if address in _COMPATIBLE and address != _LOOPBACK_6:
        return True
    return any(address in block for block in _NEVER)


def is_public(address: Address) -> bool:
    """Return whether this address is a host's on the internet."""
    if is_nobodys(address):
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in block for block in _OWN_4)
    return address in _INTERNET_6 and not any(address in block for block in _OWN_6)


def is_own(network: Network) -> bool:
    """Return whether this network lies wholly off the internet, so that an operator may speak to it without TLS."""
    if isinstance(network, ipaddress.IPv4Network):
        return any(network.subnet_of(block) for block in _OWN_4)
    return not network.overlaps(_INTERNET_6)


def holds_nobodys(network: Network) -> bool:
    """Return whether a network touches addresses that nobody may name."""
    return any(block.version == network.version and network.overlaps(block) for block in _NEVER) or (
        network.version == _COMPATIBLE.version and network.overlaps(_COMPATIBLE) and network != LOOPBACK[1]
    )
