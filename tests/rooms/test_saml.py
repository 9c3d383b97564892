"""Who comes in by a SAML provider's word, and in which browser; who signs out by it; and what is kept of it."""

import base64
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree
from signxml.verifier import SignatureConfiguration, XMLVerifier

from appliance.identity import NotSignedIn, Role
from appliance.identity.sso import connections
from appliance.identity.sso.connections import ConnectionChange
from appliance.identity.sso.errors import (
    ConnectionChanged,
    ConnectionClosed,
    ConnectionSettingMalformed,
    ProviderSilent,
    RuleBroken,
    TransactionClosed,
)
from appliance.identity.sso.saml import ending
from appliance.identity.sso.saml.expiry import Ending
from appliance.identity.sso.saml.fetching import read_again
from appliance.identity.sso.saml.metadata import MetadataUnusable, our_metadata, read_metadata
from appliance.identity.sso.saml.settings import checked
from appliance.identity.sso.values import Connection, ConnectionState, TransactionPurpose
from appliance.kernel.egress import Egress
from appliance.kernel.federation import parse_certificate
from appliance.ops.preflight import Finding, Level
from appliance.ops.sign_on_findings import CERTIFICATES, judge_certificates
from appliance.web.reminders import certificates_end
from appliance.worker.reminders import remind_of_certificates
from tests.support.house import House, Member
from tests.support.saml_metadata import metadata, told
from tests.support.saml_provider import EMAIL, Signer, deflated, known_signer, sign, signer
from tests.support.saml_sign_on import CAME, ISSUER, SamlSignOn, asked_of, connects_saml, opens_saml, request_of
from tests.support.sign_on import owns_domain

Boot = psycopg.Connection[Any]
_MD = "urn:oasis:names:tc:SAML:2.0:metadata"


@pytest.fixture
def boot(house: House) -> Iterator[Boot]:
    """Whoever sees every organisation's rows."""
    with house.server.connect("boot", house.database) as connection:
        yield connection


@pytest.fixture
def idp(ada: Member) -> SamlSignOn:
    """A connection of Ada's organisation that lets people in, and its domain."""
    owns_domain(ada, "harrow.example")
    return opens_saml(ada)


def rule(idp: SamlSignOn, message: str | bytes) -> str:
    with pytest.raises(RuleBroken) as caught:
        idp.lands(message)
    return str(caught.value.facts["rule"])


def refused(boot: Boot) -> list[tuple[str, str | None]]:
    """Return reason and rule of each refusal in the log."""
    return boot.execute(
        "SELECT convert_from(body, 'UTF8')::jsonb -> 'facts' ->> 'reason', convert_from(body, 'UTF8')::jsonb -> 'facts' ->> 'rule'"
        " FROM cloister.audit_inbox WHERE event = 'identity:sign_on:refused' ORDER BY event_id"
    ).fetchall()


def changes(idp: SamlSignOn, **settings: object) -> None:
    kept = dict(idp.connection.settings) | settings
    with idp.house.app.db.tenant(idp.owner.tenant_id) as tx:
        connections.change_connection(
            tx, idp.owner.caller, idp.connection_id, ConnectionChange(settings=kept), sealer=idp.house.app.vault,
            clock=idp.house.clock,
        )  # fmt: skip


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


