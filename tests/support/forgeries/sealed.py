import re

from lxml import etree

from appliance.identity.sso.saml.rules import Rule
from tests.support.forgeries.keys import XSLT
from tests.support.forgeries.lab import MALLORY, Lab, text, tree, variants
from tests.support.saml_provider import (
    ENVELOPED,
    SAML,
    XENC,
    XENC11,
    Form,
    encrypt,
    sign,
)

# ── encryption ──────────────────────────────────────────────────────────────


def _sealed(lab: Lab, held: str, **how: object) -> str:
    return lab.said.response(encrypt(held, lab.our_certificate, **how))  # type: ignore[arg-type]


variants(
    "encrypted", Rule.SIGNATURE_MISSING,
    unsigned=lambda lab: _sealed(lab, lab.said.assertion()),
    unsigned_in_a_signed_response=lambda lab: sign(_sealed(lab, lab.said.assertion()), lab.provider, lab.said.response_id),
)  # fmt: skip
variants(
    "encrypted", Rule.SIGNATURE_FALSE,
    by_the_attacker=lambda lab: _sealed(lab, lab.assertion(lab.attacker)),
    changed_inside=lambda lab: _sealed(lab, lab.assertion().replace(">u-4711<", f">{MALLORY}<")),
)  # fmt: skip
variants(
    "encrypted", Rule.ASSERTIONS_SEVERAL,
    beside_a_plain_one=lambda lab: lab.said.response(
        lab.assertion() + encrypt(lab.assertion(), lab.our_certificate).replace("_assertion", "_other")
    ),
    two=lambda lab: lab.said.response(encrypt(lab.assertion(), lab.our_certificate) * 2),
    wrapped_inside=lambda lab: _sealed(lab, _wrapped(lab)),
)  # fmt: skip
variants(
    "encrypted", Rule.ENCRYPTION_ALGORITHM,
    pkcs1=lambda lab: _sealed(lab, lab.assertion(), wrapping=f"{XENC}rsa-1_5"),
    triple_des=lambda lab: _sealed(lab, lab.assertion()).replace(f"{XENC11}aes256-gcm", f"{XENC}tripledes-cbc"),
)  # fmt: skip
variants(
    "encrypted", Rule.ENCRYPTION_UNPROTECTED,
    cbc=lambda lab: _sealed(lab, lab.assertion(), algorithm=f"{XENC}aes128-cbc"),
)  # fmt: skip
variants(
    "encrypted", Rule.ENCRYPTION_NOT_OPENED,
    for_somebody_else=lambda lab: lab.said.response(encrypt(lab.assertion(), lab.provider.pem)),
    other_size=lambda lab: _sealed(lab, lab.assertion()).replace("aes256-gcm", "aes128-gcm"),
)  # fmt: skip
variants(
    "encrypted", Rule.SIGNATURE_TRANSFORM,
    xslt=lambda lab: _sealed(
        lab,
        sign(
            lab.said.assertion(), lab.attacker, lab.said.assertion_id,
            Form(transforms=f'<ds:Transform Algorithm="{ENVELOPED}"/>{XSLT}'),
        ),
    ),
)  # fmt: skip
variants(
    "encrypted", Rule.XML_MARKUP,
    dtd=lambda lab: _sealed(lab, f'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>{lab.assertion()}'),
)  # fmt: skip
variants(
    "encrypted", Rule.ASSERTION_MISSING,
    something_else=lambda lab: _sealed(lab, f'<x xmlns="{SAML}"/>'),
)  # fmt: skip
variants("encrypted", Rule.ENCRYPTION_SHAPE, without_a_key=lambda lab: re.sub(r"<ds:KeyInfo.*</ds:KeyInfo>", "", _sealed(lab, lab.assertion())))


def _wrapped(lab: Lab) -> str:
    evil = tree(lab.evil)
    etree.SubElement(evil, f"{{{SAML}}}Advice").append(tree(lab.assertion()))
    return text(evil)
