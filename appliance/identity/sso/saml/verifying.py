"""From a response to what it says of a person. The order is the argument: form, signature, and only then what is said."""

import hashlib
from datetime import datetime
from typing import Final

from appliance.identity.sso.saml.attributes import asserted
from appliance.identity.sso.saml.decrypting import decrypted
from appliance.identity.sso.saml.reading import (
    PROTOCOL,
    SAML,
    Element,
    at_most_one,
    children,
    named,
    only_child,
    parse,
    q,
    text_of,
)
from appliance.identity.sso.saml.rules import Refused, Rule
from appliance.identity.sso.saml.signatures import check_places, has_signature, signed
from appliance.identity.sso.saml.times import check_window, moment, moment_of
from appliance.identity.sso.saml.values import Asked, Ours, Provider, Verified

_SUCCESS: Final = "urn:oasis:names:tc:SAML:2.0:status:Success"
_BEARER: Final = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
_ASSERTION: Final = q(SAML, "Assertion")
_ENCRYPTED: Final = q(SAML, "EncryptedAssertion")
_ENTITY: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
_KNOWN_CONDITIONS: Final = frozenset(q(SAML, one) for one in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction"))


def opened(message: bytes) -> Element:
    """Return a response to be verified. Raises Refused for what is none."""
    root = parse(message)
    if root.tag != q(PROTOCOL, "Response"):
        raise Refused(Rule.ROOT)
    return root


def request_of(root: Element) -> str | None:
    """Return which request a response says that it answers: by it the request is found, and nothing is believed."""
    found = root.get("InResponseTo")
    return None if found is None else str(found)


def verify(root: Element, provider: Provider, ours: Ours, asked: Asked | None, *, now: datetime) -> Verified:
    """Return what the provider said, after every check. Raises Refused. `asked` is None where nothing was asked for."""
    if asked is None and not provider.takes_unsolicited:
        raise Refused(Rule.UNSOLICITED)
    _check_places(root)
    response = signed(root, "", provider.certificates, now=now) if has_signature(root) else root
    assertion = _the_signed(response, provider, ours, is_within_signature=response is not root, now=now)
    # Of the response itself only what can refuse is read: where nobody signed it, nothing in it can let anybody in.
    _check_response(response, provider, ours, asked, is_signed=response is not root, now=now)
    return _read(assertion, provider, ours, asked, now)


def assertion_digest(assertion_id: str) -> bytes:
    """Return what an assertion is known by when it comes again."""
    return hashlib.sha256(assertion_id.encode()).digest()


def _check_places(root: Element) -> None:
    """See that there is one assertion, plain or encrypted, that it is the response's own, and so are all signatures."""
    found = named(root, "Assertion", "EncryptedAssertion")
    if not found:
        _check_status(root)  # a provider that refuses sends none; whoever tests a connection reads that it did
        raise Refused(Rule.ASSERTION_MISSING)
    if len(found) > 1:
        raise Refused(Rule.ASSERTIONS_SEVERAL)
    if found[0].getparent() is not root or found[0].tag not in {_ASSERTION, _ENCRYPTED}:
        raise Refused(Rule.ASSERTION_MISPLACED)
    check_places(root, root, found[0])


def _the_signed(
    response: Element, provider: Provider, ours: Ours, *, is_within_signature: bool, now: datetime
) -> Element:
    """Return the one assertion, as it was signed."""
    encrypted = at_most_one(response, SAML, "EncryptedAssertion", Rule.ASSERTIONS_SEVERAL)
    if encrypted is not None:
        inner = decrypted(encrypted, ours.key, is_within_signature=is_within_signature)
        if len(named(inner, "Assertion", "EncryptedAssertion")) != 1:
            raise Refused(Rule.ASSERTIONS_SEVERAL)
        check_places(inner, inner)
        return signed(inner, "", provider.certificates, now=now)
    if provider.demands_encryption:
        raise Refused(Rule.ENCRYPTION_MISSING)
    plain = only_child(response, SAML, "Assertion", Rule.ASSERTION_MISSING)
    if has_signature(plain):
        return signed(response, _ASSERTION, provider.certificates, now=now)
    if not is_within_signature:
        raise Refused(Rule.SIGNATURE_MISSING)
    return plain


def _check_response(
    response: Element, provider: Provider, ours: Ours, asked: Asked | None, *, is_signed: bool, now: datetime
) -> None:
    if response.get("Version") != "2.0":
        raise Refused(Rule.VERSION)
    _check_status(response)
    issuer = at_most_one(response, SAML, "Issuer", Rule.ISSUER)
    if issuer is not None:
        _check_issuer(issuer, provider)
    destination = response.get("Destination")
    # It may be missing where the response is not signed (SAML bindings 3.5.5.2); the recipient, which is, may not.
    if destination != ours.acs and (is_signed or destination is not None):
        raise Refused(Rule.DESTINATION)
    if response.get("InResponseTo") != (asked.request_id if asked else None):
        raise Refused(Rule.IN_RESPONSE_TO)
    if moment(response.get("IssueInstant", "")) > now + provider.skew:
        raise Refused(Rule.NOT_YET)


def _check_status(root: Element) -> None:
    status = at_most_one(root, PROTOCOL, "Status", Rule.STATUS)
    code = at_most_one(status, PROTOCOL, "StatusCode", Rule.STATUS) if status is not None else None
    if code is None or code.get("Value") != _SUCCESS:
        raise Refused(Rule.STATUS)


def _check_issuer(issuer: Element, provider: Provider) -> None:
    if issuer.get("Format") not in {None, _ENTITY} or text_of(issuer, Rule.ISSUER) != provider.entity_id:
        raise Refused(Rule.ISSUER)


def _read(assertion: Element, provider: Provider, ours: Ours, asked: Asked | None, now: datetime) -> Verified:
    if assertion.get("Version") != "2.0":
        raise Refused(Rule.VERSION)
    _check_issuer(only_child(assertion, SAML, "Issuer", Rule.ISSUER), provider)
    if moment(assertion.get("IssueInstant", "")) > now + provider.skew:
        raise Refused(Rule.NOT_YET)
    ends = [_check_conditions(assertion, provider, ours, now), _check_subject(assertion, provider, ours, asked, now)]
    authenticated_at, session, session_ends = _authentication(assertion, provider, asked, now)
    return Verified(
        asserted(assertion, provider.names, authenticated_at=authenticated_at, session=session),
        assertion_digest(str(assertion.get("ID"))),
        min(ends) + provider.skew,
        session_ends,
    )


def _check_conditions(assertion: Element, provider: Provider, ours: Ours, now: datetime) -> datetime:
    conditions = only_child(assertion, SAML, "Conditions", Rule.CONDITIONS)
    ends = check_window(conditions, now=now, skew=provider.skew)
    if any(one.tag not in _KNOWN_CONDITIONS for one in conditions):
        raise Refused(Rule.CONDITIONS)  # a condition that is not understood is not kept (SAML core 2.5.1)
    restrictions = children(conditions, SAML, "AudienceRestriction")
    if not restrictions:
        raise Refused(Rule.AUDIENCE)
    for one in restrictions:
        if ours.entity_id not in [text_of(audience, Rule.AUDIENCE) for audience in children(one, SAML, "Audience")]:
            raise Refused(Rule.AUDIENCE)
    return ends


def _check_subject(
    assertion: Element, provider: Provider, ours: Ours, asked: Asked | None, now: datetime
) -> datetime:
    subject = only_child(assertion, SAML, "Subject", Rule.SUBJECT)
    confirmation = only_child(subject, SAML, "SubjectConfirmation", Rule.CONFIRMATION)
    if confirmation.get("Method") != _BEARER:
        raise Refused(Rule.CONFIRMATION)
    held = only_child(confirmation, SAML, "SubjectConfirmationData", Rule.CONFIRMATION)
    if held.get("Recipient") != ours.acs:
        raise Refused(Rule.RECIPIENT)
    if held.get("InResponseTo") != (asked.request_id if asked else None):
        raise Refused(Rule.IN_RESPONSE_TO)
    return check_window(held, now=now, skew=provider.skew)


def _authentication(
    assertion: Element, provider: Provider, asked: Asked | None, now: datetime
) -> tuple[datetime, str | None, datetime | None]:
    statement = only_child(assertion, SAML, "AuthnStatement", Rule.AUTHENTICATION_MISSING)
    at = moment(statement.get("AuthnInstant", ""))
    if at > now + provider.skew:
        raise Refused(Rule.NOT_YET)
    if asked is not None and asked.is_fresh and at < asked.at - provider.skew:
        raise Refused(Rule.AUTHENTICATION_OLD)
    ends = moment_of(statement, "SessionNotOnOrAfter")
    if ends is not None and now - provider.skew >= ends:
        raise Refused(Rule.SESSION_ENDED)
    return at, statement.get("SessionIndex"), ends
