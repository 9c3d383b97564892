"""Sealing: the only importer of `cryptography`.

Envelope, version 1, for bytes at rest (key K of 32 bytes, context C):

    0x01 ‖ salt[32] ‖ commitment[32] ‖ AES-256-GCM(k, nonce = 0^96, plaintext, associated data = C)
    k ‖ commitment = HKDF-SHA256(K, salt, "cloister-envelope-1", 64 bytes)

Why this form. Each envelope has its own key from a fresh 256-bit salt, so the nonce may
be fixed and the 2^32 limit of random GCM nonces does not apply. The commitment binds the
envelope to K: GCM alone would open under two different keys. C names the tenant and the
place, so a value copied elsewhere fails to open instead of opening as somebody else's.
Not hidden: the length of the plaintext. (RFC 5116, RFC 5869; NIST SP 800-38D section 8.)
"""

import hashlib
import hmac
import os
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES: Final = 32
_VERSION: Final = b"\x01"
_SALT: Final = 32
_HEAD: Final = 1 + _SALT + 32
_NONCE: Final = bytes(12)


class IntegrityError(Exception):
    """A sealed value does not open: it was altered, moved, or sealed under another key."""


def seal(key: bytes, plaintext: bytes, *, context: bytes) -> bytes:
    """Return the version 1 envelope of the plaintext."""
    salt = os.urandom(_SALT)
    message_key, commitment = _derive(key, salt)
    return _VERSION + salt + commitment + AESGCM(message_key).encrypt(_NONCE, plaintext, context)


def unseal(key: bytes, envelope: bytes, *, context: bytes) -> bytes:
    """Return the plaintext. Raises IntegrityError, never anything else, for a value that does not open."""
    if len(envelope) < _HEAD or envelope[:1] != _VERSION:
        raise IntegrityError("unknown envelope version")
    message_key, commitment = _derive(key, envelope[1 : 1 + _SALT])
    if not hmac.compare_digest(commitment, envelope[1 + _SALT : _HEAD]):
        raise IntegrityError("sealed under another key")
    try:
        return AESGCM(message_key).decrypt(_NONCE, envelope[_HEAD:], context)
    except InvalidTag as error:
        raise IntegrityError("altered, or moved from its place") from error


def derive_key(root: bytes, *, purpose: str) -> bytes:
    """Return the 32-byte key of one purpose under a root key (HKDF-SHA256, RFC 5869)."""
    return HKDF(hashes.SHA256(), KEY_BYTES, None, purpose.encode()).derive(root)


def digest(token: str) -> bytes:
    """Return the SHA-256 under which a high-entropy token is stored."""
    return hashlib.sha256(token.encode()).digest()


def content_digest(content: bytes) -> bytes:
    """Return the SHA-256 of content."""
    return hashlib.sha256(content).digest()


def token_for(key: bytes, value: str) -> str:
    """Return a token that only a holder of the key can make for this value (HMAC-SHA256, hex)."""
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()


def same(left: str, right: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())


# argon2id, 19 MiB, two passes, one lane: OWASP's Password Storage Cheat Sheet, first choice.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_password(password: str) -> str:
    """Return the argon2id hash in PHC form (about 60 ms)."""
    return _hasher.hash(password)


def password_matches(stored: str | None, password: str) -> bool:
    """Compare; takes as long for an unknown person (stored is None) as for a known one."""
    try:
        _hasher.verify(stored or _DUMMY, password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


_DUMMY: Final = _hasher.hash(os.urandom(16).hex())


def _derive(key: bytes, salt: bytes) -> tuple[bytes, bytes]:
    if len(key) != KEY_BYTES:
        raise ValueError("a sealing key has 32 bytes")
    derived = HKDF(hashes.SHA256(), 64, salt, b"cloister-envelope-1").derive(key)
    return derived[:32], derived[32:]
