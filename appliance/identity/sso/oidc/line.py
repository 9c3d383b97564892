"""The line to one provider: few requests, small answers, little time, no redirect, and only where the operator allows it."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from appliance.identity.sso.errors import ProviderSilent, RuleBroken
from appliance.identity.sso.oidc.reading import as_object
from appliance.identity.sso.oidc.settings import ClientProof, OidcSettings
from appliance.kernel.egress import Egress, EgressDenied, EgressFailed, Outgoing, OutgoingMalformed, Timeouts

_TIMES: Final = Timeouts(connect=5, write=5, first_byte=10, between=5, whole=15)
_LIMIT: Final = 512_000
_OK: Final = 200
_CLIENT_FAULT: Final = range(400, 500)
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class Credentials:
    """How we show a token endpoint who we are; has no repr of the secret."""

    settings: OidcSettings
    secret: str = field(repr=False)

    def sign(self, fields: Mapping[str, str]) -> tuple[tuple[tuple[str, str], ...], dict[str, str]]:
        """Return headers and fields that prove it."""
        name, proof = self.settings.client_id, self.settings.proof
        if proof is ClientProof.BASIC and self.secret:
            pair = f"{quote(name, safe='')}:{quote(self.secret, safe='')}".encode()
            return (("Authorization", f"Basic {base64.b64encode(pair).decode()}"),), dict(fields)
        own = {"client_id": name} | ({"client_secret": self.secret} if self.secret and proof is ClientProof.POST else {})
        return (), {**fields, **own}


class Line:
    """Speaks to one connection's provider."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    def get(self, url: str, what: str, *, bearer: str | None = None) -> dict[str, object]:
        """Return an object of JSON. Raises ProviderSilent, RuleBroken."""
        headers: tuple[tuple[str, str], ...] = (("Accept", "application/json"),)
        if bearer is not None:
            headers += (("Authorization", f"Bearer {bearer}"),)
        status, content = self._send(Outgoing("GET", url, headers, b"", _TIMES, _LIMIT))
        if status != _OK:
            raise _refused(what, status)
        return as_object(content, what)

    def redeem(self, url: str, fields: Mapping[str, str], credentials: Credentials) -> dict[str, object]:
        """Return what a token endpoint answers. Raises ProviderSilent, RuleBroken."""
        signed, sent = credentials.sign(fields)
        headers = (("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded"), *signed)
        body = urlencode(sent).encode()
        # The provider redeems a code once (RFC 6749 4.1.2). So sending it again is safe: at worst the second try is refused.
        status, content = self._send(Outgoing("POST", url, headers, body, _TIMES, _LIMIT, is_repeatable=True))
        if status in _CLIENT_FAULT:
            raise RuleBroken(rule=f"the token endpoint says {_code(content)}")
        if status != _OK:
            raise _refused("the token endpoint", status)
        return as_object(content, "the token endpoint's answer")

    def _send(self, outgoing: Outgoing) -> tuple[int, bytes]:
        try:
            with self._egress.open(outgoing) as answer:
                return answer.status, answer.read()
        except (EgressDenied, EgressFailed, OutgoingMalformed) as error:
            raise ProviderSilent(why=str(error)[:300]) from None


def require_web(url: object, what: str, *, issuer: str) -> str:
    """Return a URL that an issuer names: https, or what is plain like the issuer and on this host. Raises RuleBroken."""
    if isinstance(url, str) and len(url) <= 2000 and url.isascii() and url.isprintable():  # noqa: PLR2004 - as long as browsers and proxies take
        try:
            parts = urlsplit(url)
            is_plain = parts.scheme == "http" and issuer.startswith("http://") and parts.hostname in _LOOPBACK
        except ValueError:
            raise RuleBroken(rule=f"{what} is no address") from None
        if parts.hostname and not parts.fragment and parts.username is None and (parts.scheme == "https" or is_plain):
            return url
    raise RuleBroken(rule=f"{what} is no address")


def _refused(what: str, status: int) -> ProviderSilent | RuleBroken:
    if status in _CLIENT_FAULT or status < 400:  # noqa: PLR2004 - a redirect, which is not followed
        return RuleBroken(rule=f"{what} answers with status {status}")
    return ProviderSilent(why=f"{what} answers with status {status}")


def _code(content: bytes) -> str:
    try:
        return error_code(as_object(content[:10_000], "the answer").get("error"))
    except RuleBroken:
        return "no"


def error_code(said: object) -> str:
    """Return a provider's error as it is shown and recorded: its code, if it looks like one."""
    text = said if isinstance(said, str) else ""
    is_code = 0 < len(text) <= 60 and text.isascii() and all(sign.isalnum() or sign in "._-" for sign in text)  # noqa: PLR2004 - no code of RFC 6749 or of OpenID is longer
    return text if is_code else "no"
