"""Packages that say different things to different programs, or to the terminal of who verifies them. Each was intact, or hung, once."""

import hashlib
import io
import re
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from appliance.kernel.sealing import SigningKey
from appliance.proof.note import COSIGNATURE, Checkpoint, Note, NoteBroken, PublicKey, cosign, cosigned_at, parse_note
from appliance.proof.package import EVENTS, README, SUMS, SUMS_SIGNED, TABLE
from appliance.proof.timestamps import StampBroken, read_stamp
from appliance.proof.tree import root_hash
from appliance.proof.verify import ALTERED, INTACT, verify_package
from tests.support.product import ROOT

PACKAGE = ROOT / "tests" / "vectors" / "audit-package-5.zip"
SHELL = ROOT / "appliance" / "proof" / "verify.sh"
ESCAPE = "\x1b[2K\x1b[1A\u202eTCATNI"


class Zip:
    """A package taken apart, to be put together in other ways."""

    def __init__(self) -> None:
        whole = PACKAGE.read_bytes()
        with zipfile.ZipFile(PACKAGE) as archive:
            self.infos = archive.infolist()
            self.start = archive.start_dir
        self.members, self.rest = whole[: self.start], bytearray(whole[self.start :])

    def listed(self, name: str) -> int:
        """Return where a member's name stands in the list."""
        return self.rest.index(name.encode())

    def header(self, name: str) -> int:
        return next(one.header_offset for one in self.infos if one.filename == name)

    def whole(self, *, gap: bytes = b"") -> bytes:
        """Return the file; what lies between members and list moves the list."""
        end = self.rest.rindex(b"PK\x05\x06")
        rest = bytearray(self.rest)
        struct.pack_into("<I", rest, end + 16, self.start + len(gap))
        return self.members + gap + bytes(rest)


def prepended(found: Zip) -> bytes:
    return b"#!/bin/sh\necho INTACT\nexit\n" + found.whole()


def appended(found: Zip) -> bytes:
    return found.whole() + b"more"


def with_a_comment(found: Zip) -> bytes:
    found.rest[-2:] = (4).to_bytes(2, "little")
    return found.whole() + b"more"


def with_a_second_list_in_the_comment(found: Zip) -> bytes:
    """Programs that take the first end that they find, others the last: two packages in one file."""
    other = bytes(found.rest)
    found.rest[-2:] = len(other).to_bytes(2, "little")
    return found.whole() + other


def with_a_member_that_is_not_listed(found: Zip) -> bytes:
    """A program that reads from the beginning shows it, as one that repairs a ZIP does."""
    with zipfile.ZipFile(PACKAGE) as archive:
        content = archive.read(EVENTS).replace(b"success", b"failure")
    name = EVENTS.encode()
    crc = struct.pack("<I", zipfile.crc32(content))  # type: ignore[attr-defined]
    head = b"PK\x03\x04" + struct.pack("<5H", 20, 0, 0, 0, 33) + crc + struct.pack("<2I2H", len(content), len(content), len(name), 0)
    return found.whole(gap=head + name + content)


def with_another_name_for_unzip(found: Zip) -> bytes:
    """Info-ZIP's field 0x7075 names the member anew; Python's zipfile does not look at it."""
    name = TABLE.encode()
    field = b"\x01" + struct.pack("<I", zipfile.crc32(name)) + b"events/hidden.csv"  # type: ignore[attr-defined]
    extra = struct.pack("<2H", 0x7075, len(field)) + field
    at = found.listed(TABLE)
    found.rest[at + len(name) : at + len(name)] = extra
    struct.pack_into("<H", found.rest, at - 46 + 30, len(extra))
    end = found.rest.rindex(b"PK\x05\x06")
    struct.pack_into("<I", found.rest, end + 12, end)
    return found.whole()


def with_another_length_in_front(found: Zip) -> bytes:
    at = found.header(TABLE) + 30 + len(TABLE) + 4
    members = bytearray(found.members)
    struct.pack_into("<Q", members, at, 7)
    found.members = bytes(members)
    return found.whole()


def with_a_name_that_ends_early(found: Zip) -> bytes:
    """A zero in it: some programs end the name there."""
    at = found.listed(TABLE)
    found.rest[at + len(TABLE) : at + len(TABLE)] = b"\0.exe"
    struct.pack_into("<H", found.rest, at - 46 + 28, len(TABLE) + 5)
    end = found.rest.rindex(b"PK\x05\x06")
    struct.pack_into("<I", found.rest, end + 12, end)
    return found.whole()


