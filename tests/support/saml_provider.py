"""A SAML provider of our own, that signs whatever it is told to, well or badly. Written without the library that verifies."""

import base64
import hashlib
import hmac
import os
import zlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.x509.oid import NameOID
from lxml import etree

from appliance.kernel.federation import parse_certificate

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
DSIG = "http://www.w3.org/2000/09/xmldsig#"
XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f"{DSIG}enveloped-signature"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = f"{XENC}sha256"
EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
_DIGESTS = {SHA256: "sha256", f"{XENC}sha512": "sha512", f"{DSIG}sha1": "sha1", "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384"}
_SHA1 = hashes.SHA1()  # noqa: S303 - what an attacker, and within OAEP every provider, uses
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha1": _SHA1, "sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512(),
}  # fmt: skip
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Signer:
    """A key and its certificate."""

    key: Private
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def base64(self) -> str:
        return base64.b64encode(self.certificate.public_bytes(serialization.Encoding.DER)).decode()

    @property
    def private_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def signer(name: str, *, is_ec: bool = False, begins: float = -1, ends: float = 900, bits: int = 2048) -> Signer:
    """Return a new one, whose certificate is good between two days from now."""
    key: Private = ec.generate_private_key(ec.SECP256R1()) if is_ec else rsa.generate_private_key(65537, bits)
    called, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(called).issuer_name(called).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begins)).not_valid_after(now + timedelta(days=ends))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    return Signer(key, certificate)


@cache
def known_signer(name: str) -> Signer:
    """Return the one of this name, which a process makes once."""
    return signer(name)


