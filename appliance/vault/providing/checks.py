"""Whether a provider takes a key: one cheap request of the vendor's, through egress, and a clear word for what went wrong.

OpenAI and compatible servers: GET /models. Anthropic: GET /v1/models. Azure OpenAI: GET /openai/models. Bedrock:
ListFoundationModels, signed. Vertex: a token for the service account (RFC 7523). Nothing of an answer's body is shown
or kept: a provider may repeat the key in it. The library's errors carry the request with the key in its headers, so
they are not kept as a cause.
"""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import httpx2

from appliance.kernel.clock import Clock
from appliance.kernel.egress import Egress, EgressDenied
from appliance.kernel.errors import Refusal
from appliance.kernel.secret import Secret
from appliance.kernel.sigv4 import signed
from appliance.vault.providing.credentials import account_assertion, aws_credentials
from appliance.vault.providing.destinations import ProviderForm
from appliance.vault.providing.errors import (
    KeyNotPermitted,
    KeyRejected,
    ProviderAnswersOddly,
    ProviderBusy,
    ProviderHostClosed,
    ProviderTlsFailed,
    ProviderUnreachable,
)
from appliance.vault.providing.values import ProviderKind

_SECONDS: Final = 10.0
_MOST_BYTES: Final = 65_536
_AZURE_VERSION: Final = "2024-10-21"
_ANTHROPIC_VERSION: Final = "2023-06-01"
# What AWS answers 403 with when it does not know who asks; any other 403 means that it knows, and says no.
_UNKNOWN_TO_AWS: Final = frozenset({
    "ExpiredTokenException", "IncompleteSignatureException", "InvalidClientTokenId", "InvalidSignatureException",
    "MissingAuthenticationTokenException", "SignatureDoesNotMatch", "UnrecognizedClientException",
})  # fmt: skip
_OK, _UNAUTHORIZED, _FORBIDDEN, _TOO_MANY = 200, 401, 403, 429
_BAD_REQUEST, _FAULTS = 400, 500


@dataclass(frozen=True, repr=False)
class _Question:
    """One request. Has no repr: the key is in its headers."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""


def check_key(egress: Egress, provider: ProviderForm, secret: Secret, *, clock: Clock) -> None:
    """Return if the provider takes the key. Raises ProviderHostClosed, KeyRejected, KeyNotPermitted, ProviderUnreachable, …"""
    question = _question(provider, secret, clock.now())
    host = urlsplit(question.url).netloc
    status, error_type, content = _asked(egress, question, host, reads=provider.kind is ProviderKind.VERTEX)
    if status == _OK:
        return
    if status == _UNAUTHORIZED or _is_unknown(provider.kind, status, error_type, content):
        raise KeyRejected
    if status == _FORBIDDEN:
        raise KeyNotPermitted
    if status == _TOO_MANY or status >= _FAULTS:
        raise ProviderBusy(host=host, status=status)
    raise ProviderAnswersOddly(host=host, status=status)


def _question(provider: ProviderForm, secret: Secret, now: datetime) -> _Question:
    base = provider.base_url
    match provider.kind:
        case ProviderKind.ANTHROPIC:
            headers = {"x-api-key": secret.reveal(), "anthropic-version": _ANTHROPIC_VERSION}
            return _Question("GET", f"{base}/v1/models?limit=1", headers)
        case ProviderKind.AZURE_OPENAI:
            return _Question("GET", f"{base}/openai/models?api-version={_AZURE_VERSION}", {"api-key": secret.reveal()})
        case ProviderKind.BEDROCK:
            return _bedrock(provider, secret, now)
        case ProviderKind.VERTEX:
            token_uri, assertion = account_assertion(secret, now=now)
            grant = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
            kind = {"content-type": "application/x-www-form-urlencoded"}
            return _Question("POST", token_uri, kind, urlencode(grant).encode())
        case ProviderKind.OPENAI | ProviderKind.OPENAI_COMPATIBLE:
            headers = {} if secret.is_empty else {"authorization": f"Bearer {secret.reveal()}"}
            return _Question("GET", f"{base}/models", headers)


def _bedrock(provider: ProviderForm, secret: Secret, now: datetime) -> _Question:
    # Models are listed by another host of AWS than they are called at; an address of one's own answers both.
    url = provider.base_url.replace("//bedrock-runtime", "//bedrock", 1) + "/foundation-models"
    credentials, region = aws_credentials(secret), provider.region or ""
    headers = signed("GET", url, {}, b"", credentials=credentials, region=region, service="bedrock", now=now)
    return _Question("GET", url, {name: one for name, one in headers.items() if name != "host"})


def _asked(egress: Egress, question: _Question, host: str, *, reads: bool) -> tuple[int, str, bytes]:
    try:
        with (
            egress.client(timeout_seconds=_SECONDS) as client,
            client.stream(
                question.method, question.url, headers=dict(question.headers), content=question.content
            ) as answer,
        ):
            error_type = answer.headers.get("x-amzn-errortype", "").partition(":")[0]
            return answer.status_code, error_type, _first_bytes(answer) if reads else b""
    except EgressDenied:
        refusal: Refusal = ProviderHostClosed(host=host)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        refusal = (ProviderTlsFailed if _is_tls(error) else ProviderUnreachable)(host=host)
    raise refusal  # here, where no cause hangs on it


def _first_bytes(answer: httpx2.Response) -> bytes:
    found = b""
    for part in answer.iter_bytes():
        found += part
        if len(found) > _MOST_BYTES:
            break
    return found


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_unknown(kind: ProviderKind, status: int, error_type: str, content: bytes) -> bool:
    if kind is ProviderKind.BEDROCK:
        return status in {_BAD_REQUEST, _FORBIDDEN} and error_type in _UNKNOWN_TO_AWS
    if kind is ProviderKind.VERTEX and status == _BAD_REQUEST:
        return _said(content).get("error") in {"invalid_grant", "invalid_client"}
    return False


def _said(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
