"""True responses, changed at random: what is still taken says the same, and what is refused is refused by a rule."""

import base64
import random
from datetime import timedelta

import pytest
from lxml import etree

from appliance.identity.sso.saml.reading import from_post
from appliance.identity.sso.saml.rules import Refused
from appliance.identity.sso.saml.values import Asked, Provider
from appliance.identity.sso.saml.verifying import opened, verify
from tests.support.saml_provider import known_signer
from tests.support.saml_vendors import VENDORS
from tests.unit.identity.test_saml import NOW, OURS, SAID, provider

_ROUNDS = 150
_FRAGMENTS = (
    b"<!---->", b"<![CDATA[x]]>", b"&#0;", b"&#10;", b"&lt;", b'"', b"'", b"<x>", b"</x>", b" ID='_assertion'", b" xmlns=''", b"\xff", b"\0",
    b"mallory", b"</saml:NameID><saml:NameID>",
)  # fmt: skip


def changed(message: bytes, dice: random.Random) -> bytes:
    """Change bytes: one, a stretch gone, a stretch again elsewhere, or a piece of something put in."""
    at, end = sorted(dice.sample(range(len(message)), 2))
    kind = dice.randrange(5)
    if kind == 0:
        return message[:at] + bytes([dice.randrange(256)]) + message[at + 1 :]
    if kind == 1:
        return message[:at] + message[min(end, at + 60) :]
    if kind == 2:
        to = dice.randrange(len(message))
        return message[:to] + message[at:end] + message[to:]
    return message[:at] + dice.choice(_FRAGMENTS) + message[at:]


def moved(message: bytes, dice: random.Random) -> bytes:
    """Change the tree: an element gone, doubled, or under another parent."""
    root = etree.fromstring(message)
    elements = list(root.iter())
    one, other = dice.choice(elements[1:]), dice.choice(elements)
    if dice.randrange(3) == 0:
        one.getparent().remove(one)
    elif dice.randrange(2):
        other.append(etree.fromstring(etree.tostring(one, with_tail=False)))
    elif one not in other.iterancestors() and one is not other:
        other.insert(dice.randrange(len(other) + 1), one)
    return bytes(etree.tostring(root))


@pytest.mark.parametrize("vendor", ["entra", "google", "keycloak_encrypted", "okta"])
def test_a_response_that_was_changed_is_refused_or_says_the_same(vendor: str) -> None:
    dice, provided = random.Random(4711), provider()
    message = VENDORS[vendor](SAID, known_signer("provider"), OURS.certificate).encode()
    true = said(message, provided)
    assert true is not None

    outcomes = [said(change(message, dice), provided) for change in (changed, moved) for _ in range(_ROUNDS)]

    assert {one for one in outcomes if one is not None} <= {true}
    assert outcomes.count(None) > _ROUNDS


def said(message: bytes, provided: Provider) -> str | None:
    """Return what is taken of a response, or None where it is refused. Nothing else may come of it."""
    try:
        root = opened(from_post(base64.b64encode(message).decode()))
        return repr(verify(root, provided, OURS, Asked("_request", NOW - timedelta(seconds=30)), now=NOW).asserted)
    except Refused:
        return None
