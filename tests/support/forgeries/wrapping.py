import re

from lxml import etree

from appliance.identity.sso.saml.rules import Rule
from tests.support.forgeries.lab import MALLORY, Lab, forged, parts, text, tree
from tests.support.saml_provider import (
    DSIG,
    PROTOCOL,
    SAML,
    Form,
    sign,
    signature_of,
)


def _object(signature: "etree._Element", held: "etree._Element") -> None:
    etree.SubElement(signature, f"{{{DSIG}}}Object").append(held)


# ── signatures wrapped around something else (Somorovsky et al. 2012) ───────


@forged(Rule.ASSERTIONS_SEVERAL)
def xsw_1_response_inside_the_signature(lab: Lab) -> str:
    root, _, signature = parts(lab, is_outside=True)
    evil = tree(lab.said.changed(response_id="_evil-response").response(lab.evil))
    _object(signature, root)
    evil.insert(1, signature)
    return text(evil)


@forged(Rule.ASSERTIONS_SEVERAL)
def xsw_2_response_before_the_signature(lab: Lab) -> str:
    root, _, signature = parts(lab, is_outside=True)
    evil = tree(lab.said.changed(response_id="_evil-response").response(lab.evil))
    evil.insert(1, root)
    evil.insert(2, signature)
    return text(evil)


@forged(Rule.ASSERTIONS_SEVERAL)
def xsw_3_assertion_before_the_signed(lab: Lab) -> str:
    root = tree(lab.true())
    root.insert(2, tree(lab.evil))
    return text(root)


@forged(Rule.ASSERTIONS_SEVERAL)
def xsw_4_signed_assertion_inside_another(lab: Lab) -> str:
    root = tree(lab.true())
    evil, held = tree(lab.evil), root.find(f"{{{SAML}}}Assertion")
    root.append(evil)
    evil.append(held)
    return text(root)


@forged(Rule.ASSERTIONS_SEVERAL)
def xsw_5_signature_moved_and_original_last(lab: Lab) -> str:
    root, held, signature = parts(lab)
    evil = tree(lab.evil)
    evil.insert(1, signature)
    root.insert(2, evil)
    root.append(held)
    return text(root)


@forged(Rule.ASSERTIONS_SEVERAL)
def xsw_6_original_inside_the_moved_signature(lab: Lab) -> str:
    root, held, signature = parts(lab)
    evil = tree(lab.evil)
    evil.insert(1, signature)
    root.remove(held)
    signature.append(held)
    root.append(evil)
    return text(root)


@forged(Rule.ASSERTIONS_SEVERAL)
def xsw_7_evil_in_extensions(lab: Lab) -> str:
    root = tree(lab.true())
    extensions = etree.Element(f"{{{PROTOCOL}}}Extensions")
    extensions.append(tree(lab.evil.replace("_evil", lab.said.assertion_id + "-")))
    root.insert(1, extensions)
    return text(root)


@forged(Rule.ASSERTIONS_SEVERAL)
def xsw_8_original_in_an_object(lab: Lab) -> str:
    root, held, signature = parts(lab)
    evil = tree(lab.evil)
    root.remove(held)
    _object(signature, held)
    evil.insert(1, signature)
    root.append(evil)
    return text(root)


@forged(Rule.ASSERTIONS_SEVERAL)
def xsw_9_evil_in_the_object(lab: Lab) -> str:
    root = tree(lab.true())
    _object(next(root.iter(f"{{{DSIG}}}Signature")), tree(lab.evil))
    return text(root)


@forged(Rule.ASSERTIONS_SEVERAL)
def xsw_10_original_as_advice(lab: Lab) -> str:
    root = tree(lab.true())
    held, evil = root.find(f"{{{SAML}}}Assertion"), tree(lab.evil)
    root.remove(held)
    etree.SubElement(evil, f"{{{SAML}}}Advice").append(held)
    root.append(evil)
    return text(root)


@forged(Rule.ASSERTIONS_SEVERAL)
def xsw_11_original_as_status_detail(lab: Lab) -> str:
    root = tree(lab.true())
    held, status = root.find(f"{{{SAML}}}Assertion"), root.find(f"{{{PROTOCOL}}}Status")
    etree.SubElement(status, f"{{{PROTOCOL}}}StatusDetail").append(held)
    root.append(tree(lab.evil))
    return text(root)


@forged(Rule.ASSERTION_MISPLACED)
def xsw_12_signed_assertion_deeper(lab: Lab) -> str:
    root = tree(lab.true())
    held = root.find(f"{{{SAML}}}Assertion")
    etree.SubElement(root, f"{{{PROTOCOL}}}Extensions").append(held)
    return text(root)


@forged(Rule.SIGNATURE_REFERENCE)
def evil_assertion_with_the_signature_of_another(lab: Lab) -> str:
    root, held, signature = parts(lab)
    root.remove(held)
    evil = tree(lab.evil)
    evil.insert(1, signature)
    root.append(evil)
    return text(root)


