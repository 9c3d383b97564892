"""Responses in the shape that each vendor's documentation shows, with our own names and keys in them."""

from collections.abc import Callable

from tests.support.saml_provider import (
    EMAIL,
    PERSISTENT,
    PROTOCOL,
    SAML,
    XENC,
    XENC11,
    Form,
    Said,
    Signer,
    encrypt,
    sign,
)

Vendor = Callable[[Said, Signer, str], str]
_XS = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"'
_XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
_MICROSOFT = "http://schemas.microsoft.com"
SHA512 = f"{XENC}sha512"


def _moment(said: Said, seconds: float) -> str:
    return said.at(seconds).replace("Z", ".482Z")


def _claims(*pairs: tuple[str, list[str]]) -> str:
    return "".join(
        f'<Attribute Name="{name}">' + "".join(f"<AttributeValue>{one}</AttributeValue>" for one in values) + "</Attribute>"
        for name, values in pairs
    )


def _microsoft(said: Said, claims: str, name: str) -> str:
    return (
        f'<Assertion ID="{said.assertion_id}" IssueInstant="{_moment(said, 0)}" Version="2.0" xmlns="{SAML}">'
        f"<Issuer>{said.issuer}</Issuer><Subject>{name}"
        f'<SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><SubjectConfirmationData InResponseTo="{said.request}" '
        f'NotOnOrAfter="{_moment(said, 3600)}" Recipient="{said.acs}"/></SubjectConfirmation></Subject>'
        f'<Conditions NotBefore="{_moment(said, -300)}" NotOnOrAfter="{_moment(said, 3600)}"><AudienceRestriction>'
        f"<Audience>{said.audience}</Audience></AudienceRestriction></Conditions><AttributeStatement>{claims}</AttributeStatement>"
        f'<AuthnStatement AuthnInstant="{_moment(said, -30)}" SessionIndex="{said.assertion_id}"><AuthnContext>'
        "<AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password</AuthnContextClassRef></AuthnContext></AuthnStatement></Assertion>"
    )


def _microsoft_response(said: Said, held: str) -> str:
    return (
        f'<samlp:Response ID="{said.response_id}" Version="2.0" IssueInstant="{_moment(said, 0)}" Destination="{said.acs}" '
        f'InResponseTo="{said.request}" Consent="urn:oasis:names:tc:SAML:2.0:consent:unspecified" xmlns:samlp="{PROTOCOL}">'
        f'<Issuer xmlns="{SAML}">{said.issuer}</Issuer><samlp:Status><samlp:StatusCode Value="{said.status}"/></samlp:Status>{held}</samlp:Response>'
    )


def entra(said: Said, who: Signer, _: str) -> str:
    """Entra ID: the assertion is signed, nothing has a prefix, groups are object ids."""
    claims = _claims(
        (f"{_MICROSOFT}/identity/claims/tenantid", ["t-1"]), (f"{_MICROSOFT}/identity/claims/objectidentifier", ["u-4711"]),
        (f"{_MICROSOFT}/identity/claims/displayname", ["Ada Harrow"]), (f"{_CLAIMS}/emailaddress", ["ada@harrow.example"]),
        (f"{_MICROSOFT}/ws/2008/06/identity/claims/groups", ["g-1", "g-2"]),
        (f"{_MICROSOFT}/claims/authnmethodsreferences", [f"{_MICROSOFT}/claims/multipleauthn"]),
    )  # fmt: skip
    held = _microsoft(said, claims, f'<NameID Format="{PERSISTENT}">u-4711</NameID>')
    return sign(_microsoft_response(said, held), who, said.assertion_id, Form(prefix=""))


def entra_encrypted(said: Said, who: Signer, ours: str) -> str:
    """Entra ID with token encryption and «sign response and assertion»: CBC within a signed response."""
    claims = _claims((f"{_CLAIMS}/emailaddress", ["ada@harrow.example"]), (f"{_CLAIMS}/givenname", ["Ada"]), (f"{_CLAIMS}/surname", ["Harrow"]))
    held = sign(_microsoft(said, claims, f'<NameID Format="{PERSISTENT}">u-4711</NameID>'), who, said.assertion_id, Form(prefix=""))
    sealed = encrypt(held, ours, algorithm=f"{XENC}aes256-cbc")
    return sign(_microsoft_response(said, sealed), who, said.response_id, Form(prefix=""))


