"""What a key is made of, per kind of provider: one text that is sealed whole.

For Bedrock and Vertex the text is canonical JSON, so that the same credentials have the same fingerprint however they
were typed.
"""

import json
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from appliance.kernel.canonical import canonical
from appliance.kernel.sealing import sign_rs256
from appliance.kernel.secret import Secret
from appliance.kernel.sigv4 import AwsCredentials
from appliance.vault.providing.errors import (
    AccountKeyMalformed,
    AwsKeyMalformed,
    ProviderKeyMalformed,
    ProviderKeyMasked,
)
from appliance.vault.providing.values import ProviderKind

_LONGEST: Final = 16_384
_SHOWN_FROM: Final = 16
_MASK: Final = re.compile(r"[•●∙·*]{3}|…|\A(\.{3}|[xX]{6}|-{4}\w{0,4}\Z)")
_ACCOUNT: Final = ("client_email", "private_key", "private_key_id", "project_id", "token_uri")
_AWS: Final = ("access_key_id", "secret_access_key")
SIGN_IN: Final = "https://oauth2.googleapis.com/token"
_CLOUD: Final = "https://www.googleapis.com/auth/cloud-platform"
_TOKEN_SECONDS: Final = 3600


@dataclass(frozen=True, repr=False)
class Given:
    """A key as it was checked: what is sealed, and the four signs by which people know it again."""

    secret: Secret
    last_four: str


def is_masked(text: str) -> bool:
    """Return whether this is what a page or an answer showed in the place of a key, and no key."""
    return _MASK.search(text.strip()) is not None


def read_key(kind: ProviderKind, text: str) -> Given:
    """Return the key that somebody gave. Raises ProviderKeyMasked, ProviderKeyMalformed, which says the form."""
    text = text.strip()
    if kind is not ProviderKind.VERTEX and is_masked(text):
        raise ProviderKeyMasked
    if len(text) > _LONGEST:
        raise ProviderKeyMalformed
    if kind is ProviderKind.BEDROCK:
        return _aws(text)
    if kind is ProviderKind.VERTEX:
        return _account(text)
    if not text and kind is ProviderKind.OPENAI_COMPATIBLE:
        return Given(Secret(bytearray()), "")
    if not _is_plain(text):
        raise ProviderKeyMalformed
    return Given(Secret.of(text), _last_four(text))


def aws_credentials(secret: Secret) -> AwsCredentials:
    """Return what signs a request to Bedrock."""
    found: dict[str, str] = json.loads(secret.content)
    return AwsCredentials(found["access_key_id"], found["secret_access_key"], found.get("session_token"))


def account_assertion(secret: Secret, *, now: datetime) -> tuple[str, str]:
    """Return where a service account gets a token, and the signed assertion to get it with (RFC 7523)."""
    found: dict[str, str] = json.loads(secret.content)
    issued = int(now.timestamp())
    head = {"alg": "RS256", "kid": found["private_key_id"], "typ": "JWT"}
    claims = {
        "aud": found["token_uri"], "exp": issued + _TOKEN_SECONDS, "iat": issued, "iss": found["client_email"],
        "scope": _CLOUD,
    }  # fmt: skip
    signed = f"{_base64(canonical(head))}.{_base64(canonical(claims))}"
    signature = sign_rs256(found["private_key"].encode(), signed.encode())
    return found["token_uri"], f"{signed}.{_base64(signature)}"


def account_project(secret: Secret) -> str:
    """Return the project that a service account is of, in which its models are asked."""
    return str(json.loads(secret.content)["project_id"])


def account_sign_in(secret: Secret) -> str:
    """Return the address at which a service account gets its tokens."""
    return str(json.loads(secret.content)["token_uri"])


def _aws(text: str) -> Given:
    if text.startswith("{"):
        found = _texts(text, refusal=AwsKeyMalformed)
    else:
        key_id, _, secret = text.partition(":")
        found = {"access_key_id": key_id.strip(), "secret_access_key": secret.strip()}
    kept = {name: found[name] for name in (*_AWS, "session_token") if found.get(name)}
    if set(_AWS) - set(kept) or not kept["access_key_id"].isalnum() or not all(map(_is_plain, kept.values())):
        raise AwsKeyMalformed
    if any(map(is_masked, kept.values())):
        raise ProviderKeyMasked
    return Given(Secret(bytearray(canonical(kept))), _last_four(kept["access_key_id"]))


def _account(text: str) -> Given:
    if is_masked(text) and not text.startswith("{"):
        raise ProviderKeyMasked
    found = _texts(text, refusal=AccountKeyMalformed)
    kept = {name: found[name] for name in _ACCOUNT if found.get(name)}
    if set(_ACCOUNT) - set(kept) or found.get("type") != "service_account":
        raise AccountKeyMalformed
    where = urlsplit(kept["token_uri"])
    # Google's own alone: whoever gives a key could else have this host call any address that others' keys need.
    googles = urlsplit(SIGN_IN)
    if (where.hostname, where.scheme) != (googles.hostname, googles.scheme) or not _is_plain(kept["token_uri"]):
        raise AccountKeyMalformed
    try:
        sign_rs256(kept["private_key"].encode(), b"")
    except ValueError:
        raise AccountKeyMalformed from None
    return Given(Secret(bytearray(canonical(kept))), _last_four(kept["private_key_id"]))


def _texts(text: str, *, refusal: type[ProviderKeyMalformed]) -> dict[str, str]:
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise refusal from None
    if not isinstance(found, dict):
        raise refusal
    return {name: one for name, one in found.items() if isinstance(one, str)}


def _is_plain(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def _last_four(text: str) -> str:
    """Of a short key four signs would be too much of it."""
    return text[-4:] if len(text) >= _SHOWN_FROM else ""


def _base64(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
