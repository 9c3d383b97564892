"""What only looks like data that must not leave is not told: at most one line of a thousand."""

from appliance.dlp import Engine
from appliance.providers.local.catalogue import LABELS, TAGGER
from appliance.providers.local.tagger import LocalTagger
from tests.support.house import House
from tests.support.negatives import count_flagged, negative_lines


def test_rules_flag_hardly_a_line_that_holds_nothing(rules: Engine) -> None:
    lines = list(negative_lines(2_000, seed=11))
    assert count_flagged(lines, rules.inspect) <= 2


def test_the_model_of_names_flags_hardly_any_either() -> None:
    whole = Engine(tagger=LocalTagger(House.models_directory() / TAGGER.name, LABELS))
    lines = list(negative_lines(350, seed=12))
    assert count_flagged(lines, whole.inspect) <= 1
