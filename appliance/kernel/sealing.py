"""Sealing: the only importer of `cryptography`.

Envelope, format 2, for bytes at rest (data key K of 32 bytes, its version V, context C):

    0x02 ‖ V (uint32, big-endian) ‖ salt[32] ‖ commitment[32] ‖ AES-256-GCM(k, nonce = 0^96, plaintext, AD)
    k ‖ commitment = HKDF-SHA256(K, salt, "cloister-envelope-2", 64 bytes)        AD = 0x02 ‖ V ‖ C

Format 1 is the same without V, with "cloister-envelope-1" and AD = C. Both open for ever (tests/vectors).

Why this form. Each envelope has its own key from a fresh 256-bit salt, so the nonce may
be fixed and the 2^32 limit of random GCM nonces does not apply. The commitment binds the
envelope to K: GCM alone would open under two different keys. C names the tenant and the
place (`Place`), each part with its length, so that no two places have the same bytes: a value
copied to another row, field or organisation fails to open instead of opening as somebody
else's. V is in the clear, so that the key is found, and in AD, so that it cannot be changed.
Every failure is one IntegrityError of one text: what was wrong stands in `reason`, for logs.
Not hidden: the length of the plaintext. Not prevented: an older value of the same place, sealed
under a version that is still there, can be put back (RFC 5116, RFC 5869; NIST SP 800-38D section 8).
"""

import hashlib
import hmac
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from appliance.kernel.errors import Kind, Refusal

KEY_BYTES: Final = 32
_SALT: Final = 32
_HEAD: Final = 1 + _SALT + 32
_NONCE: Final = bytes(12)
_TAG: Final = 16
_FORMAT_1, _FORMAT_2 = b"\x01", b"\x02"
_VERSION_BYTES: Final = 4
_LENGTH_BYTES: Final = 4
_SHA256: Final = hashes.SHA256()


class IntegrityError(Refusal):
    """A sealed value does not open: it was altered, moved, or sealed under another key. Tell the operator at once."""

    kind = Kind.BROKEN
    code = "seal_broken"

    def __init__(self, reason: str = "") -> None:
        super().__init__()
        self.reason = reason


class KeyUnavailable(Refusal):
    """The key to this is not available now. Nothing was lost; try again, and tell the operator if it stays."""

    kind = Kind.UNAVAILABLE
    code = "key_unavailable"

    def __init__(self, reason: str = "") -> None:
        super().__init__()
        self.reason = reason


class KeyDestroyed(Refusal):
    """The key to this was destroyed on purpose. Nobody can open it any more."""

    kind = Kind.GONE
    code = "key_destroyed"


@dataclass(frozen=True)
class Place:
    """Where a sealed value stands. `row` is the rest of the row's key, in the order of its columns."""

    table: str
    field: str
    row: tuple[UUID | bytes, ...]

    @property
    def name(self) -> str:
        """What a log calls it."""
        return " ".join(
            [f"{self.table}.{self.field}", *(str(one) if isinstance(one, UUID) else one.hex() for one in self.row)]
        )

    def context(self, tenant_id: UUID) -> bytes:
        """Return the associated data: tenant, table, field, row, each with its length before it (uint32)."""
        return _context(tenant_id.bytes, self.table, self.field) + _with_lengths(
            [one.bytes if isinstance(one, UUID) else one for one in self.row]
        )


@lru_cache(maxsize=1024)
def _context(tenant: bytes, table: str, field: str) -> bytes:  # the same for all of a page's values
    return _with_lengths([tenant, table.encode(), field.encode()])


def _with_lengths(parts: Iterable[bytes]) -> bytes:
    return b"".join([len(part).to_bytes(_LENGTH_BYTES, "big") + part for part in parts])


@dataclass(frozen=True)
class SealedColumn:
    """A column of sealed values in a tenant's table, and the rest of the table's key, in the order of its `Place`.

    `bound` are columns outside of the key that a value belongs to as well: whoever changes one moves the value away.
    `plain` is the column that held it before it was sealed, empty where nothing of that is left.
    """

    table: str
    field: str
    key: tuple[str, ...]
    types: tuple[str, ...]
    """Of the key's columns: "uuid" or "bytea"."""
    bound: tuple[str, ...] = ()
    plain: str | None = None

    def place(self, *row: UUID | bytes) -> Place:
        """Return where the value of a row stands: its key, then what it is bound to."""
        if len(row) != len(self.key) + len(self.bound):
            raise ValueError("a place names the whole key of its row")
        return Place(self.table, self.field, row)


