import base64
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from appliance.dlp import Category, Engine

_C = Category
FOUND = [
    ("Visa 4111 1111 1111 1111, CVV 123", {_C.PAYMENT_CARD: "4111 1111 1111 1111", _C.CARD_CODE: "123"}),
    ("My SSN is 123-45-6789.", {_C.SOCIAL_SECURITY: "123-45-6789"}),
    ("IBAN DE89 3704 0044 0532 0130 00 bei der Bank", {_C.IBAN: "DE89 3704 0044 0532 0130 00"}),
    ("write to jörg.müller@büro.example or call +49 30 901820", {_C.EMAIL: "jörg.müller@büro.example", _C.PHONE: "+49 30 901820"}),
    ("Tel. 030 / 901820-11", {_C.PHONE: "030 / 901820-11"}),
    ("DOB: 1984-02-29", {_C.BIRTH_DATE: "1984-02-29"}),
    ("geboren am 3. März 1971", {_C.BIRTH_DATE: "3. März 1971"}),
    ("MRN 00482913", {_C.MEDICAL_RECORD: "00482913"}),
    ("NPI: 1234567893", {_C.HEALTH_ID: "1234567893"}),
    ("Passport no. C01X00T47", {_C.PASSPORT: "C01X00T47"}),
    ("DNI 12345678Z", {_C.NATIONAL_ID: "12345678Z"}),
    ("codice fiscale RSSMRA85T10A562S", {_C.NATIONAL_ID: "RSSMRA85T10A562S"}),
    ("host 10.20.30.40 refused", {_C.IP_ADDRESS: "10.20.30.40"}),
    ("from 2001:db8::8a2e:370:7334", {_C.IP_ADDRESS: "2001:db8::8a2e:370:7334"}),
    ("VIN 1HGCM82633A004352", {_C.VEHICLE: "1HGCM82633A004352"}),
    ("ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0dF3gH6", {_C.API_KEY: "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0dF3gH6"}),
    ("postgres://app:s3cr3t-w0rd@db.internal/prod", {_C.CONNECTION: "s3cr3t-w0rd"}),
    ('password = "Tr0ub4dor&3"', {_C.SECRET: "Tr0ub4dor&3"}),
    ("das Passwort lautet Sommer!2031", {_C.SECRET: "Sommer!2031"}),
    ("Dear Ms Okonkwo,\n", {_C.PERSON: "Okonkwo"}),
    ("gezeichnet von Frau Weiß", {_C.PERSON: "Weiß"}),
    ("ship to 221B Baker Street, London", {_C.ADDRESS: "221B Baker Street"}),
    ("Lindenstraße 12, 10969 Berlin", {_C.ADDRESS: "Lindenstraße 12, 10969 Berlin"}),
    ("STRICTLY CONFIDENTIAL\nBoard paper", {_C.MARKING: "STRICTLY CONFIDENTIAL"}),
]
CLEAN = [
    "Order 8826738210299783 shipped with tracking 1Z77J504EPFVYM611Z; invoice INV-2022-531934 total 444,130.71.",
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8, sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "id 123e4567-e89b-12d3-a456-426614174000 at 2026-11-27T16:40:39Z, version 10.4.2.1 of lodash@4.17.21",
    "ISBN 978-3-16-148410-0, part 363-39-9892-R",
    "Please keep this confidential until Tuesday, and reset your password below.",
    "Sitzung am 03.04.2026 von 10:00 bis 11:30 Uhr, Kapitel 1.2.3.4",
]


@pytest.mark.parametrize(("text", "wanted"), FOUND, ids=lambda value: "" if isinstance(value, dict) else None)
def test_it_finds_what_must_not_be_there_and_no_more_of_it(rules: Engine, text: str, wanted: dict[Category, str]) -> None:
    found = {one.category: text[one.start : one.end] for one in rules.inspect(text)}

    assert wanted.items() <= found.items()


@pytest.mark.parametrize("text", CLEAN, ids=range(len(CLEAN)))
def test_it_leaves_alone_what_only_looks_like_it(rules: Engine, text: str) -> None:
    assert rules.inspect(text) == []


CARD = "4111 1111 1111 1111"
HIDDEN = {
    "full-width digits": "４１１１　１１１１　１１１１　１１１１",
    "no width between": "4\u200b111 1111 \u200d1111 11\u00ad11",
    "dashes of all kinds": "4111–1111—1111‑1111",
    "Arabic digits": "٤١١١ ١١١١ ١١١١ ١١١١",
    "direction marks": "\u202e4111 1111 1111 1111\u202c",
    "base64": base64.b64encode(b"card 4111 1111 1111 1111 of the customer").decode(),
    "base64 of base64": base64.b64encode(base64.b64encode(b"card 4111 1111 1111 1111 of the customer")).decode(),
    "percent signs": quote(CARD, safe="").replace("1", "%31"),
    "hexadecimal": CARD.encode().hex(),
    "entities": "".join(f"&#{ord(sign)};" for sign in CARD),
    "spaced out": " ".join(CARD.replace(" ", "")),
    "split over lines": "4111 1111\n1111 1111",
}


@pytest.mark.parametrize("how", HIDDEN)
def test_it_finds_a_card_however_it_is_hidden_and_says_where(rules: Engine, how: str) -> None:
    before = "Zahlung über "
    text = f"{before}{HIDDEN[how]} gestern"
    found = [one for one in rules.inspect(text) if one.category is Category.PAYMENT_CARD]

    assert len(found) == 1
    # The signs of direction around it belong to it or not; nothing of the digits is left outside.
    outside = text[: found[0].start] + text[found[0].end :]
    assert len(outside) <= len(before) + len(" gestern") + 2


def test_look_alike_letters_do_not_hide_a_word_that_speaks_for_a_finding(rules: Engine) -> None:
    # The second letter of "SSN", and all of "password" but two, are Cyrillic or Greek.
    found = {one.category for one in rules.inspect("my ЅЅΝ 123456789 and рasswоrd: Tr0ub4dor&3x")}

    assert {Category.SOCIAL_SECURITY, Category.SECRET} <= found


def test_what_stands_at_the_border_of_a_block_is_found_once(rules: Engine) -> None:
    words = "lorem ipsum dolor sit amet "
    for length in range(4_070, 4_110, 3):
        text = (words * 400)[:length] + " mail anna.schmidt@example.org now " + words * 100
        found = [one for one in rules.inspect(text) if one.category is Category.EMAIL]
        assert [text[one.start : one.end] for one in found] == ["anna.schmidt@example.org"]


@settings(max_examples=60, deadline=None)
@given(some.text(max_size=400))
def test_any_text_is_read_and_findings_stand_apart(rules: Engine, text: str) -> None:
    end = 0
    for finding in rules.inspect(text):
        assert end <= finding.start < finding.end <= len(text)
        end = finding.end