def octets_are_signed(query: str, certificate: str) -> bool:
    signed, _, signature = query.partition("&Signature=")
    public = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(base64.b64decode(unquote(signature)), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return True


def test_our_metadata_says_what_the_provider_needs_and_each_connection_has_its_own(idp: SamlSignOn, ada: Member) -> None:
    root = etree.fromstring(our_metadata(idp.ours))

    assert root.get("entityID") == f"{idp.desk.address}/sso/{idp.connection_id}/metadata"
    assert root.find(f".//{{{_MD}}}AssertionConsumerService").get("Location") == idp.ours.acs
    assert [one.get("use") for one in root.iter(f"{{{_MD}}}KeyDescriptor")] == ["signing", "encryption"]
    other = connects_saml(ada, "Another").ours
    assert (other.key, other.certificate) != (idp.ours.key, idp.ours.certificate)


def test_metadata_fills_the_form_with_every_certificate(house: House) -> None:
    old, new = known_signer("provider"), known_signer("attacker")

    found = checked({"metadata": '<?xml version="1.0" encoding="UTF-8"?>' + metadata(old, new, old), "groups_attribute": "groups"})

    assert (found["entity_id"], found["sign_on_url"], found["sign_on_binding"]) == (ISSUER, "https://idp.example/sso", "redirect")
    assert (found["sign_out_url"], found["sign_out_answer_url"]) == ("https://idp.example/slo", "https://idp.example/slo-answers")
    assert (found["certificates"], found["groups_attribute"]) == ([old.pem, new.pem], "groups")


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("<x/>", "no provider"), ("no xml", "xml_malformed"), ("<!DOCTYPE x>" + metadata(known_signer("provider")), "xml_markup"),
        (metadata(), "KeyDescriptor"), (metadata(known_signer("provider"), until=' validUntil="2020-01-01T00:00:00Z"'), "expired"),
        (metadata(known_signer("provider"), extra=metadata(known_signer("provider"), entity_id="x").replace("_metadata", "_b")), "several providers"),
    ],
    ids=["nobody", "no xml", "dtd", "no key", "expired", "two"],
)  # fmt: skip
def test_metadata_of_nobody_is_refused_with_its_reason(written: str, reason: str) -> None:
    with pytest.raises(MetadataUnusable) as caught:
        checked({"metadata": written})
    assert caught.value.facts == {"reason": reason}


def test_signed_metadata_is_read_if_the_named_signer_signed_it(house: House) -> None:
    whole = sign(metadata(known_signer("provider")).replace("<!-- of today -->", ""), known_signer("federation"), "_metadata")
    federation, other = parse_certificate(known_signer("federation").pem), parse_certificate(known_signer("attacker").pem)
    now = house.clock.now()

    assert read_metadata(whole.encode(), now=now, signers=[federation]).entity_id == ISSUER
    for forged, who in ((whole, other), (whole.replace("/sso", "/evil"), federation), (metadata(known_signer("provider")), federation)):
        with pytest.raises(MetadataUnusable):
            read_metadata(forged.encode(), now=now, signers=[who])


@pytest.mark.parametrize(
    ("given", "setting"),
    [
        ({"entity_id": "x"}, "sign_on_url"), ({"sign_on_url": "http://idp.example/"}, "sign_on_url"), ({"sign_on_url": "javascript:x"}, "sign_on_url"),
        ({"sign_on_url": 'https://idp.example/"x'}, "sign_on_url"), ({"sign_out_url": "https://u:p@idp.example"}, "sign_out_url"),
        ({"certificates": ["x"]}, "certificates"), ({"certificates": [known_signer("provider").pem] * 90}, "certificates"),
        ({"skew_seconds": 301}, "skew_seconds"), ({"takes_unsolicited": "on"}, "takes_unsolicited"), ({"unknown": 1}, "unknown"),
    ],
    ids=range(10),
)  # fmt: skip
def test_a_setting_that_cannot_be_right_is_named(given: dict[str, object], setting: str) -> None:
    with pytest.raises(ConnectionSettingMalformed) as caught:
        checked(given)
    assert caught.value.facts == {"setting": setting}


def test_a_connection_is_begun_before_its_provider_is_known_and_leads_nowhere_then(ada: Member) -> None:
    idp = connects_saml(ada, entity_id="", sign_on_url="", certificates=[])

    assert idp.ours.acs.endswith(f"/sso/{idp.connection_id}/acs")
    with pytest.raises(ConnectionClosed):
        idp.leaves(TransactionPurpose.TEST)


