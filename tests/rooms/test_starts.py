"""That another version, or other settings, started stands in the platform's log, once, and never a value."""

from pathlib import Path

from appliance import audit
from appliance.audit import PLATFORM, EntryFilter, Event
from appliance.evidence.debian import debian_packages
from appliance.ops.starting import note_start
from tests.support.house import House

KEY = b"k" * 32


def said(house: House, event: Event) -> list[dict[str, str | int]]:
    with house.worker.db.tenant(PLATFORM) as tx:
        return [dict(one.facts) for one in audit.list_entries(tx, EntryFilter(event), oldest_first=True)]


def test_another_version_and_other_settings_are_recorded_once(house: House) -> None:
    settings = {"port": "8080", "public_url": "https://ai.example"}
    for _ in range(2):
        note_start(house.worker.db, settings, key=KEY, version="1.0")
    note_start(house.worker.db, settings | {"port": "8443"}, key=KEY, version="1.1")
    note_start(house.worker.db, {"port": "8443"}, key=KEY, version="1.1")

    assert said(house, Event.VERSION_CHANGED) == [{"before": "", "after": "1.0"}, {"before": "1.0", "after": "1.1"}]
    configured = said(house, Event.CONFIGURATION_CHANGED)
    assert [one["changed"] for one in configured] == ["", "port", "public_url"]
    assert "8443" not in str(configured)
    assert "ai.example" not in str(configured)
    other = House.__name__.encode().ljust(32, b"x")
    note_start(house.worker.db, {"port": "8443"}, key=other, version="1.1")
    assert said(house, Event.CONFIGURATION_CHANGED)[-1]["changed"] == "port", "a digest says nothing without the key"


def test_debian_packages_are_those_that_are_installed(tmp_path: Path) -> None:
    status, release = tmp_path / "status", tmp_path / "os-release"
    status.write_text(
        "Package: libssl3\nStatus: install ok installed\nSource: openssl (3.0.9-1)\nArchitecture: amd64\nVersion: 3.0.9-1+deb12u1\n"
        "Description: x\n Package: not this\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n"
    )
    release.write_text('ID=debian\nVERSION_ID="12"\n')
    (one,) = debian_packages(status, release)
    assert (one.source, one.source_version, one.purl) == (
        "openssl", "3.0.9-1", "pkg:deb/debian/libssl3@3.0.9-1%2Bdeb12u1?arch=amd64&distro=debian-12"
    )
    assert debian_packages(tmp_path / "none", release) == ()