class Sealer(Protocol):
    """Seals and opens what stands in the rows of a transaction's organisation. The vault is one.

    Opening raises IntegrityError, KeyUnavailable, KeyDestroyed; sealing the latter two.
    """

    def seal(self, tx: Any, plaintext: bytes | bytearray, place: Place) -> bytes:
        """Return the value for its place, sealed under the organisation's data key in force."""
        ...

    def seal_all(self, tx: Any, plaintexts: Iterable[tuple[bytes, Place]]) -> list[bytes]:
        """Return the values of many for their places, with one look for the key."""
        ...

    def unseal(self, tx: Any, sealed: bytes, place: Place) -> bytes:
        """Return the plaintext of one value."""
        ...

    def unseal_all(self, tx: Any, sealed: Iterable[tuple[bytes, Place]]) -> list[bytes]:
        """Return the plaintexts of many, with one look for each key."""
        ...


class FileSealer(Protocol):
    """Seals and opens files of an organisation, outside of any transaction."""

    def seal_file(self, tenant_id: UUID, content: bytes, place: Place) -> bytes:
        """Return the sealed content."""
        ...

    def unseal_file(self, tenant_id: UUID, sealed: bytes, place: Place) -> bytes:
        """Return the content."""
        ...

    def version_for_files(self, tenant_id: UUID) -> int:
        """Return the version of the data key that files are sealed under now."""
        ...


def seal_at(key: bytes | bytearray, version: int, plaintext: bytes | bytearray, *, context: bytes) -> bytes:
    """Return the format 2 envelope of the plaintext under a data key of this version (1 to 2^32 - 1)."""
    head = _FORMAT_2 + version.to_bytes(_VERSION_BYTES, "big")
    salt = os.urandom(_SALT)
    message_key, commitment = _derive(key, salt, b"cloister-envelope-2")
    return head + salt + commitment + AESGCM(message_key).encrypt(_NONCE, plaintext, head + context)


def unseal_at(key: bytes | bytearray, envelope: bytes, *, context: bytes) -> bytes:
    """Return the plaintext of a format 2 envelope, whose data key `version_of` names. Raises IntegrityError."""
    version_of(envelope)
    head, rest = envelope[: 1 + _VERSION_BYTES], envelope[1 + _VERSION_BYTES :]
    return _open(key, rest, b"cloister-envelope-2", head + context)


def unseal_secret_at(key: bytes | bytearray, envelope: bytes, *, context: bytes) -> bytearray:
    """Return what `unseal_at` returns, in memory that can be wiped. Raises IntegrityError."""
    version_of(envelope)
    head, body = envelope[: 1 + _VERSION_BYTES], envelope[1 + _VERSION_BYTES :]
    message_key = _message_key(key, body, b"cloister-envelope-2")
    opened = bytearray(max(len(body) - (_HEAD - 1) - _TAG, 0))
    try:
        AESGCM(message_key).decrypt_into(_NONCE, body[_HEAD - 1 :], head + context, opened)
    except (InvalidTag, ValueError) as error:  # ValueError: cut shorter than a tag
        raise IntegrityError("altered, or moved from its place") from error
    return opened


def version_of(envelope: bytes) -> int:
    """Return the version of the data key that a format 2 envelope was sealed under. Raises IntegrityError."""
    if len(envelope) < _HEAD + _VERSION_BYTES or envelope[:1] != _FORMAT_2:
        raise IntegrityError("unknown format")
    return int.from_bytes(envelope[1 : 1 + _VERSION_BYTES], "big")


def is_first_format(envelope: bytes) -> bool:
    """Return whether this was sealed by a key of before there were data keys."""
    return envelope[:1] == _FORMAT_1


def is_under(envelope: bytes, version: int) -> bool:
    """Return whether this, or its first bytes, is a format 2 envelope under this version of the data key."""
    return envelope[: 1 + _VERSION_BYTES] == head_under(version)


def head_under(version: int) -> bytes:
    """Return the first bytes of every format 2 envelope under this version of the data key."""
    return _FORMAT_2 + version.to_bytes(_VERSION_BYTES, "big")


def wipe(secret: bytearray) -> None:
    """Overwrite a secret in memory."""
    secret[:] = bytes(len(secret))


def seal(key: bytes, plaintext: bytes, *, context: bytes) -> bytes:
    """Return the format 1 envelope of the plaintext."""
    salt = os.urandom(_SALT)
    message_key, commitment = _derive(key, salt, b"cloister-envelope-1")
    return _FORMAT_1 + salt + commitment + AESGCM(message_key).encrypt(_NONCE, plaintext, context)


