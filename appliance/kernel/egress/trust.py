"""Certificates: whose word we take for a host's name, and with which of ours we show who we are."""

import functools
import ssl
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from appliance.kernel.egress.errors import CertificatesUnusable, UrlDenied
from appliance.kernel.egress.targets import PORTS, Target, place_of

_OPEN_TO_OTHERS: Final = 0o077


class Trust:
    """The TLS that each host is spoken to with. A certificate of ours goes only to the host that it was named for."""

    def __init__(self, ca_bundle: Path | None, client_certificates: Iterable[str] = (), *, only: str = "") -> None:
        """Trust a bundle of the operator's instead of this host's; `only`: certificates in place of both."""
        self._common = _only(only) if only else _context(ca_bundle) if ca_bundle else None
        self._own: dict[tuple[str, int], ssl.SSLContext] = {}
        for entry in client_certificates:
            host, port, path = certificate_of(entry)
            context = _context(ca_bundle)
            _show(context, path)
            self._own[host, port] = context

    def context(self, target: Target) -> ssl.SSLContext:
        """Return what this target is spoken to with."""
        return self._own.get((target.host, target.port)) or self._common or _of_this_host()


def check_certificates(text: str) -> None:
    """Raise CertificatesUnusable unless a text holds certificates to trust, as PEM."""
    _only(text)


def certificate_of(entry: str) -> tuple[str, int, Path]:
    """Return what HOST[:PORT]=/PATH says. Raises ValueError with what is wrong."""
    authority, equals, path = entry.partition("=")
    if not equals or not path.startswith("/"):
        raise ValueError("it is HOST=/PATH or HOST:PORT=/PATH")
    try:
        host, port, _ = place_of(authority)
    except UrlDenied as error:
        raise ValueError(str(error.facts["reason"])) from None
    return host, port or PORTS["https"], Path(path)


def read_own(path: Path) -> bytes:
    """Return what a file holds that nobody else may read. Raises CertificatesUnusable."""
    try:
        with path.open("rb") as file:
            status = path.stat()
            content = file.read()
    except OSError as error:
        raise CertificatesUnusable(path=str(path), reason=error.strerror or "it cannot be read") from None
    if not stat.S_ISREG(status.st_mode) or stat.S_IMODE(status.st_mode) & _OPEN_TO_OTHERS:
        raise CertificatesUnusable(path=str(path), reason="it can be read by others; it must be 0400")
    return content


@functools.cache
def _of_this_host() -> ssl.SSLContext:
    return _context(None)


def _context(ca_bundle: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(ca_bundle) if ca_bundle else None)
    except (OSError, ssl.SSLError) as error:
        raise CertificatesUnusable(path=str(ca_bundle), reason=error.strerror or "they cannot be read") from None
    return _spoken(context)


def _only(text: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError):
        raise CertificatesUnusable(path="a connection's settings", reason="they are not certificates as PEM") from None
    return _spoken(context)


def _spoken(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _show(context: ssl.SSLContext, path: Path) -> None:
    read_own(path)
    try:
        # An empty password, or OpenSSL asks at the terminal for that of a sealed key.
        context.load_cert_chain(path, password="")
    except (OSError, ssl.SSLError, ValueError):
        reason = "it holds no certificate with its key, or the key has a password"
        raise CertificatesUnusable(path=str(path), reason=reason) from None
