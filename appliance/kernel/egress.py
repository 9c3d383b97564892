"""The only HTTP client factory. Nothing goes to a host that was not allowed.

Deny by default: an empty allow-list means that no request leaves, whatever a room asks
for. The check runs inside the transport, so it also sees redirects, and it refuses
before a name is looked up: even a DNS query would tell an outsider something.
Environment proxies and .netrc are not read.
"""

import functools
import ssl
from collections.abc import Iterable
from pathlib import Path

import httpx2

from appliance.kernel.errors import Kind, Refusal


class EgressDenied(Refusal):
    """Calls to {host} are not allowed. An operator can add it to APPLIANCE_EGRESS_ALLOW."""

    kind = Kind.BLOCKED
    code = "egress_denied"


class Egress:
    """Makes HTTP clients that reach the allowed hosts and no other."""

    def __init__(self, allow: Iterable[str] = (), *, ca_bundle: Path | None = None, proxy: str | None = None) -> None:
        self._allow = frozenset(host.lower().rstrip(".") for host in allow)
        self._given = ssl.create_default_context(cafile=str(ca_bundle)) if ca_bundle else None
        self._proxy = proxy

    def client(self, *, timeout_seconds: float = 30.0) -> httpx2.Client:
        """Return a client; the caller closes it. Redirects are never followed on their own."""
        inner = httpx2.HTTPTransport(verify=self._given or _of_this_host(), proxy=self._proxy, retries=0)
        return httpx2.Client(
            transport=_AllowListed(inner, self._allow),
            timeout=timeout_seconds,
            trust_env=False,
            follow_redirects=False,
        )


@functools.cache
def _of_this_host() -> ssl.SSLContext:
    # Reading a host's authorities takes 25 ms, and most houses call nobody.
    return ssl.create_default_context()


class _AllowListed(httpx2.BaseTransport):
    def __init__(self, inner: httpx2.BaseTransport, allow: frozenset[str]) -> None:
        self._inner = inner
        self._allow = allow

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        host = request.url.host.lower().rstrip(".")
        if host not in self._allow:
            raise EgressDenied(host=host)
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()