def test_people_are_reminded_once_of_the_last_certificate_that_ends(idp: SamlSignOn, boot: Boot) -> None:
    def told() -> int:
        before = _reminders(boot)
        remind_of_certificates(idp.house.worker, idp.owner.tenant_id)
        return _reminders(boot) - before

    soon, later = signer("soon", ends=20), signer("later", ends=200)
    assert told() == 0
    changes(idp, certificates=[soon.pem])
    assert (told(), told()) == (1, 0)
    changes(idp, certificates=[soon.pem, later.pem])
    idp.house.clock.passes(days=25)
    assert told() == 0
    idp.house.clock.passes(days=160)
    assert told() == 1


def _reminders(boot: Boot) -> int:
    query = "SELECT count(*) FROM cloister.audit_inbox WHERE event = 'identity:connection_certificate:expiring'"
    return int((boot.execute(query).fetchone() or (0,))[0])


def test_the_operator_reads_of_certificates_that_end(idp: SamlSignOn) -> None:
    def said(*certificates: Signer) -> Finding | None:
        changes(idp, certificates=[one.pem for one in certificates])
        with idp.house.server.connect("app", idp.house.database) as app:
            ending, ended = app.execute(CERTIFICATES).fetchone() or (0, 0)
            return judge_certificates(ending, ended)  # type: ignore[arg-type]

    assert said(signer("later", ends=200)) is None
    assert [one.level if (one := said(signer("x", ends=days))) else None for days in (20, -0.5)] == [Level.WARN, Level.FAIL]


@pytest.mark.parametrize(("language", "words"), [(None, "expire"), ("de", "laufen ab")])
def test_the_mail_names_the_connection_and_the_day(language: str | None, words: str) -> None:
    ending = Ending("Our\nSAML", datetime(2027, 3, 1, tzinfo=UTC))

    subject, body = certificates_end([ending], organisation="Harrow", address="https://ai.example", language=language)

    assert "Harrow" in subject
    assert words in subject
    assert "- Our SAML: " in body
    assert "2027" in body
    assert "https://ai.example/sign-on" in body


def reads_again(idp: SamlSignOn, *allowed: str) -> Connection:
    egress = Egress(allowed)
    try:
        return read_again(
            idp.house.app.db, idp.owner.caller, idp.connection_id, egress=egress, sealer=idp.house.app.vault, clock=idp.house.clock
        )
    finally:
        egress.close()


def test_metadata_is_read_again_from_its_address_and_of_the_same_provider_alone(idp: SamlSignOn) -> None:
    session, document = idp.lets_in().session, [metadata(known_signer("provider"), known_signer("successor"))]
    with pytest.raises(ConnectionSettingMalformed):
        reads_again(idp)
    with told(document) as url:
        host = url.removeprefix("http://").partition("/")[0]
        changes(idp, metadata_url=url, groups_attribute="groups")
        with pytest.raises(ProviderSilent):
            reads_again(idp)

        settings = reads_again(idp, host).settings
        assert settings["certificates"] == [known_signer("provider").pem, known_signer("successor").pem]
        assert (settings["groups_attribute"], settings["metadata_url"]) == ("groups", url)
        for wrong in (metadata(known_signer("attacker"), entity_id="https://other.example"), "", "<x/>"):
            document[0] = wrong
            with pytest.raises(MetadataUnusable):
                reads_again(idp, host)
        changes(idp, metadata_certificate=known_signer("federation").pem)
        document[0] = metadata(known_signer("attacker"))
        with pytest.raises(MetadataUnusable):
            reads_again(idp, host)

    assert idp.connection.settings["certificates"] == settings["certificates"]
    assert idp.who(session).display_name == "Cleo"


# ── signing out ─────────────────────────────────────────────────────────────


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


def test_no_assertion_lies_in_the_database(idp: SamlSignOn, boot: Boot) -> None:
    idp.lands(idp.lab(request_of(idp.leaves()), attributes={"email": ["canary-in-an-attribute@harrow.example"]}).true())

    rows = boot.execute("SELECT convert_from(body, 'UTF8') FROM cloister.audit_inbox UNION ALL SELECT encode(sealed, 'escape') FROM cloister.sso_transactions").fetchall()

    assert rows
    assert not [row for (row,) in rows if "canary" in row or "Assertion" in row]
