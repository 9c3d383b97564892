from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Family(StrEnum):
    """Which law or rule a category falls under first."""

    PERSONAL = "personal data"
    PAYMENT = "payment card data"
    HEALTH = "health data"
    CREDENTIAL = "credentials"
    CONFIDENTIAL = "confidential markings"
    UNREADABLE = "what cannot be read"


class Category(StrEnum):
    """What a finding is. The words are shown to people."""

    PERSON = "name of a person"
    ADDRESS = "postal address"
    EMAIL = "e-mail address"
    PHONE = "phone number"
    BIRTH_DATE = "date of birth"
    SOCIAL_SECURITY = "social security number"
    NATIONAL_ID = "national identity number"
    PASSPORT = "passport number"
    DRIVING_LICENCE = "driving licence number"
    VEHICLE = "vehicle identification number"
    LICENCE_PLATE = "licence plate"
    DEVICE = "device identifier"
    IP_ADDRESS = "IP address"
    MAC_ADDRESS = "MAC address"
    BANK_ACCOUNT = "bank account number"
    IBAN = "IBAN"
    WALLET = "wallet address"
    PAYMENT_CARD = "payment card number"
    CARD_CODE = "card verification code"
    CARD_TRACK = "card track data"
    MEDICAL_RECORD = "medical record number"
    HEALTH_ID = "health plan or provider number"
    CARE_DATE = "date of care"
    GREAT_AGE = "age over 89"
    SECRET = "password or secret"  # noqa: S105 - the name of a category
    API_KEY = "API key or token"
    CONNECTION = "connection string with a password"
    PRIVATE_KEY = "private key"
    MARKING = "confidential marking"
    OWN = "data of the organisation's own"
    UNREADABLE = "part that cannot be read"


_C = Category
LIKELY: Final = 0.5
"""From this confidence on a finding is told, and the floor holds for it, unless somebody asks for less."""
FAMILIES: dict[Category, Family] = {
    **dict.fromkeys(
        (_C.PERSON, _C.ADDRESS, _C.EMAIL, _C.PHONE, _C.BIRTH_DATE, _C.SOCIAL_SECURITY, _C.NATIONAL_ID, _C.PASSPORT,
         _C.DRIVING_LICENCE, _C.VEHICLE, _C.LICENCE_PLATE, _C.DEVICE, _C.IP_ADDRESS, _C.MAC_ADDRESS, _C.BANK_ACCOUNT, _C.IBAN, _C.WALLET),
        Family.PERSONAL,
    ),
    **dict.fromkeys((_C.PAYMENT_CARD, _C.CARD_CODE, _C.CARD_TRACK), Family.PAYMENT),
    **dict.fromkeys((_C.MEDICAL_RECORD, _C.HEALTH_ID, _C.CARE_DATE, _C.GREAT_AGE), Family.HEALTH),
    **dict.fromkeys((_C.SECRET, _C.API_KEY, _C.CONNECTION, _C.PRIVATE_KEY), Family.CREDENTIAL),
    **dict.fromkeys((_C.MARKING, _C.OWN), Family.CONFIDENTIAL),
    _C.UNREADABLE: Family.UNREADABLE,
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """What was found, by which rule, at characters start to end of the text as it was given. The value is not kept.

    `confidence` is between 0 and 1: 0.5 is as likely as not. `through` says how it was hidden: "base64", for instance.
    """

    category: Category
    rule: str
    start: int
    end: int
    confidence: float = 1.0
    through: str = ""

    @property
    def family(self) -> Family:
        """Which law or rule it falls under first."""
        return FAMILIES[self.category]


UNREADABLE_PART: Final = Finding(Category.UNREADABLE, "unreadable/part/1", 0, 0)
"""A part of a call of which nobody here can say what it holds."""
