"""A backup restores the whole house, and nothing else is taken for one."""

import json
import shutil
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from tests.support.house import SAMPLES
from tests.support.product import Person, Product

QUESTION = "Where is the assembly point of the fire drill?"


def with_key_of(other: Path, data: Path) -> Path:
    """Make a data directory that holds another one's keys and nothing else."""
    (data / "secrets").mkdir(parents=True, mode=0o700)
    shutil.copy2(other / "secrets" / "root.key", data / "secrets" / "root.key")
    shutil.copytree(other / "secrets" / "keys", data / "secrets" / "keys")
    return data


def altered(source: Path, target: Path, name: str) -> Path:
    """Copy a backup with one byte of one member changed."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for info in old:
            content = old.extractfile(info)
            assert content is not None
            read = content.read()
            if info.name.startswith(name):
                read = bytes([read[0] ^ 1]) + read[1:]
            new.addfile(info, BytesIO(read))
    return target


def practises(product: Product, base: Path) -> None:
    """Check and drill the backup while the house runs; what came of it is filed, and nothing is left lying."""
    checked = product.tells("evidence", "check-backup", str(base / "house.tar"), "--json")
    assert json.loads(checked.stdout)["files"] == 1, checked.stderr
    drilled = product.command("evidence", "drill", str(base / "house.tar"), "--json")
    found = json.loads(drilled.stdout)
    assert (found["faults"], found["organisations"], found["files"]) == (0, 1, 1), drilled.stdout
    assert found["log_entries"] > 0
    assert list((base / "data").glob(".drill-*")) == []
    damaged = altered(base / "house.tar", base / "damaged.tar", "blobs/")
    assert "damaged" in product.tells("evidence", "drill", str(damaged)).stderr
    listed = json.loads(product.tells("evidence", "list-reports", "--json").stdout)["items"]
    wanted = [("restore_drill", False), ("restore_drill", True), ("backup_check", True), ("backup", False), ("backup", True)]
    assert [(one["kind"], one["is_good"]) for one in listed if one["kind"] != "isolation"] == wanted
    assert str(base) not in json.dumps(listed)


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """A house's data directory, its backup, and what it answers."""
    base = tmp_path_factory.mktemp("backup")
    with Product(base / "data") as product:
        ada = Person(product.address).sets_up(product.link)
        ada.waits_for(ada.uploads(SAMPLES / "fire-drill.txt")[0]["id"])
        answer = ada.asks(QUESTION).text
        made = product.command("backup", str(base / "house.tar"), "--json")
        assert json.loads(made.stdout)["files"] == 1, made.stderr
        assert "not overwritten" in product.tells("backup", str(base / "house.tar")).stderr
        practises(product, base)
    return base / "data", base / "house.tar", answer


@pytest.fixture(scope="module")
def restored(backup: tuple[Path, Path, str], tmp_path_factory: pytest.TempPathFactory) -> Product:
    """Another house, restored from that backup, which nobody has started."""
    data, tar, _ = backup
    product = Product(with_key_of(data, tmp_path_factory.mktemp("restored") / "data"))
    done = product.command("restore", str(tar), "--json")
    assert json.loads(done.stdout)["files"] == 1, done.stderr
    return product


def test_a_restored_house_answers_as_before(backup: tuple[Path, Path, str], restored: Product) -> None:
    _, tar, answer = backup
    with restored as product:
        ada = Person(product.address)
        assert ada.signs_in("ada@harrow.example").status_code == 303
        assert ada.asks(QUESTION).text == answer
        documents = ada.http.get("/documents", headers={"Accept": "application/json"}).json()
        assert "fire-drill.txt" in json.dumps(documents)
    assert "holds a house already" in restored.tells("restore", str(tar)).stderr


def test_a_backup_holds_no_key_and_nobody_else_reads_it(backup: tuple[Path, Path, str]) -> None:
    data, tar, _ = backup
    key = (data / "secrets" / "root.key").read_bytes()

    assert key not in tar.read_bytes()
    assert b"oak tree" not in b"".join(path.read_bytes() for path in (data / "blobs").rglob("*") if path.is_file())
    assert tar.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["database.dump", "blobs/", "manifest.json"])
def test_it_restores_nothing_from_an_altered_backup(backup: tuple[Path, Path, str], tmp_path: Path, name: str) -> None:
    data, tar, _ = backup
    target = with_key_of(data, tmp_path / "data")
    refused = Product(target).tells("restore", str(altered(tar, tmp_path / "altered.tar", name)))

    assert refused.returncode == 1
    assert "another copy" in refused.stderr
    assert sorted(path.name for path in target.iterdir()) == ["secrets"]


def test_it_restores_nothing_from_half_a_backup_or_without_the_key(
    backup: tuple[Path, Path, str], tmp_path: Path
) -> None:
    data, tar, _ = backup
    half = tmp_path / "half.tar"
    half.write_bytes(tar.read_bytes()[: tar.stat().st_size // 2])

    assert "another copy" in Product(with_key_of(data, tmp_path / "a")).tells("restore", str(half)).stderr
    assert "root.key" in Product(tmp_path / "b").tells("restore", str(tar)).stderr
    foreign = with_key_of(data, tmp_path / "c")
    (foreign / "secrets" / "root.key").chmod(0o600)
    (foreign / "secrets" / "root.key").write_bytes(bytes(range(32)))
    (foreign / "secrets" / "root.key").chmod(0o400)
    assert "not the one of this backup" in Product(foreign).tells("restore", str(tar)).stderr


def test_it_restores_nothing_without_the_key_files(backup: tuple[Path, Path, str], tmp_path: Path) -> None:
    data, tar, _ = backup
    bare = with_key_of(data, tmp_path / "data")
    for path in (bare / "secrets" / "keys").glob("*/*.key"):
        path.unlink()

    refused = Product(bare).tells("restore", str(tar)).stderr
    assert "2 of the backup's key files are missing" in refused
    assert sorted(path.name for path in bare.iterdir()) == ["secrets"]


def test_a_restore_that_was_cut_short_does_not_start(restored: Product) -> None:
    (restored.data_dir / "RESTORING").touch()
    try:
        with pytest.raises(RuntimeError, match="was cut short"):
            restored.start()
    finally:
        (restored.data_dir / "RESTORING").unlink()
