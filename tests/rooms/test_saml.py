"""Who comes in by a SAML provider's word, in which browser, what it is asked, and what is kept of it."""

import base64
from urllib.parse import parse_qs, urlsplit

import pytest
from signxml.verifier import SignatureConfiguration, XMLVerifier

from appliance.identity import NotSignedIn, Role
from appliance.identity.sso import connections
from appliance.identity.sso.errors import ConnectionChanged, ConnectionClosed, RuleBroken, TransactionClosed
from appliance.identity.sso.values import ConnectionState, TransactionPurpose
from tests.support.house import Boot, House, Member
from tests.support.saml_provider import known_signer, signer
from tests.support.saml_sign_on import (
    SamlSignOn,
    asked_of,
    changes,
    connects_saml,
    octets_are_signed,
    opens_saml,
    refused,
    request_of,
    rule,
)
from tests.support.sign_on import owns_domain


@pytest.fixture
def idp(ada: Member) -> SamlSignOn:
    """A connection of Ada's organisation that lets people in, and its domain."""
    owns_domain(ada, "harrow.example")
    return opens_saml(ada)


def test_somebody_new_comes_in_and_goes_where_they_wanted(idp: SamlSignOn, boot: Boot) -> None:
    came = idp.lets_in(name_id="u-4711")

    person = idp.who(came.session)
    assert (came.target, person.display_name, person.email, person.role) == ("/documents", "Cleo", "cleo@harrow.example", Role.MEMBER)
    assert idp.who(idp.lets_in(name_id="u-4711").session).user_id == person.user_id
    assert idp.who(idp.lets_in(name_id="u-4712", attributes={}).session).user_id != person.user_id
    assert refused(boot) == []


def test_a_session_here_ends_no_later_than_the_provider_says(idp: SamlSignOn, house: House) -> None:
    session = idp.lets_in(session_ends=1800).session
    house.clock.passes(minutes=29)
    assert idp.who(session).display_name == "Cleo"
    house.clock.passes(minutes=2)

    with pytest.raises(NotSignedIn):
        idp.who(session)


def test_only_the_browser_that_began_goes_on(idp: SamlSignOn, boot: Boot) -> None:
    mine, other = idp.leaves(), idp.leaves()
    landed = idp.lands(idp.lab(request_of(mine)).true())

    with pytest.raises(TransactionClosed):
        idp.comes_back(landed, other.token)
    with pytest.raises(TransactionClosed):
        idp.comes_back(landed, mine.token)  # it was the one try

    assert [reason for reason, _ in refused(boot)] == ["sign_on_not_begun_here"] * 2


def test_a_response_answers_one_request_once_and_in_time(idp: SamlSignOn, house: House, boot: Boot) -> None:
    departure = idp.leaves()
    message = idp.lab(request_of(departure)).true()
    idp.lands(message)
    late = request_of(idp.leaves())
    house.clock.passes(minutes=11)

    assert rule(idp, message) == "in_response_to"
    assert rule(idp, idp.lab(late).true()) == "in_response_to"
    assert refused(boot) == [("rule_broken", "in_response_to")] * 2


def test_a_refused_response_was_the_one_answer_to_its_request(idp: SamlSignOn) -> None:
    departure = idp.leaves()
    lab = idp.lab(request_of(departure))

    assert rule(idp, lab.true(who=lab.attacker)) == "signature_false"
    assert rule(idp, lab.true()) == "in_response_to"


def test_the_name_of_what_was_laid_down_is_no_request_s(idp: SamlSignOn) -> None:
    departure = idp.leaves()
    landed = idp.lands(idp.lab(request_of(departure)).true())

    assert rule(idp, idp.lab(landed.handle).true()) == "in_response_to"
    with pytest.raises(TransactionClosed):
        idp.comes_back(type(landed)(request_of(idp.leaves())), departure.token)


def test_another_organisation_s_reply_address_takes_nothing_of_this_one(idp: SamlSignOn, house: House) -> None:
    birch = opens_saml(house.founds("Birch", "bo@birch.example"))
    departure = idp.leaves()
    message = idp.lab(request_of(departure)).true()

    assert rule(birch, message) == "in_response_to"
    assert rule(birch, birch.lab(request_of(birch.leaves())).true(idp.says(request_of(departure)))) == "in_response_to"
    assert rule(birch, birch.lab(None).true(idp.says(request_of(birch.leaves())))) == "destination"


def test_a_sign_in_that_the_provider_begins_is_off_until_it_is_allowed_and_then_counts_once(idp: SamlSignOn, boot: Boot) -> None:
    unasked = idp.lab(None).true()
    assert rule(idp, unasked) == "unsolicited"
    changes(idp, takes_unsolicited=True)

    landed = idp.lands(unasked, target="/documents")
    came = idp.comes_back(landed, landed.cookie or "")

    assert (came.target, idp.who(came.session).display_name) == ("/documents", "Cleo")
    assert rule(idp, unasked) == "replayed"
    assert rule(idp, idp.lab(None, begins=-900, ends=-600).true()) == "expired"
    assert [one for _, one in refused(boot)] == ["unsolicited", "replayed", "expired"]


