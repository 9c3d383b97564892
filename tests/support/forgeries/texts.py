

from appliance.identity.sso.saml.rules import Rule
from tests.support.forgeries.lab import Lab, forged, typed, variants
from tests.support.saml_provider import (
    PROTOCOL,
)

# ── text that two readers read in two ways ──────────────────────────────────


def _name(lab: Lab, written: str) -> str:
    return lab.true(lab.said.changed(name_xml=f"<saml:NameID>{written}</saml:NameID>"))


variants(
    "name", Rule.XML_MARKUP,
    comment=lambda lab: typed(lab, "u-4711<!-- -->.attacker"),
    comment_between=lambda lab: typed(lab, "u-<!-- -->4711"),
    cdata=lambda lab: typed(lab, "<![CDATA[u-4711]]>"),
    processing_instruction=lambda lab: typed(lab, "u-4711<?x y?>.attacker"),
)  # fmt: skip
variants(
    "document", Rule.XML_MARKUP,
    dtd=lambda lab: f"<!DOCTYPE Response>{lab.true()}",
    xxe=lambda lab: '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + typed(lab, "&x;"),
    xxe_parameter=lambda lab: '<!DOCTYPE r [<!ENTITY % x SYSTEM "http://127.0.0.1:1/x"> %x;]>' + lab.true(),
    entity_bomb=lambda lab: "<!DOCTYPE r [<!ENTITY a0 'ha'>"
    + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12)) + "]>" + typed(lab, "&a11;"),
    quadratic_bomb=lambda lab: f"<!DOCTYPE r [<!ENTITY a '{'a' * 50_000}'>]>" + typed(lab, "&a;" * 20_000),
    attribute_default=lambda lab: f'<!DOCTYPE r [<!ATTLIST samlp:Response xmlns:samlp CDATA "{PROTOCOL}">]>' + lab.true(),
    stylesheet=lambda lab: '<?xml version="1.0"?><?xml-stylesheet href="http://127.0.0.1:1/"?>' + lab.true(),
)  # fmt: skip
variants(
    "encoding", Rule.XML_ENCODING,
    utf16=lambda lab: lab.true().encode("utf-16"),
    utf16_declared=lambda lab: ('<?xml version="1.0" encoding="UTF-16"?>' + lab.true()).encode("utf-16-be"),
    utf7=lambda lab: '<?xml version="1.0" encoding="UTF-7"?>' + lab.true(),
    latin1=lambda lab: ('<?xml version="1.0" encoding="ISO-8859-1"?>' + lab.true()).encode(),
    not_utf8=lambda lab: lab.true().encode().replace(b"u-4711", b"u-\xff11"),
)  # fmt: skip


@forged(Rule.SIGNATURE_FALSE)
def xinclude(lab: Lab) -> str:
    include = '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>'
    return lab.true().replace(">u-4711<", f">u-4711{include}<")


@forged(Rule.SUBJECT)
def element_in_the_name_signed(lab: Lab) -> str:
    return _name(lab, "u-4711<x/>")


@forged(Rule.XML_TOO_DEEP)
def nesting_of_50_000_levels(lab: Lab) -> str:
    return lab.true().replace("<samlp:Status>", "<x>" * 50_000 + "</x>" * 50_000 + "<samlp:Status>")


@forged(Rule.XML_TOO_DEEP)
def nesting_below_the_parser_s_own_limit(lab: Lab) -> str:
    return lab.true().replace("<samlp:Status>", "<x>" * 200 + "</x>" * 200 + "<samlp:Status>")


@forged(Rule.XML_TOO_MANY)
def a_hundred_thousand_elements(lab: Lab) -> str:
    return lab.true().replace("<samlp:Status>", "<x/>" * 90_000 + "<samlp:Status>")


@forged(Rule.XML_TOO_MANY)
def attributes_by_the_thousand(lab: Lab) -> str:
    attributes = " ".join(f'a{n}=""' for n in range(20_000))
    return lab.true().replace("<samlp:Status>", f"<x {attributes}/><samlp:Status>")


@forged(Rule.XML_TOO_MANY)
def namespaces_by_the_thousand(lab: Lab) -> str:
    declared = " ".join(f'xmlns:a{n}="urn:{n}"' for n in range(12_000))
    return lab.true().replace("<samlp:Status>", f"<x {declared}/><samlp:Status>")


@forged(Rule.MESSAGE_TOO_LARGE)
def too_large(lab: Lab) -> str:
    return lab.true().replace("<samlp:Status>", " " * 450_000 + "<samlp:Status>")


@forged(Rule.XML_MALFORMED)
def cut_short(lab: Lab) -> str:
    return lab.true()[:-30]


@forged(Rule.XML_MALFORMED)
def two_documents(lab: Lab) -> str:
    return lab.true() * 2


