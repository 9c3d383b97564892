"""What `appliance doctor` says of keys: each fault has a name and a remedy of its own."""

import json
from pathlib import Path

import pytest

from appliance.ops import diagnosis
from appliance.ops.preflight import Finding, Level
from appliance.vault.values import End
from tests.doors.conftest import Console
from tests.support.house import Member


@pytest.fixture
def keyed(ada: Member) -> Member:
    ada.uploads("fire-drill.txt")
    return ada


@pytest.fixture
def secrets(keyed: Member) -> Path:
    return keyed.house.settings.secrets


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the parser's process and text recognition, which take seconds and have tests of their own."""
    monkeypatch.setattr(diagnosis, "_parser", lambda: Finding("parser", Level.OK, ""))
    monkeypatch.setattr(diagnosis, "_recognition", lambda _wanted: Finding("ocr", Level.OK, ""))


def said(console: Console) -> dict[str, list[str]]:
    """What is said of secrets, root key and keys: level, finding and remedy."""
    found = json.loads(console("doctor", "--json").output)
    kinds = {"secrets", "root key", "keys"}
    return {
        kind: [f"{one['level']}: {one['detail']} {one['remedy']}".strip() for one in found if one["name"] == kind]
        for kind in kinds
    }


def own_file(keyed: Member) -> Path:
    (file,) = (keyed.house.settings.secrets / "keys" / str(keyed.tenant_id)).glob("*.key")
    return file


def test_a_house_whose_keys_open_is_well(console: Console, secrets: Path) -> None:
    assert said(console) == {
        "secrets": [f"ok: {secrets}"], "root key": [f"ok: file:{secrets / 'root.key'}"], "keys": ["ok: 2 open"],
    }  # fmt: skip


@pytest.mark.usefixtures("quick")
def test_a_key_file_that_is_missing_altered_or_destroyed_is_three_things(console: Console, keyed: Member) -> None:
    file = own_file(keyed)
    content = file.read_bytes()

    file.unlink()
    well, fault = said(console)["keys"]
    assert well == "ok: 1 open"
    assert f"fail: key_unavailable, organisation {keyed.tenant_id}: the key file" in fault
    assert "is missing Put the file back in" in fault

    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert f"fail: seal_broken, organisation {keyed.tenant_id}" in said(console)["keys"][1]
    assert "An alarm" in said(console)["keys"][1]

    file.write_bytes(content)
    files = keyed.house.worker.vault.files
    (kek,) = (one for one in files.stored() if one.tenant_id == keyed.tenant_id)
    files.destroy(kek, End.ALL)
    assert said(console)["keys"] == ["ok: 1 open, 1 destroyed on purpose"]


@pytest.mark.usefixtures("quick")
def test_a_root_key_that_cannot_be_used_says_why_and_keys_are_not_looked_at(console: Console, secrets: Path) -> None:
    path = secrets / "root.key"
    for mode, content, reason in (
        (0o440, None, f"too open, or no file; run: chmod 0400 {path}"), (0o400, b"", "has not 32 bytes"),
        (0o400, bytes(32), "one byte, repeated"),
    ):  # fmt: skip
        key = path.read_bytes()
        path.chmod(0o600)
        path.write_bytes(key if content is None else content)
        path.chmod(mode)
        found = said(console)
        assert found["root key"][0].startswith("fail: There is no usable root key")
        assert reason in found["root key"][0]
        assert found["keys"] == ["skipped: not looked at without the root key"]
        path.chmod(0o600)
        path.write_bytes(key)
        path.chmod(0o400)
    path.unlink()
    assert f"{path} is missing" in said(console)["root key"][0]


@pytest.mark.usefixtures("quick")
def test_another_root_key_is_told_by_the_key_files_that_it_does_not_wrap(console: Console, secrets: Path) -> None:
    path = secrets / "root.key"
    path.chmod(0o600)
    path.write_bytes(bytes(range(32)))
    path.chmod(0o400)
    assert "fail: 2 of 2 key files are wrapped by another root key" in said(console)["root key"][0]


@pytest.mark.usefixtures("quick")
def test_a_root_key_elsewhere_needs_no_file_among_the_secrets(
    console: Console, keyed: Member, secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (secrets / "root.key").rename(tmp_path / "root.key")
    monkeypatch.setenv("APPLIANCE_ROOT_KEY", f"file:{tmp_path / 'root.key'}")
    found = said(console)
    assert found["root key"] == [f"ok: file:{tmp_path / 'root.key'}"]
    assert found["keys"] == ["ok: 2 open"]
    assert own_file(keyed).exists()


@pytest.mark.usefixtures("quick")
def test_loose_secrets_are_named_and_folders_stay_folders(console: Console, secrets: Path) -> None:
    (secrets / "web-forms").write_text("x")
    (secrets / "web-forms").chmod(0o644)
    (secrets / "keys").chmod(0o755)
    (found,) = said(console)["secrets"]
    assert "fail: others may read keys, web-forms" in found
    assert f"chmod 0700 {secrets / 'keys'}; chmod 0400 {secrets / 'web-forms'}" in found