def unseal(key: bytes, envelope: bytes, *, context: bytes) -> bytes:
    """Return the plaintext of a format 1 envelope. Raises IntegrityError for a value that does not open."""
    if envelope[:1] != _FORMAT_1:
        raise IntegrityError("unknown format")
    return _open(key, envelope[1:], b"cloister-envelope-1", context)


def unseal_key(key: bytes, envelope: bytes, *, context: bytes) -> bytearray:
    """Return the key in a format 1 envelope, in memory that can be wiped. Raises IntegrityError."""
    body = envelope[1:]
    if envelope[:1] != _FORMAT_1 or len(body) != _HEAD - 1 + KEY_BYTES + _TAG:
        raise IntegrityError("not the envelope of a key")
    message_key = _message_key(key, body, b"cloister-envelope-1")
    opened = bytearray(KEY_BYTES)
    try:
        AESGCM(message_key).decrypt_into(_NONCE, body[_HEAD - 1 :], context, opened)
    except InvalidTag as error:
        raise IntegrityError("altered, or moved from its place") from error
    return opened


class SigningKey:
    """An Ed25519 key (RFC 8032). It has no text and is not pickled; `private` is for who seals it."""

    __slots__ = ("_key", "public")

    def __init__(self, private: bytes | bytearray) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(bytes(private))
        self.public = self._key.public_key().public_bytes_raw()

    @classmethod
    def make(cls) -> "SigningKey":
        """Return a new random key."""
        return cls(os.urandom(KEY_BYTES))

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of the signature."""
        return self._key.sign(message)

    @property
    def private(self) -> bytes:
        return self._key.private_bytes_raw()

    def __reduce__(self) -> Any:
        raise TypeError("a signing key is not pickled")


def signature_holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether this is the Ed25519 signature of the message by the holder of the key."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def derive_key(root: bytes | bytearray, *, purpose: str) -> bytes:
    """Return the 32-byte key of one purpose under a root key (HKDF-SHA256, RFC 5869)."""
    return HKDF(hashes.SHA256(), KEY_BYTES, None, purpose.encode()).derive(root)


def digest(token: str) -> bytes:
    """Return the SHA-256 under which a high-entropy token is stored."""
    return hashlib.sha256(token.encode()).digest()


def content_digest(content: bytes) -> bytes:
    """Return the SHA-256 of content."""
    return hashlib.sha256(content).digest()


def fingerprint(key: bytes | bytearray, secret: bytes | bytearray) -> str:
    """Return what tells a secret from others to holders of the key, and leads nowhere near it (HMAC-SHA256, 128 bits)."""
    return hmac.new(key, secret, hashlib.sha256).hexdigest()[:32]


def sign_rs256(private_key: bytes | bytearray, message: bytes) -> bytes:
    """Return the RSASSA-PKCS1-v1_5 signature with SHA-256 by an RSA key in PEM (RFC 7518 3.3). Raises ValueError."""
    try:
        key = load_pem_private_key(bytes(private_key), None)
    except (TypeError, UnsupportedAlgorithm) as error:  # TypeError: it is under a password
        raise ValueError("not a plain private key") from error
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("not an RSA key")  # noqa: TRY004 - what is wrong is what somebody gave
    return key.sign(message, padding.PKCS1v15(), hashes.SHA256())


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


# Of 32 random bytes that nobody kept. Written down, since to make one costs each process that starts 60 ms and 19 MiB.
_DUMMY: Final = "$argon2id$v=19$m=19456,t=2,p=1$mKloeB3uapKmOuiGAjGOuw$GyniwFi+iw3reB4XJVA0kcFQJKNwv7bXcSnhc6uwMek"


def _open(key: bytes | bytearray, body: bytes, purpose: bytes, context: bytes) -> bytes:
    if len(body) < _HEAD - 1:
        raise IntegrityError("cut short")
    message_key = _message_key(key, body, purpose)
    try:
        return AESGCM(message_key).decrypt(_NONCE, body[_HEAD - 1 :], context)
    except InvalidTag as error:
        raise IntegrityError("altered, or moved from its place") from error


def _message_key(key: bytes | bytearray, body: bytes, purpose: bytes) -> bytes:
    message_key, commitment = _derive(key, body[:_SALT], purpose)
    if not hmac.compare_digest(commitment, body[_SALT : _HEAD - 1]):
        raise IntegrityError("sealed under another key")
    return message_key


def _derive(key: bytes | bytearray, salt: bytes, purpose: bytes) -> tuple[bytes, bytes]:
    if len(key) != KEY_BYTES:
        raise ValueError("a sealing key has 32 bytes")
    derived = HKDF(_SHA256, 64, salt, purpose).derive(key)
    return derived[:32], derived[32:]
