"""Files broken at random: each reader ends in a text or in a reason, never in a fault of ours."""

import random
from types import ModuleType

import pytest

from appliance.knowledge.parser import compound as compound_reader
from appliance.knowledge.parser import html, package, written, xml
from appliance.knowledge.parser import mail as mail_reader
from appliance.knowledge.parser.blocks import Unreadable
from appliance.knowledge.unreadable import REASONS
from tests.support.archives import packed
from tests.support.compound import attachment, compound, message, text
from tests.support.mails import mail

_HURTS = (
    b"\0",
    b"=?utf-8?b?",
    b'"',
    b"\r\n",
    b"--",
    b"\xff\xfe",
    b"charset=idna",
    b"(",
    b"\xf0",
    b"*0*=",
    b"<",
    b"{",
    b";",
)


def samples() -> dict[str, tuple[ModuleType, bytes]]:
    letter = mail()
    letter.set_content("Grüße")
    letter.add_alternative("<p>Grüße</p>", subtype="html")
    letter.add_attachment(b"a;b\n1;2\n", maintype="text", subtype="csv", filename="größe.csv")
    note = compound(
        message("A", text(0x1000, "Body.") | {"__attach_version1.0_#00000000": attachment("a.txt", b"Words.")})
    )
    return {
        "mail": (mail_reader, letter.as_bytes()),
        "compound": (compound_reader, note),
        "package": (package, packed({"a.txt": "Words." * 50, "ü/b.csv": "a;b\n1;2\n", "c/": ""})),
        "text": (written, b'{"a": [1, 2, {"b": "c"}], "d": null}'),
        "table": (written, "Straße;Ort\nWeg;Köln\nAllee;Jena\n".encode("cp1252")),
        "xml": (xml, b'<?xml version="1.0" encoding="latin-1"?><a x="1"><b>t</b><c>u <i>v</i> w</c></a>'),
        "html": (
            html,
            b"<meta charset=utf-8><p>a<!--x--><img alt=z src='data:image/png;base64," + b"AAAA" * 300 + b"'>",
        ),
    }


@pytest.mark.parametrize("name", samples(), ids=str)
def test_a_reader_ends_in_a_reason_however_a_file_is_broken(name: str) -> None:
    reader, whole = samples()[name]
    chance = random.Random(name)
    for _ in range(400):
        broken = bytearray(whole)
        for _ in range(chance.choice([1, 2, 5, 20])):
            place = chance.randrange(len(broken) + 1)
            if chance.random() < 0.3:
                del broken[place : place + chance.randrange(1, 30)]
            elif chance.random() < 0.5:
                broken[place:place] = chance.choice(_HURTS)
            elif broken:
                broken[place % len(broken)] = chance.randrange(256)
        try:
            reader.read(bytes(broken), name).as_bytes(())
        except Unreadable as unreadable:
            assert unreadable.code in REASONS
