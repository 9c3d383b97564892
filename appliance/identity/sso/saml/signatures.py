"""From a tree to the element that was signed: the form is judged first, then signxml computes, then only its result is read.

The form leaves one way to sign: the parent of the signature, by its own id, enveloped, exclusive canonicalization, RSA or
ECDSA with SHA-256 or better. No transform runs whose name is not one of the two, so none of XPath or XSLT ever does.
What a message says of its key (KeyInfo) is not looked at.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

from appliance.identity.sso.saml.reading import DSIG, Element, children, named, only_child, q
from appliance.identity.sso.saml.rules import Refused, Rule
from appliance.kernel.federation import SigningCertificate, from_base64

_EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
_ENVELOPED: Final = f"{DSIG}enveloped-signature"
_METHODS: Final = frozenset(
    {
        SignatureMethod.RSA_SHA256, SignatureMethod.RSA_SHA384, SignatureMethod.RSA_SHA512,
        SignatureMethod.ECDSA_SHA256, SignatureMethod.ECDSA_SHA384, SignatureMethod.ECDSA_SHA512,
        SignatureMethod.SHA256_RSA_MGF1, SignatureMethod.SHA384_RSA_MGF1, SignatureMethod.SHA512_RSA_MGF1,
    }
)  # fmt: skip
_DIGESTS: Final = frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512})
_PARTS: Final = ("SignedInfo", "SignatureValue", "KeyInfo")
_INFO: Final = ("CanonicalizationMethod", "SignatureMethod", "Reference")
_REFERENCE: Final = ("Transforms", "DigestMethod", "DigestValue")
_PREFIXES: Final = 20
_INCLUSIVE: Final = q(_EXCLUSIVE, "InclusiveNamespaces")


def check_places(root: Element, *parents: Element) -> None:
    """See that whatever looks like a signature is one, and a child of one of these, each with one at most."""
    for one in named(root, "Signature"):
        if one.tag != q(DSIG, "Signature") or one.getparent() not in parents:
            raise Refused(Rule.SIGNATURE_MISPLACED)
    if any(len(children(parent, DSIG, "Signature")) > 1 for parent in parents):
        raise Refused(Rule.SIGNATURE_MISPLACED)


def has_signature(element: Element) -> bool:
    """Say whether it carries one."""
    return element.find(q(DSIG, "Signature")) is not None


def signed(
    root: Element, path: str, certificates: Sequence[SigningCertificate], *, now: datetime
) -> Element:
    """Return what was signed, as signxml saw it, of the element at a path from the root ("" is the root itself).

    Raises Refused. The element that is returned stands in a tree of its own; nothing else of the message is in it.
    """
    element = root if not path else root.find(path)
    if element is None:
        raise Refused(Rule.SIGNATURE_MISSING)
    _check_form(only_child(element, DSIG, "Signature", Rule.SIGNATURE_MISSING), element)
    found = _verified(root, f"./{path}/" if path else "./", certificates, now)
    if found.tag != element.tag or found.get("ID") != element.get("ID"):
        raise Refused(Rule.SIGNATURE_REFERENCE)
    return found


def _verified(root: Element, location: str, certificates: Sequence[SigningCertificate], now: datetime) -> Element:
    in_force = [one for one in certificates if one.is_valid(now)]
    for certificate in in_force:
        config = SignatureConfiguration(
            location=location, signature_methods=_METHODS, digest_algorithms=_DIGESTS, expect_references=1,
            ignore_ambiguous_key_info=True, verification_time=now,
        )  # fmt: skip
        try:
            result = XMLVerifier().verify(
                root, x509_cert=certificate.native, id_attribute="ID", expect_config=config, validate_schema=False
            )
        except (SignXMLException, etree.LxmlError, ValueError, TypeError, AttributeError):
            continue  # another certificate of the connection may be the one
        if isinstance(result, VerifyResult) and result.signed_xml is not None:
            return result.signed_xml
    # Told apart where it can be told: of all certificates none is in force.
    raise Refused(Rule.SIGNATURE_FALSE if in_force else Rule.CERTIFICATE_EXPIRED)


def _check_form(signature: Element, parent: Element) -> None:
    info, value, *rest = _parts(signature, _PARTS, least=2)
    _check_base64(value)
    del rest  # KeyInfo: what a message says of its own key decides nothing
    c14n, method, reference = _parts(info, _INFO)
    if c14n.get("Algorithm") != _EXCLUSIVE:
        raise Refused(Rule.SIGNATURE_TRANSFORM)
    _check_prefixes(c14n)
    if method.get("Algorithm") not in {one.value for one in _METHODS} or len(method):
        raise Refused(Rule.SIGNATURE_ALGORITHM)
    if reference.get("URI") != f"#{parent.get('ID') or ''}" or not parent.get("ID"):
        raise Refused(Rule.SIGNATURE_REFERENCE)
    transforms, digest, digest_value = _parts(reference, _REFERENCE)
    algorithms = [one.get("Algorithm") for one in transforms]
    if algorithms != [_ENVELOPED, _EXCLUSIVE] or any(one.tag != q(DSIG, "Transform") for one in transforms):
        raise Refused(Rule.SIGNATURE_TRANSFORM)
    if len(transforms[0]):
        raise Refused(Rule.SIGNATURE_TRANSFORM)
    _check_prefixes(transforms[1])
    if digest.get("Algorithm") not in {one.value for one in _DIGESTS} or len(digest):
        raise Refused(Rule.SIGNATURE_ALGORITHM)
    _check_base64(digest_value)


def _parts(element: Element, names: Sequence[str], *, least: int | None = None) -> list[Element]:
    """Return the children, which are these and in this order; those behind `least` may be missing."""
    found = list(element)
    wanted = [q(DSIG, name) for name in names]
    if [one.tag for one in found] != wanted[: len(found)] or len(found) < (least or len(wanted)):
        raise Refused(Rule.SIGNATURE_SHAPE)
    return found


def _check_prefixes(element: Element) -> None:
    """Allow a list of prefixes that stay declared, which some providers write, and nothing else."""
    if not len(element):
        return
    if len(element) > 1 or element[0].tag != _INCLUSIVE or len(element[0]):
        raise Refused(Rule.SIGNATURE_TRANSFORM)
    listed = str(element[0].get("PrefixList") or "").split()
    if not listed or len(listed) > _PREFIXES:
        raise Refused(Rule.SIGNATURE_TRANSFORM)


def _check_base64(element: Element) -> None:
    try:
        if len(element) or not from_base64(element.text or ""):
            raise Refused(Rule.SIGNATURE_SHAPE)
    except ValueError as error:
        raise Refused(Rule.SIGNATURE_SHAPE) from error
