import os
import secrets
from pathlib import Path

import pytest

from appliance.kernel.egress import Egress
from appliance.kernel.sealing import KeyUnavailable
from appliance.vault import RootKeyUnusable
from appliance.vault.base import Root
from appliance.vault.roots import root_of
from appliance.vault.roots.keyfile import is_credential

KEY = secrets.token_bytes(32)
WRAPPED = (
    "01c148c288af75323f009587a8b0d63e174a55b5dad57bbf3924488aecb241ef7c0873a3dfe11bbc2645803e86e675411a7f"
    "2f9c5de8e59696bfdabcc67aae35fbe8d1f559623c03deb8e219ba47abf9e21f5d664a8ba29d717f6f32ec37ffddfe08365d"
    "7ca829f916574cbc7e670f3cba"
)


def root(path: Path) -> Root:
    return root_of(f"file:{path}", secrets=path.parent, egress=Egress())


def written(path: Path, content: bytes = KEY, *, mode: int = 0o400) -> Path:
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_it_is_the_root_key_that_databases_are_claimed_by_for_ever(tmp_path: Path) -> None:
    path = written(tmp_path / "root.key", bytes(range(32)))

    by_default = root_of(None, secrets=tmp_path, egress=Egress())

    assert by_default.fingerprint().hex() == "dd630a267d5152021908e838369b9771ba2c8dcba4e88eafd6dcbb052823e50e"
    assert by_default.spec == f"file:{path}"


def test_what_it_wrapped_opens_for_ever(tmp_path: Path) -> None:
    one = root(written(tmp_path / "root.key", bytes(range(32))))

    assert one.unwrap(bytes.fromhex(WRAPPED), context=b"vector") == bytes(range(32, 64))


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o600 | 0o040, 0o420, 0o410, 0o644, 0o777, 0o401])
def test_it_does_not_start_with_a_file_that_others_may_use(tmp_path: Path, mode: int) -> None:
    with pytest.raises(RootKeyUnusable, match=r"chmod 0400 .*root\.key"):
        root(written(tmp_path / "root.key", mode=mode))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "has not 32 bytes"), (KEY[:-1], "has not 32 bytes"), (KEY + b"\n", "has not 32 bytes"),
        (bytes(32), "one byte, repeated"), (b"a" * 32, "one byte, repeated"), (KEY.hex().encode(), "has not 32 bytes"),
    ],
    ids=range(6),
)  # fmt: skip
def test_it_does_not_start_with_what_is_no_key(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(RootKeyUnusable, match=reason):
        root(written(tmp_path / "root.key", content))


def test_it_never_makes_a_missing_key(tmp_path: Path) -> None:
    with pytest.raises(RootKeyUnusable):
        root(tmp_path / "root.key")

    assert list(tmp_path.iterdir()) == []


def test_it_does_not_wait_for_a_pipe_or_read_a_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o400)
    (tmp_path / "folder").mkdir(0o700)

    for name in ("pipe", "folder"):
        with pytest.raises(RootKeyUnusable):
            root(tmp_path / name)


def test_it_notices_what_becomes_of_the_file_while_it_runs(tmp_path: Path) -> None:
    path = written(tmp_path / "root.key")
    one = root(path)
    wrapped = one.wrap(KEY, context=b"")

    for content, mode in ((KEY, 0o440), (KEY[:-1], 0o400), (bytes(32), 0o400)):
        written(path, content, mode=mode)
        with pytest.raises(KeyUnavailable):
            one.unwrap(wrapped, context=b"")
    path.unlink()
    with pytest.raises(KeyUnavailable):
        one.fingerprint()
    assert not path.exists()


def test_it_takes_an_exchanged_root_without_a_restart(tmp_path: Path) -> None:
    path = written(tmp_path / "root.key")
    one = root(path)
    before = one.fingerprint()

    written(path, secrets.token_bytes(32))

    assert one.fingerprint() == root(path).fingerprint() != before
    assert one.unwrap(root(path).wrap(KEY, context=b"c"), context=b"c") == KEY


def test_it_needs_the_folder_that_systemd_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)

    with pytest.raises(RootKeyUnusable, match="CREDENTIALS_DIRECTORY/root-key"):
        root_of("systemd:root-key", secrets=tmp_path, egress=Egress())


def status(mode: int, *, user: int = 0, group: int = 0) -> os.stat_result:
    return os.stat_result((0o100000 | mode, 1, 1, 1, user, group, 32, 0, 0, 0))


def test_it_takes_credentials_as_systemd_makes_them_and_no_others() -> None:
    mine = os.geteuid() or 4711

    assert is_credential(status(0o400))
    assert is_credential(status(0o440))  # the mask of an access list
    for refused in (
        status(0o444), status(0o600), status(0o640), status(0o460), status(0o450), status(0o404),
        status(0o440, group=100), status(0o440, user=mine), status(0o400, user=mine + 1),
    ):  # fmt: skip
        assert not is_credential(refused)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can own a file as root")
def test_a_credential_of_root_with_an_access_list_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    path = written(tmp_path / "root-key", mode=0o440)

    root_of("systemd:root-key", secrets=tmp_path, egress=Egress()).ping()
    path.chmod(0o444)
    with pytest.raises(RootKeyUnusable):
        root_of("systemd:root-key", secrets=tmp_path, egress=Egress())
