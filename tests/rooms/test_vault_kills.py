"""Keys turn while people work and the turning process is killed: no request fails, everything opens, old keys open nothing."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Self
from uuid import UUID

import pytest
from sqlalchemy import text

from appliance.identity.repeats import Answer, Repeats
from appliance.kernel.egress import Egress
from appliance.kernel.ids import new_id
from appliance.kernel.sealing import IntegrityError, KeyDestroyed, KeyUnavailable, Place
from appliance.vault import KeyFiles
from appliance.vault.keyfiles import KekId
from appliance.vault.keys import Wrapped, open_data_key
from appliance.vault.roots import root_of
from tests.support.house import House, Member

LEVELS = ("dek", "kek", "root")
PLACE = Place("somewhere", "secret", ())


class Work:
    """People who upload, read, and send requests again, until the work is over."""

    def __init__(self, member: Member) -> None:
        self.member, self.files, self.failures = member, dict[UUID, bytes](), list[BaseException]()
        self.count, self._is_over = 0, False
        self._threads = [threading.Thread(target=self._works, args=(one,)) for one in (self._files, self._repeats)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        for thread in self._threads:
            thread.join()

    def check_all(self) -> None:
        """Open everything that was ever stored."""
        for blob_id, content in self.files.items():
            assert self.member.services.blobs.get(self.member.tenant_id, blob_id) == content

    def _works(self, act: Callable[[], None]) -> None:
        while not self._is_over:
            try:
                act()
                self.count += 1
                time.sleep(0.05)  # enough to meet every moment of a rotation, and few enough files to look through
            except BaseException as error:  # noqa: BLE001 - whatever it is, a person saw it
                self.failures.append(error)
                return

    def _files(self) -> None:
        blobs, blob_id, content = self.member.services.blobs, new_id(), os.urandom(2_000)
        blobs.put(self.member.tenant_id, blob_id, content)
        self.files[blob_id] = content
        one = random.choice(list(self.files))
        assert blobs.get(self.member.tenant_id, one) == self.files[one]

    def _repeats(self) -> None:
        services, key = self.member.services, str(new_id())
        repeats = Repeats(services.db, self.member.caller, services.vault, self.member.house.clock)
        assert repeats.begin(key, b"request") is None
        repeats.finish(key, Answer(200, key.encode()))
        assert repeats.begin(key, b"request") == Answer(200, key.encode())


@pytest.fixture
def environment(house: House, ada: Member) -> dict[str, str]:
    """What a process of the same house is started with."""
    return os.environ | {
        "APPLIANCE_DATA_DIR": str(house.settings.data_dir),
        "APPLIANCE_DATABASE_URL": str(house.settings.database_url),
        "APPLIANCE_MODELS_DIR": str(house.settings.models_dir),
    }


def turns(level: str, member: Member, environment: dict[str, str], *, killed_after: float | None) -> bool:
    """Let a process turn the key; kill it after some seconds. Returns whether it came to the end."""
    command = [sys.executable, "-m", "tests.support.rotating", level, str(member.tenant_id), str(member.caller.user_id)]
    with tempfile.TemporaryFile("w+") as complaints:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=complaints, text=True)
        assert process.stdout is not None
        with process.stdout as said:
            assert said.readline() == "begun\n", told(complaints)
            if killed_after is not None:
                time.sleep(killed_after)
                process.send_signal(signal.SIGKILL)
            ended = said.read() == "done\n"
        killed = {-signal.SIGKILL} if killed_after is not None else set[int]()
        assert process.wait() in {0, *killed}, told(complaints)
        assert told(complaints) == "", "something does not open"
        return ended


def told(complaints: IO[str]) -> str:
    """Return what a process said of its end."""
    complaints.seek(0)
    return complaints.read()


def rounds(ada: Member, environment: dict[str, str], tmp_path: Path, kills: list[tuple[str, float]]) -> None:
    """Turn a key for each kill: killed, begun again, to the end; then look whether the old one opens anything."""
    secrets, vault, db = ada.house.settings.secrets, ada.services.vault, ada.services.db
    vault.prepare(ada.tenant_id)  # or the first key may be half written while its directory is copied
    with Work(ada) as work:
        for number, (level, seconds) in enumerate(kills):
            stolen = tmp_path / f"stolen {number}"
            shutil.copytree(secrets, stolen)
            with db.tenant(ada.tenant_id) as tx:
                record = vault.seal(tx, b"a stolen row", PLACE)
            turns(level, ada, environment, killed_after=seconds)
            assert turns(level, ada, environment, killed_after=None)
            assert work.failures == []
            opens_nothing(level, ada, stolen, record)
        before = work.count
    work.check_all()
    assert work.failures == []
    assert before > 10 * len(kills)


def opens_nothing(level: str, ada: Member, stolen: Path, record: bytes) -> None:
    """Look whether the key of before opens what is there now."""
    with ada.services.db.tenant(ada.tenant_id) as tx:
        row = tx.execute(text("SELECT version, kek_id, wrapped FROM data_keys WHERE state = 'active'")).one()
    now = Wrapped(KekId(ada.tenant_id, row.kek_id), row.version, row.wrapped)
    thief = root_of(None, secrets=stolen, egress=Egress())
    if level == "dek":
        with pytest.raises(KeyDestroyed), ada.services.db.tenant(ada.tenant_id) as tx:
            ada.services.vault.unseal(tx, record, PLACE)
        return
    # The root of before over the files of now; or, for the KEK, all that was stolen.
    directory = ada.house.settings.secrets if level == "root" else stolen
    with pytest.raises((KeyUnavailable, IntegrityError)):
        open_data_key(KeyFiles(directory / "keys", lambda: (thief,)), now)


def test_keys_turn_through_kills_while_people_work(ada: Member, environment: dict[str, str], tmp_path: Path) -> None:
    rounds(ada, environment, tmp_path, [("dek", 0.15), ("kek", 0.02), ("root", 0.3)])


@pytest.mark.long
def test_keys_turn_through_twenty_kills_while_people_work(
    ada: Member, environment: dict[str, str], tmp_path: Path
) -> None:
    chance = random.Random(20)
    rounds(ada, environment, tmp_path, [(LEVELS[at % 3], chance.uniform(0.0, 3.0)) for at in range(20)])
