import base64
import html

import pytest
from hypothesis import given
from hypothesis import strategies as some

from appliance.dlp import Category, Engine, hidden, stopped
from appliance.dlp.shadow import Shadow

CARD, GROUPED = "4111111111111111", "4111 1111 1111 1111"
ALONE = {
    "dots": GROUPED.replace(" ", "."),
    "two spaces": GROUPED.replace(" ", "  "),
    "dashes between spaces": GROUPED.replace(" ", " - "),
    "slashes": GROUPED.replace(" ", "/"),
    "underscores": GROUPED.replace(" ", "_"),
    "plus signs": GROUPED.replace(" ", "+"),
    "signs": GROUPED.replace(" ", "💳"),
    "brackets": "(4111)(1111)(1111)(1111)",
    "a dot after each digit": ".".join(CARD),
    "signs drawn as nothing": GROUPED.replace(" ", "\u2800"),
    "NUL": GROUPED.replace(" ", "\0"),
    "NUL after each digit": "\0".join(CARD),
    "a terminal's colours": "4111\x1b[0m1111\x1b[1m11111111",
    "combining marks": "".join(f"{digit}\u0301" for digit in CARD),
    "half a surrogate": "4111\ud8001111 1111 1111",
    "marks of HTML": "4111<b>1111</b>1111<!-- x --><i>1111</i>",
    "entities between": GROUPED.replace(" ", "&nbsp;"),
    "entities of entities": html.escape("".join(f"&#{ord(digit)};" for digit in CARD)),
    "entities in an attribute": f'<input value="&#52;&#49;{CARD[2:]}">',
    "entities without an end": "".join(f"&#{ord(digit)}" for digit in CARD),
    "escapes of JSON": "".join(f"\\u{ord(digit):04x}" for digit in CARD),
    "a line's end in JSON": GROUPED.replace(" ", "\\n"),
    "few percent signs": GROUPED.replace(" ", "%20"),
    "quoted-printable": "".join(f"={ord(digit):02X}" for digit in CARD),
    "a soft line break": "4111 1111=\r\n1111 1111",
    "a quoted mail": "> 4111 1111\n> 1111 1111",
    "a line break of Windows": "4111 1111\r\n1111 1111",
    "hexadecimal digits, parted": CARD.encode().hex(":"),
    "base64 in UTF-16": base64.b64encode(f"card {CARD}".encode("utf-16-le")).decode(),
    "base64 in Latin-1": base64.b64encode(f"Größe, card {CARD}".encode("latin-1")).decode(),
    "base64 three times": base64.b64encode(base64.b64encode(base64.b64encode(CARD.encode()))).decode(),
    "base64 as a value": "x=" + base64.b64encode(f"card {CARD}".encode()).decode(),
    "base32": base64.b32encode(f"card {CARD}".encode()).decode(),
    "binary digits": " ".join(f"{ord(digit):08b}" for digit in CARD),
    "binary digits, joined": "".join(f"{ord(digit):08b}" for digit in CARD),
    "octal digits": " ".join(f"{ord(digit):03o}" for digit in CARD),
    "octal escapes": "".join(f"\\{ord(digit):03o}" for digit in CARD),
    "codes of signs": ", ".join(str(ord(digit)) for digit in CARD),
    "words": " ".join({"4": "four", "1": "one"}[digit] for digit in CARD),
    "German words": "-".join({"4": "Vier", "1": "eins"}[digit] for digit in CARD),
    "backwards": f"card, backwards: {CARD[::-1]}",
    "letters for digits": "4OOO OOOO 0000 0002",
    "a cell of a table": f"1,Anna,{CARD},12/27",
    "a first cell": f"{CARD},123",
    "beside other scripts": f"卡号{CARD}的",
    "behind a bullet": f"•{CARD}",
    "joined to its name": f"Visa{CARD}",
}
NAMED = {
    "commas": GROUPED.replace(" ", ","),
    "tabs": GROUPED.replace(" ", "\t"),
    "lines": GROUPED.replace(" ", "\n"),
    "a list": f"[{', '.join(GROUPED.split())}]",
    "with an expiry": f"{CARD}/1227",
    "as a file": f"{CARD}.pdf",
    "a hash sign": f"#{CARD}",
    "its name and a line below": f"card_{CARD}",
}
NO_CARDS = [
    CARD[::-1],  # any number in ten would be one, and nobody says that it is
    "40 41 42 43 44 45 46 47 48 49 50 51 52",
    "one two three four five six seven eight nine",
    "4111,1111,1111,1111",  # four numbers of a list
    "1.2.3.4.5.6.7.8.9.10.11.12.13.14",
    "0.4111111111111111",
    "4111111111111111.5 seconds",
    "EAN 4528372372090",
    "10.20.30.40 4111.22.33.44",
]


@pytest.mark.parametrize("how", ALONE)
def test_it_finds_a_card_that_nothing_names(how: str) -> None:
    assert [one.category for one in stopped(f"Hello {ALONE[how]} today") if one.category is Category.PAYMENT_CARD]


@pytest.mark.parametrize("how", NAMED)
def test_it_finds_a_card_that_is_named_where_it_could_be_anything(how: str) -> None:
    text = f"Please charge the card {NAMED[how]} today"

    assert [one.category for one in stopped(text) if one.category is Category.PAYMENT_CARD]


@pytest.mark.parametrize("text", NO_CARDS)
def test_it_takes_no_list_or_fraction_for_a_card(text: str) -> None:
    assert stopped(text) == []


def test_offsets_are_right_behind_signs_that_vanish_or_become_several(rules: Engine) -> None:
    text = "\ufb03\ufdfa\0\u200b x 4\u200b111 1111 \u2060\u20601111 1111 \ufb03 end \u200b\u200ba@b.example"
    found = {one.category: text[one.start : one.end] for one in rules.inspect(text)}

    assert found[Category.PAYMENT_CARD].startswith("4\u200b111")
    assert found[Category.PAYMENT_CARD].endswith("1111")
    assert found[Category.EMAIL] == "a@b.example"


def test_an_address_in_a_link_is_read(rules: Engine) -> None:
    assert Category.EMAIL in {one.category for one in rules.inspect("GET /x?user=anna.schmidt%40example.org HTTP/1.1")}
    assert Category.EMAIL in {one.category for one in rules.inspect("write to anna&#64;example.org soon")}


def test_a_list_of_words_or_numbers_is_not_read_as_split(rules: Engine) -> None:
    assert rules.inspect("\n".join(f"{number:06d}" for number in range(7_000, 7_060))) == []
    assert rules.inspect("\n".join(["seventeen", "thirteen", "fourteen"] * 20)) == []


_PIECES = ["01000001", "01000001,", "\\101", "101, ", "65, ", "65;", "one ", "zwei-", "backwards ", "MFRGGZDF",  "%41", "%", "&amp;", "&#65;", "&nbsp;", "\\u0041", "\\x41", "\\n", "=41" * 6, "=\n", "<b>", "\x1b[0m", "4", "41", "4111", "O", "l", " ", "-", "\n", "> ", "a1B2c3D4", "0x", ":", ",", "a ", "-----", "_", "é"]  # fmt: skip


@given(some.lists(some.sampled_from(_PIECES), max_size=30).map("".join))
def test_every_form_that_a_text_has_is_read(text: str) -> None:
    shadow = Shadow(text)
    possible = list(hidden._possible(shadow.raw))

    assert all(form in possible for form in hidden.FORMS if form[2].search(shadow.raw))
