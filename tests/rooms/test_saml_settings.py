"""What a SAML connection is set to: metadata of both sides, and certificates that end."""

from datetime import UTC, datetime

import pytest
from lxml import etree

from appliance.identity.sso.errors import ConnectionClosed, ConnectionSettingMalformed, ProviderSilent
from appliance.identity.sso.saml.expiry import Ending
from appliance.identity.sso.saml.fetching import read_again
from appliance.identity.sso.saml.metadata import MetadataUnusable, our_metadata, read_metadata
from appliance.identity.sso.saml.settings import checked
from appliance.identity.sso.values import Connection, TransactionPurpose
from appliance.kernel.egress import Egress
from appliance.kernel.federation import parse_certificate
from appliance.ops.preflight import Finding, Level
from appliance.ops.sign_on_findings import CERTIFICATES, judge_certificates
from appliance.web.reminders import certificates_end
from appliance.worker.reminders import remind_of_certificates
from tests.support.house import Boot, House, Member
from tests.support.saml_metadata import metadata, told
from tests.support.saml_provider import Signer, known_signer, sign, signer
from tests.support.saml_sign_on import ISSUER, SamlSignOn, changes, connects_saml, opens_saml
from tests.support.sign_on import owns_domain

_MD = "urn:oasis:names:tc:SAML:2.0:metadata"


@pytest.fixture
def idp(ada: Member) -> SamlSignOn:
    """A connection of Ada's organisation that lets people in, and its domain."""
    owns_domain(ada, "harrow.example")
    return opens_saml(ada)


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
