"""Known weaknesses come from a file that the operator brings, matched by each ecosystem's own order of versions."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from appliance.evidence.weaknesses import Installed, WeaknessesUnreadable, _compare_debian, stated

FLASK = Installed("PyPI", "flask", "2.2.4", "pkg:pypi/flask@2.2.4")
OPENSSL = Installed("Debian", "openssl", "3.0.9-1+deb12u1", "pkg:deb/debian/libssl3@3.0.9-1%2Bdeb12u1")


def record(name: str, ecosystem: str, *events: dict[str, str], number: str = "OSV-1", **more: Any) -> dict[str, Any]:
    spans = [{"type": "ECOSYSTEM", "events": list(events)}] if events else []
    return {"id": number, "summary": "It leaks.", "affected": [{"package": {"ecosystem": ecosystem, "name": name}, "ranges": spans, **more}]}


def found(tmp_path: Path, *records: dict[str, Any]) -> list[str]:
    file = tmp_path / "osv.json"
    file.write_text(json.dumps(list(records)))
    return [str(one["id"]) for one in stated(file, [FLASK, OPENSSL]).vulnerabilities]


@pytest.mark.parametrize(
    ("events", "is_affected"),
    [
        (({"introduced": "0"}, {"fixed": "2.2.5"}), True),
        (({"introduced": "0"}, {"fixed": "2.2.4"}), False),
        (({"introduced": "0"}, {"last_affected": "2.2.4"}), True),
        (({"introduced": "2.3.0"}, {"fixed": "2.3.2"}), False),
        (({"fixed": "2.2.5"}, {"introduced": "2.2.0"}), True),
        (({"introduced": "0"}, {"fixed": "1.0"}, {"introduced": "2.0"}), True),
        (({"introduced": "0"},), True),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, tuple) else str(value),
)
def test_a_range_is_read_as_osv_means_it(tmp_path: Path, events: tuple[dict[str, str], ...], is_affected: bool) -> None:
    assert bool(found(tmp_path, record("Flask", "PyPI", *events))) is is_affected


def test_debians_packages_are_found_by_their_source(tmp_path: Path) -> None:
    fixed = record("openssl", "Debian:12", {"introduced": "0"}, {"fixed": "3.0.11-1~deb12u1"})
    assert found(tmp_path, fixed) == ["OSV-1"]
    assert found(tmp_path, record("openssl", "Debian:12", {"introduced": "0"}, {"fixed": "3.0.9-1"})) == []
    assert found(tmp_path, record("libssl3", "Debian:12", {"introduced": "0"})) == []
    assert found(tmp_path, record("flask", "Debian:12", {"introduced": "0"})) == []


def test_named_versions_and_what_was_withdrawn(tmp_path: Path) -> None:
    named = record("flask", "PyPI", versions=["2.2.4"])
    assert found(tmp_path, named) == ["OSV-1"]
    assert found(tmp_path, named | {"withdrawn": "2026-01-01T00:00:00Z"}) == []


@pytest.mark.parametrize(
    ("left", "right"),
    [("1.0~rc1", "1.0"), ("1.0", "1.0a"), ("1.9", "1.10"), ("2.0-1", "1:0.1-1"), ("1.0-1", "1.0-1+deb12u1"), ("1.0-1~bpo1", "1.0-1")],
)
def test_versions_are_ordered_as_dpkg_does(left: str, right: str) -> None:
    assert (_compare_debian(left, right), _compare_debian(right, left), _compare_debian(left, left)) == (-1, 1, 0)


def test_osvs_zip_is_read_and_what_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "all.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("OSV-7.json", json.dumps(record("flask", "PyPI", {"introduced": "0"}, number="OSV-7")))
        archive.writestr("OSV-8.json", json.dumps(record("django", "PyPI", {"introduced": "0"}, number="OSV-8")))
    statement = stated(file, [FLASK])
    assert (statement.records, [one["affects"] for one in statement.vulnerabilities]) == (2, [[{"ref": FLASK.ref}]])
    for content in (b"", b"{}", b"[1]", b"[[", b'[{"affected": 3}]'):
        file.write_bytes(content)
        with pytest.raises(WeaknessesUnreadable):
            stated(file, [FLASK])
    with pytest.raises(WeaknessesUnreadable):
        stated(tmp_path / "none", [FLASK])
