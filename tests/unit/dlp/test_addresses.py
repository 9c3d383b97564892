"""An address is told whole: what stands beside a street and can only belong to it, in the ways of several countries; and no more."""

import time
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from appliance.dlp import Category, Engine, OwnRules, addresses
from appliance.dlp.look import Found
from appliance.dlp.own import Allowance, Lists
from appliance.dlp.own.exact_values import canonical_value
from appliance.dlp.own.words import digest

WHOLE = [
    "4410 Larchmont Avenue, Apt. 12B, Santa Rosa, CA 95404",
    "4410 Larchmont Avenue\nBldg C\nDuluth\nMN 55802-0417\nUSA",
    "Suite 710, 9 Old Quarry Lane, Bangor, ME 04401, United States",
    "4410 Larchmont Avenue | Unit 4 | El Paso | TX | 79901",
    "PSC 4810, Box 22\nAPO AE 09642",
    "Unit 4507 Box 31\nDPO AA 34020",
    "USNS Mercy Point\nFPO AP 96672-1801",
    "Flat 3, 12a Marlborough Crescent, Stoke-on-Trent ST4 7AB",
    "Flat 3\n12a Marlborough Crescent\nLeeds\nLS6 2HG\nEngland",
    "Lindenallee 7 b, 3. Etage, Wohnung 12, 42103 Wuppertal",
    "Goethestraße 31\nHinterhaus 2\nD-65185 Wiesbaden\nDeutschland",
    "14 rue des Acacias, Bât. B, 44000 Nantes",
    "Kaiserjägergasse 5, Stiege 2, Top 14\n6020 Innsbruck, Österreich",
    "Bahnhofstrasse 12\nCH-9000 St. Gallen\nSchweiz",
    "the corner of 12 Mill Lane and Station Parade",
]
ENDS = [
    ("Meet me at 12 Mill Lane. Germany won again.", "12 Mill Lane."),
    ("Send it to 12 Mill Lane, Invoice 48213 is paid.", "12 Mill Lane"),
    ("At 12 Mill Lane, 2600 people signed.", "12 Mill Lane"),
    ("We left 12 Mill Lane, OK was what they said.", "12 Mill Lane"),
    ("from 12 Mill Lane Jordan Smith came", "12 Mill Lane"),
    ("In 2019 12 Mill Lane was sold", "12 Mill Lane"),
]


@pytest.mark.parametrize("address", WHOLE)
def test_rules_tell_an_address_with_all_that_belongs_to_it(rules: Engine, address: str) -> None:
    text = f"It goes to {address}, please."

    assert _told(rules, text) == [address]


@pytest.mark.parametrize(("text", "wanted"), ENDS)
def test_an_address_ends_where_something_else_begins(rules: Engine, text: str, wanted: str) -> None:
    assert _told(rules, text) == [wanted]


def test_two_addresses_of_a_list_stay_two(rules: Engine) -> None:
    assert _told(rules, "12 Mill Lane\n14 Mill Lane\n") == ["12 Mill Lane", "14 Mill Lane"]


def test_what_a_model_and_rules_tell_of_one_address_is_one() -> None:
    text = b"To Apt. 4, 12 Mill Lane Suite 7, Leeds, please"
    street, number, both = text.index(b"12"), text.index(b"7"), Category.ADDRESS
    found = [
        Found(both, "address/street/1", street, street + 12, 0.7),
        Found(both, "address/model/1", street + 3, text.index(b" 7"), 0.75),
        Found(both, "address/model/1", number, number + 8, 0.75),
    ]

    assert [(text[one.start : one.end], one.confidence) for one in addresses.whole(text, found, [])] == [
        (b"Apt. 4, 12 Mill Lane Suite 7, Leeds", 0.75)
    ]


def test_an_address_does_not_grow_over_what_is_found_of_another_kind(rules: Engine) -> None:
    text = b"12 Mill Lane\nAnna Toll\n55802 Duluth"
    name = Found(Category.PERSON, "name/model/1", 13, 22, 0.6)
    street = Found(Category.ADDRESS, "address/street/1", 0, 12, 0.7)

    assert addresses.whole(text, [street], [name]) == [street]
    assert _told(rules, "12 Mill Lane, anna@example.org, USA") == ["12 Mill Lane"]


@pytest.mark.parametrize("value", ["12 Mill Lane", "12 Mill Lane, Leeds LS6 2HG"])
def test_an_allowed_address_is_not_told_whether_its_street_or_all_of_it_is_allowed(rules: Engine, value: str) -> None:
    key, day = b"0" * 32, datetime(2031, 1, 1, tzinfo=UTC)
    own = OwnRules(1, Lists((), (), ()), (Allowance(uuid4(), digest(key, canonical_value(value)), None, None, None, day),), key)

    assert rules.inspect("Visit us: 12 Mill Lane, Leeds LS6 2HG", own=own) == []


@pytest.mark.parametrize("piece", ["12 Mill Lane Suite 1 ", "12 Mill Lane #1, ", "Suite 1 ", "the corner of 1 Mill Lane and ", "12 Mill Lane, Aa Bb, Cc Dd, 1"])
def test_addresses_without_end_take_linear_time(rules: Engine, piece: str) -> None:
    small, large = ((piece * 10_000)[:length] for length in (10_000, 80_000))
    rules.inspect(small)

    assert _seconds(rules, large) < 30 * max(_seconds(rules, small), 0.005)


def _told(rules: Engine, text: str) -> list[str]:
    return [text[one.start : one.end] for one in rules.inspect(text) if one.category is Category.ADDRESS]


def _seconds(rules: Engine, text: str) -> float:
    began = time.process_time()
    rules.inspect(text)
    return time.process_time() - began