def with_a_link_for_unzip(found: Zip) -> bytes:
    """A symbolic link by its attributes, and a file by its bytes."""
    struct.pack_into("<I", found.rest, found.listed(TABLE) - 46 + 38, 0o120777 << 16)
    return found.whole()


LAYOUTS: tuple[Callable[[Zip], bytes], ...] = (
    prepended, appended, with_a_comment, with_a_second_list_in_the_comment, with_a_member_that_is_not_listed, with_another_name_for_unzip,
    with_another_length_in_front, with_a_name_that_ends_early, with_a_link_for_unzip,
)  # fmt: skip


@pytest.mark.parametrize("change", LAYOUTS, ids=lambda one: one.__name__)
def test_a_package_that_programs_read_in_different_ways_is_not_intact(change: Callable[[Zip], bytes], tmp_path: Path) -> None:
    path = tmp_path / "package.zip"
    path.write_bytes(Zip().whole())
    assert verify_package(str(path)).status == INTACT
    path.write_bytes(change(Zip()))
    assert verify_package(str(path)).status != INTACT


def held_as(raw: bytes, method: int, said: bytes) -> bytes:
    """Return the package with a README that is held as these bytes, and is said in both places to be others."""
    whole = io.BytesIO()
    with zipfile.ZipFile(PACKAGE) as archive, zipfile.ZipFile(whole, "w") as target:
        for name in archive.namelist():
            target.writestr(name, raw if name == README else archive.read(name))
        head = target.getinfo(README).header_offset
    made = bytearray(whole.getvalue())
    for place in (head + 8, made.rindex(README.encode()) - 46 + 10):
        struct.pack_into("<H", made, place, method)
        struct.pack_into("<3I", made, place + 6, zipfile.crc32(said), len(raw), len(said))  # type: ignore[attr-defined]
    return bytes(made)


def deflated(content: bytes) -> bytes:
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packed.compress(content) + packed.flush()


HELD: dict[str, Callable[[bytes], tuple[bytes, int]]] = {
    "packed, and more than is said": lambda said: (deflated(said + b"INTACT"), zipfile.ZIP_DEFLATED),
    "stored, and more than is said": lambda said: (said + b"INTACT", zipfile.ZIP_STORED),
    "packed, and more behind it": lambda said: (deflated(said) + b"PK\x03\x04", zipfile.ZIP_DEFLATED),
    "packed, and without an end": lambda said: (deflated(said)[:-1], zipfile.ZIP_DEFLATED),
}


@pytest.mark.parametrize("how", HELD)
def test_a_member_that_holds_more_than_its_length_says_is_not_intact(how: str, tmp_path: Path) -> None:
    """Python stops at the length that is said; unzip writes what is there."""
    path = tmp_path / "package.zip"
    with zipfile.ZipFile(PACKAGE) as archive:
        said = archive.read(README)
    path.write_bytes(held_as(deflated(said), zipfile.ZIP_DEFLATED, said))
    assert verify_package(str(path)).status == INTACT
    path.write_bytes(held_as(*HELD[how](said), said))
    assert verify_package(str(path)).status == ALTERED


def test_a_byte_that_differs_anywhere_is_noticed(tmp_path: Path) -> None:
    """But for what no program shows: the version that packed it, and the time and attributes of a member."""
    whole, chance, path = PACKAGE.read_bytes(), Random(5), tmp_path / "package.zip"
    unseen = {
        found.start() + at
        for sign, places in ((b"PK\x03\x04", (4, 5, *range(10, 14))), (b"PK\x01\x02", (*range(4, 8), *range(12, 16), *range(36, 42))))
        for found in re.finditer(sign, whole)
        for at in places
    }
    for at in sorted(chance.sample(range(len(whole)), 60)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :])
        report = verify_package(str(path))
        assert report.status != INTACT or at in unseen, (at, whole[max(at - 40, 0) : at])


def repacked(path: Path, changes: dict[str, bytes]) -> Path:
    """Write the package with other members, and nothing signed anew."""
    with zipfile.ZipFile(PACKAGE) as archive, zipfile.ZipFile(path, "w") as target:
        for name in archive.namelist():
            target.writestr(name, changes.get(name, archive.read(name)))
    return path


