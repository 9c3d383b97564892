import pytest

from appliance.dlp import Category, Engine

_C = Category
# Right by their check digits; most are the examples of those who give them out, or counted up from 123.
NATIONAL = [
    ("numéro national 84.02.11-123.64", "84.02.11-123.64"),
    ("cartão de cidadão 12345678 0 AB3", "12345678 0 AB3"),
    ("contribuinte 212345672", "212345672"),
    ("CPR 211062-5629", "211062-5629"),
    ("henkilötunnus 131052-308T", "131052-308T"),
    ("fødselsnummer 15108610260", "15108610260"),
    ("PPS number 6433435F", "6433435F"),
    ("TFN 123 456 782", "123 456 782"),
    ("SIN: 123 456 782", "123 456 782"),
    ("RRN 840211-1234567", "840211-1234567"),
    ("マイナンバー 1234 5678 9018", "1234 5678 9018"),
]
OF_CARE = [
    ("The patient was admitted on 3 March 2026.", _C.CARE_DATE, "3 March 2026"),
    ("Die Patientin wurde am Montag untersucht, Entlassung am 09.03.2026", _C.CARE_DATE, "09.03.2026"),
    ("Date of discharge: 03/04/2026", _C.CARE_DATE, "03/04/2026"),
    ("a 93-year-old man", _C.GREAT_AGE, "93"),
    ("Age: 97", _C.GREAT_AGE, "97"),
    ("die 91-jährige Frau", _C.GREAT_AGE, "91"),
    ("Kennzeichen B-AB 1234", _C.LICENCE_PLATE, "B-AB 1234"),
    ("license plate 7ABC123", _C.LICENCE_PLATE, "7ABC123"),
    ("Fax: 030 901820", _C.PHONE, "030 901820"),
]
NOTHING = [
    "84.02.11-123.65, 123 456 782, 212345672 and 6433435F without a word for them",
    "sin 123 456 782 de nuevo",
    "admitted to the club on 3 March 2026",
    "a 45-year-old bridge, a 100-year-old company, max-age=95, page 97",
    "Cache-Control: max-age=91, stage 93, coverage 97%",
]


@pytest.mark.parametrize(("text", "number"), NATIONAL)
def test_it_knows_the_numbers_of_further_states_by_a_word_and_a_check_digit(rules: Engine, text: str, number: str) -> None:
    assert [text[one.start : one.end] for one in rules.inspect(text) if one.category is _C.NATIONAL_ID] == [number]


@pytest.mark.parametrize(("text", "category", "value"), OF_CARE)
def test_it_knows_what_hipaa_calls_identifying(rules: Engine, text: str, category: Category, value: str) -> None:
    assert [(one.category, text[one.start : one.end]) for one in rules.inspect(text)] == [(category, value)]


@pytest.mark.parametrize("text", NOTHING)
def test_it_leaves_other_numbers_alone(rules: Engine, text: str) -> None:
    assert rules.inspect(text) == []
