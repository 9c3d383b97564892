"""Which words of an assertion say who somebody is, in the names that the vendors give to attributes."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from appliance.identity.sso.saml.reading import SAML, Element, children, only_child, text_of, texts_in
from appliance.identity.sso.saml.rules import Refused, Rule
from appliance.identity.sso.saml.values import Names
from appliance.identity.sso.values import Asserted

_WS: Final = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
_MICROSOFT: Final = "http://schemas.microsoft.com"
_FORMAT: Final = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
_TRANSIENT: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
_EMAIL: Final = (
    f"{_WS}/emailaddress", "email", "mail", "emailAddress", "Email", "urn:oid:0.9.2342.19200300.100.1.3",
    "urn:oid:1.2.840.113549.1.9.1",
)  # fmt: skip
_NAME: Final = (
    f"{_MICROSOFT}/identity/claims/displayname", "displayName", "urn:oid:2.16.840.1.113730.3.1.241", "name", "cn",
    "urn:oid:2.5.4.3",
)  # fmt: skip
_GIVEN: Final = (f"{_WS}/givenname", "givenName", "firstName", "first_name", "urn:oid:2.5.4.42")
_SURNAME: Final = (f"{_WS}/surname", "sn", "surname", "lastName", "last_name", "urn:oid:2.5.4.4")
_GROUPS: Final = (
    f"{_MICROSOFT}/ws/2008/06/identity/claims/groups", "groups", "memberOf", "http://schemas.xmlsoap.org/claims/Group",
    "urn:oid:1.3.6.1.4.1.5923.1.5.1.1",
)  # fmt: skip
_TOO_MANY_GROUPS: Final = f"{_MICROSOFT}/claims/groups.link"
_AUTHENTICATED_BY: Final = f"{_MICROSOFT}/claims/authnmethodsreferences"
_SUBJECT: Final = 1000
_TEXT, _VALUES, _SHOWN, _KEPT = 320, 2000, 100, 300

Held = dict[str, list[str]]


def asserted(assertion: Element, names: Names, *, authenticated_at: datetime, session: str | None) -> Asserted:
    """Return what it says. Raises Refused where it does not say who it is."""
    held = _attributes(assertion)
    name_id = only_child(only_child(assertion, SAML, "Subject", Rule.SUBJECT), SAML, "NameID", Rule.SUBJECT)
    said, form = text_of(name_id, Rule.SUBJECT), name_id.get("Format")
    if names.subject:
        subject = _one(held, (names.subject,))
    elif form == _TRANSIENT:
        raise Refused(Rule.SUBJECT_TRANSIENT)
    else:
        subject = said
    if not subject or len(subject) > _SUBJECT:
        raise Refused(Rule.SUBJECT)
    email = _one(held, (names.email,) if names.email else _EMAIL) or (said if form == _FORMAT else None)
    return Asserted(
        subject,
        email=email[:_TEXT] if email else None,
        display_name=_display_name(held, names)[:120],
        groups=_groups(held, names),
        authenticated_at=authenticated_at,
        methods=tuple(dict.fromkeys([*_contexts(assertion), *held.get(_AUTHENTICATED_BY, [])]))[:20],
        session=session_of(session, form),
        shown=_shown(said, form, held),
    )


def session_of(index: str | None, name_format: str | None) -> str:
    """Return what a session is kept under: the provider's name of it, and the format of the person's, which signing out needs.

    What no provider writes, or no index of ours takes, is left out: then all sessions of the person end with one of them.
    """
    kept = [one if one and one.isascii() and one.isprintable() and len(one) <= _KEPT else "" for one in (index, name_format)]
    return "\n".join(kept)


def _attributes(assertion: Element) -> Held:
    held: Held = {}
    for statement in children(assertion, SAML, "AttributeStatement"):
        for attribute in children(statement, SAML, "Attribute"):
            values = held.setdefault(str(attribute.get("Name")), [])
            values.extend(list(texts_in(attribute))[: _VALUES - len(values)])
    return held


def _one(held: Held, names: Iterable[str]) -> str | None:
    """Return the first value that one of the names has. Of several values of one name none counts."""
    for name in names:
        values = held.get(name, [])
        if len(values) == 1 and values[0].isprintable():
            return values[0]
    return None


def _display_name(held: Held, names: Names) -> str:
    if names.display_name:
        return _one(held, (names.display_name,)) or ""
    parts = (_one(held, _GIVEN), _one(held, _SURNAME))
    return _one(held, _NAME) or " ".join(part for part in parts if part)


def _groups(held: Held, names: Names) -> tuple[str, ...] | None:
    """Return the groups; None where nothing is said of them.

    Providers leave the attribute out where somebody is in no group. So where an administrator named the attribute, nothing
    means no group, and what was given by groups goes; unless the provider says that they were too many to write.
    """
    if _TOO_MANY_GROUPS in held:
        return None
    for name in (names.groups,) if names.groups else _GROUPS:
        if name in held:
            return tuple(dict.fromkeys(held[name]))
    return () if names.groups else None


def _contexts(assertion: Element) -> list[str]:
    return [
        (one.text or "").strip()[:200]
        for statement in children(assertion, SAML, "AuthnStatement")
        for context in children(statement, SAML, "AuthnContext")
        for one in children(context, SAML, "AuthnContextClassRef")
    ]


def _shown(said: str, form: str | None, held: Held) -> dict[str, object]:
    few = dict(list(held.items())[:_SHOWN])
    attributes = {name[:200]: [value[:200] for value in values[:20]] for name, values in few.items()}
    return {"NameID": said, "NameID format": str(form or ""), "attributes": attributes}
