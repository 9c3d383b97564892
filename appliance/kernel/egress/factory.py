"""The one factory of everything that leaves this host."""

import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.kernel.egress.allowlist import AllowList
from appliance.kernel.egress.calls import Calls, Incoming
from appliance.kernel.egress.cancelling import Cancel
from appliance.kernel.egress.dialing import Dialer, Resolve, resolve
from appliance.kernel.egress.pool import Pool
from appliance.kernel.egress.proxying import proxy_of
from appliance.kernel.egress.streams import Streams, stream_target
from appliance.kernel.egress.targets import target_of
from appliance.kernel.egress.trust import Trust
from appliance.kernel.egress.tunnels import Tunnels, tunnel_target
from appliance.kernel.egress.values import Outgoing, Timeouts

if TYPE_CHECKING:
    import httpx2


class Egress:
    """Reaches the allowed hosts and no other. Thread-safe; a child process begins with connections of its own.

    `allow` has entries as `allowlist` explains: "api.openai.com", "127.0.0.1:8000", "localhost:*". `on_connection` is told
    the host, and the address and port (those of the proxy, if there is one), as soon as a connection is opened. `ca_only` are
    certificates, as PEM, to trust instead of this host's and those of `ca_bundle`.
    """

    def __init__(
        self,
        allow: Iterable[str] = (),
        *,
        ca_bundle: Path | None = None,
        ca_only: str = "",
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
        dialer = Dialer(Trust(ca_bundle, client_certificates, only=ca_only), through, resolve, on_connection)
        self._calls = Calls(self._allow, dialer, self._pool)
        self._streams = Streams(self._allow, dialer)
        self._tunnels = Tunnels(self._allow, dialer)

    def check(self, url: str) -> None:
        """Refuse a URL that may not be called. Nothing is looked up. Raises EgressDenied and its kin."""
        read = {"tls": stream_target, "sftp": tunnel_target}.get(url.partition("://")[0], target_of)
        self._allow.permission(read(url))

    def send_stream(self, url: str, content: bytes, timeouts: Timeouts) -> None:
        """Send bytes to tls://HOST:PORT, with our certificate if one is named for it; return once the peer has read all of them.

        Raises EgressDenied and its kin, EgressFailed and its kin: then nothing is known of what the peer has.
        """
        self._streams.send(url, content, timeouts)

    def open_tunnel(self, url: str, timeouts: Timeouts) -> socket.socket:
        """Return a connected socket to sftp://HOST:PORT, which the caller closes; what secures it is the protocol spoken over it.

        Raises EgressDenied and its kin, EgressFailed and its kin.
        """
        return self._tunnels.open(url, timeouts)

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
