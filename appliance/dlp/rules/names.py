"""Names of people, by what stands before them: a title, a greeting, the key of a field. Prose is the models' part."""

import re
from collections.abc import Callable
from typing import Final

from appliance.dlp.look import NO, Judged, Look, Rule
from appliance.dlp.values import Category

WORD: Final = r"(?:\p{Lu}[\pL'-]*\.?)"
NAME: Final = rf"{WORD}(?: (?:(?:de|da|van|von|der|den|del|la|bin|el|di|dos) |al-|O')*{WORD}){{0,3}}"
NOT_NAMES: Final = frozenset(
    [
        "The",
        "This",
        "That",
        "These",
        "Those",
        "It",
        "He",
        "She",
        "We",
        "They",
        "You",
        "I",
        "A",
        "An",
        "And",
        "Or",
        "But",
        "If",
        "In",
        "On",
        "At",
        "To",
        "For",
        "From",
        "Of",
        "By",
        "With",
        "As",
        "Is",
        "Are",
        "Was",
        "Were",
        "Be",
        "Been",
        "Has",
        "Have",
        "Had",
        "Do",
        "Does",
        "Did",
        "Not",
        "No",
        "Yes",
        "Please",
        "Thanks",
        "Thank",
        "Hello",
        "Hi",
        "Hey",
        "Dear",
        "Sir",
        "Madam",
        "Team",
        "All",
        "Everyone",
        "Folks",
        "There",
        "Best",
        "Regards",
        "Kind",
        "Sincerely",
        "Re",
        "Fwd",
        "Subject",
        "Date",
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
        "Sunday",
        "January",
        "February",
        "March",
        "April",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
        "Name",
        "Full",
        "First",
        "Last",
        "Email",
        "Phone",
        "Mobile",
        "Address",
        "City",
        "Customer",
        "Patient",
        "Employee",
        "Client",
        "Account",
        "Order",
        "Invoice",
        "Ticket",
        "Card",
        "Visa",
        "Mastercard",
        "Amex",
        "Insurance",
        "Policy",
        "Claim",
        "Member",
        "Id",
        "Number",
        "Medical",
        "Record",
        "Birth",
        "Admission",
        "Discharge",
        "Summary",
        "Notes",
        "Meeting",
        "Contact",
        "Support",
        "Service",
        "Center",
        "Company",
        "Inc",
        "Ltd",
        "Llc",
        "Gmbh",
        "Corp",
        "Group",
        "Bank",
        "Data",
        "User",
        "Admin",
        "Password",
        "Token",
        "Secret",
        "Key",
        "Api",
        "Url",
        "Http",
        "Https",
        "Internal",
        "Confidential",
        "Total",
        "Amount",
        "Price",
        "Qty",
        "Status",
        "Type",
        "Value",
        "None",
        "Null",
        "True",
        "False",
        "Unknown",
        "Test",
        "Example",
        "Sales",
        "Hr",
        "Legal",
        "Finance",
        "Director",
        "Manager",
        "Senior",
        "Engineer",
        "President",
        "Officer",
        "Vice",
        "Department",
        "University",
        "Hospital",
        "Clinic",
        "Street",
        "Road",
        "Avenue",
        "Lane",
        "Drive",
        "Way",
        "Good",
        "Morning",
        "Afternoon",
        "Evening",
        "Sent",
        "Received",
        "Attached",
        "See",
        "Let",
        "Can",
        "Could",
        "Would",
        "Should",
        "Will",
        "Just",
        "Now",
        "Here",
        "When",
        "Where",
        "Why",
        "How",
        "What",
        "Who",
        "Interested",
        "Looking",
        "Going",
        "Trying",
        "Sorry",
        "Happy",
        "Glad",
        "Really",
        "Also",
        "Still",
        "Only",
        "Very",
        "Currently",
        "Writing",
        "Calling",
        "New",
        "Old",
        "Next",
        "My",
        "Your",
        "Our",
        "His",
        "Her",
        "Their",
        "Its",
        "Der",
        "Die",
        "Das",
        "Ein",
        "Eine",
        "Und",
        "Oder",
        "Aber",
        "Sehr",
        "Geehrte",
        "Geehrter",
        "Damen",
        "Herren",
        "Liebe",
        "Alle",
        "Zusammen",
        "Kunde",
        "Konto",
        "Rechnung",
        "Bestellung",
        "Nummer",
    ]
)
_WORDS: Final = re.compile(r"[^\s,]+")
_FEWEST: Final = 2


def cut_name(text: str) -> tuple[int, int] | None:
    """Return from where to where, in characters, a piece of text is a name: its first words that can be part of one."""
    start = end = -1
    for word in _WORDS.finditer(text):
        bare = word.group().strip(".,")
        if bare in NOT_NAMES or any(sign.isdigit() for sign in bare):
            break
        start, end = (word.start() if start < 0 else start), word.end()
    if start < 0:
        return None
    told = text[start:end]
    bare = told.rstrip(",'- ") if re.search(r"\b[A-Z]\.$", told) else told.rstrip(".,'- ")
    return (start, start + len(bare)) if len(bare) >= _FEWEST else None