def test_what_was_verified_by_settings_of_before_lets_nobody_in(idp: SamlSignOn) -> None:
    departure = idp.leaves()
    landed = idp.lands(idp.lab(request_of(departure)).true())
    idp.house.clock.passes(seconds=1)
    changes(idp, certificates=[signer("new").pem])

    with pytest.raises(ConnectionChanged):
        idp.comes_back(landed, departure.token)


def test_certificates_change_without_anybody_signed_out(idp: SamlSignOn) -> None:
    old, new = known_signer("provider"), signer("new")
    session = idp.lets_in().session
    assert rule(idp, idp.lab(request_of(idp.leaves())).true(who=new)) == "signature_false"

    changes(idp, certificates=[old.pem, new.pem])
    departure = idp.leaves()
    came = idp.comes_back(idp.lands(idp.lab(request_of(departure)).true(who=new)), departure.token)
    idp.lets_in()
    changes(idp, certificates=[new.pem])

    assert idp.who(session).user_id == idp.who(came.session).user_id
    assert idp.connection.state is ConnectionState.ACTIVE
    assert rule(idp, idp.lab(request_of(idp.leaves())).true(who=old)) == "signature_false"


def test_another_provider_s_persons_are_nobody_s_here(idp: SamlSignOn) -> None:
    session = idp.lets_in().session
    changes(idp, entity_id="https://other.example/saml")

    assert idp.connection.state is ConnectionState.DRAFT
    with pytest.raises(NotSignedIn):
        idp.who(session)


def test_a_closed_connection_takes_nothing(idp: SamlSignOn, boot: Boot) -> None:
    request_id = request_of(idp.leaves())
    with idp.house.app.db.tenant(idp.owner.tenant_id) as tx:
        connections.turn_off(tx, idp.owner.caller, idp.connection_id)

    with pytest.raises(ConnectionClosed):
        idp.lands(idp.lab(request_id).true())
    with pytest.raises(ConnectionClosed):
        idp.leaves()
    assert len(refused(boot)) == 2


def test_a_test_shows_what_came_also_of_what_is_refused(ada: Member) -> None:
    idp = connects_saml(ada)
    departure = idp.leaves(TransactionPurpose.TEST)
    came = idp.comes_back(idp.lands(idp.lab(request_of(departure)).true()), departure.token)
    assert (came.session, came.said.subject, came.said.shown["attributes"]) == (
        "", "u-4711", {"email": ["cleo@harrow.example"], "displayName": ["Cleo"]},
    )  # fmt: skip

    request_id = request_of(idp.leaves(TransactionPurpose.TEST))
    with pytest.raises(RuleBroken) as caught:
        idp.lands(idp.lab(request_id, audience="https://wrong.example").true())

    assert caught.value.purpose is TransactionPurpose.TEST
    assert caught.value.received["Audience"] == ["https://wrong.example"]
    with pytest.raises(RuleBroken) as elsewhere:
        idp.lands(idp.lab(None).true())
    assert elsewhere.value.received == {}


def test_the_request_says_what_is_asked_and_is_signed(idp: SamlSignOn) -> None:
    departure = idp.leaves()
    asked, fields = asked_of(departure), parse_qs(urlsplit(departure.url).query)

    assert departure.url.startswith("https://idp.example/sso?tenant=1&SAMLRequest=")
    assert (asked.get("Destination"), asked.get("AssertionConsumerServiceURL")) == ("https://idp.example/sso?tenant=1", idp.ours.acs)
    assert asked.get("ForceAuthn") is None
    assert octets_are_signed(urlsplit(departure.url).query.partition("&")[2], idp.ours.certificate)
    assert fields["SigAlg"] == ["http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"]
    assert asked_of(idp.leaves(TransactionPurpose.CONFIRM)).get("ForceAuthn") == "true"


def test_the_request_can_be_posted_and_left_unsigned(ada: Member) -> None:
    idp = opens_saml(ada, sign_on_binding="post")
    departure = idp.leaves()

    assert (departure.url, departure.form_field) == ("https://idp.example/sso?tenant=1", "SAMLRequest")
    checked_by = XMLVerifier().verify(base64.b64decode(departure.message), x509_cert=idp.ours.certificate, id_attribute="ID", expect_config=SignatureConfiguration())
    assert not isinstance(checked_by, list)
    assert checked_by.signed_xml is not None
    assert checked_by.signed_xml.get("ID") == request_of(departure)
    changes(idp, sign_on_binding="redirect", signs_requests=False)
    assert "Signature" not in idp.leaves().url


def test_no_assertion_lies_in_the_database(idp: SamlSignOn, boot: Boot) -> None:
    idp.lands(idp.lab(request_of(idp.leaves()), attributes={"email": ["canary-in-an-attribute@harrow.example"]}).true())

    rows = boot.execute("SELECT convert_from(body, 'UTF8') FROM cloister.audit_inbox UNION ALL SELECT encode(sealed, 'escape') FROM cloister.sso_transactions").fetchall()

    assert rows
    assert not [row for (row,) in rows if "canary" in row or "Assertion" in row]
