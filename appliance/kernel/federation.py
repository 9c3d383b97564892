"""Keys and certificates of SAML: what a provider signs and encrypts with, and our own side of it.

The formats are XML Signature's and XML Encryption's, so that others open and verify them. RSA keys below 2048 bits, RSAES
of PKCS#1 v1.5, and every digest below SHA-256 outside of OAEP are refused here, whatever a caller asks for. What does not
open raises one error of one text: which step failed is of use to nobody but an attacker.
"""

import base64
import binascii
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from appliance.kernel.errors import Invalid

_LEAST_RSA: Final = 2048
_OUR_RSA: Final = 3072
_OUR_YEARS: Final = 20
_BLOCK, _NONCE, _TAG = 16, 12, 16
_CURVES: Final = ("secp256r1", "secp384r1", "secp521r1")
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - within OAEP and MGF1, where no collision is of use; most providers know no other
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


class CertificateUnusable(Invalid):
    """This is no certificate that can be used. Give X.509 certificates (PEM, or base64 as in metadata) with an RSA key of 2048 bits or more, or an elliptic curve P-256, P-384 or P-521."""

    code = "certificate_unusable"


class NotOpened(Exception):
    """What was encrypted does not open with our key."""


@dataclass(frozen=True)
class SigningCertificate:
    """A certificate that a provider signs with. `native` is for who verifies."""

    pem: str
    fingerprint: str
    subject: str
    not_before: datetime
    not_after: datetime
    kind: str
    native: x509.Certificate = field(repr=False, compare=False)

    def is_valid(self, now: datetime) -> bool:
        """Say whether it is good at this moment."""
        return self.not_before <= now <= self.not_after


@lru_cache(maxsize=256)
def parse_certificate(written: str) -> SigningCertificate:
    """Return the one certificate in PEM, or in base64 without its frame. Raises CertificateUnusable."""
    try:
        if "-----" in written:
            found = x509.load_pem_x509_certificates(written.encode())
        else:
            found = [x509.load_der_x509_certificate(base64.b64decode("".join(written.split()), validate=True))]
        if len(found) != 1:
            raise CertificateUnusable
        return _described(found[0])
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateUnusable from error


def parse_certificates(written: str) -> tuple[SigningCertificate, ...]:
    """Return every certificate of a text in PEM, each once. Raises CertificateUnusable where there is none."""
    if "-----" not in written:
        return (parse_certificate(written),)
    try:
        found = x509.load_pem_x509_certificates(written.encode())
    except ValueError as error:
        raise CertificateUnusable from error
    return tuple(dict.fromkeys(_described(one) for one in found))


def _described(native: x509.Certificate) -> SigningCertificate:
    public = native.public_key()
    if isinstance(public, rsa.RSAPublicKey) and public.key_size >= _LEAST_RSA:
        kind = f"RSA {public.key_size}"
    elif isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in _CURVES:
        kind = f"P-{public.key_size}"
    else:
        raise CertificateUnusable
    try:
        subject = native.subject.rfc4514_string()
    except ValueError:
        subject = ""
    return SigningCertificate(
        native.public_bytes(Encoding.PEM).decode(), native.fingerprint(hashes.SHA256()).hex(), subject,
        native.not_valid_before_utc, native.not_valid_after_utc, kind, native,
    )  # fmt: skip


def make_key(name: str, *, now: datetime) -> tuple[bytes, str]:
    """Return a new private key of ours (PEM), and a certificate for it that says whose it is and nothing else."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=_OUR_RSA)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=365 * _OUR_YEARS))
        .sign(private, hashes.SHA256())
    )  # fmt: skip
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem, certificate.public_bytes(Encoding.PEM).decode()


def without_frame(pem: str) -> str:
    """Return a certificate as metadata holds it: base64 of the DER."""
    return base64.b64encode(x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)).decode()


def sign_octets(private: bytes, message: bytes) -> bytes:
    """Return the RSASSA-PKCS1-v1_5 signature with SHA-256, as a query of the Redirect binding carries it."""
    return _private(private).sign(message, padding.PKCS1v15(), hashes.SHA256())


def octets_hold(certificate: SigningCertificate, message: bytes, signature: bytes, *, digest: str) -> bool:
    """Say whether the holder of the certificate, of an RSA key, signed a query of the Redirect binding."""
    public, hashed = certificate.native.public_key(), _HASHES[digest]
    try:
        if not isinstance(public, rsa.RSAPublicKey):
            return False
        public.verify(signature, message, padding.PKCS1v15(), hashed)
    except InvalidSignature:
        return False
    return True


def unwrap(private: bytes, wrapped: bytes, *, digest: str, mask: str) -> bytes:
    """Return the content key that RSAES-OAEP wrapped for us. Raises NotOpened."""
    scheme = padding.OAEP(padding.MGF1(_HASHES[mask]), _HASHES[digest], None)
    try:
        return _private(private).decrypt(wrapped, scheme)
    except ValueError as error:
        raise NotOpened from error


def open_gcm(key: bytes, sealed: bytes) -> bytes:
    """Return what AES-GCM of XML Encryption 1.1 sealed: nonce, text, tag. Raises NotOpened."""
    if len(sealed) < _NONCE + _TAG:
        raise NotOpened
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], None)
    except (InvalidTag, ValueError) as error:
        raise NotOpened from error


def open_cbc(key: bytes, sealed: bytes) -> bytes:
    """Return what AES-CBC of XML Encryption sealed. Raises NotOpened.

    Nothing says here whether it was altered: only for what lies within a signature that was verified before.
    """
    if len(sealed) < 2 * _BLOCK or len(sealed) % _BLOCK:
        raise NotOpened
    decryptor = Cipher(AES(key), CBC(sealed[:_BLOCK])).decryptor()
    padded = decryptor.update(sealed[_BLOCK:]) + decryptor.finalize()
    if not 1 <= padded[-1] <= _BLOCK:
        raise NotOpened
    return padded[: -padded[-1]]


def _private(pem: bytes) -> rsa.RSAPrivateKey:
    # It is our own, out of a sealed column: whether its primes are primes was seen to when it was made, and costs 60 ms.
    key = load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("our key for SAML is an RSA key")
    return key


def from_base64(written: str) -> bytes:
    """Return the bytes of base64 with white space in it. Raises ValueError."""
    try:
        return base64.b64decode("".join(written.split()).encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ValueError("not base64") from error