@dataclass(frozen=True)
class Said:
    """What a response says. Times are seconds from `now`."""

    acs: str
    audience: str
    now: datetime
    issuer: str = "https://idp.example/saml"
    request: str | None = "_request"
    name_id: str = "u-4711"
    name_format: str = PERSISTENT
    attributes: dict[str, list[str]] = field(default_factory=lambda: {"email": ["ada@harrow.example"], "displayName": ["Ada"]})
    response_id: str = "_response"
    assertion_id: str = "_assertion"
    destination: str | None = ""
    recipient: str | None = ""
    status: str = "urn:oasis:names:tc:SAML:2.0:status:Success"
    method: str = BEARER
    begins: float | None = -60
    ends: float | None = 300
    confirmed_until: float | None = 300
    authenticated: float = -5
    session: str | None = "_session-1"
    session_ends: float | None = None
    response_issuer: str | None = ""
    audiences: str | None = None
    conditions: str | None = None
    name_xml: str | None = None
    in_response_to: str | None = ""
    confirmed_for: str | None = ""
    extra: str = ""
    version: str = "2.0"

    def changed(self, **fields: object) -> "Said":
        """Return the same with other words."""
        return replace(self, **fields)  # type: ignore[arg-type]

    def at(self, seconds: float) -> str:
        """Return a moment as a message holds it."""
        return (self.now + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def assertion(self) -> str:
        """Return the assertion, unsigned."""
        recipient = self.acs if self.recipient == "" else self.recipient
        confirmed_for = self.request if self.confirmed_for == "" else self.confirmed_for
        name = self.name_xml or f'<saml:NameID Format="{self.name_format}">{self.name_id}</saml:NameID>'
        held = _attribute("NotOnOrAfter", self._moment(self.confirmed_until)) + _attribute("Recipient", recipient) + _attribute("InResponseTo", confirmed_for)
        ends = _attribute("SessionIndex", self.session) + _attribute("SessionNotOnOrAfter", self._moment(self.session_ends))
        return (
            f'<saml:Assertion xmlns:saml="{SAML}" ID="{self.assertion_id}" Version="{self.version}" IssueInstant="{self.at(0)}">'
            f"<saml:Issuer>{self.issuer}</saml:Issuer>"
            f'<saml:Subject>{name}<saml:SubjectConfirmation Method="{self.method}"><saml:SubjectConfirmationData{held}/></saml:SubjectConfirmation></saml:Subject>'
            f"{self._conditions()}"
            f'<saml:AuthnStatement AuthnInstant="{self.at(self.authenticated)}"{ends}><saml:AuthnContext>'
            "<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml:AuthnContextClassRef>"
            f"</saml:AuthnContext></saml:AuthnStatement>{self._statement()}{self.extra}</saml:Assertion>"
        )

    def response(self, held: str) -> str:
        """Return the response around an assertion, unsigned."""
        destination = self.acs if self.destination == "" else self.destination
        in_response_to = self.request if self.in_response_to == "" else self.in_response_to
        issuer = self.issuer if self.response_issuer == "" else self.response_issuer
        head = f'ID="{self.response_id}" Version="2.0" IssueInstant="{self.at(0)}"'
        head += _attribute("Destination", destination) + _attribute("InResponseTo", in_response_to)
        said = "" if issuer is None else f'<saml:Issuer xmlns:saml="{SAML}">{issuer}</saml:Issuer>'
        return (
            f'<samlp:Response xmlns:samlp="{PROTOCOL}" {head}>{said}'
            f'<samlp:Status><samlp:StatusCode Value="{self.status}"/></samlp:Status>{held}</samlp:Response>'
        )

    def _conditions(self) -> str:
        if self.conditions is not None:
            return self.conditions
        held = self.audiences
        if held is None:
            held = f"<saml:AudienceRestriction><saml:Audience>{self.audience}</saml:Audience></saml:AudienceRestriction>"
        times = _attribute("NotBefore", self._moment(self.begins)) + _attribute("NotOnOrAfter", self._moment(self.ends))
        return f"<saml:Conditions{times}>{held}</saml:Conditions>"

    def _statement(self) -> str:
        held = "".join(
            f'<saml:Attribute Name="{name}">{"".join(f"<saml:AttributeValue>{value}</saml:AttributeValue>" for value in values)}</saml:Attribute>'
            for name, values in self.attributes.items()
        )
        return f"<saml:AttributeStatement>{held}</saml:AttributeStatement>" if held else ""

    def _moment(self, seconds: float | None) -> str | None:
        return None if seconds is None else self.at(seconds)


@dataclass(frozen=True)
class Form:
    """How something is signed. The defaults are what is accepted."""

    method: str = RSA_SHA256
    digest: str = SHA256
    c14n: str = EXCLUSIVE
    transforms: str = f'<ds:Transform Algorithm="{ENVELOPED}"/><ds:Transform Algorithm="{EXCLUSIVE}"/>'
    uri: str | None = None
    hmac_key: bytes | None = None
    key_info: str | None = None
    inside_method: str = ""
    second_reference: str = ""
    prefix: str = "ds"
    kept_prefixes: tuple[str, ...] = ()

    @property
    def applied(self) -> str:
        """The transforms, with the prefixes that stay declared."""
        if not self.kept_prefixes:
            return self.transforms
        kept = f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE}" PrefixList="{" ".join(self.kept_prefixes)}"/>'
        return f'<ds:Transform Algorithm="{ENVELOPED}"/><ds:Transform Algorithm="{EXCLUSIVE}">{kept}</ds:Transform>'

    def named(self, written: str) -> str:
        """Return signature's elements under the prefix of this form."""
        if self.prefix == "ds":
            return written
        declared = f"xmlns:{self.prefix}=" if self.prefix else "xmlns="
        return written.replace("ds:", f"{self.prefix}:" if self.prefix else "").replace("xmlns:ds=", declared)


def sign(message: str, who: Signer, element_id: str, form: Form | None = None) -> str:
    """Return the message with the element of this id signed, the signature behind its issuer."""
    form = form or Form()
    root = etree.fromstring(message.encode())
    (element,) = [one for one in root.iter() if one.get("ID") == element_id]
    signature = etree.fromstring(signature_of(element, who, form).encode())
    place = 1 if len(element) and etree.QName(element[0]).localname == "Issuer" else 0
    element.insert(place, signature)
    return str(etree.tostring(root, encoding="unicode"))


def signature_of(element: "etree._Element", who: Signer, form: Form) -> str:
    """Return a signature over an element as it is now."""
    plain = etree.fromstring(etree.tostring(element, with_tail=False))
    octets = etree.tostring(plain, method="c14n", exclusive=True, inclusive_ns_prefixes=list(form.kept_prefixes) or None)
    digested = hashlib.new(_DIGESTS[form.digest], octets).digest()
    uri = f"#{element.get('ID')}" if form.uri is None else form.uri
    info = form.named(
        f'<ds:SignedInfo xmlns:ds="{DSIG}"><ds:CanonicalizationMethod Algorithm="{form.c14n}"/>'
        f'<ds:SignatureMethod Algorithm="{form.method}">{form.inside_method}</ds:SignatureMethod>'
        f'<ds:Reference URI="{uri}"><ds:Transforms>{form.applied}</ds:Transforms>'
        f'<ds:DigestMethod Algorithm="{form.digest}"/><ds:DigestValue>{base64.b64encode(digested).decode()}</ds:DigestValue></ds:Reference>'
        f"{form.second_reference}</ds:SignedInfo>"
    )
    canonical = etree.tostring(etree.fromstring(info.encode()), method="c14n", exclusive=True)
    key_info = form.key_info
    if key_info is None:
        key_info = f"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{who.base64}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
    value = base64.b64encode(_signed(canonical, who, form)).decode()
    opens, closes = form.named(f'<ds:Signature xmlns:ds="{DSIG}">'), form.named("</ds:Signature>")
    return f"{opens}{info}{form.named(f'<ds:SignatureValue>{value}</ds:SignatureValue>{key_info}')}{closes}"


