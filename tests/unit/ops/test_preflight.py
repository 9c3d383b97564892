import os
from pathlib import Path

import pytest

from appliance.ops.data_directory import DataDirectory, read_secret
from appliance.ops.embedded_postgres import EmbeddedPostgres
from appliance.ops.errors import CannotStart
from appliance.ops.preflight import Level, check_disk, check_export_folder, check_host, check_python


def test_it_names_an_old_python_and_the_remedy() -> None:
    finding = check_python((3, 9))

    assert finding.level is Level.FAIL
    assert "3.11" in finding.remedy


def test_it_names_a_full_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = type("Usage", (), {"free": 50_000_000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)

    finding = check_disk(tmp_path / "not" / "there" / "yet")

    assert finding.level is Level.FAIL
    assert "full" in finding.detail
    assert "APPLIANCE_DATA_DIR" in finding.remedy


def test_it_names_a_folder_for_packages_that_is_away(tmp_path: Path) -> None:
    assert check_export_folder(tmp_path).level is Level.OK
    finding = check_export_folder(tmp_path / "away")
    assert (finding.level, "APPLIANCE_EXPORT_FOLDER" in finding.remedy) == (Level.WARN, True)


def test_it_finds_this_host_fit(tmp_path: Path) -> None:
    findings = check_host(data_directory=tmp_path, host="127.0.0.1", port=None)

    assert all(finding.level is not Level.FAIL for finding in findings)


def test_it_refuses_a_secret_that_others_can_read(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path, tmp_path / "secrets")
    directory.prepare(version="0.1.0")
    secret = directory.create_secret("x")
    path = tmp_path / "secrets" / "x"

    assert len(secret) >= 43
    assert directory.create_secret("x") == secret
    assert path.stat().st_mode & 0o777 == 0o400
    path.chmod(0o644)
    with pytest.raises(CannotStart, match="chmod 0400"):
        read_secret(path)


def test_it_says_what_to_do_where_the_data_directory_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        directory = DataDirectory(root, root / "secrets")
        for begins in (directory.lock, directory.create_root_key):
            with pytest.raises(CannotStart, match=r"cannot be written .* choose another with APPLIANCE_DATA_DIR"):
                begins()


def test_it_starts_again_after_a_first_start_that_was_cut_short(tmp_path: Path) -> None:
    half = tmp_path / "postgres" / "18.initialising"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")

    with EmbeddedPostgres(tmp_path / "postgres", durable=False) as postgres:
        assert postgres.is_running


def test_it_fits_into_a_deep_directory(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 60) / ("b" * 60)
    deep.mkdir(parents=True)

    with EmbeddedPostgres(deep / "postgres", durable=False) as postgres:
        assert postgres.is_running
        assert len(str(postgres.socket_directory)) < 100
        postgres.socket_directory.joinpath(".s.PGSQL.5432").stat()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has this problem")
def test_it_starts_as_root_where_nobody_else_may_enter(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)

    with EmbeddedPostgres(closed / "postgres", durable=False) as postgres:
        assert postgres.is_running
        assert postgres.runs_as is not None
    assert closed.stat().st_mode & 0o777 == 0o700


def test_it_refuses_a_newer_cluster(tmp_path: Path) -> None:
    newer = tmp_path / "postgres" / "99"
    newer.mkdir(parents=True)
    (newer / "PG_VERSION").write_text("99\n")

    with pytest.raises(CannotStart, match="newer Postgres"):
        EmbeddedPostgres(tmp_path / "postgres", durable=False).start()
