"""The Debian packages of this host or container, where dpkg has a list of them: the rest of what the product runs on."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import quote

STATUS: Final = Path("/var/lib/dpkg/status")
RELEASE: Final = Path("/etc/os-release")


@dataclass(frozen=True)
class DebianPackage:
    """An installed package, as dpkg names it."""

    name: str
    version: str
    architecture: str
    source: str
    source_version: str
    distribution: str

    @property
    def purl(self) -> str:
        """The package URL, by which scanners know it; security trackers go by the source."""
        vendor = self.distribution.partition("-")[0] or "debian"
        return (
            f"pkg:deb/{vendor}/{quote(self.name)}@{quote(self.version, safe='')}"
            f"?arch={quote(self.architecture)}&distro={quote(self.distribution)}"
        )


@cache
def debian_packages(status: Path = STATUS, release: Path = RELEASE) -> tuple[DebianPackage, ...]:
    """Return the installed packages by name; none where there is no dpkg."""
    try:
        text = status.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    distribution = _distribution(release)
    found = (_package(fields, distribution) for fields in _paragraphs(text))
    return tuple(sorted((one for one in found if one), key=lambda one: (one.name, one.architecture)))


def _paragraphs(text: str) -> Iterator[dict[str, str]]:
    for paragraph in text.split("\n\n"):
        lines = (line.partition(": ") for line in paragraph.splitlines() if line and not line[0].isspace())
        yield {name: value.strip() for name, _, value in lines}


def _package(fields: dict[str, str], distribution: str) -> DebianPackage | None:
    name, version = fields.get("Package"), fields.get("Version")
    if not name or not version or not fields.get("Status", "").endswith(" installed"):
        return None
    # Where the source has another version than the package, it stands behind its name in brackets.
    source, _, other = fields.get("Source", name).partition(" ")
    return DebianPackage(name, version, fields.get("Architecture", "all"), source, other.strip("()") or version, distribution)


def _distribution(release: Path) -> str:
    try:
        lines = (line.partition("=") for line in release.read_text(encoding="utf-8").splitlines())
    except OSError:
        return "debian"
    said = {name: value.strip('"') for name, _, value in lines}
    return "-".join(one for one in (said.get("ID", "debian"), said.get("VERSION_ID", "")) if one)
