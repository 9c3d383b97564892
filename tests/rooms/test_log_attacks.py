"""Attacks on the log and on its packages, each against what an auditor may have besides: the table in deploy/docs/assurance.md."""

from pathlib import Path

import pytest

from tests.support import attacks
from tests.support.attacks import CATCHES, Rig
from tests.support.house import House, Member


@pytest.fixture
def rig(house: House, ada: Member, tmp_path: Path) -> Rig:
    return Rig(house, ada, tmp_path)


def test_each_attack_is_caught_by_what_the_page_says_and_by_nothing_less(rig: Rig) -> None:
    for name, attack in attacks.OF_PACKAGES.items():
        assert attacks.caught(rig, attack(rig)) == CATCHES[name], name


@pytest.mark.parametrize("name", attacks.OF_DATABASES)
def test_an_attack_on_the_database_is_caught_by_what_the_page_says(rig: Rig, name: str) -> None:
    package = attacks.OF_DATABASES[name](rig)
    assert attacks.caught(rig, package) == CATCHES[name]


def test_an_honest_log_raises_no_alarm(rig: Rig) -> None:
    for _ in range(3):
        rig.records(7)
        package = rig.export()
        assert attacks.caught(rig, package) == ("", "")


def test_the_page_names_each_attack_that_is_made() -> None:
    assert set(CATCHES) == {*attacks.OF_PACKAGES, *attacks.OF_DATABASES}
