"""Papers with twelve kinds of what must not be everywhere: nobody's, new in each paper, and each with what speaks for it."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from reportlab.pdfgen.canvas import Canvas

from tests.support import papers

_FIRST = ("Bertram", "Ottilie", "Casimir", "Philippa", "Thaddeus", "Rosamund", "Leopold", "Henrietta", "Ambrose", "Cordelia", "Evander", "Sidonie", "Lysander")
_LAST = ("Okon", "Lind", "Castel", "Feather", "Papado", "Aber", "Dela", "Hashi", "Vanden", "Kowal")
_ENDS = ("kwo", "qvist", "lanos", "stone", "poulos", "nathy", "croix", "moto", "berg", "ski")
_STREETS = ("Birchwood", "Larkspur", "Thornbury", "Wexford", "Hollybrook")
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


class Kind(StrEnum):
    """What a value is, as pages and reports name it."""

    NAME = "name of a person"
    ADDRESS = "postal address"
    EMAIL = "e-mail address"
    PHONE = "phone number"
    BIRTH = "date of birth"
    IDENTITY = "social security number"
    IBAN = "IBAN"
    CARD = "payment card number"
    RECORD = "medical record number"
    API_KEY = "API key or token"
    PRIVATE_KEY = "private key"
    MARKING = "confidential marking"


@dataclass(frozen=True)
class Paper:
    """A paper: a sentence that nobody minds, with a word of its own, and lines with values."""

    word: str
    values: dict[Kind, str]
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The paper as plain text."""
        return "\n\n".join(self.lines)

    def file(self, kind: str) -> bytes:
        """Return it as "txt", "docx" or "pdf"."""
        if kind == "docx":
            return papers.word([line for each in self.lines for line in each.splitlines()])
        return papers.pdf(self._draw) if kind == "pdf" else self.text.encode()

    def _draw(self, canvas: Canvas) -> None:
        canvas.setFont("Helvetica", 8)
        height = 800
        for each in self.lines:
            for line in each.splitlines():
                canvas.drawString(50, height, line)
                height -= 14
            height -= 10


def paper(kinds: Iterable[Kind], seed: str) -> Paper:
    """Return a paper with one value of each of these kinds; another seed makes other values."""
    dice = random.Random(seed)
    word = "quokka" + "".join(dice.choices("bdfgklmnprtvz", k=8))
    made = {kind: _made(kind, dice, word) for kind in Kind}  # all, so that a value does not hang on what stands beside it
    chosen = {kind: made[kind] for kind in Kind if kind in set(kinds)}
    first = f"Hotel rooms for the {word} fair are reimbursed up to 140 euros a night."
    return Paper(word, {kind: value for kind, (_, value) in chosen.items()}, (first, *(line for line, _ in chosen.values())))


def _made(kind: Kind, dice: random.Random, word: str) -> tuple[str, str]:
    """Return a line, and what of it is the value."""
    if kind is Kind.PRIVATE_KEY:
        return _private_key()
    if kind is Kind.MARKING:
        # A reviewer sees forty characters of what stands around a finding: the word is further off.
        return f"STRICTLY CONFIDENTIAL. For the eyes of those alone who were told of it by name; file under {word}marked.", f"{word}marked"
    before, value = _LINES[kind], _VALUES[kind](dice)
    return f"{before}{value}{_AFTER.get(kind, '')}", value


def _private_key() -> tuple[str, str]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - it opens nothing
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
    return pem.strip(), pem.splitlines()[4]


def _iban(dice: random.Random) -> str:
    account = f"37040044{dice.randrange(10**10):010}"
    return f"DE{98 - int(account + '131400') % 97:02}{account}"


def _card(dice: random.Random) -> str:
    digits = [4, 5, 3, 9, *(dice.randrange(10) for _ in range(11))]
    doubled = (sum(divmod(2 * digit, 10)) if place % 2 == 0 else digit for place, digit in enumerate(digits))
    return "".join(map(str, digits)) + str(-sum(doubled) % 10)


def _mail(dice: random.Random) -> str:
    return f"{dice.choice(_LAST).lower()}{dice.randrange(10**5):05}@harrow.example"


_LINES = {
    Kind.NAME: "The form is for Mr. ",
    Kind.ADDRESS: "He lives at ",
    Kind.EMAIL: "Invoices for the hotel rooms are sent to ",
    Kind.PHONE: "Call him at ",
    Kind.BIRTH: "Date of birth: ",
    Kind.IDENTITY: "Social security number (SSN): ",
    Kind.IBAN: "IBAN: ",
    Kind.CARD: "Credit card number: ",
    Kind.RECORD: "Patient with diagnosis E11.9, type 2 diabetes; medical record number (MRN): ",
    Kind.API_KEY: "aws_access_key_id = ",
}
_AFTER = {Kind.NAME: ".", Kind.ADDRESS: ", Springfield, IL 62704"}
_VALUES: dict[Kind, Callable[[random.Random], str]] = {
    Kind.NAME: lambda dice: f"{dice.choice(_FIRST)} {dice.choice(_LAST)}{dice.choice(_ENDS)}",
    Kind.ADDRESS: lambda dice: f"{dice.randrange(1000, 9999)} {dice.choice(_STREETS)} Lane",
    Kind.EMAIL: _mail,
    Kind.PHONE: lambda dice: f"+49 30 90{dice.randrange(10**4):04}{dice.randrange(10, 99)}",
    Kind.BIRTH: lambda dice: f"{dice.randrange(10, 29)}.{dice.randrange(10, 13)}.19{dice.randrange(31, 99)}",
    Kind.IDENTITY: lambda dice: f"{dice.randrange(501, 590)}-{dice.randrange(11, 99)}-{dice.randrange(1001, 9999)}",
    Kind.IBAN: _iban,
    Kind.CARD: _card,
    Kind.RECORD: lambda dice: f"MRN-{dice.randrange(10**7, 10**8)}",
    Kind.API_KEY: lambda dice: "AKIA" + "".join(dice.choices(_BASE32, k=16)),
}
