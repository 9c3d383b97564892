"""From a target to a connection: look the name up once, judge every address, connect to one of those."""

import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from appliance.kernel.egress.addresses import LOOPBACK, is_nobodys
from appliance.kernel.egress.allowlist import LOCALHOST, Permission
from appliance.kernel.egress.cancelling import Cancel, stopper
from appliance.kernel.egress.connections import Connection
from appliance.kernel.egress.errors import AddressDenied, HostNotFound, HostUnreachable, TlsFailed
from appliance.kernel.egress.proxying import Proxy, ask_proxy
from appliance.kernel.egress.targets import Target
from appliance.kernel.egress.trust import Trust
from appliance.kernel.egress.values import Pace, Peer

Resolve = Callable[[str], Sequence[str]]
_MOST_ADDRESSES: Final = 16
_LOOKUPS: Final = threading.BoundedSemaphore(64)


def resolve(host: str) -> list[str]:
    """Return the addresses that this host's resolver gives for a name, in its order."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[4][0]) for place in found))


@dataclass(frozen=True)
class Dialer:
    """Opens connections."""

    trust: Trust
    proxy: Proxy | None
    resolve: Resolve
    on_connection: Callable[[str, str, int], None] | None

    def dial(self, target: Target, permission: Permission, *, pace: Pace, cancel: Cancel) -> Connection:
        """Return a connection over which the target is spoken to. Raises AddressDenied, EgressFailed."""
        proxy = None if permission.is_direct else self.proxy
        if proxy is None:
            addresses = self._judged(target, permission, pace=pace, cancel=cancel)
            sock, address = _connect(target.host, addresses, target.port, pace=pace, cancel=cancel)
            peer = Peer(target.host, address, target.port)
        else:
            if target.address is not None and not permission.covers(target.address):
                raise AddressDenied(host=target.host, address=target.host)
            addresses = self._found(proxy.host, pace=pace, cancel=cancel)
            sock, address = _connect(proxy.host, addresses, proxy.port, pace=pace, cancel=cancel)
            peer = Peer(target.host, address, proxy.port, is_proxy=True)
        try:
            if self.on_connection is not None:
                self.on_connection(target.host, peer.address, peer.port)
            if proxy is not None:
                ask_proxy(Connection(sock, peer), proxy, target, pace=pace, cancel=cancel)
            if target.is_tls:
                sock = self._secured(sock, target, pace=pace, cancel=cancel)
        except BaseException:
            cancel.watch(None)
            sock.close()
            raise
        return Connection(sock, peer)

    def _judged(self, target: Target, permission: Permission, *, pace: Pace, cancel: Cancel) -> list[str]:
        if target.address is not None:
            addresses = [target.host]
        elif target.host == LOCALHOST:
            addresses = [str(network.network_address) for network in LOOPBACK]
        else:
            addresses = self._found(target.host, pace=pace, cancel=cancel)
        for address in addresses:
            # One that is not allowed spoils the others: a name that is here and there at once is an attack.
            if not permission.covers(ipaddress.ip_address(address)):
                raise AddressDenied(host=target.host, address=address)
        return addresses

    def _found(self, host: str, *, pace: Pace, cancel: Cancel) -> list[str]:
        with contextlib.suppress(ValueError):
            return [str(ipaddress.ip_address(host))]
        addresses = _look_up(self.resolve, host, pace=pace, cancel=cancel)[:_MOST_ADDRESSES]
        with contextlib.suppress(ValueError):
            if addresses and not any(is_nobodys(ipaddress.ip_address(address)) for address in addresses):
                return addresses
        raise AddressDenied(host=host, address=addresses[0]) if addresses else HostNotFound(host=host)

    def _secured(self, sock: socket.socket, target: Target, *, pace: Pace, cancel: Cancel) -> ssl.SSLSocket:
        context = self.trust.context(target)
        secured = None
        try:
            cancel.watch(None)
            secured = context.wrap_socket(
                sock, server_hostname=target.host, do_handshake_on_connect=False, suppress_ragged_eofs=False
            )
            cancel.watch(stopper(secured))
            secured.settimeout(pace.left())
            secured.do_handshake()
            cancel.check()
        except BaseException as error:
            cancel.watch(None)
            if secured is not None:
                secured.close()
            if isinstance(error, OSError):
                cancel.check()
                raise pace.late() if isinstance(error, TimeoutError) else _untrusted(target, error) from None
            raise
        return secured


def _untrusted(target: Target, error: OSError) -> TlsFailed:
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message
    elif isinstance(error, ssl.SSLError):
        reason = (error.reason or "no TLS").replace("_", " ").lower()
    else:
        reason = error.strerror or type(error).__name__
    return TlsFailed(host=target.host, reason=reason)


def _look_up(resolve: Resolve, host: str, *, pace: Pace, cancel: Cancel) -> list[str]:
    """Ask in a thread of its own: the system's resolver knows no time limit and cannot be woken."""
    over = threading.Event()
    found: list[str] = []

    def ask() -> None:
        try:
            found.extend(resolve(host))
        except (OSError, UnicodeError):
            pass  # No answer, or no name that DNS could know: nothing was found.
        finally:
            _LOOKUPS.release()
            over.set()

    if not _LOOKUPS.acquire(timeout=pace.left()):
        raise pace.late()
    try:
        threading.Thread(target=ask, daemon=True, name="egress-lookup").start()
    except RuntimeError:
        _LOOKUPS.release()
        raise HostNotFound(host=host) from None
    cancel.watch(over.set)
    try:
        if not over.wait(pace.left()):
            raise pace.late()
    finally:
        cancel.watch(None)
    cancel.check()
    return found


def _connect(
    host: str, addresses: Sequence[str], port: int, *, pace: Pace, cancel: Cancel
) -> tuple[socket.socket, str]:
    reason = ""
    for number, address in enumerate(addresses):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            continue
        try:
            cancel.watch(stopper(sock))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(pace.left() / (len(addresses) - number))
            sock.connect((address, port))
            cancel.check()
        except BaseException as error:
            cancel.watch(None)
            sock.close()
            if not isinstance(error, OSError):
                raise
            cancel.check()
            reason = "no answer" if isinstance(error, TimeoutError) else error.strerror or type(error).__name__
            if isinstance(error, TimeoutError):
                pace.left()
        else:
            return sock, address
    raise HostUnreachable(host=host, reason=reason.lower())
