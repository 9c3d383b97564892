"""A root inside OpenBao or HashiCorp Vault: the transit engine wraps, and its key never leaves it.

Context. It goes along as associated data, and its digest is wrapped with the key: Vault before 1.9 takes associated
data and passes it over without a word. Stored is the version and the raw ciphertext, not the service's text: base64 has several
spellings of the same bytes, and "v0" opens as "v1".

Fingerprint. The HMAC of a fixed text by version 1 of the key, hashed. It is the key's own: address, mount and name can change
(another DNS name, a restored snapshot) while the key stays, and a key that was deleted and made again under its name
is another. Rotating inside the service is fine; `min_decryption_version` must stay 1. To retire old versions, use a new key
and APPLIANCE_ROOT_KEY_NEXT, which proves for each organisation that nothing needs the old one.

A key is never made by us. The encrypt endpoint creates a missing key for a token that may create, so each wrap asks first
whether the key is still the same; give the token `update` on encrypt, decrypt and hmac, and no `create`.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2

from appliance.kernel.egress import Egress
from appliance.kernel.sealing import KEY_BYTES, IntegrityError, KeyDestroyed, KeyUnavailable
from appliance.vault.roots.calls import Calls, members
from appliance.vault.roots.discretion import Discreet, PerProcess, identity, read_credential
from appliance.vault.roots.frames import TRANSIT, frame, unframe

_FIXED_TEXT: Final = b"cloister root fingerprint"
_VERSION: Final = 4
_CIPHERTEXT: Final = re.compile(r"vault:v([1-9][0-9]{0,8}):([A-Za-z0-9+/=]+)")
_GONE: Final = "encryption key not found"
_ALTERED: Final = ("message authentication failed", "invalid ciphertext")
_SAID: Final = {
    "too old": "the version of this key was retired (min_decryption_version)",
    "no such key version": "version 1 of the key was retired (min_decryption_version)",
    "deleted": "the key was deleted, and can be restored",
    "context": "the key is derived; make one of type aes256-gcm96",
    "associated": "the key takes no associated data; make one of type aes256-gcm96",
}


@dataclass(frozen=True)
class TransitKey:
    """Where a transit key is, and how we sign in. A role means AppRole; none, a token."""

    server: str
    mount: str
    name: str
    role: str | None = None
    login: str = "approle"
    namespace: str | None = None


class _Refused(Exception):
    """The engine said no to this request; the words are the service's, and go no further."""


