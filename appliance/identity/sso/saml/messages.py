"""What we send: requests to sign in and out, and answers to the latter, signed where the provider can check it."""

import base64
import secrets
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

from lxml import etree

from appliance.identity.sso.saml.reading import DSIG, PROTOCOL, SAML, Element, q
from appliance.identity.sso.saml.times import written
from appliance.identity.sso.saml.values import Binding, Endpoint, Ours
from appliance.kernel.federation import sign_octets, without_frame
from appliance.kernel.sealing import content_digest

RSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
_EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
_ENVELOPED: Final = f"{DSIG}enveloped-signature"
_LASTS: Final = timedelta(minutes=5)
_SUCCESS: Final = "urn:oasis:names:tc:SAML:2.0:status:Success"
_NAMES: Final[dict[str | None, str]] = {"samlp": PROTOCOL, "saml": SAML}


@dataclass(frozen=True)
class Sent:
    """A message on its way: a URL to go to, or a form's field to post there."""

    url: str
    field: str = ""
    message: str = ""


def new_request_id() -> str:
    """Return an id for a request: of 256 random bits, and not beginning with a digit."""
    return f"_{secrets.token_hex(32)}"


def sign_on_request(
    ours: Ours, to: Endpoint, *, request_id: str, now: datetime, is_fresh: bool, is_signed: bool
) -> Sent:
    """Return the request to authenticate somebody; `is_fresh` asks the provider to have them prove it anew."""
    root = _message("AuthnRequest", ours, to.url, request_id, now)
    root.set("ProtocolBinding", Binding.POST.value)
    root.set("AssertionConsumerServiceURL", ours.acs)
    if is_fresh:
        root.set("ForceAuthn", "true")
    etree.SubElement(root, q(PROTOCOL, "NameIDPolicy"), AllowCreate="true")
    if to.binding is Binding.POST:
        if is_signed:
            _sign(root, ours)
        return Sent(to.url, "SAMLRequest", base64.b64encode(etree.tostring(root)).decode())
    return Sent(_redirect(to.url, "SAMLRequest", root, ours if is_signed else None))


def sign_out_request(
    ours: Ours, to: Endpoint, *, name_id: str, name_format: str | None, session: str | None, now: datetime
) -> Sent:
    """Return the request to end somebody's session at the provider. It is always signed: a provider must not take another."""
    root = _message("LogoutRequest", ours, to.url, new_request_id(), now)
    root.set("NotOnOrAfter", written(now + _LASTS))
    name = etree.SubElement(root, q(SAML, "NameID"))
    name.text = name_id
    if name_format:
        name.set("Format", name_format)
    if session:
        etree.SubElement(root, q(PROTOCOL, "SessionIndex")).text = session
    return Sent(_redirect(to.url, "SAMLRequest", root, ours))


def sign_out_answer(ours: Ours, url: str, *, to: str, now: datetime, relay_state: str | None) -> Sent:
    """Return the answer to a request to sign out that was carried out."""
    root = _message("LogoutResponse", ours, url, new_request_id(), now)
    root.set("InResponseTo", to)
    status = etree.SubElement(root, q(PROTOCOL, "Status"))
    etree.SubElement(status, q(PROTOCOL, "StatusCode"), Value=_SUCCESS)
    return Sent(_redirect(url, "SAMLResponse", root, ours, relay_state=relay_state))


def _message(name: str, ours: Ours, to: str, message_id: str, now: datetime) -> Element:
    root = etree.Element(q(PROTOCOL, name), nsmap=_NAMES)
    root.set("ID", message_id)
    root.set("Version", "2.0")
    root.set("IssueInstant", written(now))
    root.set("Destination", to)
    etree.SubElement(root, q(SAML, "Issuer")).text = ours.entity_id
    return root


def _redirect(url: str, field: str, root: Element, signer: Ours | None, *, relay_state: str | None = None) -> str:
    """Return the URL with the message in it. The signature is over the query as it is written (SAML bindings 3.4.4.1)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(etree.tostring(root)) + packer.flush()
    query = f"{field}={quote(base64.b64encode(packed), safe='')}"
    if relay_state is not None:
        query += f"&RelayState={quote(relay_state, safe='')}"
    if signer is not None:
        query += f"&SigAlg={quote(RSA_SHA256, safe='')}"
        query += f"&Signature={quote(base64.b64encode(sign_octets(signer.key, query.encode())), safe='')}"
    return f"{url}{'&' if '?' in url else '?'}{query}"


def _sign(root: Element, ours: Ours) -> None:
    """Put our signature behind the issuer, in the one form that we take from others as well."""
    digest = base64.b64encode(content_digest(etree.tostring(root, method="c14n", exclusive=True))).decode()
    signature = etree.Element(q(DSIG, "Signature"), nsmap={"ds": DSIG})
    info = etree.SubElement(signature, q(DSIG, "SignedInfo"))
    etree.SubElement(info, q(DSIG, "CanonicalizationMethod"), Algorithm=_EXCLUSIVE)
    etree.SubElement(info, q(DSIG, "SignatureMethod"), Algorithm=RSA_SHA256)
    reference = etree.SubElement(info, q(DSIG, "Reference"), URI=f"#{root.get('ID')}")
    transforms = etree.SubElement(reference, q(DSIG, "Transforms"))
    for algorithm in (_ENVELOPED, _EXCLUSIVE):
        etree.SubElement(transforms, q(DSIG, "Transform"), Algorithm=algorithm)
    etree.SubElement(reference, q(DSIG, "DigestMethod"), Algorithm=_SHA256)
    etree.SubElement(reference, q(DSIG, "DigestValue")).text = digest
    value = sign_octets(ours.key, etree.tostring(info, method="c14n", exclusive=True))
    etree.SubElement(signature, q(DSIG, "SignatureValue")).text = base64.b64encode(value).decode()
    held = etree.SubElement(etree.SubElement(signature, q(DSIG, "KeyInfo")), q(DSIG, "X509Data"))
    etree.SubElement(held, q(DSIG, "X509Certificate")).text = without_frame(ours.certificate)
    root.insert(1, signature)
