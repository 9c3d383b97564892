"""The way through a corporate proxy: CONNECT, and then TLS with the host itself.

The proxy learns the host's name and port, and looks the name up; where it then connects is its own choice, which we cannot
judge. TLS still says who answers. Hosts of networks that were named are not asked for through it.
"""

import base64
from dataclasses import dataclass
from pathlib import Path

from appliance.kernel.egress.cancelling import Cancel
from appliance.kernel.egress.connections import Connection
from appliance.kernel.egress.errors import AnswerBroken, CertificatesUnusable, ProxyFailed, UrlDenied
from appliance.kernel.egress.targets import Target, place_of
from appliance.kernel.egress.trust import read_own
from appliance.kernel.egress.values import Pace, Stage
from appliance.kernel.egress.wire import answer_head

_OK, _WHO_ARE_YOU = 200, 407


@dataclass(frozen=True)
class Proxy:
    """Where the proxy is; the file holds USER:PASSWORD and is read at each connection, so that it can be changed."""

    host: str
    port: int
    credentials: Path | None = None


def proxy_of(url: str, credentials: Path | None = None) -> Proxy:
    """Return the proxy that http://HOST:PORT names. Raises ValueError with what is wrong, never with the value."""
    scheme, separator, authority = url.removesuffix("/").partition("://")
    if "@" in authority:
        raise ValueError("a user and password stand in the file egress-proxy-credentials, not in the address")
    try:
        host, port, _ = place_of(authority)
    except UrlDenied as error:
        raise ValueError(str(error.facts["reason"])) from None
    if scheme.lower() != "http" or not separator or port is None:
        raise ValueError("it is http://HOST:PORT; with the host behind the proxy TLS is spoken through it")
    return Proxy(host, port, credentials)


def ask_proxy(connection: Connection, proxy: Proxy, target: Target, *, pace: Pace, cancel: Cancel) -> None:
    """Have the proxy connect to the target. Raises ProxyFailed, AnswerTimedOut, CallCancelled."""
    host = f"[{target.host}]" if ":" in target.host else target.host
    place = f"{host}:{target.port}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}", *_credentials(proxy, target)]
    connection.send(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"), pace=pace, cancel=cancel)
    pace.begin(Stage.CONNECT)
    try:
        head = answer_head(connection.read_until_blank(pace=pace, cancel=cancel), host=target.host)
    except AnswerBroken as error:
        raise ProxyFailed(host=target.host, reason=str(error.facts.get("reason", "it gave no answer"))) from None
    if head.status == _WHO_ARE_YOU:
        raise ProxyFailed(host=target.host, reason="it wants a user and password, or others")
    if head.status != _OK:
        raise ProxyFailed(host=target.host, reason=f"status {head.status}")
    if connection.buffer:
        raise ProxyFailed(host=target.host, reason="it spoke before the host was asked")


def _credentials(proxy: Proxy, target: Target) -> list[str]:
    if proxy.credentials is None:
        return []
    try:
        said = read_own(proxy.credentials).strip()
    except CertificatesUnusable as error:
        raise ProxyFailed(host=target.host, reason=f"its credentials: {error.facts['reason']}") from None
    return [f"Proxy-Authorization: Basic {base64.b64encode(said).decode()}"]