class TransitRoot(Discreet):
    """A key of the transit engine."""

    is_remote = True

    def __init__(self, key: TransitKey, *, egress: Egress, credentials: Path, spec: str) -> None:
        super().__init__(spec)
        self._key = key
        self._calls = Calls(egress)
        self._tokens = PerProcess(lambda: _Tokens(key, self._calls, credentials))
        self._fingerprint: bytes | None = None

    def fingerprint(self) -> bytes:
        """Return the key's own mark, asked for once. Raises KeyUnavailable."""
        if self._fingerprint is None:
            self._fingerprint = self._ask_fingerprint()
        return self._fingerprint

    def wrap(self, kek: bytes, *, context: bytes) -> bytes:
        """Return the key, encrypted by the newest version. Raises KeyUnavailable."""
        if len(kek) != KEY_BYTES:
            raise ValueError("a key-encryption key has 32 bytes")
        root = self.fingerprint()
        if not hmac.compare_digest(self._ask_fingerprint(), root):
            raise KeyUnavailable("the transit key was replaced by another one of its name")
        body = {"plaintext": _encoded(kek + hashlib.sha256(context).digest()), "associated_data": _encoded(context)}
        text = self._asked("encrypt", body).get("ciphertext")
        match = _CIPHERTEXT.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise KeyUnavailable("the service's answer has no ciphertext")
        content = int(match[1]).to_bytes(_VERSION, "big") + _decoded(match[2])
        return frame(TRANSIT, content, root=root, context=context)

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytearray:
        """Return the key. Raises IntegrityError, KeyDestroyed, KeyUnavailable."""
        content = unframe(TRANSIT, wrapped, root=self.fingerprint(), context=context)
        version = int.from_bytes(content[:_VERSION], "big")
        if version < 1 or len(content) <= _VERSION:
            raise IntegrityError("no version of a transit key")
        text = f"vault:v{version}:{_encoded(content[_VERSION:])}"
        try:
            answer = self._ask("decrypt", {"ciphertext": text, "associated_data": _encoded(context)})
        except _Refused as refused:
            raise _understood(str(refused)) from None
        opened = _decoded(answer.get("plaintext"))
        if len(opened) != KEY_BYTES + 32 or not hmac.compare_digest(
            opened[KEY_BYTES:], hashlib.sha256(context).digest()
        ):
            raise IntegrityError("wrapped for another context")
        return bytearray(opened[:KEY_BYTES])

    def ping(self) -> None:
        """Wrap and unwrap something. Raises KeyUnavailable."""
        context = b"ping"
        try:
            self.unwrap(self.wrap(bytes(KEY_BYTES), context=context), context=context)
        except (IntegrityError, KeyDestroyed):
            raise KeyUnavailable("the key does not open what it wrapped a moment ago") from None

    def _ask_fingerprint(self) -> bytes:
        said = self._asked("hmac", {"input": _encoded(_FIXED_TEXT), "key_version": 1}).get("hmac")
        match = _CIPHERTEXT.fullmatch(said) if isinstance(said, str) else None
        if match is None:
            raise KeyUnavailable("the service's answer has no HMAC")
        return identity("transit", _decoded(match[2]))

    def _asked(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        """Ask where a missing key is a key that cannot be used, rather than proof that it was destroyed."""
        try:
            return self._ask(what, body)
        except _Refused as refused:
            if _GONE in str(refused):
                raise KeyUnavailable("there is no such transit key; it is never made by us") from None
            raise KeyUnavailable(_reason(str(refused))) from None

    def _ask(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        tokens = self._tokens.get()
        url = f"{self._key.server}/v1/{self._key.mount}/{what}/{self._key.name}" + (
            "/sha2-256" if what == "hmac" else ""
        )
        token = tokens.get()
        answer = _post(self._calls, url, body, token, self._key.namespace)
        if answer.status_code == httpx2.codes.FORBIDDEN:
            answer = _post(self._calls, url, body, tokens.instead_of(token), self._key.namespace)
        if answer.status_code == httpx2.codes.BAD_REQUEST:
            raise _Refused(" ".join(str(one) for one in members(answer).get("errors") or ()))
        return _inside(answer, "data")


@dataclass(repr=False)
class _Token:
    value: str
    renew_at: float | None


class _Tokens:
    """The token in force in this process. It is renewed when half of its time has gone, and got anew once it is refused."""

    def __init__(self, key: TransitKey, calls: Calls, credentials: Path) -> None:
        self._key, self._calls, self._credentials = key, calls, credentials
        self._lock = threading.Lock()
        self._token: _Token | None = None

    def get(self) -> str:
        """Return a token. Raises KeyUnavailable."""
        with self._lock:
            if self._token is None:
                self._token = self._signed_in()
            elif self._token.renew_at is not None and time.monotonic() >= self._token.renew_at:
                self._token = self._renewed(self._token.value)
            return self._token.value

    def instead_of(self, refused: str) -> str:
        """Return a token after one was refused: somebody may have got it already. Raises KeyUnavailable."""
        with self._lock:
            if self._token is None or self._token.value == refused:
                self._token = self._signed_in()
            return self._token.value

    def _signed_in(self) -> _Token:
        secret = read_credential(self._credentials)
        if self._key.role is None:
            return self._renewed(secret)
        answer = self._post(f"auth/{self._key.login}/login", {"role_id": self._key.role, "secret_id": secret}, None)
        if answer.status_code == httpx2.codes.BAD_REQUEST:
            raise KeyUnavailable("the service does not know this role and secret id")
        said = _inside(answer, "auth")
        if not isinstance(said.get("client_token"), str):
            raise KeyUnavailable("the service's answer to the sign-in has no token")
        return _Token(said["client_token"], _half(said))

    def _renewed(self, token: str) -> _Token:
        """Return the token with more time, if it can have more. One that cannot is used until it is refused."""
        answer = self._post("auth/token/renew-self", {}, token)
        if answer.status_code != httpx2.codes.OK:
            return _Token(token, None)
        return _Token(token, _half(_inside(answer, "auth")))

    def _post(self, path: str, body: dict[str, Any], token: str | None) -> httpx2.Response:
        return _post(self._calls, f"{self._key.server}/v1/{path}", body, token, self._key.namespace)


def _post(calls: Calls, url: str, body: dict[str, Any], token: str | None, namespace: str | None) -> httpx2.Response:
    headers = {"Content-Type": "application/json", "X-Vault-Request": "true"}
    headers |= {"X-Vault-Token": token} if token else {}
    headers |= {"X-Vault-Namespace": namespace} if namespace else {}
    return calls.send("POST", url, headers=headers, content=json.dumps(body).encode())


def _inside(answer: httpx2.Response, member: str) -> dict[str, Any]:
    if answer.status_code == httpx2.codes.FORBIDDEN:
        raise KeyUnavailable("the service refuses us: permission denied")
    if answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE:
        raise KeyUnavailable("the service is sealed, or in maintenance")
    value = members(answer).get(member)
    if answer.status_code != httpx2.codes.OK or not isinstance(value, dict):
        raise KeyUnavailable(f"the service answers {answer.status_code}")
    return value


def _half(said: dict[str, Any]) -> float | None:
    seconds = said.get("lease_duration")
    if not said.get("renewable") or not isinstance(seconds, int) or seconds <= 0:
        return None
    return time.monotonic() + seconds / 2


def _understood(words: str) -> IntegrityError | KeyDestroyed | KeyUnavailable:
    if _GONE in words:
        return KeyDestroyed()
    if any(one in words for one in _ALTERED):
        return IntegrityError("altered, of another context, or wrapped by another root")
    return KeyUnavailable(_reason(words))


def _reason(words: str) -> str:
    """Return our words for the service's, which may repeat what it was sent."""
    return next((ours for theirs, ours in _SAID.items() if theirs in words), "the service refuses the request")


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _decoded(text: object) -> bytes:
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except binascii.Error:
        raise KeyUnavailable("the service's answer is not base64") from None
