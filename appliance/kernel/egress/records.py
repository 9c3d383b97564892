"""TXT records, asked of the resolvers that the operator named, and of no other: none named, nobody is asked."""

import ipaddress
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

_SECONDS: Final = 5.0
_MOST: Final = 50
_PORT: Final = 53


class Records:
    """Looks TXT records up. `resolvers` are addresses, each with a port if it is not 53: 10.0.0.53, [2001:db8::53]:5353."""

    def __init__(self, resolvers: Iterable[str] = ()) -> None:
        self._resolvers = [resolver_of(one) for one in resolvers]

    def text(self, name: str) -> dict[str, list[str]]:
        """Return the TXT records of a name by the resolver that says so: none where it knows no such name. Who does not answer is not among them.

        All are asked: whoever answered first would decide alone what is so, and one that was led astray would be believed.
        """
        found = {}
        for address, port in self._resolvers:
            records = _records_of(address, port, name)
            if records is not None:
                found[address if port == _PORT else f"{address} port {port}"] = records
        return found


def _records_of(address: str, port: int, name: str) -> list[str] | None:
    import dns.exception
    import dns.resolver  # fifty modules, for whoever verifies a domain

    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port, resolver.lifetime = [address], port, _SECONDS
    try:
        answer = resolver.resolve(f"{name}.", "TXT", search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError):
        return None
    return [b"".join(one.strings).decode("utf-8", "replace") for one in list(answer)[:_MOST]]


def resolver_of(entry: str) -> tuple[str, int]:
    """Return the address and the port that an entry names. Raises ValueError."""
    try:
        return str(ipaddress.ip_address(entry)), _PORT
    except ValueError:
        parts = urlsplit(f"//{entry}")
        if parts.path or parts.username is not None or not parts.hostname:
            raise ValueError("a resolver is an address: 10.0.0.53 or [2001:db8::53]:5353") from None
        return str(ipaddress.ip_address(parts.hostname)), parts.port or _PORT