@forged(Rule.SIGNATURE_MISPLACED)
def signature_beside_the_assertion_and_in_it(lab: Lab) -> str:
    root, held, signature = parts(lab)
    held.find(f"{{{SAML}}}Subject").append(signature)
    return text(root)


@forged(Rule.SIGNATURE_MISPLACED)
def two_signatures_of_one_assertion(lab: Lab) -> str:
    root = tree(lab.true())
    signature = next(root.iter(f"{{{DSIG}}}Signature"))
    signature.addnext(tree(text(signature)))
    return text(root)


@forged(Rule.ID_TWICE)
def duplicate_ids(lab: Lab) -> str:
    return lab.true(lab.said.changed(response_id=lab.said.assertion_id))


@forged(Rule.ID_TWICE)
def duplicate_ids_under_another_name(lab: Lab) -> str:
    return lab.true().replace("<samlp:Status>", f'<samlp:Status Id="{lab.said.assertion_id}">')


@forged(Rule.ID_MALFORMED)
def xml_id_beside_the_id(lab: Lab) -> str:
    return lab.true().replace("<samlp:Status>", '<samlp:Status xml:id="_other">')


@forged(Rule.ID_MALFORMED)
def id_with_an_expression(lab: Lab) -> str:
    return lab.true(lab.said.changed(assertion_id="a'] | //*[@ID='b"))


@forged(Rule.ASSERTION_MISPLACED)
def look_alike_namespace_of_the_assertion(lab: Lab) -> str:
    return lab.true(lab.said).replace(SAML, f"{SAML}#")


@forged(Rule.ASSERTIONS_SEVERAL)
def look_alike_assertion_beside_the_true_one(lab: Lab) -> str:
    root = tree(lab.true())
    root.insert(2, tree(lab.evil.replace(SAML, "urn:oasis:names:tc:SAML:1.0:assertion")))
    return text(root)


@forged(Rule.SIGNATURE_MISPLACED)
def look_alike_namespace_of_the_signature(lab: Lab) -> str:
    return lab.true().replace(f'xmlns:ds="{DSIG}"', 'xmlns:ds="http://www.w3.org/2000/09/xmldsig"', 1)


@forged(Rule.ROOT)
def look_alike_namespace_of_the_response(lab: Lab) -> str:
    return lab.true().replace(PROTOCOL, "urn:oasis:names:tc:SAML:1.0:protocol")


@forged(Rule.SIGNATURE_SHAPE)
def two_signed_infos(lab: Lab) -> str:
    root, held, signature = parts(lab)
    evil = tree(lab.said.changed(name_id=MALLORY).assertion())
    forged_info = tree(signature_of(evil, lab.attacker, Form()))[0]
    signature.insert(0, forged_info)
    evil.insert(1, signature)
    root.replace(held, evil)
    return text(root)


@forged(Rule.SIGNATURE_SHAPE)
def two_references(lab: Lab) -> str:
    other = re.search(r"<ds:Reference.*</ds:Reference>", lab.true())
    assert other is not None
    return lab.true(form=Form(second_reference=other[0]))


@forged(Rule.SIGNATURE_SHAPE)
def object_in_the_signature(lab: Lab) -> str:
    root = tree(lab.true())
    etree.SubElement(next(root.iter(f"{{{DSIG}}}Signature")), f"{{{DSIG}}}Object").text = "anything"
    return text(root)


@forged(Rule.SIGNATURE_SHAPE)
def elements_in_the_digest(lab: Lab) -> str:
    return re.sub(r"<ds:DigestValue>(....)", r"<ds:DigestValue><x/>\1", lab.true(), count=1)


@forged(Rule.XML_MARKUP)
def comment_in_the_digest(lab: Lab) -> str:
    return re.sub(r"<ds:DigestValue>(....)", r"<ds:DigestValue><!--\1-->\1", lab.true(), count=1)


@forged(Rule.ROOT)
def signed_logout_response_as_carrier(lab: Lab) -> str:
    said, held = lab.said, lab.evil
    message = (
        f'<samlp:LogoutResponse xmlns:samlp="{PROTOCOL}" ID="{said.response_id}" Version="2.0" IssueInstant="{said.at(0)}" '
        f'Destination="{said.acs}" InResponseTo="{said.request}"><saml:Issuer xmlns:saml="{SAML}">{said.issuer}</saml:Issuer>'
        f'<samlp:Status><samlp:StatusCode Value="{said.status}"/></samlp:Status></samlp:LogoutResponse>'
    )
    return sign(message, lab.provider, said.response_id).replace("</samlp:LogoutResponse>", f"{held}</samlp:LogoutResponse>")


@forged(Rule.SIGNATURE_REFERENCE)
def whole_document_signed_by_an_empty_reference(lab: Lab) -> str:
    return lab.true(form=Form(uri=""))


@forged(Rule.SIGNATURE_REFERENCE)
def pointer_as_reference(lab: Lab) -> str:
    return lab.true(form=Form(uri="#xpointer(/)"))


@forged(Rule.SIGNATURE_REFERENCE)
def reference_to_another_host(lab: Lab) -> str:
    return lab.true(form=Form(uri="https://attacker.example/assertion.xml"))


