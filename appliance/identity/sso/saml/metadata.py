"""Metadata: what a provider says of itself, and what we say of ourselves to it.

A provider's metadata is trusted as the administrator who gave it is, or the certificate that was named beside it: whoever can
write it can write the certificates that everybody comes in by. It is read by the same reader as messages, except that
comments may stand in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from lxml import etree

from appliance.identity.sso.saml.reading import (
    DSIG,
    METADATA,
    METADATA_BYTES,
    PROTOCOL,
    Element,
    children,
    parse,
    q,
)
from appliance.identity.sso.saml.rules import Refused, Rule
from appliance.identity.sso.saml.signatures import check_places, signed
from appliance.identity.sso.saml.times import moment_of
from appliance.identity.sso.saml.values import Binding, Endpoint, Ours
from appliance.kernel.errors import Invalid
from appliance.kernel.federation import CertificateUnusable, SigningCertificate, parse_certificate, without_frame

_ELEMENTS: Final = 60_000
_MOST_CERTIFICATES: Final = 8
_PERSISTENT: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
_UNSPECIFIED: Final = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
_XENC11: Final = "http://www.w3.org/2009/xmlenc11#"
_METHODS: Final = (
    f"{_XENC11}aes256-gcm", f"{_XENC11}aes128-gcm", f"{_XENC11}rsa-oaep", "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
)  # fmt: skip


class MetadataUnusable(Invalid):
    """This is no metadata of one SAML 2.0 identity provider that can be used ({reason}). Copy it from the provider again, or fill the fields in by hand."""

    code = "saml_metadata_unusable"


@dataclass(frozen=True)
class Described:
    """A provider as its metadata describes it."""

    entity_id: str
    sign_on: Endpoint
    certificates: tuple[SigningCertificate, ...]
    sign_out: Endpoint | None
    sign_out_answers: str | None


def read_metadata(
    written: bytes, *, now: datetime, signers: Sequence[SigningCertificate] = (), entity_id: str = ""
) -> Described:
    """Return the one provider that metadata describes, or the one of this entity id. Raises MetadataUnusable.

    Where `signers` are named, the whole must be signed by one of them, and only what was signed is read.
    """
    try:
        # Comments go before anything is read; within a text they would have cut it in two.
        root = parse(_without_comments(written), limit=METADATA_BYTES, elements=_ELEMENTS)
        if signers:
            check_places(root, root)
            root = signed(root, "", signers, now=now)
        return _described(_the_provider(root, entity_id), now)
    except Refused as refusal:
        raise MetadataUnusable(reason=refusal.rule.value) from refusal
    except CertificateUnusable as refusal:
        raise MetadataUnusable(reason="certificate") from refusal


def our_metadata(ours: Ours) -> bytes:
    """Return the metadata of one connection, as its provider reads it."""
    names: dict[str | None, str] = {"md": METADATA, "ds": DSIG}
    root = etree.Element(q(METADATA, "EntityDescriptor"), nsmap=names)
    root.set("entityID", ours.entity_id)
    role = etree.SubElement(root, q(METADATA, "SPSSODescriptor"))
    role.set("AuthnRequestsSigned", "true")
    role.set("WantAssertionsSigned", "true")
    role.set("protocolSupportEnumeration", PROTOCOL)
    for use in ("signing", "encryption"):
        key = etree.SubElement(role, q(METADATA, "KeyDescriptor"), use=use)
        info = etree.SubElement(etree.SubElement(key, q(DSIG, "KeyInfo")), q(DSIG, "X509Data"))
        etree.SubElement(info, q(DSIG, "X509Certificate")).text = without_frame(ours.certificate)
        for method in _METHODS if use == "encryption" else ():
            etree.SubElement(key, q(METADATA, "EncryptionMethod"), Algorithm=method)
    etree.SubElement(
        role, q(METADATA, "SingleLogoutService"), Binding=Binding.REDIRECT.value, Location=ours.sign_out
    )
    for form in (_PERSISTENT, _UNSPECIFIED):
        etree.SubElement(role, q(METADATA, "NameIDFormat")).text = form
    etree.SubElement(
        role, q(METADATA, "AssertionConsumerService"), Binding=Binding.POST.value, Location=ours.acs, index="0",
        isDefault="true",
    )  # fmt: skip
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def _without_comments(written: bytes) -> bytes:
    """Take them out in one pass: an expression would look for the end of each that has none until the end of all."""
    body = written.removeprefix(b"\xef\xbb\xbf")
    if len(body) > METADATA_BYTES:
        return body
    kept, at = list[bytes](), 0
    while (begins := body.find(b"<!--", at)) >= 0 and (ends := body.find(b"-->", begins + 4)) >= 0:
        kept.append(body[at:begins])
        at = ends + 3
    return b"".join([*kept, body[at:]])


def _the_provider(root: Element, entity_id: str) -> Element:
    roles = [
        role for role in root.iter(q(METADATA, "IDPSSODescriptor"))
        if PROTOCOL in (role.get("protocolSupportEnumeration") or "").split()
        and role.getparent() is not None
        and (not entity_id or role.getparent().get("entityID") == entity_id)
    ]  # fmt: skip
    if len(roles) != 1:
        raise MetadataUnusable(reason="no provider" if not roles else "several providers")
    return roles[0]


def _described(role: Element, now: datetime) -> Described:
    entity = role.getparent()
    for one in (role, entity):
        until = moment_of(one, "validUntil")
        if until is not None and until <= now:
            raise Refused(Rule.EXPIRED)
    sign_on = _endpoint(role, "SingleSignOnService")
    if sign_on is None:
        raise MetadataUnusable(reason="SingleSignOnService")
    certificates = _certificates(role)
    if not certificates:
        raise MetadataUnusable(reason="KeyDescriptor")
    out = _endpoint(role, "SingleLogoutService", only=Binding.REDIRECT)
    answers = next(
        (one.get("ResponseLocation") for one in children(role, METADATA, "SingleLogoutService")
         if one.get("Binding") == Binding.REDIRECT.value), None,
    )  # fmt: skip
    return Described(str(entity.get("entityID") or ""), sign_on, certificates, out, answers)


def _endpoint(role: Element, name: str, *, only: Binding | None = None) -> Endpoint | None:
    """Return where it takes messages, by redirect if it does."""
    found = {one.get("Binding"): one.get("Location") for one in reversed(children(role, METADATA, name))}
    for binding in (only,) if only else (Binding.REDIRECT, Binding.POST):
        if found.get(binding.value):
            return Endpoint(str(found[binding.value]), binding)
    return None


def _certificates(role: Element) -> tuple[SigningCertificate, ...]:
    """Return the certificates to sign with, in the order given, each once; those to encrypt with are none of ours."""
    found = [
        parse_certificate(one.text or "")
        for key in children(role, METADATA, "KeyDescriptor")
        if key.get("use") in {None, "signing"}
        for one in key.iter(q(DSIG, "X509Certificate"))
    ]
    return tuple(dict.fromkeys(found))[:_MOST_CERTIFICATES]