def adfs(said: Said, who: Signer, _: str) -> str:
    """AD FS: as Entra ID, whose forebear it is; groups by name; the key's algorithm is SHA-512."""
    claims = _claims(
        (f"{_CLAIMS}/emailaddress", ["ada@harrow.example"]), (f"{_CLAIMS}/name", ["HARROW\\ada"]), ("displayName", ["Ada Harrow"]),
        ("http://schemas.xmlsoap.org/claims/Group", ["g-1", "g-2"]),
    )  # fmt: skip
    held = _microsoft(said, claims, "<NameID>u-4711</NameID>")
    form = Form(method="http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", digest=SHA512)
    return sign(_microsoft_response(said, held), who, said.assertion_id, form)


def _java(said: Said, *, name: str, statement: str) -> str:
    return (
        f'<saml2:Assertion xmlns:saml2="{SAML}" {_XS} ID="{said.assertion_id}" IssueInstant="{_moment(said, 0)}" Version="2.0">'
        f'<saml2:Issuer Format="urn:oasis:names:tc:SAML:2.0:nameid-format:entity">{said.issuer}</saml2:Issuer><saml2:Subject>{name}'
        f'<saml2:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml2:SubjectConfirmationData InResponseTo="{said.request}" '
        f'NotOnOrAfter="{_moment(said, 300)}" Recipient="{said.acs}"/></saml2:SubjectConfirmation></saml2:Subject>'
        f'<saml2:Conditions NotBefore="{_moment(said, -300)}" NotOnOrAfter="{_moment(said, 300)}"><saml2:AudienceRestriction>'
        f"<saml2:Audience>{said.audience}</saml2:Audience></saml2:AudienceRestriction></saml2:Conditions>"
        f'<saml2:AuthnStatement AuthnInstant="{_moment(said, -9)}" SessionIndex="{said.request}"><saml2:AuthnContext><saml2:AuthnContextClassRef>'
        "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml2:AuthnContextClassRef></saml2:AuthnContext></saml2:AuthnStatement>"
        f"{statement}</saml2:Assertion>"
    )


def _java_response(said: Said, held: str) -> str:
    return (
        f'<saml2p:Response xmlns:saml2p="{PROTOCOL}" {_XS} Destination="{said.acs}" ID="{said.response_id}" InResponseTo="{said.request}" '
        f'IssueInstant="{_moment(said, 0)}" Version="2.0"><saml2:Issuer xmlns:saml2="{SAML}" Format="urn:oasis:names:tc:SAML:2.0:nameid-format:entity">'
        f'{said.issuer}</saml2:Issuer><saml2p:Status><saml2p:StatusCode Value="{said.status}"/></saml2p:Status>{held}</saml2p:Response>'
    )


def _java_values(name: str, values: list[str]) -> str:
    held = "".join(f'<saml2:AttributeValue {_XSI} xsi:type="xs:string">{one}</saml2:AttributeValue>' for one in values)
    return f'<saml2:Attribute Name="{name}" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:unspecified">{held}</saml2:Attribute>'


def okta(said: Said, who: Signer, _: str) -> str:
    """Okta: response and assertion are signed, each keeps the prefix xs declared; an XML declaration comes first."""
    statement = (
        f"<saml2:AttributeStatement>{_java_values('email', ['ada@harrow.example'])}{_java_values('firstName', ['Ada'])}"
        f"{_java_values('lastName', ['Harrow'])}{_java_values('groups', ['g-1', 'g-2'])}</saml2:AttributeStatement>"
    )
    form = Form(kept_prefixes=("xs",))
    held = sign(_java(said, name=f'<saml2:NameID Format="{PERSISTENT}">u-4711</saml2:NameID>', statement=statement), who, said.assertion_id, form)
    whole = sign(_java_response(said, held), who, said.response_id, form)
    return f'<?xml version="1.0" encoding="UTF-8"?>{whole}'


def okta_encrypted(said: Said, who: Signer, ours: str) -> str:
    """Okta with an encrypted assertion: AES-GCM, the key beside the content."""
    held = sign(_java(said, name=f'<saml2:NameID Format="{PERSISTENT}">u-4711</saml2:NameID>', statement=""), who, said.assertion_id, Form(kept_prefixes=("xs",)))
    return sign(_java_response(said, encrypt(held, ours, is_beside=True)), who, said.response_id)


