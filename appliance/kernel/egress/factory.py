"""The one factory of everything that leaves this host."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.kernel.egress.allowlist import AllowList
from appliance.kernel.egress.calls import Calls, Incoming
from appliance.kernel.egress.cancelling import Cancel
from appliance.kernel.egress.dialing import Dialer, Resolve, resolve
from appliance.kernel.egress.pool import Pool
from appliance.kernel.egress.proxying import proxy_of
from appliance.kernel.egress.targets import target_of
from appliance.kernel.egress.trust import Trust
from appliance.kernel.egress.values import Outgoing

if TYPE_CHECKING:
    import httpx2


class Egress:
    """Reaches the allowed hosts and no other. Thread-safe; a child process begins with connections of its own.

    `allow` has entries as `allowlist` explains: "api.openai.com", "127.0.0.1:8000", "localhost:*". `on_connection` is told
    the host, and the address and port (those of the proxy, if there is one), as soon as a connection is opened.
    """

    def __init__(
        self,
        allow: Iterable[str] = (),
        *,
        ca_bundle: Path | None = None,
        proxy: str | None = None,
        proxy_credentials: Path | None = None,
        client_certificates: Iterable[str] = (),
        on_connection: Callable[[str, str, int], None] | None = None,
        resolve: Resolve = resolve,
        pool: Pool | None = None,
    ) -> None:
        """Raise AllowListInvalid with every faulty entry, CertificatesUnusable; ValueError for a proxy that is none."""
        self._allow = AllowList(allow)
        self._pool = pool or Pool()
        through = proxy_of(proxy, proxy_credentials) if proxy else None
        dialer = Dialer(Trust(ca_bundle, client_certificates), through, resolve, on_connection)
        self._calls = Calls(self._allow, dialer, self._pool)

    def check(self, url: str) -> None:
        """Refuse a URL that may not be called. Nothing is looked up. Raises EgressDenied and its kin."""
        self._allow.permission(target_of(url))

    def open(self, outgoing: Outgoing, *, cancel: Cancel | None = None) -> Incoming:
        """Send a request and return its answer as soon as its head is there; a redirect is an answer like others.

        `cancel` ends the call from another thread while this one waits for the head; later `Incoming.close()` does, too.
        Raises OutgoingMalformed, EgressDenied and its kin, EgressFailed and its kin.
        """
        return self._calls.open(outgoing, cancel=cancel)

    def client(self, *, timeout_seconds: float = 30.0) -> "httpx2.Client":
        """Return an httpx2 client; the caller closes it. Redirects are never followed on their own."""
        from appliance.kernel.egress.client import client_of

        return client_of(self._calls, timeout_seconds=timeout_seconds)

    def close(self) -> None:
        """Close the connections that wait."""
        self._pool.close()
