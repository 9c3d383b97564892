"""A SAML connection of an organisation, and its provider, which says what a test lets it say."""

import base64
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree

from appliance.identity.sso import connections
from appliance.identity.sso.arriving import Desk
from appliance.identity.sso.connections import ConnectionChange, ConnectionForm
from appliance.identity.sso.errors import RuleBroken
from appliance.identity.sso.saml import flow
from appliance.identity.sso.saml.values import Ours
from appliance.identity.sso.values import Arrival, ConnectionKind, Departure, Return, TransactionPurpose, Wish
from appliance.kernel.ids import new_id
from tests.support.forgeries import Lab
from tests.support.house import Member
from tests.support.saml_provider import Said, known_signer, posted
from tests.support.sign_on import SignOn

ISSUER = "https://idp.example/saml"
CLEO: dict[str, object] = {"attributes": {"email": ["cleo@harrow.example"], "displayName": ["Cleo"]}}
CAME = Arrival("192.0.2.7", "a browser", "request-1")


@dataclass
class SamlSignOn(SignOn):
    """One SAML connection of an organisation, and who answers for its provider."""

    @property
    def desk(self) -> Desk:
        return self.house.app.sign_on.desk

    @cached_property
    def ours(self) -> Ours:
        with self.house.app.db.tenant(self.owner.tenant_id) as tx:
            return flow.ours_at(tx, self.desk, self.connection)

    def says(self, request_id: str | None, **said: object) -> Said:
        """Return what its provider says to a request."""
        ours = self.ours
        return Said(ours.acs, ours.entity_id, self.house.clock.now(), issuer=ISSUER, request=request_id).changed(**(CLEO | {"assertion_id": f"_{new_id()}"} | said))

    def lab(self, request_id: str | None, **said: object) -> Lab:
        """Return what an attacker has who watches this request."""
        return Lab(self.says(request_id, **said), known_signer("provider"), known_signer("attacker"), self.ours.certificate)

    def leaves(self, purpose: TransactionPurpose = TransactionPurpose.SIGN_IN, target: str = "/documents") -> Departure:
        """Send somebody to the provider."""
        user_id = None if purpose is TransactionPurpose.SIGN_IN else self.owner.caller.user_id
        return self.house.app.sign_on.leave(self.connection, Wish(purpose, user_id, target), CAME)

    def lands(self, message: str | bytes, target: str = "/") -> flow.Landed:
        """Post a response to the reply address."""
        return flow.land(self.desk, self.connection, CAME, written=posted(message), target=target)

    def comes_back(self, landed: flow.Landed, cookie: str) -> Return:
        """Open the page after it."""
        return flow.come_back(self.desk, self.connection, CAME, handle=landed.handle, cookie=cookie)

    def lets_in(self, **said: object) -> Return:
        """Go there and back."""
        departure = self.leaves()
        return self.comes_back(self.lands(self.lab(request_of(departure), **said).true()), departure.token)


def request_of(departure: Departure) -> str:
    """Return the id of the request that somebody is sent with."""
    return str(asked_of(departure).get("ID"))


def asked_of(departure: Departure) -> "etree._Element":
    """Return the request that somebody is sent with, as its provider reads it."""
    if departure.form_field:
        return etree.fromstring(base64.b64decode(departure.message))
    (packed,) = parse_qs(urlsplit(departure.url).query)["SAMLRequest"]
    return etree.fromstring(zlib.decompress(base64.b64decode(packed), -15))


def connects_saml(owner: Member, name: str = "Our SAML", **chosen: object) -> SamlSignOn:
    """Begin a connection of an organisation whose provider is known."""
    settings: dict[str, object] = {
        "entity_id": ISSUER, "sign_on_url": "https://idp.example/sso?tenant=1", "sign_out_url": "https://idp.example/slo",
        "certificates": [known_signer("provider").pem],
    }  # fmt: skip
    form = ConnectionForm(name, ConnectionKind.SAML, settings | chosen)
    with owner.services.db.tenant(owner.tenant_id) as tx:
        made = connections.add_connection(tx, owner.caller, form, sealer=owner.services.vault, clock=owner.house.clock)
    return SamlSignOn(owner, made.connection_id)


def opens_saml(owner: Member, name: str = "Our SAML", **chosen: object) -> SamlSignOn:
    """Return a connection that lets people in."""
    sign_on = connects_saml(owner, name, **chosen)
    sign_on.opens()
    return sign_on


def rule(idp: SamlSignOn, message: str | bytes) -> str:
    """Return the rule that a message breaks."""
    with pytest.raises(RuleBroken) as caught:
        idp.lands(message)
    return str(caught.value.facts["rule"])


def refused(boot: "psycopg.Connection[Any]") -> list[tuple[str, str | None]]:
    """Return reason and rule of each refusal in the log."""
    return boot.execute(
        "SELECT convert_from(body, 'UTF8')::jsonb -> 'facts' ->> 'reason', convert_from(body, 'UTF8')::jsonb -> 'facts' ->> 'rule'"
        " FROM cloister.audit_inbox WHERE event = 'identity:sign_on:refused' ORDER BY event_id"
    ).fetchall()


def changes(idp: SamlSignOn, **settings: object) -> None:
    """Set a connection otherwise."""
    kept = dict(idp.connection.settings) | settings
    with idp.house.app.db.tenant(idp.owner.tenant_id) as tx:
        connections.change_connection(
            tx, idp.owner.caller, idp.connection_id, ConnectionChange(settings=kept), sealer=idp.house.app.vault,
            clock=idp.house.clock,
        )  # fmt: skip


def octets_are_signed(query: str, certificate: str) -> bool:
    """Say whether a query is signed with a certificate's key. Raises InvalidSignature."""
    signed, _, signature = query.partition("&Signature=")
    public = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(base64.b64decode(unquote(signature)), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return True