def google(said: Said, who: Signer, _: str) -> str:
    """Google Workspace: the response alone is signed, and the name identifier is the address."""
    held = _java(said, name=f'<saml2:NameID Format="{EMAIL}">u-4711</saml2:NameID>', statement="")
    whole = sign(_java_response(said, held), who, said.response_id)
    return f'<?xml version="1.0" encoding="UTF-8" standalone="no"?>{whole}'


def keycloak(said: Said, who: Signer, _: str) -> str:
    """Keycloak: the response is signed under the prefix dsig, with a key's value; each role is an attribute of its own."""
    info = (
        "<ds:KeyInfo><ds:KeyName>FJ86GcF3jTbNLOco4NvZkUCIUmfYCqoqtOQeMfbhNlE</ds:KeyName>"
        f"<ds:X509Data><ds:X509Certificate>{who.base64}</ds:X509Certificate></ds:X509Data>"
        "<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>AQAB</ds:Modulus><ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue></ds:KeyInfo>"
    )
    roles = "".join(
        f'<saml:Attribute FriendlyName="groups" Name="groups" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:basic"><saml:AttributeValue '
        f'{_XS} {_XSI} xsi:type="xs:string">{one}</saml:AttributeValue></saml:Attribute>' for one in ("g-1", "g-2")
    )  # fmt: skip
    said = said.changed(session="9f0a::1b2c", session_ends=36_000)
    held = said.assertion().replace("<saml:AttributeStatement>", f"<saml:AttributeStatement>{roles}")
    whole = said.response(held).replace("<samlp:Response ", f'<samlp:Response xmlns:saml="{SAML}" ')
    return sign(whole, who, said.response_id, Form(prefix="dsig", key_info=info))


def keycloak_encrypted(said: Said, who: Signer, ours: str) -> str:
    """Keycloak with signed documents, signed and encrypted assertions: CBC within a signed response."""
    held = sign(said.assertion(), who, said.assertion_id, Form(prefix="dsig"))
    return sign(said.response(encrypt(held, ours, algorithm=f"{XENC}aes128-cbc")), who, said.response_id, Form(prefix="dsig"))


def ping(said: Said, who: Signer, _: str) -> str:
    """PingFederate: the assertion is signed, several audiences stand beside ours, and lines are indented."""
    audiences = f"<saml:AudienceRestriction><saml:Audience>https://other.example</saml:Audience><saml:Audience>{said.audience}</saml:Audience></saml:AudienceRestriction><saml:OneTimeUse/>"
    said = said.changed(audiences=audiences, name_format="urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified", destination=None)
    held = said.assertion().replace("><saml:", ">\n    <saml:").replace("</saml:AttributeValue>", "\n</saml:AttributeValue>")
    return sign(said.response(f"\n  {held}\n"), who, said.assertion_id)


def simplesamlphp(said: Said, who: Signer, ours: str) -> str:
    """SimpleSAMLphp: both are signed, and encrypted with OAEP of SHA-256 and AES-128-GCM."""
    held = sign(said.assertion(), who, said.assertion_id)
    sealed = encrypt(held, ours, algorithm=f"{XENC11}aes128-gcm", wrapping=f"{XENC11}rsa-oaep", digest=f"{XENC}sha256")
    return sign(said.response(sealed), who, said.response_id)


def shibboleth(said: Said, who: Signer, ours: str) -> str:
    """Shibboleth: attributes by their object identifiers, signed with PSS."""
    attributes = {"urn:oid:0.9.2342.19200300.100.1.3": ["ada@harrow.example"], "urn:oid:2.16.840.1.113730.3.1.241": ["Ada Harrow"], "urn:oid:1.3.6.1.4.1.5923.1.5.1.1": ["g-1", "g-2"]}
    said = said.changed(attributes=attributes)
    form = Form(method="http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1", kept_prefixes=("xs",))
    return sign(said.response(encrypt(sign(said.assertion(), who, said.assertion_id, form), ours)), who, said.response_id)


VENDORS: dict[str, Vendor] = {
    one.__name__: one
    for one in (adfs, entra, entra_encrypted, google, keycloak, keycloak_encrypted, okta, okta_encrypted, ping, shibboleth, simplesamlphp)
}
WITH_GROUPS = frozenset({"adfs", "entra", "keycloak", "okta", "shibboleth"})
WITHOUT_ADDRESS = frozenset({"okta_encrypted"})
