"""The cache of keys that remote roots unwrapped: no process serves one that another process destroyed, turned or exchanged."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from appliance.identity import Role
from appliance.kernel.sealing import KeyDestroyed, KeyUnavailable
from appliance.vault import Vault
from appliance.vault.exchange import exchange_root
from appliance.vault.keyfiles import KekId, KeyFiles
from appliance.vault.values import End, Level
from tests.support.house import House, Member
from tests.support.opening import RemoteRoot, remote_roots
from tests.support.vault import PLACE, destroyed, opened_by, sealed_by, turns


class Other:
    """Another process with a cache of its own."""

    def __init__(self, secrets: Path, kek: KekId) -> None:
        command = [sys.executable, "-m", "tests.support.opening", str(secrets), str(kek.tenant_id), str(kek.number)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def opens(self) -> tuple[str, int]:
        """Let it open the key; return the digest or the refusal's code, and how often the root was asked for it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("open\n")
        self._process.stdin.flush()
        said, asked = self._process.stdout.readline().split()
        return said, int(asked)


@pytest.fixture
def kek(ada: Member) -> KekId:
    sealed_by(ada, b"sk-live-4711")
    (kek,) = ada.services.vault.files.stored_of(ada.tenant_id)
    return kek


@pytest.fixture
def other(house: House, kek: KekId) -> Iterator[Other]:
    with Other(house.settings.secrets.absolute(), kek) as other:
        opened, asked = other.opens()
        assert (len(opened), asked) == (64, 1)
        assert other.opens() == (opened, 0)  # from its cache
        yield other


def test_a_key_that_one_process_destroyed_is_gone_from_the_next_look_of_another(
    ada: Member, kek: KekId, other: Other
) -> None:
    ada.services.vault.files.destroy(kek, End.ALL)
    assert other.opens() == ("key_destroyed", 0)


def test_a_key_that_is_away_exchanged_or_turned_is_not_served_from_another_process(
    house: House, ada: Member, kek: KekId, other: Other
) -> None:
    opened, _ = other.opens()
    file = house.settings.secrets / "keys" / str(kek.tenant_id) / f"{kek.number}.key"
    away = file.rename(file.with_suffix(".away"))
    assert other.opens() == ("key_unavailable", 0)
    away.rename(file)
    assert other.opens() == (opened, 0)

    exchange_root(house.worker.db, house.worker.vault.files, (), [], secrets=house.settings.secrets.absolute())
    assert other.opens() == (opened, 1)
    assert other.opens() == (opened, 0)

    turns(ada, Level.KEK)
    assert other.opens() == ("key_destroyed", 0)


def test_another_host_with_files_of_its_own_opens_nothing_once_the_database_says_so(
    house: House, ada: Member, kek: KekId, tmp_path: Path
) -> None:
    """Its copy of the key file is untouched and the key in its cache; each look asks the one database first."""
    eve = ada.adds("eve@harrow.example", Role.OWNER)
    house.owners_settle()
    sealed = sealed_by(ada, b"sk-live-4711")
    shutil.copytree(house.settings.secrets, tmp_path / "copy")
    files = KeyFiles(tmp_path / "copy" / "keys", lambda: remote_roots(tmp_path / "copy"))
    elsewhere = Vault(house.app.db, files, clock=house.clock)
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert elsewhere.unseal(tx, sealed, PLACE) == b"sk-live-4711"
    asked = RemoteRoot.asked
    with house.app.db.tenant(ada.tenant_id) as tx:
        assert elsewhere.unseal(tx, sealed, PLACE) == b"sk-live-4711"
    assert RemoteRoot.asked == asked

    for one in destroyed(ada, eve):
        ada.services.vault.files.destroy(one, End.ALL)
    with pytest.raises(KeyDestroyed), house.app.db.tenant(ada.tenant_id) as tx:
        elsewhere.unseal(tx, sealed, PLACE)
    with pytest.raises(KeyDestroyed):
        opened_by(ada, sealed)
    assert len(files.open(kek)) == 32  # the copy is its host's to destroy, as the manual says
    shutil.rmtree(tmp_path / "copy" / "keys")
    with pytest.raises(KeyUnavailable):
        files.open(kek)
