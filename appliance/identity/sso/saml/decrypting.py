"""From an encrypted assertion to the assertion, by our own key and nobody's else.

One way to wrap the content key (RSAES-OAEP), AES-GCM for the content. AES-CBC says nothing of whether it was altered, and who may
ask often enough reads it (Jager, Somorovsky 2011): it is opened only within a response whose signature was verified before.
Key transport of PKCS#1 v1.5 is refused for the same reason (Bleichenbacher), without looking whether it would open.
"""

from typing import Final

from appliance.identity.sso.saml.reading import (
    DSIG,
    SAML,
    XENC,
    Element,
    at_most_one,
    children,
    only_child,
    parse,
    q,
)
from appliance.identity.sso.saml.rules import Refused, Rule
from appliance.kernel.federation import NotOpened, from_base64, open_cbc, open_gcm, unwrap

_XENC11: Final = "http://www.w3.org/2009/xmlenc11#"
_ELEMENT: Final = f"{XENC}Element"
_OAEP_SHA1: Final = f"{XENC}rsa-oaep-mgf1p"
_OAEP: Final = f"{_XENC11}rsa-oaep"
_DIGESTS: Final = {
    f"{DSIG}sha1": "sha1", f"{XENC}sha256": "sha256", "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384",
    f"{XENC}sha512": "sha512",
}  # fmt: skip
_MASKS: Final = {f"{_XENC11}mgf1{name}": name for name in ("sha1", "sha256", "sha384", "sha512")}
_GCM: Final = {f"{_XENC11}aes{bits}-gcm": bits // 8 for bits in (128, 192, 256)}
_CBC: Final = {f"{XENC}aes{bits}-cbc": bits // 8 for bits in (128, 192, 256)}
_KEYS: Final = 4


def decrypted(encrypted: Element, key: bytes, *, is_within_signature: bool) -> Element:
    """Return the assertion as the root of a tree of its own, read as strictly as what came. Raises Refused."""
    content = only_child(encrypted, XENC, "EncryptedData", Rule.ENCRYPTION_SHAPE)
    if content.get("Type") not in {None, _ELEMENT}:
        raise Refused(Rule.ENCRYPTION_SHAPE)
    algorithm = _algorithm(content)
    if algorithm in _CBC and not is_within_signature:
        raise Refused(Rule.ENCRYPTION_UNPROTECTED)
    size = _GCM.get(algorithm) or _CBC.get(algorithm)
    if size is None:
        raise Refused(Rule.ENCRYPTION_ALGORITHM)
    unwrapped = _content_key(encrypted, content, key)
    sealed = _cipher(content)
    try:
        if len(unwrapped) != size:
            raise Refused(Rule.ENCRYPTION_NOT_OPENED)
        opened = open_gcm(unwrapped, sealed) if algorithm in _GCM else open_cbc(unwrapped, sealed)
    except NotOpened as error:
        raise Refused(Rule.ENCRYPTION_NOT_OPENED) from error
    root = parse(opened)
    if root.tag != q(SAML, "Assertion"):
        raise Refused(Rule.ASSERTION_MISSING)
    return root


def _content_key(encrypted: Element, content: Element, key: bytes) -> bytes:
    """Unwrap it, out of the key's place within the content or beside it. Of several keys ours is the one that opens."""
    info = at_most_one(content, DSIG, "KeyInfo", Rule.ENCRYPTION_SHAPE)
    wrapped = [*(children(info, XENC, "EncryptedKey") if info is not None else []), *children(encrypted, XENC, "EncryptedKey")]
    if not 1 <= len(wrapped) <= _KEYS:
        raise Refused(Rule.ENCRYPTION_SHAPE)
    for one in wrapped:
        digest, mask = _padding(one)
        try:
            return unwrap(key, _cipher(one), digest=digest, mask=mask)
        except NotOpened:
            continue
    raise Refused(Rule.ENCRYPTION_NOT_OPENED)


def _padding(wrapped: Element) -> tuple[str, str]:
    method = only_child(wrapped, XENC, "EncryptionMethod", Rule.ENCRYPTION_SHAPE)
    digest = at_most_one(method, DSIG, "DigestMethod", Rule.ENCRYPTION_SHAPE)
    mask = at_most_one(method, _XENC11, "MGF", Rule.ENCRYPTION_SHAPE)
    algorithm = method.get("Algorithm")
    if algorithm not in {_OAEP, _OAEP_SHA1} or method.find(q(XENC, "OAEPparams")) is not None:
        raise Refused(Rule.ENCRYPTION_ALGORITHM)
    hashed = _DIGESTS.get(str(digest.get("Algorithm"))) if digest is not None else "sha1"
    masked = _MASKS.get(str(mask.get("Algorithm"))) if algorithm == _OAEP and mask is not None else "sha1"
    if hashed is None or masked is None:
        raise Refused(Rule.ENCRYPTION_ALGORITHM)
    return hashed, masked


def _algorithm(element: Element) -> str:
    return str(only_child(element, XENC, "EncryptionMethod", Rule.ENCRYPTION_SHAPE).get("Algorithm"))


def _cipher(element: Element) -> bytes:
    data = only_child(element, XENC, "CipherData", Rule.ENCRYPTION_SHAPE)
    value = only_child(data, XENC, "CipherValue", Rule.ENCRYPTION_SHAPE)
    if len(value):
        raise Refused(Rule.ENCRYPTION_SHAPE)
    try:
        return from_base64(value.text or "")
    except ValueError as error:
        raise Refused(Rule.ENCRYPTION_SHAPE) from error
