"""Files sealed to somebody else's public key, so that who carries or stores them cannot read them.

Two forms, each opened by programs that are not ours:

- `age1…`: C2SP age v1, X25519 (`age --decrypt`). Authenticated piece by piece.
- a certificate (PEM, RSA of 2048 bits or more): CMS EnvelopedData (RFC 5652), AES-256-CBC, RSAES-OAEP with SHA-256
  (`openssl cms -decrypt -inform DER -binary`). It says nothing about who made the file, nor whether it was altered: what is
  inside must.

Both are written as a stream: a file's size does not matter. This host keeps no key that opens them again.
"""

import base64
import hmac
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.x509 import Certificate, load_pem_x509_certificates

from appliance.kernel.errors import Kind, Refusal

_PREFIX: Final = "age1"
_AGE_CHUNK: Final = 1 << 16
_CMS_CHUNK: Final = 1 << 16
_KEY, _FILE_KEY, _IV, _LEAST_RSA = 32, 16, 16, 2048
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_CHECKSUM: Final = 6


class RecipientInvalid(Refusal):
    """This is no recipient. Give a public key that begins with age1, or one certificate (PEM) with an RSA key of 2048 bits or more, that is valid now."""

    kind = Kind.INVALID
    code = "recipient_invalid"


@dataclass(frozen=True)
class Recipient:
    """Whom a file is sealed to. `name` tells them apart: the key itself, or the certificate's digest (SHA-256)."""

    name: str
    suffix: str
    age: bytes | None = None
    certificate: Certificate | None = None

    def sealed(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield what only the recipient can open."""
        if self.age is not None:
            return _age(self.age, pieces)
        assert self.certificate is not None  # noqa: S101 - one of both is there
        return _cms(self.certificate, pieces)


def parse_recipient(written: str, *, now: datetime) -> Recipient:
    """Return who is named. Raises RecipientInvalid."""
    written = written.strip()
    if written.startswith(_PREFIX):
        key = _bech32(written)
        _age_header(key, bytes(_FILE_KEY))  # a key that seals nothing is refused now, and not when a file is there
        return Recipient(written, ".age", age=key)
    try:
        found = load_pem_x509_certificates(written.encode())
        if len(found) != 1:
            raise RecipientInvalid
        public = found[0].public_key()
    except ValueError as error:
        raise RecipientInvalid from error
    is_valid = found[0].not_valid_before_utc <= now <= found[0].not_valid_after_utc
    if not is_valid or not isinstance(public, RSAPublicKey) or public.key_size < _LEAST_RSA:
        raise RecipientInvalid
    return Recipient(f"SHA-256 {found[0].fingerprint(hashes.SHA256()).hex()}", ".p7m", certificate=found[0])


def _bech32(written: str) -> bytes:
    """Return the 32 bytes of an age recipient (BIP 173). Raises RecipientInvalid."""
    places = [_BECH32.find(one) for one in written[len(_PREFIX) :]]
    expanded = [ord(one) >> 5 for one in "age"] + [0] + [ord(one) & 31 for one in "age"]
    if -1 in places or _polymod(expanded + places) != 1:
        raise RecipientInvalid
    bits = "".join(f"{one:05b}" for one in places[:-_CHECKSUM])
    whole, rest = bits[: _KEY * 8], bits[_KEY * 8 :]
    if len(bits) != 260 or "1" in rest:  # noqa: PLR2004 - 32 bytes in groups of five, filled with noughts
        raise RecipientInvalid
    return int(whole, 2).to_bytes(_KEY, "big")


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> bit & 1 else 0
    return check


def _age(recipient: bytes, pieces: Iterable[bytes]) -> Iterator[bytes]:
    file_key, nonce = os.urandom(_FILE_KEY), os.urandom(16)
    yield _age_header(recipient, file_key) + nonce
    # The key is of this file alone, so nonces are counted; the last byte says which chunk is the last.
    box = ChaCha20Poly1305(_derived(file_key, nonce, b"payload"))
    for number, (chunk, is_last) in enumerate(_chunks(pieces, _AGE_CHUNK)):
        yield box.encrypt(number.to_bytes(11, "big") + bytes([is_last]), chunk, None)


def _age_header(recipient: bytes, file_key: bytes) -> bytes:
    ours = X25519PrivateKey.generate()
    share = ours.public_key().public_bytes_raw()
    try:
        shared = ours.exchange(X25519PublicKey.from_public_bytes(recipient))
    except ValueError as error:  # a point of low order: everybody would know the secret
        raise RecipientInvalid from error
    # Each wrapping key is used once, so the nonce may be nought.
    wrapped = ChaCha20Poly1305(_derived(shared, share + recipient, b"age-encryption.org/v1/X25519")).encrypt(
        bytes(12), file_key, None
    )
    head = f"age-encryption.org/v1\n-> X25519 {_base64(share)}\n{_base64(wrapped)}\n---"
    mac = hmac.digest(_derived(file_key, b"", b"header"), head.encode(), "sha256")
    return f"{head} {_base64(mac)}\n".encode()


def _derived(secret: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(hashes.SHA256(), _KEY, salt, info).derive(secret)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode().rstrip("=")


def _chunks(pieces: Iterable[bytes], size: int) -> Iterator[tuple[bytes, bool]]:
    """Yield the content in chunks of a size, and whether each is the last; only an empty content has an empty one."""
    kept = bytearray()
    for piece in pieces:
        kept += piece
        while len(kept) > size:
            yield bytes(kept[:size]), False
            del kept[:size]
    yield bytes(kept), True


_DATA, _ENVELOPED = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.3"
_OAEP, _MGF1, _SHA256, _AES_CBC = (
    "1.2.840.113549.1.1.7",
    "1.2.840.113549.1.1.8",
    "2.16.840.1.101.3.4.2.1",
    "2.16.840.1.101.3.4.1.42",
)
_SEQUENCE, _SET, _INTEGER, _OCTETS, _OID, _NULL = b"\x30", b"\x31", b"\x02", b"\x04", b"\x06", b"\x05\x00"
_EXPLICIT_0, _EXPLICIT_1, _END = b"\xa0", b"\xa1", b"\x00\x00"
_OPEN: Final = b"\x80"
"""A length that is not known yet (X.690, 8.1.3.6): the content ends with `_END`."""


def _cms(certificate: Certificate, pieces: Iterable[bytes]) -> Iterator[bytes]:
    key, iv = os.urandom(_KEY), os.urandom(_IV)
    content = _oid(_DATA) + _tlv(_SEQUENCE, _oid(_AES_CBC) + _tlv(_OCTETS, iv))
    yield (
        _SEQUENCE + _OPEN + _oid(_ENVELOPED) + _EXPLICIT_0 + _OPEN + _SEQUENCE + _OPEN + _tlv(_INTEGER, b"\x00")
        + _tlv(_SET, _key_to(certificate, key)) + _SEQUENCE + _OPEN + content + _EXPLICIT_0 + _OPEN
    )  # fmt: skip
    cipher, padder = Cipher(AES(key), CBC(iv)).encryptor(), PKCS7(AES.block_size).padder()
    for chunk, is_last in _chunks(pieces, _CMS_CHUNK):
        padded = padder.update(chunk) + (padder.finalize() if is_last else b"")
        yield _tlv(_OCTETS, cipher.update(padded)) if padded else b""
    yield _END * 5


def _key_to(certificate: Certificate, key: bytes) -> bytes:
    """Return the KeyTransRecipientInfo: the content's key, for the holder of the certificate's key."""
    public = certificate.public_key()
    assert isinstance(public, RSAPublicKey)  # noqa: S101 - `parse_recipient` takes no other
    wrapped = public.encrypt(key, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
    digest = _tlv(_SEQUENCE, _oid(_SHA256) + _NULL)
    scheme = _tlv(_EXPLICIT_0, digest) + _tlv(_EXPLICIT_1, _tlv(_SEQUENCE, _oid(_MGF1) + digest))
    serial = certificate.serial_number
    number = serial.to_bytes(serial.bit_length() // 8 + 1, "big", signed=True)
    who = _tlv(_SEQUENCE, certificate.issuer.public_bytes() + _tlv(_INTEGER, number))
    how = _tlv(_SEQUENCE, _oid(_OAEP) + _tlv(_SEQUENCE, scheme))
    return _tlv(_SEQUENCE, _tlv(_INTEGER, b"\x00") + who + how + _tlv(_OCTETS, wrapped))


def _tlv(tag: bytes, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:  # noqa: PLR2004 - X.690, 8.1.3.4: what fits into seven bits stands for itself
        return tag + bytes([size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return tag + bytes([0x80 | len(length)]) + length + content


def _oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    written = bytes([40 * first + second])
    for arc in rest:
        groups = [arc >> shift & 0x7F for shift in range(0, max(arc.bit_length(), 1), 7)][::-1]
        written += bytes([one | 0x80 for one in groups[:-1]] + [groups[-1]])
    return _tlv(_OID, written)
