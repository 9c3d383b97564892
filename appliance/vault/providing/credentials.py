"""What a key is made of, per kind of provider: one text that is sealed whole.

For Bedrock and Vertex the text is canonical JSON, so that the same credentials have the same fingerprint however they
were typed.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from appliance.kernel.canonical import canonical
from appliance.vault.providing.errors import ProviderKeyMalformed, ProviderKeyMasked
from appliance.vault.providing.secret import Secret
from appliance.vault.providing.values import ProviderKind

_LONGEST: Final = 16_384
_SHOWN_FROM: Final = 16
_MASK: Final = re.compile(r"[•●∙·*]{3,}|…|\A(\.{3,}|[xX]{6,}|-{4,})", re.ASCII)
_ACCOUNT: Final = ("client_email", "private_key", "private_key_id", "project_id", "token_uri")
_AWS: Final = ("access_key_id", "secret_access_key")


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
    if is_masked(text):
        raise ProviderKeyMasked
    if len(text) > _LONGEST:
        raise ProviderKeyMalformed(form="at most 16,384 signs")
    if kind is ProviderKind.BEDROCK:
        return _aws(text)
    if kind is ProviderKind.VERTEX:
        return _account(text)
    if not text and kind is ProviderKind.OPENAI_COMPATIBLE:
        return Given(Secret(bytearray()), "")
    if not (text.isascii() and text.isprintable() and text and " " not in text):
        raise ProviderKeyMalformed(form="printable signs without spaces")
    return Given(Secret.of(text), _last_four(text))


def _aws(text: str) -> Given:
    if text.startswith("{"):
        found = _texts(text, form=_AWS_FORM)
    else:
        key_id, _, secret = text.partition(":")
        found = {"access_key_id": key_id.strip(), "secret_access_key": secret.strip()}
    kept = {name: found[name] for name in (*_AWS, "session_token") if found.get(name)}
    if set(_AWS) - set(kept) or not all(one.isascii() and one.isalnum() for one in (kept["access_key_id"],)):
        raise ProviderKeyMalformed(form=_AWS_FORM)
    if any(not one.isascii() or not one.isprintable() or " " in one for one in kept.values()):
        raise ProviderKeyMalformed(form=_AWS_FORM)
    return Given(Secret(bytearray(canonical(kept))), _last_four(kept["access_key_id"]))


def _account(text: str) -> Given:
    found = _texts(text, form=_ACCOUNT_FORM)
    kept = {name: found[name] for name in _ACCOUNT if found.get(name)}
    is_whole = not set(_ACCOUNT) - set(kept) and found.get("type") == "service_account"
    if not is_whole or "PRIVATE KEY" not in kept["private_key"] or not kept["token_uri"].startswith("https://"):
        raise ProviderKeyMalformed(form=_ACCOUNT_FORM)
    return Given(Secret(bytearray(canonical(kept))), _last_four(kept["private_key_id"]))


_AWS_FORM: Final = "the access key ID and the secret access key with a colon between them"
_ACCOUNT_FORM: Final = "the whole JSON file of a service account's key"


def _texts(text: str, *, form: str) -> dict[str, str]:
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise ProviderKeyMalformed(form=form) from None
    if not isinstance(found, dict):
        raise ProviderKeyMalformed(form=form)
    return {name: one for name, one in found.items() if isinstance(one, str)}


def _last_four(text: str) -> str:
    """Of a short key four signs would be too much of it."""
    return text[-4:] if len(text) >= _SHOWN_FROM else ""