def _signed(octets: bytes, who: Signer, form: Form) -> bytes:
    if form.hmac_key is not None:
        return hmac.new(form.hmac_key, octets, hashlib.sha256).digest()
    name = next((one for one in ("sha512", "sha384", "sha256") if one in form.method.lower()), "sha1")
    if isinstance(who.key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(who.key.sign(octets, ec.ECDSA(_HASHES[name])))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    if "MGF1" in form.method:
        return who.key.sign(octets, padding.PSS(padding.MGF1(_HASHES[name]), _HASHES[name].digest_size), _HASHES[name])
    return who.key.sign(octets, padding.PKCS1v15(), _HASHES[name])


def encrypt(
    held: str, certificate_pem: str, *, algorithm: str = f"{XENC11}aes256-gcm", wrapping: str = f"{XENC}rsa-oaep-mgf1p",
    digest: str = "", is_beside: bool = False,
) -> str:  # fmt: skip
    """Return an encrypted assertion for whoever has the certificate's key."""
    size = {"128": 16, "192": 24, "256": 32}.get(algorithm.rsplit("aes", maxsplit=1)[-1][:3], 32)
    key = os.urandom(size)
    public = parse_certificate(certificate_pem).native.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    if wrapping.endswith("rsa-1_5"):
        wrapped = public.encrypt(key, padding.PKCS1v15())
    else:
        hashed = hashes.SHA256() if digest == SHA256 else _SHA1
        wrapped = public.encrypt(key, padding.OAEP(padding.MGF1(_SHA1), hashed, None))
    method = f'<ds:DigestMethod xmlns:ds="{DSIG}" Algorithm="{digest}"/>' if digest else ""
    ours = (
        f'<xenc:EncryptedKey xmlns:xenc="{XENC}"><xenc:EncryptionMethod Algorithm="{wrapping}">{method}</xenc:EncryptionMethod>'
        f"<xenc:CipherData><xenc:CipherValue>{base64.b64encode(wrapped).decode()}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>"
    )
    inside = "" if is_beside else f'<ds:KeyInfo xmlns:ds="{DSIG}">{ours}</ds:KeyInfo>'
    return (
        f'<saml:EncryptedAssertion xmlns:saml="{SAML}"><xenc:EncryptedData xmlns:xenc="{XENC}" Type="{XENC}Element">'
        f'<xenc:EncryptionMethod Algorithm="{algorithm}"/>{inside}<xenc:CipherData><xenc:CipherValue>'
        f"{base64.b64encode(_enciphered(key, held.encode(), algorithm)).decode()}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>"
        f"{ours if is_beside else ''}</saml:EncryptedAssertion>"
    )


def _enciphered(key: bytes, plain: bytes, algorithm: str) -> bytes:
    if "gcm" in algorithm:
        nonce = os.urandom(12)
        return nonce + AESGCM(key).encrypt(nonce, plain, None)
    fill = 16 - len(plain) % 16
    nonce = os.urandom(16)
    encryptor = Cipher(AES(key), CBC(nonce)).encryptor()
    return nonce + encryptor.update(plain + os.urandom(fill - 1) + bytes([fill])) + encryptor.finalize()


def posted(message: str | bytes) -> str:
    """Return a message as a form's field carries it."""
    return base64.b64encode(message.encode() if isinstance(message, str) else message).decode()


def deflated(message: str | bytes) -> str:
    """Return a message as a query's field carries it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return posted(packer.compress(message.encode() if isinstance(message, str) else message) + packer.flush())


def _attribute(name: str, value: str | None) -> str:
    return "" if value is None else f' {name}="{value}"'
