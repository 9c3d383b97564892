"""A provider says that somebody has signed out there: whose sessions end here, if it was the provider who said it.

By the Redirect binding, the only one that our metadata names, the signature is over the query as it was written: so the query is
taken as it came, and each of its fields may be there once.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import unquote_plus

from appliance.identity.sso.saml.reading import (
    PROTOCOL,
    SAML,
    Element,
    at_most_one,
    children,
    from_redirect,
    only_child,
    parse,
    q,
    text_of,
)
from appliance.identity.sso.saml.rules import Refused, Rule
from appliance.identity.sso.saml.times import check_window, moment
from appliance.identity.sso.saml.values import Ours, Provider
from appliance.kernel.federation import from_base64, octets_hold

_REQUEST: Final = q(PROTOCOL, "LogoutRequest")
_RSA: Final = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha"
_ALGORITHMS: Final = {f"{_RSA}{bits}": f"sha{bits}" for bits in (256, 384, 512)}  # of ECDSA programs write two forms
_FIELDS: Final = ("SAMLRequest", "RelayState", "SigAlg", "Signature")
_MOST: Final = 100


@dataclass(frozen=True)
class SignedOut:
    """Who signed out at the provider, by the name it gives them. Without sessions it is all of theirs."""

    request_id: str
    name_id: str
    sessions: tuple[str, ...]


def from_query(query: bytes, provider: Provider, ours: Ours, *, now: datetime) -> SignedOut:
    """Return who signed out, of a request by the Redirect binding. Raises Refused."""
    fields = _fields(query)
    message = from_redirect(fields["SAMLRequest"][1])
    _check_octets(fields, provider, now)
    return _read(_parsed(message), provider, ours, now)


def _fields(query: bytes) -> dict[str, tuple[str, str]]:
    """Return each field as it was written and as it reads. Raises Refused where one that counts is there twice."""
    found: dict[str, tuple[str, str]] = {}
    for part in query.decode("ascii", "replace").split("&"):
        name, _, value = part.partition("=")
        if name in found and name in _FIELDS:
            raise Refused(Rule.SIGNATURE_SHAPE)
        found[name] = value, unquote_plus(value)
    if "SAMLRequest" not in found:
        raise Refused(Rule.MESSAGE_MISSING)
    if "Signature" not in found or "SigAlg" not in found:
        raise Refused(Rule.SIGNATURE_MISSING)
    return found


def _check_octets(fields: dict[str, tuple[str, str]], provider: Provider, now: datetime) -> None:
    digest = _ALGORITHMS.get(fields["SigAlg"][1])
    if digest is None:
        raise Refused(Rule.SIGNATURE_ALGORITHM)
    try:
        signature = from_base64(fields["Signature"][1])
    except ValueError as error:
        raise Refused(Rule.SIGNATURE_SHAPE) from error
    octets = "&".join(f"{name}={fields[name][0]}" for name in _FIELDS[:3] if name in fields).encode()
    in_force = [one for one in provider.certificates if one.is_valid(now)]
    if not in_force:
        raise Refused(Rule.CERTIFICATE_EXPIRED)
    if not any(octets_hold(one, octets, signature, digest=digest) for one in in_force):
        raise Refused(Rule.SIGNATURE_FALSE)


def _parsed(message: bytes) -> Element:
    root = parse(message)
    if root.tag != _REQUEST:
        raise Refused(Rule.ROOT)
    return root


def _read(root: Element, provider: Provider, ours: Ours, now: datetime) -> SignedOut:
    if root.get("Version") != "2.0":
        raise Refused(Rule.VERSION)
    if text_of(only_child(root, SAML, "Issuer", Rule.ISSUER), Rule.ISSUER) != provider.entity_id:
        raise Refused(Rule.ISSUER)
    if root.get("Destination") != ours.sign_out:
        raise Refused(Rule.DESTINATION)
    issued = moment(root.get("IssueInstant", ""))
    if issued > now + provider.skew:
        raise Refused(Rule.NOT_YET)
    if root.get("NotOnOrAfter") is None and issued < now - provider.skew * 2:
        raise Refused(Rule.EXPIRED)
    check_window(root, now=now, skew=provider.skew, must_end=False)
    name = at_most_one(root, SAML, "NameID", Rule.SUBJECT)
    if name is None or not root.get("ID"):
        raise Refused(Rule.SUBJECT)
    sessions = [text_of(one, Rule.SUBJECT) for one in children(root, PROTOCOL, "SessionIndex")][:_MOST]
    return SignedOut(str(root.get("ID")), text_of(name, Rule.SUBJECT), tuple(sessions))
