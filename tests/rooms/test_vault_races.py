"""Keys that are turned, exchanged and destroyed while somebody opens, seals or reads by them."""

import threading
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from appliance.kernel.blobs import write_durably
from appliance.vault.exchange import exchange_root
from appliance.vault.roots.keyfile import KeyFileRoot
from appliance.vault.values import Level
from tests.support.house import Member
from tests.support.vault import only_file, opened_by, sealed_by, states, turns


def test_two_exchanges_of_the_root_at_once_lose_neither_root(ada: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed, house, begun = sealed_by(ada, b"sk-live-4711"), ada.house, threading.Event()
    renames, failed = Path.rename, list[Exception]()

    def exchanges() -> None:
        try:
            exchange_root(house.worker.db, house.worker.vault.files, (), [], secrets=house.settings.secrets.absolute())
        except Exception as error:  # noqa: BLE001 - told by the main thread
            failed.append(error)

    other = threading.Thread(target=exchanges)

    def slowly(path: Path, target: Path) -> Path:
        if path.name == "root.key" and not begun.is_set():
            begun.set()
            other.start()
            other.join(timeout=0.7)
        return renames(path, target)

    monkeypatch.setattr(Path, "rename", slowly)
    exchanges()
    other.join()
    assert failed == []
    assert opened_by(ada, sealed) == b"sk-live-4711"
    assert sorted(path.name for path in house.settings.secrets.glob("root.key*")) == ["root.key"]


def test_who_opens_at_the_moment_of_an_exchange_is_not_refused(ada: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed, house, begun = sealed_by(ada, b"sk-live-4711"), ada.house, threading.Event()
    unwraps = KeyFileRoot.unwrap

    def slowly(root: KeyFileRoot, wrapped: bytes, *, context: bytes) -> bytearray:
        if not begun.is_set():
            begun.set()
            exchange_root(house.worker.db, house.worker.vault.files, (), [], secrets=house.settings.secrets.absolute())
        return unwraps(root, wrapped, context=context)

    monkeypatch.setattr(KeyFileRoot, "unwrap", slowly)
    assert opened_by(ada, sealed) == b"sk-live-4711"


def test_a_worker_that_slept_over_a_rotation_puts_nothing_back(ada: Member) -> None:
    file_id, _ = only_file(ada)
    blobs, turned = ada.services.blobs, list[None]()
    sealer = blobs._sealer

    class Sleeping:
        unseal_file, version_for_files = sealer.unseal_file, sealer.version_for_files

        def seal_file(self, *arguments: Any) -> bytes:
            sealed = sealer.seal_file(*arguments)
            if not turned:
                turned.append(None)
                turns(ada, Level.DEK)
                ada.house.clock.passes(minutes=1)
            return sealed

    blobs._sealer = Sleeping()
    blobs.reseal(ada.tenant_id, file_id, version=99)
    assert b"fire drill" in blobs.get(ada.tenant_id, file_id)


def test_a_file_that_reaches_the_disk_after_its_key_was_turned_opens(
    ada: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the disk, or the process, stands still for longer than the grace."""
    sealed_by(ada, b"the first makes the keys")

    def slowly(path: Path, content: bytes, **named: Any) -> None:
        monkeypatch.undo()
        turns(ada, Level.DEK)
        write_durably(path, content, **named)

    monkeypatch.setattr("appliance.kernel.blobs.write_durably", slowly)
    document = ada.uploads("fire-drill.txt")
    assert b"fire drill" in ada.services.blobs.get(ada.tenant_id, document.file_id)
    assert states(ada) == ["destroyed", "active"]


def test_who_reads_a_file_while_its_key_is_turned_and_destroyed_is_not_refused(ada: Member) -> None:
    file_id, _ = only_file(ada)
    blobs, looks = ada.services.blobs, list[bytes]()
    sealer = blobs._sealer

    class Sleeping:
        seal_file, version_for_files = sealer.seal_file, sealer.version_for_files

        def unseal_file(self, tenant_id: UUID, sealed: bytes, place: Any) -> bytes:
            if not looks:
                looks.append(sealed)
                turns(ada, Level.DEK)
            return sealer.unseal_file(tenant_id, sealed, place)

    blobs._sealer = Sleeping()
    assert b"fire drill" in blobs.get(ada.tenant_id, file_id)
    assert states(ada) == ["destroyed", "active"]
