"""A package of the log: a ZIP whose members are listed here, and nothing else. deploy/docs/audit-package.md says what each holds."""

import hashlib
import io
import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from appliance.proof.layout import LayoutOdd, check_layout

FORMAT = "cloister-audit-package/4"
"""What a package says that is written now: it may hold anchors and epochs as the third has them, and disclosures."""
FORMAT_OCSF = "cloister-audit-package/5"
"""The fourth, with its entries as events of OCSF, too."""
FORMATS = ("cloister-audit-package/1", "cloister-audit-package/2", "cloister-audit-package/3", FORMAT, FORMAT_OCSF)
NAMESPACE = "cloister-audit-package"
MANIFEST, SUMS, SUMS_SIGNED = "MANIFEST.json", "SHA256SUMS", "SHA256SUMS.sig"
EVENTS, POSITIONS, TABLE = "events/events.jsonl", "events/positions.txt", "events/events.csv"
DISCLOSURES, OCSF = "events/disclosures.jsonl", "events/events.ocsf.jsonl"
LEAVES, FRONTIER, CHECKPOINT, CONSISTENCY = (
    "log/leaves.txt", "log/frontier.json", "log/checkpoint.note", "log/consistency.json",
)  # fmt: skip
BEFORE, AFTER = "log/before.txt", "log/after.txt"
KEPT, LOGS, INCLUSION = "logs/kept.note", "logs/checkpoint.note", "logs/inclusion.json"
KEYS, ROLLOVERS, PEM, SIGNERS = "keys/log.keys", "keys/rollovers.json", "keys/log.pem", "keys/allowed_signers"
COSIGNED, EPOCHS = "log/cosigned.json", "log/epochs.json"
STAMP, STAMPED, STAMPS, STAMPS_CA = (
    "stamps/checkpoint.tsr", "stamps/checkpoint.txt", "stamps/stamps.json", "stamps/ca.pem",
)  # fmt: skip
README, VERIFIER, SHELL = "README.txt", "verify/verify.py", "verify/verify.sh"
NEEDED = (
    README, EVENTS, POSITIONS, TABLE, LEAVES, FRONTIER, CHECKPOINT, CONSISTENCY, KEYS, ROLLOVERS, PEM, SIGNERS, VERIFIER, SHELL,
    MANIFEST,
)  # fmt: skip
ANCHORED = (COSIGNED, EPOCHS, STAMP, STAMPED, STAMPS, STAMPS_CA)
OPTIONAL = (KEPT, LOGS, INCLUSION, BEFORE, AFTER, DISCLOSURES, OCSF, *ANCHORED)
_SMALL = 64_000_000
_BLOCK = _LINE = 1 << 20


class PackageAltered(Exception):
    """The package is not as it was made."""


class PackageIncomplete(Exception):
    """Something that belongs to the package is missing."""


class Package:
    """A package, opened to be read. Every look at it is a stream: its size does not matter."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        names = Counter(info.filename for info in archive.infolist())
        allowed = {*NEEDED, *OPTIONAL, SUMS, SUMS_SIGNED}
        odd = sorted(one for one, times in names.items() if times > 1 or one not in allowed)
        if odd:
            raise PackageAltered(f"{odd[0]!r} stands twice in the package, or does not belong to it")
        missing = [one for one in (*NEEDED, SUMS, SUMS_SIGNED) if one not in names]
        if missing:
            raise PackageIncomplete(f"{missing[0]} is missing")
        self.names = frozenset(names)

    def check_sums(self) -> None:
        """Raise unless each member has the digest that SHA256SUMS lists, and each is listed."""
        listed: dict[str, str] = {}
        for line in self.text(SUMS).splitlines():
            digest, _, name = line.partition("  ")
            if name in listed:
                raise PackageAltered(f"{name} is listed twice in {SUMS}")
            listed[name] = digest
        if set(listed) != self.names - {SUMS, SUMS_SIGNED}:
            odd = min(set(listed) ^ (self.names - {SUMS, SUMS_SIGNED}))
            fault = PackageIncomplete if odd in listed else PackageAltered
            raise fault(f"{odd} is listed and missing, or there and not listed")
        for name, digest in listed.items():
            if self._digest(name) != digest:
                raise PackageAltered(f"{name} was altered: its digest is not the listed one")

    def octets(self, name: str) -> bytes:
        """Return a small member's bytes."""
        with self._archive.open(name) as file:
            content = file.read(_SMALL + 1)
        if len(content) > _SMALL:
            raise PackageAltered(f"{name} is larger than it can be")
        return content

    def text(self, name: str) -> str:
        """Return a small member."""
        try:
            return self.octets(name).decode()
        except UnicodeDecodeError as error:
            raise PackageAltered(f"{name} is not text") from error

    def json(self, name: str) -> Any:
        """Return a small member's value. A name that stands twice in an object is refused: readers differ about it."""
        try:
            return json.loads(self.text(name), object_pairs_hook=once)
        except ValueError as error:
            raise PackageAltered(f"{name} cannot be read: {error}") from error

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield a member's lines without their ends. The last line must be ended too."""
        with self._archive.open(name) as member, io.BufferedReader(cast("io.RawIOBase", member), _BLOCK) as file:
            while line := file.readline(_LINE):
                if not line.endswith(b"\n"):
                    raise PackageAltered(
                        f"{name} ends in the middle of a line, or has one that is longer than any that we write"
                    )
                yield line[:-1]

    def _digest(self, name: str) -> str:
        digest = hashlib.sha256()
        with self._archive.open(name) as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        return digest.hexdigest()


@contextmanager
def opened(path: str) -> Iterator[Package]:
    """Open a package. Raises PackageAltered, PackageIncomplete."""
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise PackageIncomplete(f"it is not a package, or only its beginning ({error})") from error
    try:
        with archive:
            package = Package(archive)
            check_layout(archive)
            yield package
    except LayoutOdd as error:
        raise PackageAltered(str(error)) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise PackageAltered(f"a member cannot be read ({error})") from error


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object in which a name stands twice: readers differ about it."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in an object")
    return found
