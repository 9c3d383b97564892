"""What tells a provider who asks: a key in a header, a signature (AWS), or a token that a service account gets (Google).

A token of Google's is asked for through egress like everything else, after the call is on record and before a byte of
the question leaves. It is kept in memory alone, under the key's id, until shortly before it ends; what is revoked here
is no longer lent, so that nobody comes to use it.
"""

import json
import threading
import time
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit
from uuid import UUID

from appliance.gateway.endpoints import MOST_ANSWER_BYTES, Patience, Way
from appliance.gateway.errors import ProviderKeyRefused, ProviderSignInFailed
from appliance.gateway.passing import Sent
from appliance.kernel.clock import Clock
from appliance.kernel.egress import CallCancelled, Cancel, Egress, EgressFailed, Outgoing, Timeouts
from appliance.kernel.sigv4 import signed
from appliance.vault.providing import Lent, ProviderKind, Secret
from appliance.vault.providing.credentials import account_assertion, account_project, account_sign_in, aws_credentials

_ANTHROPIC_VERSION: Final = "2023-06-01"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_FORM: Final = (("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json"))
_MOST_OF_A_TOKEN: Final = 65_536
_TOKEN_TIMES: Final = Timeouts(connect=10, write=10, first_byte=10, between=10, whole=20)
_SPARE_SECONDS: Final = 300
_LONGEST_SECONDS: Final = 3600
_MOST_TOKENS: Final = 1000
_OK, _BAD_REQUEST, _UNAUTHORIZED = 200, 400, 401


@dataclass(frozen=True)
class _Token:
    secret: Secret
    until: float


class Signer:
    """Makes requests that a provider knows. Each value of a header is made for one call, and let go."""

    def __init__(self, egress: Egress, clock: Clock, patience: Patience) -> None:
        self._egress, self._clock, self._timeouts = egress, clock, patience.timeouts
        self._tokens: dict[tuple[UUID, str], _Token] = {}
        self._lock = threading.Lock()  # over reading and wiping, so that nobody reads what is half wiped

    def outgoing(
        self, way: Way, lent: Lent, sent: Sent, *, version: str | None, beta: str | None, cancel: Cancel
    ) -> Outgoing:
        """Return the request; nothing of the client's headers but what is named here is in it.

        Raises ProviderKeyRefused, ProviderSignInFailed, EgressDenied, CallCancelled; nothing of the question was sent then.
        """
        url = way.url + sent.path
        headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        match way.provider.kind:
            case ProviderKind.ANTHROPIC:
                headers |= {"x-api-key": lent.secret.reveal(), "anthropic-version": version or _ANTHROPIC_VERSION}
                headers |= {"anthropic-beta": beta} if beta else {}
            case ProviderKind.AZURE_OPENAI:
                headers["api-key"] = lent.secret.reveal()
            case ProviderKind.BEDROCK:
                headers = self._signed(way, lent, url, sent)
            case ProviderKind.VERTEX:
                place = (
                    f"/v1/projects/{_quoted(account_project(lent.secret))}/locations/{way.provider.region or 'global'}"
                )
                url = way.url + place + sent.path
                headers["authorization"] = f"Bearer {self._token(way, lent, cancel)}"
                headers |= {"anthropic-beta": beta} if beta and "/publishers/anthropic/" in sent.path else {}
            case ProviderKind.OPENAI | ProviderKind.OPENAI_COMPATIBLE:
                headers |= {} if lent.secret.is_empty else {"authorization": f"Bearer {lent.secret.reveal()}"}
        headers["user-agent"] = "cloister"
        return Outgoing("POST", url, tuple(headers.items()), sent.body, self._timeouts, MOST_ANSWER_BYTES)

    def forget(self, lent: Lent) -> None:
        """Let go of the token that a key got: its provider does not take it any more."""
        with self._lock:
            if token := self._tokens.pop((lent.key_id, lent.fingerprint), None):
                token.secret.wipe()

    def _signed(self, way: Way, lent: Lent, url: str, sent: Sent) -> dict[str, str]:
        accepted = "text/event-stream, application/json" if sent.path.endswith("/completions") else "application/json"
        found = signed(
            "POST", url, {"content-type": "application/json", "accept": accepted}, sent.body,
            credentials=aws_credentials(lent.secret), region=way.provider.region or "", service="bedrock",
            now=self._clock.now(),
        )  # fmt: skip
        return {name: value for name, value in found.items() if name != "host"}

    def _token(self, way: Way, lent: Lent, cancel: Cancel) -> str:
        """Return the token that is kept, or a new one; two who ask at once both get one, of which the last is kept."""
        place, now = (lent.key_id, lent.fingerprint), time.monotonic()
        with self._lock:
            kept = self._tokens.get(place)
            if kept is not None and kept.until > now:
                return kept.secret.reveal()
        token, seconds = self._asked(way, lent, cancel)
        with self._lock:
            self._sweep(now)
            self._tokens[place] = _Token(Secret.of(token), now + seconds - _SPARE_SECONDS)
        return token

    def _sweep(self, now: float) -> None:
        ended = [place for place, one in self._tokens.items() if one.until <= now]
        for place in ended or list(self._tokens)[: max(0, len(self._tokens) - _MOST_TOKENS)]:
            self._tokens.pop(place).secret.wipe()

    def _asked(self, way: Way, lent: Lent, cancel: Cancel) -> tuple[str, int]:
        url, assertion = account_assertion(lent.secret, now=self._clock.now())
        form = urlencode({"grant_type": _GRANT, "assertion": assertion}).encode()
        host = urlsplit(url).netloc
        try:
            incoming = self._egress.open(
                Outgoing("POST", url, _FORM, form, _TOKEN_TIMES, _MOST_OF_A_TOKEN), cancel=cancel
            )
            status, raw = incoming.status, incoming.read()
        except CallCancelled:
            raise
        except EgressFailed as refusal:
            raise ProviderSignInFailed(host=host, reason=refusal.code) from None
        if status in {_BAD_REQUEST, _UNAUTHORIZED}:
            raise ProviderKeyRefused(name=way.provider.name)
        body = _object(raw)
        token, seconds = body.get("access_token"), body.get("expires_in")
        is_good = isinstance(token, str) and token.isascii() and token.isprintable() and " " not in token and token
        if status != _OK or not is_good:
            raise ProviderSignInFailed(host=host, reason=f"status {status}")
        return str(token), min(seconds, _LONGEST_SECONDS) if type(seconds) is int and seconds > 0 else 0


def sign_in_url(lent: Lent) -> str | None:
    """Return where a token is asked for before a call with this key, or None where the key itself is enough."""
    if lent.provider.kind is not ProviderKind.VERTEX:
        return None
    return account_sign_in(lent.secret)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _quoted(text: str) -> str:
    return quote(text, safe=":.")
