"""What a refused response said, for whoever tests a connection. Nobody has proved any of it, and nothing is done with it."""

from collections.abc import Iterable
from typing import Final

from appliance.identity.sso.saml.reading import PROTOCOL, SAML, XENC, Element, q, texts_in

_LONGEST, _MOST = 300, 30
_STATUS: Final = q(PROTOCOL, "StatusCode")


def unproven(root: Element) -> dict[str, object]:
    """Return names and values: what is compared with the connection's settings, and the names of what else is there."""
    confirmed = next(root.iter(q(SAML, "SubjectConfirmationData")), None)
    conditions = next(root.iter(q(SAML, "Conditions")), None)
    found: dict[str, object] = {
        "Issuer": _texts(root.iter(q(SAML, "Issuer"))),
        "Destination": _short(root.get("Destination")),
        "Status": [_short(one.get("Value")) for one in root.iter(_STATUS)][:_MOST],
        "StatusMessage": _texts(root.iter(q(PROTOCOL, "StatusMessage"))),
        "Audience": _texts(root.iter(q(SAML, "Audience"))),
        "Recipient": _short(confirmed.get("Recipient")) if confirmed is not None else "",
        "NotBefore": _short(conditions.get("NotBefore")) if conditions is not None else "",
        "NotOnOrAfter": _short(conditions.get("NotOnOrAfter")) if conditions is not None else "",
        "NameID": _texts(root.iter(q(SAML, "NameID"))),
        "encryption": [_short(one.get("Algorithm")) for one in root.iter(q(XENC, "EncryptionMethod"))][:_MOST],
        "attributes": _attributes(root),
    }
    return {name: value for name, value in found.items() if value}


def _attributes(root: Element) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in root.iter(q(SAML, "Attribute")):
        if len(found) < _MOST:
            found.setdefault(_short(one.get("Name")), []).extend([_short(text) for text in texts_in(one)][:_MOST])
    return found


def _texts(elements: Iterable[Element]) -> list[str]:
    return [_short(one.text) for one in elements][:_MOST]


def _short(value: str | None) -> str:
    return "".join(sign for sign in (value or "").strip()[:_LONGEST] if sign.isprintable())
