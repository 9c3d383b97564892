"""What a stream's form must be like, per kind: its address, its secret, its options."""

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from appliance.audit.sinks.errors import (
    SinkAddressMalformed,
    SinkNameMalformed,
    SinkOptionsMalformed,
    SinkSecretMalformed,
)
from appliance.audit.sinks.values import SinkForm, SinkKind
from appliance.kernel.canonical import canonical
from appliance.kernel.secret import Secret

_TLS: Final = re.compile(r"tls://[^/?#@\s]{1,255}:[0-9]{1,5}")
_HTTP: Final = re.compile(r"https?://[^/?#@\s]{1,255}(/[A-Za-z0-9/_.~-]*)?")
_HOOK: Final = re.compile(r"https?://[^/?#@\s]{1,255}(/[!-~]*)?")
_INDEX: Final = re.compile(r"https?://[^/?#@\s]{1,255}/[a-z0-9][a-z0-9_.-]{0,200}")
_BUCKET: Final = re.compile(r"https?://[^/?#@\s]{1,255}/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_.-]{1,80}){0,5}")
_FOLDER: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_REGION: Final = re.compile(r"[a-z]{2,12}(-[a-z0-9]{1,15}){0,4}")
_LONGEST: Final = 500
_LONGEST_SECRET: Final = 2_000
_SHORTEST_HOOK, _LONGEST_HOOK = 24, 64
_SHOWN_FROM: Final = 16
_MOST_DAYS: Final = 36_500


@dataclass(frozen=True)
class _Rule:
    pattern: re.Pattern[str]
    example: str
    read: Callable[[str], str] | None
    expected: str = ""


def _word(text: str) -> str:
    if not text or len(text) > _LONGEST_SECRET or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError
    return text


def _hook(text: str) -> str:
    """Return a secret of Standard Webhooks: whsec_ and 24 to 64 bytes in base64."""
    if not text.startswith("whsec_"):
        raise ValueError
    key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    if not _SHORTEST_HOOK <= len(key) <= _LONGEST_HOOK:
        raise ValueError
    return text


def _aws(text: str) -> str:
    key_id, colon, secret = text.partition(":")
    if not colon or not key_id.strip().isalnum():
        raise ValueError
    return canonical({"key_id": key_id.strip(), "secret": _word(secret.strip())}).decode()


_RULES: Final[dict[SinkKind, _Rule]] = {
    SinkKind.SYSLOG: _Rule(_TLS, "tls://siem.example.org:6514", None),
    SinkKind.CEF: _Rule(_TLS, "tls://siem.example.org:6514", None),
    SinkKind.WEBHOOK: _Rule(
        _HOOK, "https://hooks.example.org/audit", _hook, "whsec_ and 24 to 64 random bytes in base64, as in Standard Webhooks"
    ),
    SinkKind.SPLUNK: _Rule(_HTTP, "https://splunk.example.org:8088", _word, "the token of an HTTP Event Collector"),
    SinkKind.ELASTIC: _Rule(
        _INDEX, "https://elastic.example.org:9200/cloister-audit", _word, "an API key that may create documents, as Elastic encodes it"
    ),
    SinkKind.S3: _Rule(
        _BUCKET, "https://s3.eu-central-1.amazonaws.com/bucket/prefix", _aws, "the access key's id and its secret with a colon between them"
    ),
    SinkKind.FOLDER: _Rule(_FOLDER, "siem", None),
}  # fmt: skip


def checked(form: SinkForm) -> SinkForm:
    """Return the form with its texts trimmed. Raises SinkNameMalformed, SinkAddressMalformed, SinkOptionsMalformed."""
    name, url, rule = form.name.strip(), form.url.strip(), _RULES[form.kind]
    if not 1 <= len(name) <= 80 or not name.isprintable():  # noqa: PLR2004 - as the refusal says
        raise SinkNameMalformed
    if len(url) > _LONGEST or not url.isascii() or not rule.pattern.fullmatch(url) or "/.." in url:
        raise SinkAddressMalformed(example=rule.example)
    region, days = (form.region or "").strip() or None, form.retain_days
    if form.kind is SinkKind.S3:
        if region is None or not _REGION.fullmatch(region) or days is None or not 1 <= days <= _MOST_DAYS:
            raise SinkOptionsMalformed
    elif region is not None or days is not None:
        raise SinkOptionsMalformed
    return replace(form, name=name, url=url.rstrip("/"), region=region)


def read_secret(kind: SinkKind, text: str | None) -> Secret:
    """Return the secret that was given, empty for kinds that have none. Raises SinkSecretMalformed."""
    rule, given = _RULES[kind], (text or "").strip()
    if rule.read is None:
        if given:
            raise SinkSecretMalformed(
                expected="left empty: who we are is shown by this host's certificate, if by anything"
            )
        return Secret(bytearray())
    try:
        return Secret.of(rule.read(given[: _LONGEST_SECRET + 1]))
    except (ValueError, binascii.Error):
        raise SinkSecretMalformed(expected=rule.expected) from None


def last_four(kind: SinkKind, secret: Secret) -> str:
    """Return the four signs by which people know a secret again; of a short one, none."""
    if secret.is_empty:
        return ""
    shown = str(json.loads(secret.content)["key_id"]) if kind is SinkKind.S3 else secret.reveal()
    return shown[-4:] if len(shown) >= _SHOWN_FROM else ""