def _named(confidence: float, *, may_be_short: bool = False) -> Callable[[Look], Judged | float]:
    def judge(look: Look) -> Judged | float:
        text = look.value
        cut = cut_name(text)
        if cut is None:
            return NO
        told = text[cut[0] : cut[1]]
        if told.isupper() and len(told) < 4 and not may_be_short:  # noqa: PLR2004 - an abbreviation
            return NO
        start = look.start + len(text[: cut[0]].encode())
        return Judged(confidence, start, start + len(told.encode()))

    return judge


_TITLES: Final = "Mr|Mrs|Ms|Miss|Dr|Prof|Sir|Madam|Mme|Mlle|Monsieur|Madame|Herrn?|Frau|Señora?|Sra?|Dott|Dra|Sig|Signora?|Pan|Pani|Hr|Mevrouw|Meneer|Dhr|Mevr"
_GREETINGS: Final = "Dear|Hi|Hello|Hey|Beste|Liebe[r]?|Hallo|Bonjour|Hola|Ciao|Gentile|Estimad[oa]|Cher|Chère|Thanks|Thank you|Ol[aá]|Drogi|Droga|Guten Tag|Moin|Geachte|Caro|Cara"
_SAYING: Final = (
    r"(?:[Mm]y|[Hh]is|[Hh]er|[Tt]heir|[Tt]he) name is|[Mm]ein Name ist|[Ii]ch hei(?:ß|ss)e|[Jj]e m'appelle|[Mm]e llamo|[Mm]i nombre es|[Mm]i chiamo"
    r"|[Mm]eu nome é|[Mm]ijn naam is|[Nn]azywam się|[Tt]his is|[Ss]oy|[Ii]'m|[Ii] am|[Cc]alls? me|[Ss]poke (?:with|to)|[Aa]ttn:?|[Cc]/[Oo]"
)
_CLOSINGS: Final = (
    r"(?:best|kind|warm)(?: regards)?|regards|sincerely|cheers|thanks|thank you|saludos|cordialement|mit freundlichen grüßen|mfg|(?:viele |beste |liebe )?grüße|groet(?:en)?"
    r"|yours(?: truly| sincerely)?|pozdrawiam|cordiali saluti|atenciosamente|atentamente|met vriendelijke groet"
)
_FIELDS: Final = (
    "full|first|last|given|family|middle|user|customer|patient|employee|client|contact|account|card ?holder|holder|legal|maiden|beneficiary"
    "|emergency contact|insured|subscriber|guardian|parent|applicant|claimant|tenant|landlord|traveler|passenger|caller|attending|physician"
    "|provider|witness|author|manager|supervisor|owner|member|candidate|kontakt|nombre|nom|name|vorname|nachname|cliente|cardholder|surname"
    "|forename|signed by|prepared by|approved by|primary physician|next of kin|patientin|kunde|mitarbeiter(?:in)?|ansprechpartner(?:in)?|cognome|apellidos?|prénom"
)
_ROLES: Final = (
    "customer|employee|patient|client|claimant|beneficiary|traveler|passenger|subscriber|witness|candidate|tenant|landlord|resident|defendant"
    "|plaintiff|cliente|caller|insured|cardholder|member|patientin"
)
_PERSON = Category.PERSON
RULES: Final = (
    Rule("name/title/1", _PERSON, rf"\b(?:{_TITLES})\b\.? {{1,2}}({NAME})", _named(0.8), group=1),
    Rule("name/greeting/1", _PERSON,
         rf"(?m)(?:^|[\n>\"“(] ?)(?i:{_GREETINGS})(?: (?:Mr|Mrs|Ms|Dr|Sr|Sra|Herr|Frau)\.?)? ({NAME})[ \t]*(?:[,!:\n.]|$)", _named(0.8), group=1),
    Rule("name/saying/2", _PERSON, rf"(?:{_SAYING}) (?:(?:Mr|Mrs|Ms|Dr)\.? )?({NAME})", _named(0.75), group=1),
    Rule("name/closing/1", _PERSON, rf"(?i:{_CLOSINGS})[,.!]?\s*\n+[ \t]*({NAME})[ \t]*(?:$|\n|,)", _named(0.8), group=1),
    Rule("name/field/1", _PERSON,
         rf"(?i:\b(?:{_FIELDS})[ _-]?(?:name)?[\"']?\s{{0,2}}(?:[:=]|=>)\s{{0,3}}[\"']?)({WORD}(?:,? {WORD}){{0,3}})(?:[\"'\n,;|<)\t ]|$)",
         _named(0.8, may_be_short=True), group=1),
    Rule("name/element/1", _PERSON, rf"<(?i:(?:\w+:)?(?:given|family|first|last|full|sur|middle)?_?-?(?:name|given|family|surname))(?: [^>]{{0,60}})?>\s*({NAME})\s*</",
         _named(0.8), group=1),
    Rule("name/role/1", _PERSON, rf"(?i:\b(?:{_ROLES})) ({WORD}(?:,? {WORD}){{1,2}})\b", _named(0.8), group=1),
)  # fmt: skip
