"""Attacks on the log and on its packages, each against what an auditor may have besides: the table in deploy/docs/assurance.md."""


import pytest

from appliance import audit
from appliance.audit import PLATFORM
from appliance.proof.verify import INCOMPLETE, INTACT, Known, verify_package
from appliance.vault import change_log_key
from tests.support import attacks, package_attacks
from tests.support.attacks import CATCHES, MISSED, Rig
from tests.support.house import House

QUIET = (MISSED,) * 5


@pytest.fixture
def house(anchored_house: House) -> House:
    return anchored_house


def test_each_attack_is_caught_by_what_the_page_says_and_by_nothing_less(rig: Rig) -> None:
    for name, attack in package_attacks.OF_PACKAGES.items():
        assert attacks.caught(rig, attack(rig)) == CATCHES[name], name


@pytest.mark.parametrize("name", attacks.OF_DATABASES)
def test_an_attack_on_the_database_is_caught_by_what_the_page_says(rig: Rig, name: str) -> None:
    package = attacks.OF_DATABASES[name](rig)
    assert attacks.caught(rig, package) == CATCHES[name]


def test_an_honest_log_raises_no_alarm(rig: Rig) -> None:
    for _ in range(3):
        rig.records(7)
        package = rig.export()
        assert attacks.caught(rig, package) == QUIET


def test_an_honest_change_of_the_key_raises_no_alarm(rig: Rig) -> None:
    with rig.house.worker.db.tenant(PLATFORM) as tx:
        change_log_key(tx, audit.Actor(audit.ActorKind.OPERATOR), rig.house.worker.vault)
    rig.records(3)
    rig.signer = rig.signers()
    assert attacks.caught(rig, rig.export()) == QUIET


def test_an_honest_epoch_raises_no_alarm_for_who_was_told_of_it(rig: Rig) -> None:
    witness, authority = rig.witness, rig.authority
    assert witness is not None
    assert authority is not None
    with rig.house.worker.db.tenant(PLATFORM) as tx:
        audit.open_epoch(tx, audit.Actor(audit.ActorKind.OPERATOR), reason="restored a backup", clock=rig.house.clock)
    rig.records(4)
    package = str(rig.export())
    everything = {
        "key": rig.key, "earlier": rig.earlier, "witnesses": (witness.key,), "certificates": str(authority.ca), "stamp": str(rig.stamp)
    }  # fmt: skip
    told = verify_package(package, Known(epoch=2, **everything))  # type: ignore[arg-type]
    assert told.status == INTACT, told.fault
    assert any("restored a backup" in one for one in told.proven)
    untold = verify_package(package, Known(**everything))  # type: ignore[arg-type]
    assert untold.status == INCOMPLETE
    assert "--epoch 2" in str(untold.fault)


def test_the_page_names_each_attack_that_is_made() -> None:
    assert set(CATCHES) == {*package_attacks.OF_PACKAGES, *attacks.OF_DATABASES}
