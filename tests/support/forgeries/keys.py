import base64
import re

from appliance.identity.sso.saml.rules import Rule
from tests.support.forgeries.lab import MALLORY, Lab, forged, typed, variants
from tests.support.saml_provider import (
    DSIG,
    ENVELOPED,
    EXCLUSIVE,
    Form,
    sign,
)

# ── keys, algorithms and transforms ─────────────────────────────────────────


@forged(Rule.SIGNATURE_FALSE)
def signed_by_the_attacker_who_brings_the_certificate(lab: Lab) -> str:
    return lab.true(who=lab.attacker)


@forged(Rule.SIGNATURE_FALSE)
def signed_by_the_attacker_under_the_provider_s_certificate(lab: Lab) -> str:
    claimed = f"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{lab.provider.base64}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
    return lab.true(who=lab.attacker, form=Form(key_info=claimed))


@forged(Rule.SIGNATURE_FALSE)
def key_value_of_the_attacker(lab: Lab) -> str:
    numbers = lab.attacker.key.public_key().public_numbers()
    modulus = base64.b64encode(numbers.n.to_bytes(256, "big")).decode()  # type: ignore[union-attr]
    info = f"<ds:KeyInfo><ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{modulus}</ds:Modulus><ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue></ds:KeyInfo>"
    return lab.true(who=lab.attacker, form=Form(key_info=info))


@forged(Rule.SIGNATURE_FALSE)
def key_fetched_from_elsewhere(lab: Lab) -> str:
    info = '<ds:KeyInfo><ds:RetrievalMethod URI="http://127.0.0.1:1/key" Type="http://www.w3.org/2000/09/xmldsig#X509Data"/></ds:KeyInfo>'
    return lab.true(who=lab.attacker, form=Form(key_info=info))


@forged(Rule.SIGNATURE_ALGORITHM)
def hmac_with_the_public_certificate(lab: Lab) -> str:
    form = Form(method="http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", hmac_key=lab.provider.pem.encode())
    return lab.true(form=form)


@forged(Rule.SIGNATURE_ALGORITHM)
def hmac_cut_to_one_bit(lab: Lab) -> str:
    form = Form(
        method="http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", hmac_key=b"x",
        inside_method="<ds:HMACOutputLength>1</ds:HMACOutputLength>",
    )  # fmt: skip
    return lab.true(form=form)


variants(
    "algorithm", Rule.SIGNATURE_ALGORITHM,
    rsa_sha1=lambda lab: lab.true(form=Form(method=f"{DSIG}rsa-sha1")),
    digest_sha1=lambda lab: lab.true(form=Form(digest=f"{DSIG}sha1")),
    dsa=lambda lab: lab.true().replace("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", f"{DSIG}dsa-sha1"),
    unknown=lambda lab: lab.true().replace("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "urn:none"),
)  # fmt: skip


@forged(Rule.SIGNATURE_FALSE)
def ecdsa_under_an_rsa_certificate(lab: Lab) -> str:
    return lab.true().replace(
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
    )


_XPATH = (
    '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">'
    "not(ancestor-or-self::saml:Subject)</ds:XPath></ds:Transform>"
)
_SLOW = "".join('<xsl:for-each select="//. | //@*">' for _ in range(6))
XSLT = (
    '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"><xsl:stylesheet version="1.0" '
    'xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/">' + _SLOW + "</xsl:for-each>" * 6
    + "</xsl:template></xsl:stylesheet></ds:Transform>"
)  # fmt: skip
variants(
    "transform", Rule.SIGNATURE_TRANSFORM,
    xpath=lambda lab: lab.true(form=Form(transforms=f'<ds:Transform Algorithm="{ENVELOPED}"/>{_XPATH}')),
    xpath_filter=lambda lab: lab.true(
        form=Form(transforms='<ds:Transform Algorithm="http://www.w3.org/2002/06/xmldsig-filter2"/>')
    ),
    xslt=lambda lab: lab.true(form=Form(transforms=f'<ds:Transform Algorithm="{ENVELOPED}"/>{XSLT}')),
    base64=lambda lab: lab.true(form=Form(transforms=f'<ds:Transform Algorithm="{DSIG}base64"/>')),
    none=lambda lab: lab.true(form=Form(transforms="")),
    without_enveloped=lambda lab: lab.true(form=Form(transforms=f'<ds:Transform Algorithm="{EXCLUSIVE}"/>' * 2)),
    void_c14n=lambda lab: lab.true(form=Form(c14n="urn:void")),
    inclusive_c14n=lambda lab: lab.true(form=Form(c14n="http://www.w3.org/TR/2001/REC-xml-c14n-20010315")),
    with_comments=lambda lab: lab.true(form=Form(c14n=f"{EXCLUSIVE}WithComments")),
    repeated=lambda lab: lab.true(form=Form(transforms=f'<ds:Transform Algorithm="{EXCLUSIVE}"/>' * 500)),
    inside_enveloped=lambda lab: lab.true(
        form=Form(
            transforms=f'<ds:Transform Algorithm="{ENVELOPED}"><ds:XPath>/</ds:XPath></ds:Transform><ds:Transform Algorithm="{EXCLUSIVE}"/>'
        )
    ),
)  # fmt: skip
variants(
    "signature", Rule.SIGNATURE_FALSE,
    name_changed=lambda lab: typed(lab, MALLORY),
    value_changed=lambda lab: re.sub(r"<ds:SignatureValue>....", "<ds:SignatureValue>AAAA", lab.true(), count=1),
    digest_changed=lambda lab: re.sub(r"<ds:DigestValue>....", "<ds:DigestValue>AAAA", lab.true(), count=1),
    response_changed=lambda lab: lab.true_outside().replace(">u-4711<", f">{MALLORY}<"),
    group_added=lambda lab: lab.true().replace(
        "</saml:AttributeStatement>",
        '<saml:Attribute Name="groups"><saml:AttributeValue>owners</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>',
    ),
)  # fmt: skip


@forged(Rule.SIGNATURE_FALSE)
def true_response_with_a_false_assertion_inside(lab: Lab) -> str:
    said = lab.said
    return sign(said.response(lab.assertion(lab.attacker)), lab.provider, said.response_id)


@forged(Rule.SIGNATURE_FALSE)
def true_assertion_in_a_false_response(lab: Lab) -> str:
    said = lab.said
    return sign(said.response(lab.assertion()), lab.attacker, said.response_id)


@forged(Rule.SIGNATURE_MISSING)
def unsigned(lab: Lab) -> str:
    return lab.said.response(lab.said.assertion())


@forged(Rule.SIGNATURE_SHAPE)
def signature_empty(lab: Lab) -> str:
    return re.sub(r"(<ds:SignatureValue>).*?<", r"\1<", lab.true(), count=1)


