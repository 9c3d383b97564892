"""A law: every catalogue says all that a reader may see, with the same places for values."""

import re

import pytest

from appliance.web.language import DEFAULT, LANGUAGES, catalogue
from tests.support.words import messages

_PLACE = re.compile(r"%\(\w+\)s|\{\w+\}|`[^`]+`")


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != DEFAULT])
def test_a_catalogue_is_whole(code: str) -> None:
    known, said = catalogue(code), messages()

    assert said - set(known) == set(), "translate these"
    assert set(known) - said == set(), "nobody says these any more"


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != DEFAULT])
def test_a_translation_keeps_the_places_for_values(code: str) -> None:
    for message, string in catalogue(code).items():
        pairs = zip(message, string, strict=True) if isinstance(message, tuple) else [(message, string)]
        for one, translated in pairs:
            assert sorted(_PLACE.findall(str(one))) == sorted(_PLACE.findall(str(translated))), one