def test_what_a_package_says_does_not_move_the_cursor_of_who_verifies_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(PACKAGE) as archive:
        sums = archive.read(SUMS)
    digest = hashlib.sha256(b"").hexdigest()
    package = repacked(tmp_path / "package.zip", {SUMS: sums + f"{digest}  {ESCAPE}\n{digest}  {ESCAPE}\n".encode()})
    command = [sys.executable, "-m", "appliance.proof", str(package)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    assert done.returncode == ALTERED, done.stderr
    assert re.fullmatch(rb"[\n -~]+", done.stdout)
    assert b"\\x1b[2K" in done.stdout


@pytest.mark.parametrize("odd", ["events/.more.jsonl", ".hidden", "log/deeper/more.txt", "more/more.txt", f"events/{ESCAPE}", "events/\\033[2KINTACT", f"{SUMS}\n{SUMS}.sig"])
def test_the_shell_finds_files_that_do_not_belong_wherever_they_are(odd: str, tmp_path: Path) -> None:
    zipfile.ZipFile(PACKAGE).extractall(tmp_path)
    assert by_shell(tmp_path).returncode == INTACT
    path = tmp_path / odd
    path.parent.mkdir(exist_ok=True)
    path.write_text("more")
    done = by_shell(tmp_path)
    assert (done.returncode, "does not belong" in done.stdout.decode()) == (ALTERED, True), done.stdout
    assert re.fullmatch(rb"[\n -~]+", done.stdout)


@pytest.mark.parametrize("change", [lambda one: one + b"INTACT\n", lambda one: b"\n" + one, lambda one: one.replace(b"\n", b"\r\n"), lambda one: one.replace(b"A", b"A\t", 1)])
def test_beside_the_signature_stands_nothing(change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """No list has its digest, and ssh-keygen passes over what stands behind it."""
    zipfile.ZipFile(PACKAGE).extractall(tmp_path / "package")
    signed = tmp_path / "package" / SUMS_SIGNED
    signed.write_bytes(change(signed.read_bytes()))
    assert by_shell(tmp_path / "package").returncode == ALTERED
    assert verify_package(str(repacked(tmp_path / "package.zip", {SUMS_SIGNED: signed.read_bytes()}))).status == ALTERED


def test_the_shell_follows_no_link(tmp_path: Path) -> None:
    package = tmp_path / "package"
    zipfile.ZipFile(PACKAGE).extractall(package)
    (package / TABLE).rename(tmp_path / "elsewhere.csv")
    (package / TABLE).symlink_to(tmp_path / "elsewhere.csv")
    assert by_shell(package).returncode == ALTERED
    (package / TABLE).unlink()
    (tmp_path / "elsewhere.csv").rename(package / TABLE)
    (package / "nowhere").symlink_to("/nowhere")
    assert by_shell(package).returncode == ALTERED


def by_shell(unpacked: Path) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(["/bin/sh", str(SHELL), str(unpacked)], capture_output=True, check=False)


def test_a_time_that_a_witness_never_signed_is_not_taken_from_beside_one_that_it_did() -> None:
    """Who holds the log's key could back-date what a witness saw, by a line of their own before the witness's."""
    witness, text = SigningKey.make(), str(Checkpoint("cloister/0123456789abcdef/x", 7, root_hash([])))
    key = PublicKey("witness.example", COSIGNATURE, witness.public)
    seen = [cosign(text, key, witness.sign, at=at) for at in (1_700_000_500, 1_700_000_000)]
    forged = cosign(text, key, lambda _: bytes(64), at=1_600_000_000)
    assert cosigned_at(Note(text, (forged, *seen)), key) == 1_700_000_000
    assert cosigned_at(Note(text, (forged,)), key) is None


def test_a_hostile_package_costs_its_verifier_little(tmp_path: Path) -> None:
    """Each took a minute and more: names were compared each with each, signatures without end, DER by copies of the rest."""
    began = time.process_time()
    with zipfile.ZipFile(tmp_path / "names.zip", "w") as archive:
        for number in range(20_000):
            archive.writestr(str(number), b"")
    assert verify_package(str(tmp_path / "names.zip")).status == ALTERED
    with pytest.raises(NoteBroken):
        parse_note("x\n1\n\n\n" + "\u2014 x AAAAAAAA\n" * 20_000)
    with pytest.raises(StampBroken):
        read_stamp(bytes([0x30, 0x84]) + (2_000_000).to_bytes(4, "big") + b"\x05\x00" * 1_000_000)
    assert time.process_time() - began < 5
