"""What must hold of a signed token before a word of it is believed (OpenID Connect Core 3.1.3.7, RFC 8725).

Each rule says its name when it is broken, so that whoever looks after the provider knows what to look at.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from joserfc import jws
from joserfc.errors import JoseError

from appliance.identity.sso.errors import RuleBroken
from appliance.identity.sso.oidc.keys import ALGORITHMS, IssuerKey, require_strong
from appliance.identity.sso.oidc.reading import as_object, decoded, seconds_of, text_of
from appliance.kernel.sealing import same


class FindKey(Protocol):
    """Looks up a key of the issuer."""

    def __call__(self, algorithm: str, kid: str | None, *, instead_of: IssuerKey | None = None) -> IssuerKey:
        """Return the key of an algorithm and a name, a newer one than `instead_of` if there is one. Raises RuleBroken if there is none."""
        ...


_LONGEST: Final = 100_000
_LONGEST_HEAD: Final = 4_000
_LONGEST_SUBJECT: Final = 255
_OLDEST_SECONDS: Final = 600
# Each of these would let the token say by which key, or under which rules, it is to be believed.
_REFUSED: Final = ("b64", "crit", "jku", "jwk", "x5c", "x5u", "zip")
_HASHES: Final = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}
BACK_CHANNEL: Final = "http://schemas.openid.net/event/backchannel-logout"


@dataclass(frozen=True)
class Expected:
    """What a token must fit. `nonce` is None for a logout token; `max_age` where a fresh proof was asked for."""

    issuer: str
    client_id: str
    now: datetime
    skew_seconds: int
    nonce: str | None = field(default=None, repr=False)
    max_age: int | None = None
    access_token: str | None = field(default=None, repr=False)
    code: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Token:
    """A token whose signature holds: its algorithm, and what it says."""

    algorithm: str
    claims: dict[str, object]


def read_id_token(token: str, expected: Expected, find_key: FindKey) -> dict[str, object]:
    """Return the claims of an ID token. Raises RuleBroken with the first rule that it breaks."""
    read = _signed(token, find_key, types={"jwt"})
    claims, what = read.claims, "the ID token"
    _check_who(claims, expected, what)
    _check_times(claims, expected, what)
    if not same(text_of(claims, "nonce", what), expected.nonce or ""):
        raise RuleBroken(rule="the nonce is another one")
    if len(text_of(claims, "sub", what)) > _LONGEST_SUBJECT:
        raise RuleBroken(rule="the sub is too long")
    _check_hash(claims, "at_hash", expected.access_token, read.algorithm)
    _check_hash(claims, "c_hash", expected.code, read.algorithm)
    _check_age(claims, expected, what)
    return claims


def read_logout_token(token: str, expected: Expected, find_key: FindKey) -> dict[str, object]:
    """Return the claims of a back-channel logout token (OpenID Connect Back-Channel Logout 2.6). Raises RuleBroken."""
    claims, what = _signed(token, find_key, types={"jwt", "logout+jwt"}).claims, "the logout token"
    _check_who(claims, expected, what)
    _check_times(claims, expected, what, needs_end="exp" in claims)
    if "nonce" in claims:
        raise RuleBroken(rule="the logout token has a nonce")
    events = claims.get("events")
    if not isinstance(events, dict) or not isinstance(events.get(BACK_CHANNEL), dict):
        raise RuleBroken(rule="the logout token is of no logout")
    if not (claims.get("sub") or claims.get("sid")):
        raise RuleBroken(rule="the logout token names neither sub nor sid")
    text_of(claims, "jti", what)
    return claims


def unproven(token: str) -> dict[str, object]:
    """Return what a token says, whoever wrote it: to be shown in a test, and for nothing else."""
    try:
        return as_object(decoded(token[:_LONGEST].split(".")[1], "the token"), "the token")
    except (RuleBroken, IndexError):
        return {}


def _signed(token: str, find_key: FindKey, *, types: set[str]) -> Token:
    if len(token) > _LONGEST or token.count(".") != 2:  # noqa: PLR2004 - three parts
        raise RuleBroken(rule="the token has not three parts, or is too long")
    head, _, rest = token.partition(".")
    if len(head) > _LONGEST_HEAD:
        raise RuleBroken(rule="the token's header is too long")
    header = as_object(decoded(head, "the token's header"), "the token's header")
    claims = as_object(decoded(rest.partition(".")[0], "the token"), "the token")
    if refused := [name for name in _REFUSED if name in header]:
        raise RuleBroken(rule=f"the token's header has {refused[0]}")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in types:
        raise RuleBroken(rule="the token is of another type")
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise RuleBroken(rule="the token is signed by an algorithm that is not taken")
    if not (kid is None or isinstance(kid, str)):
        raise RuleBroken(rule="the token's kid is no text")
    key = find_key(algorithm, kid)
    if not _holds(token, key, algorithm):
        # The issuer may have a new key under the old name, or name no keys: only the signature shows it.
        newer = find_key(algorithm, kid, instead_of=key)
        if newer == key or not _holds(token, newer, algorithm):
            raise RuleBroken(rule="the signature does not hold")
    return Token(algorithm, claims)


def _holds(token: str, key: IssuerKey, algorithm: str) -> bool:
    require_strong(key)
    try:
        jws.deserialize_compact(token, key.opened(), algorithms=[algorithm])
    except (JoseError, ValueError, TypeError):
        return False
    return True


def _check_who(claims: Mapping[str, object], expected: Expected, what: str) -> None:
    if text_of(claims, "iss", what) != expected.issuer:
        raise RuleBroken(rule="the iss is another one")
    given = claims.get("aud")
    audiences = [given] if isinstance(given, str) else given
    if not isinstance(audiences, list) or not all(isinstance(one, str) for one in audiences):
        raise RuleBroken(rule=f"{what} has no aud")
    if expected.client_id not in audiences:
        raise RuleBroken(rule="the aud is not us")
    party = claims.get("azp")
    if (len(audiences) > 1 and party is None) or (party is not None and party != expected.client_id):
        raise RuleBroken(rule="the azp is not us")


def _check_times(claims: Mapping[str, object], expected: Expected, what: str, *, needs_end: bool = True) -> None:
    now, skew = expected.now.timestamp(), expected.skew_seconds
    if needs_end and seconds_of(claims, "exp", what) + skew <= now:
        raise RuleBroken(rule=f"{what} has expired")
    issued = seconds_of(claims, "iat", what)
    if issued - skew > now:
        raise RuleBroken(rule=f"{what} is from the future")
    if issued + skew + _OLDEST_SECONDS < now:
        raise RuleBroken(rule=f"{what} is too old")
    if "nbf" in claims and seconds_of(claims, "nbf", what) - skew > now:
        raise RuleBroken(rule=f"{what} does not hold yet")


def _check_age(claims: Mapping[str, object], expected: Expected, what: str) -> None:
    if expected.max_age is None and "auth_time" not in claims:
        return
    proven, now = seconds_of(claims, "auth_time", what), expected.now.timestamp()
    if proven - expected.skew_seconds > now:
        raise RuleBroken(rule="the auth_time is in the future")
    if expected.max_age is not None and proven + expected.max_age + expected.skew_seconds < now:
        raise RuleBroken(rule="the auth_time is too old")


def _check_hash(claims: Mapping[str, object], name: str, value: str | None, algorithm: str) -> None:
    if name not in claims:
        return
    hashed = hashlib.sha512 if algorithm == "EdDSA" else _HASHES[algorithm[2:]]
    half = hashed((value or "").encode()).digest()
    half = half[: len(half) // 2]
    if not value or not same(str(claims[name]), urlsafe_b64encode(half).decode().rstrip("=")):
        raise RuleBroken(rule=f"the {name} is another one")
