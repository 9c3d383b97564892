"""The keys that an issuer signs with: only public parts, only kinds that are strong enough and quick to check."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from appliance.identity.sso.errors import RuleBroken
from appliance.identity.sso.oidc.reading import decoded

Key = RSAKey | ECKey | OKPKey
# What each algorithm is checked with. No `none`, and nothing whose key both sides know.
ALGORITHMS: Final[Mapping[str, tuple[str, str]]] = {
    "RS256": ("RSA", ""), "RS384": ("RSA", ""), "RS512": ("RSA", ""),
    "PS256": ("RSA", ""), "PS384": ("RSA", ""), "PS512": ("RSA", ""),
    "ES256": ("EC", "P-256"), "ES384": ("EC", "P-384"), "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}  # fmt: skip
_MOST_KEYS: Final = 50
_RSA_BITS: Final = range(2048, 8193)
_LONGEST_EXPONENT: Final = 33
"""In bits: a long one is checked slowly, which is the only use of it."""
_MEMBERS: Final = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}


@dataclass(frozen=True)
class IssuerKey:
    """One key, and what its issuer says that it is for."""

    kty: str
    curve: str
    kid: str | None
    alg: str | None
    members: Mapping[str, str] = field(repr=False)

    def fits(self, algorithm: str, kid: str | None) -> bool:
        """Say whether a signature of this algorithm, under this name, may be this key's."""
        kty, curve = ALGORITHMS[algorithm]
        return (
            self.kty == kty
            and (not curve or self.curve == curve)
            and (kid is None or self.kid == kid)
            and self.alg in {None, algorithm}
        )

    def opened(self) -> Key:
        """Return the key as it is checked with. Raises RuleBroken."""
        kinds: dict[str, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
        try:
            return kinds[self.kty].import_key({"kty": self.kty, **self.members})
        except (JoseError, ValueError, TypeError):
            raise RuleBroken(rule="the key cannot be read") from None


def read_keys(document: Mapping[str, object]) -> tuple[IssuerKey, ...]:
    """Return the keys of a JWKS that can sign tokens; what is of another kind is left out. Raises RuleBroken."""
    found = document.get("keys")
    if not isinstance(found, list):
        raise RuleBroken(rule="the key set has no keys")
    read = (_read(one) for one in found[:_MOST_KEYS] if isinstance(one, dict))
    return tuple(one for one in read if one is not None)


def choose(keys: Sequence[IssuerKey], algorithm: str, kid: str | None) -> IssuerKey | None:
    """Return the key that a token names, or None. Without a name it must be the only one that can be meant."""
    fitting = [one for one in keys if one.fits(algorithm, kid)]
    return fitting[0] if len(fitting) == 1 else None


def require_strong(key: IssuerKey) -> None:
    """Raise RuleBroken for an RSA key that is too short, or made to be slow."""
    if key.kty != "RSA":
        return
    bits = int.from_bytes(decoded(key.members["n"], "the key")).bit_length()
    exponent = int.from_bytes(decoded(key.members["e"], "the key"))
    if bits not in _RSA_BITS:
        raise RuleBroken(rule=f"the key has {bits} bits")
    if exponent < 3 or exponent % 2 == 0 or exponent.bit_length() > _LONGEST_EXPONENT:  # noqa: PLR2004 - odd, and not 1: RFC 8017 3.1
        raise RuleBroken(rule="the key's exponent is none")


def _read(one: Mapping[str, object]) -> IssuerKey | None:
    kty, use, alg, kid = one.get("kty"), one.get("use"), one.get("alg"), one.get("kid")
    operations = one.get("key_ops")
    is_to_check = use in {None, "sig"} and (not isinstance(operations, list) or "verify" in operations)
    if not isinstance(kty, str) or kty not in _MEMBERS or not is_to_check:
        return None
    members = {name: one.get(name) for name in _MEMBERS[kty]}
    if not all(isinstance(value, str) and len(value) <= 2800 for value in members.values()):  # noqa: PLR2004 - of 16384 bits
        return None
    named = {name: str(value) for name, value in members.items()}
    return IssuerKey(
        kty, named.get("crv", ""), kid if isinstance(kid, str) else None, alg if isinstance(alg, str) else None, named
    )
