"""`appliance vault` at the console: what it checks, exchanges and exports."""

import errno
import json
import os
import sys
import tarfile
from pathlib import Path

import pytest

from appliance.assembly import assemble
from appliance.cli import main
from appliance.vault import RootKeyForeign, check_keys
from appliance.worker.schedule import tidy
from tests.doors.conftest import Console
from tests.support.house import Member


@pytest.fixture
def keyed(ada: Member) -> Member:
    ada.uploads("fire-drill.txt")
    return ada


def test_it_says_whose_keys_open_and_fails_where_one_does_not(console: Console, ada: Member) -> None:
    assert "the platform's keys open" in console("vault", "check").output
    ada.uploads("fire-drill.txt")
    said = console("vault", "check").output
    assert "the keys of the platform and 1 organisation open" in said
    assert json.loads(console("vault", "check", "--json").output)["organisations"] == 2
    (file,) = (ada.house.settings.secrets / "keys" / str(ada.tenant_id)).glob("*.key")
    file.unlink()
    failed = console("vault", "check")
    assert failed.exit_code == 1
    assert str(ada.tenant_id) in str(failed.exception) + failed.output


def test_it_exports_sealed_keys_alone_for_their_owner(console: Console, keyed: Member, tmp_path: Path) -> None:
    file, secrets = tmp_path / "keys.tar", keyed.house.settings.secrets
    assert "2 keys" in console("vault", "export", str(file)).output
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as tar:
        assert {Path(name).suffix for name in tar.getnames()} == {".key"}
        assert len(tar.getnames()) == 2
    assert (secrets / "root.key").read_bytes() not in file.read_bytes()
    again = console("vault", "export", str(file))
    assert again.exit_code == 1
    assert "is there already" in str(again.exception)


@pytest.mark.usefixtures("keyed")
def test_an_export_that_fails_leaves_no_half_file(
    console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    folder = tmp_path / "exports"
    folder.mkdir()
    for owner, step in ((tarfile.TarFile, "add"), (os, "fsync"), (Path, "rename")):
        with monkeypatch.context() as full:
            full.setattr(owner, step, is_full)
            failed = console("vault", "export", str(folder / "keys.tar"))
        assert failed.exit_code == 1
        assert "No space left on device" in str(failed.exception)
        assert list(folder.iterdir()) == []
    assert console("vault", "export", str(folder / "keys.tar")).exit_code == 0


def test_it_exchanges_the_root_and_says_how_many_keys_it_wrapped(console: Console, keyed: Member) -> None:
    said = console("vault", "rotate-root").output
    assert "2 keys are wrapped by file:" in said
    assert "Back it up" in said
    assert keyed.services.blobs.get(keyed.tenant_id, keyed.uploads("fire-drill.txt").file_id)


def test_a_root_of_another_place_follows_once_the_worker_knows_it(
    console: Console, keyed: Member, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, following = keyed.house, tmp_path / "following.key"
    following.write_bytes(bytes(range(32)))
    following.chmod(0o400)
    monkeypatch.setenv("APPLIANCE_ROOT_KEY_NEXT", f"file:{following}")
    files = [path.read_bytes() for path in house.settings.secrets.glob("keys/*/*.key")]
    assert "restart them" in str(console("vault", "rotate-root").exception)
    assert files == [path.read_bytes() for path in house.settings.secrets.glob("keys/*/*.key")]
    keyed.uploads("cafeteria.md")  # by processes that know nothing of it

    restarted = assemble(house.settings.model_copy(update={"root_key_next": f"file:{following}"}), role="worker")
    try:
        tidy(restarted)
        assert f"2 keys are wrapped by file:{following}" in console("vault", "rotate-root").output
        assert len(check_keys(restarted.db, restarted.vault.files)) == 2
    finally:
        restarted.close()
    with pytest.raises(RootKeyForeign):
        assemble(house.settings, role="worker")
    monkeypatch.delenv("APPLIANCE_ROOT_KEY_NEXT")
    monkeypatch.setenv("APPLIANCE_ROOT_KEY", f"file:{following}")
    assert "1 organisation open" in console("vault", "check").output


def test_one_key_is_one_key(console: Console, tmp_path: Path) -> None:
    assert "1 key is wrapped by" in console("vault", "rotate-root").output
    assert "keys.tar: 1 key." in console("vault", "export", str(tmp_path / "keys.tar")).output


def test_without_an_organisation_it_says_how_to_get_one(console: Console) -> None:
    assert "There is no organisation yet: `appliance setup`" in str(console("keys", "list").exception)


@pytest.mark.usefixtures("console")
def test_whoever_can_put_a_key_back_is_told_which_one_is_away(keyed: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    (file,) = (keyed.house.settings.secrets / "keys" / str(keyed.tenant_id)).glob("*.key")
    file.unlink()
    monkeypatch.setattr(sys, "argv", ["appliance", "keys", "rotate", "--level", "dek"])
    with pytest.raises(SystemExit, match=rf"not available now.* {keyed.tenant_id}/{file.name} is missing"):
        main()
