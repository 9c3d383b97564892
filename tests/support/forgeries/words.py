import re
from collections.abc import Callable

from appliance.identity.sso.saml.rules import Rule
from tests.support.forgeries.lab import Forgery, Lab, forged, variants
from tests.support.saml_provider import (
    sign,
)

# ── conditions ──────────────────────────────────────────────────────────────


def _says(**fields: object) -> Forgery:
    return lambda lab: lab.true(lab.said.changed(**fields))


def _address(change: Callable[[str], str], name: str) -> Forgery:
    return lambda lab: lab.true(lab.said.changed(**{name: change(lab.said.acs)}))


variants(
    "audience", Rule.AUDIENCE,
    other=_says(audiences="<saml:AudienceRestriction><saml:Audience>https://other.example/sso</saml:Audience></saml:AudienceRestriction>"),
    missing=_says(audiences=""),
    prefix=lambda lab: lab.true(lab.said.changed(audience=f"{lab.said.audience}/x")),
    one_of_two=lambda lab: lab.true(
        lab.said.changed(
            audiences=f"<saml:AudienceRestriction><saml:Audience>{lab.said.audience}</saml:Audience></saml:AudienceRestriction>"
            "<saml:AudienceRestriction><saml:Audience>https://other.example</saml:Audience></saml:AudienceRestriction>"
        )
    ),
)  # fmt: skip
variants(
    "recipient", Rule.RECIPIENT,
    other=_says(recipient="https://other.example/acs"),
    missing=_says(recipient=None),
    dots=_address(lambda acs: f"{acs}/../acs", "recipient"),
    case=_address(str.upper, "recipient"),
    query=_address(lambda acs: f"{acs}?x=1", "recipient"),
)  # fmt: skip
variants(
    "destination", Rule.DESTINATION,
    other=_says(destination="https://other.example/acs"),
    prefix=_address(lambda acs: f"{acs}.attacker.example", "destination"),
    slash=_address(lambda acs: f"{acs}/", "destination"),
    missing_though_signed=lambda lab: lab.true_outside(lab.said.changed(destination=None)),
)  # fmt: skip
variants(
    "answer", Rule.IN_RESPONSE_TO,
    of_another_request=_says(request="_other"),
    of_none=_says(request=None),
    confirmed_for_another=_says(confirmed_for="_other"),
    confirmed_for_none=_says(confirmed_for=None),
    response_for_another=_says(in_response_to="_other"),
)  # fmt: skip
variants(
    "time", Rule.EXPIRED, conditions_over=_says(ends=-300, begins=-600), confirmation_over=_says(confirmed_until=-300)
)
variants(
    "time", Rule.NOT_YET, to_come=_says(begins=600, ends=900), authenticated_tomorrow=_says(authenticated=86_400)
)
variants("time", Rule.CONDITIONS, conditions_without_end=_says(ends=None), confirmation_without_end=_says(confirmed_until=None))
variants(
    "time", Rule.TIME_MALFORMED,
    local=lambda lab: lab.true(
        lab.said.changed(conditions=f'<saml:Conditions NotOnOrAfter="2099-01-01T00:00:00+14:00">{lab.said.audience}</saml:Conditions>')
    ),
    unreadable=lambda lab: lab.true(lab.said.changed(conditions='<saml:Conditions NotOnOrAfter="soon"/>')),
)  # fmt: skip
variants("time", Rule.SESSION_ENDED, session_over=_says(session_ends=-300))
variants(
    "conditions", Rule.CONDITIONS,
    missing=_says(conditions=""),
    not_understood=lambda lab: lab.true(
        lab.said.changed(
            audiences=f"<saml:AudienceRestriction><saml:Audience>{lab.said.audience}</saml:Audience></saml:AudienceRestriction><saml:Condition/>"
        )
    ),
)  # fmt: skip
variants(
    "issuer", Rule.ISSUER,
    other=_says(issuer="https://attacker.example/saml"),
    of_the_response=_says(response_issuer="https://attacker.example/saml"),
    slash=_says(issuer="https://idp.example/saml/"),
)  # fmt: skip
variants(
    "status", Rule.STATUS,
    failed=_says(status="urn:oasis:names:tc:SAML:2.0:status:Responder"),
    missing=lambda lab: re.sub(r"<samlp:Status>.*</samlp:Status>", "", lab.true()),
    failed_without_an_assertion=lambda lab: lab.said.changed(status="urn:oasis:names:tc:SAML:2.0:status:Requester").response(""),
)  # fmt: skip
variants(
    "confirmation", Rule.CONFIRMATION,
    holder_of_key=_says(method="urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"),
    sender_vouches=_says(method="urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"),
)  # fmt: skip
variants(
    "subject", Rule.SUBJECT,
    empty=_says(name_xml="<saml:NameID/>"),
    missing=_says(name_xml=" "),
    twice=_says(name_xml="<saml:NameID>u-4711</saml:NameID><saml:NameID>mallory</saml:NameID>"),
    of_two_lines=_says(name_xml="<saml:NameID>u-4711&#10;mallory</saml:NameID>"),
    too_long=_says(name_id="x" * 1_001),
)  # fmt: skip
variants("subject", Rule.SUBJECT_TRANSIENT, transient=_says(name_format="urn:oasis:names:tc:SAML:2.0:nameid-format:transient"))
variants("version", Rule.VERSION, of_one=_says(version="1.1"))


@forged(Rule.AUTHENTICATION_MISSING)
def without_an_authentication(lab: Lab) -> str:
    said = lab.said
    held = re.sub(r"<saml:AuthnStatement.*</saml:AuthnStatement>", "", said.assertion())
    return said.response(sign(held, lab.provider, said.assertion_id))


