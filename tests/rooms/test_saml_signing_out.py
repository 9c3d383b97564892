"""Who signs out by a SAML provider, at either end."""

import base64
import zlib
from datetime import datetime, timedelta
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree

from appliance.identity import NotSignedIn
from appliance.identity.sso.errors import RuleBroken
from appliance.identity.sso.saml import ending
from tests.support.house import Boot, House, Member
from tests.support.saml_provider import EMAIL, Signer, deflated, known_signer
from tests.support.saml_sign_on import CAME, ISSUER, SamlSignOn, octets_are_signed, opens_saml, refused
from tests.support.sign_on import owns_domain


@pytest.fixture
def idp(ada: Member) -> SamlSignOn:
    """A connection of Ada's organisation that lets people in, and its domain."""
    owns_domain(ada, "harrow.example")
    return opens_saml(ada)


def logout(idp: SamlSignOn, name_id: str = "u-4711", *sessions: str, who: Signer | None = None, changed: dict[str, str] | None = None) -> bytes:
    """Return the query by which its provider says that somebody signed out."""
    ours, now = idp.ours, idp.house.clock.now()
    fields = {"issuer": ISSUER, "to": ours.sign_out, "at": moment(now), "until": moment(now + timedelta(minutes=5))} | (changed or {})
    held = "".join(f"<samlp:SessionIndex>{one}</samlp:SessionIndex>" for one in sessions)
    message = (
        f'<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_out" Version="2.0" '
        f'IssueInstant="{fields["at"]}" Destination="{fields["to"]}" NotOnOrAfter="{fields["until"]}"><saml:Issuer>{fields["issuer"]}</saml:Issuer>'
        f"<saml:NameID>{name_id}</saml:NameID>{held}</samlp:LogoutRequest>"
    )
    query = f"SAMLRequest={quote(deflated(message), safe='')}&RelayState=back&SigAlg={quote('http://www.w3.org/2001/04/xmldsig-more#rsa-sha256', safe='')}"
    key = (who or known_signer("provider")).key
    assert isinstance(key, rsa.RSAPrivateKey)
    signature = base64.b64encode(key.sign(query.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
    return f"{query}&Signature={quote(signature, safe='')}".encode()


def moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def says_out(idp: SamlSignOn, query: bytes) -> str | None:
    return ending.signed_out_there(idp.desk, idp.connection, CAME, query=query, relay_state="back")


def test_the_provider_ends_the_session_that_it_names_and_no_other(idp: SamlSignOn, house: House) -> None:
    birch = opens_saml(house.founds("Birch", "bo@birch.example"))
    one, two = idp.lets_in(session="s-1").session, idp.lets_in(session="s-2").session
    other = idp.lets_in(name_id="u-2", session="s-1", attributes={}).session
    abroad = birch.lets_in(session="s-1").session

    answer = says_out(idp, logout(idp, "u-4711", "s-1"))

    assert answer is not None
    assert answer.startswith("https://idp.example/slo?SAMLResponse=")
    assert "&RelayState=back&" in answer
    with pytest.raises(NotSignedIn):
        idp.who(one)
    assert [idp.who(token).display_name for token in (two, other)] == ["Cleo", "u-2"]
    assert birch.who(abroad).display_name == "Cleo"
    says_out(idp, logout(idp))
    with pytest.raises(NotSignedIn):
        idp.who(two)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"issuer": "https://other.example"}, "issuer"), ({"to": "https://other.example/slo"}, "destination"),
        ({"until": "2020-01-01T00:00:00Z"}, "expired"), ({"at": "2099-01-01T00:00:00Z", "until": "2099-01-01T00:00:00Z"}, "not_yet"),
    ],
    ids=["issuer", "destination", "expired", "not yet"],
)  # fmt: skip
def test_a_request_to_sign_out_that_is_not_for_us_ends_nothing(idp: SamlSignOn, boot: Boot, changed: dict[str, str], expected: str) -> None:
    session = idp.lets_in().session

    with pytest.raises(RuleBroken):
        says_out(idp, logout(idp, changed=changed))

    assert refused(boot) == [("rule_broken", expected)]
    assert idp.who(session).display_name == "Cleo"


def test_a_request_to_sign_out_must_be_signed_as_it_was_written(idp: SamlSignOn, boot: Boot) -> None:
    session, good = idp.lets_in().session, logout(idp)
    other = logout(idp, "u-2")
    forged = [
        logout(idp, who=known_signer("attacker")),
        good.replace(b"RelayState=back", b"RelayState=elsewhere"),
        good.partition(b"&SigAlg")[0],
        good.replace(b"rsa-sha256", b"rsa-sha1"),
        good + b"&SAMLRequest=" + other.partition(b"=")[2].partition(b"&")[0],
        b"SAMLRequest=" + good.partition(b"=")[2].partition(b"&")[0] + b"&" + other.partition(b"&")[2],
    ]

    for query in forged:
        with pytest.raises(RuleBroken):
            says_out(idp, query)

    assert [one for _, one in refused(boot)] == [
        "signature_false", "signature_false", "signature_missing", "signature_algorithm", "signature_shape", "signature_false",
    ]  # fmt: skip
    assert idp.who(session).display_name == "Cleo"


def test_signing_out_here_asks_the_provider_to_end_its_session_too(idp: SamlSignOn) -> None:
    came = idp.lets_in(session="s-9", name_format=EMAIL)
    person = idp.who(came.session)

    url = ending.sign_out(idp.desk, idp.connection, person.user_id, came.session)

    assert url is not None
    assert octets_are_signed(urlsplit(url).query, idp.ours.certificate)
    asked = etree.fromstring(zlib.decompress(base64.b64decode(parse_qs(urlsplit(url).query)["SAMLRequest"][0]), -15))
    name = asked.find("{urn:oasis:names:tc:SAML:2.0:assertion}NameID")
    assert (name.text, name.get("Format")) == ("u-4711", EMAIL)
    assert asked.findtext("{urn:oasis:names:tc:SAML:2.0:protocol}SessionIndex") == "s-9"
    assert ending.sign_out(idp.desk, idp.connection, person.user_id, "no session") is None
