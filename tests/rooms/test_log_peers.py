"""Programs that are not ours verify a package: Go's sumdb, and openssl, ssh-keygen and sha256sum called by hand."""

import subprocess
import zipfile
from pathlib import Path

from appliance import audit
from appliance.audit import Event, Wanted
from appliance.proof.package import CHECKPOINT, EVENTS, LEAVES, NAMESPACE, PEM, POSITIONS, SIGNERS, SUMS, SUMS_SIGNED
from tests.rooms.test_sealed_log import records
from tests.support.house import House, Member
from tests.support.log_packages import Exports, go_verifier, member_of
from tests.support.product import ROOT

VECTORS = ROOT / "tests" / "vectors"


def by_go(package: Path, earlier: str | None = None) -> tuple[int, str]:
    """What the Go program says of a package, and of a checkpoint of before."""
    command = [str(go_verifier()), str(package)]
    if earlier is not None:
        note = package.with_suffix(".note")
        note.write_text(earlier)
        command.append(str(note))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == "", done.stderr
    return done.returncode, done.stdout


def changed(package: Path, name: str, old: str, new: str) -> Path:
    """The package with one text in the place of another in a member."""
    target = package.with_name(f"changed-{package.name}")
    with zipfile.ZipFile(package) as archive, zipfile.ZipFile(target, "w") as made:
        for one in archive.namelist():
            content = archive.read(one)
            made.writestr(one, content.replace(old.encode(), new.encode(), 1) if one == name else content)
    return target


def test_go_verifies_a_whole_log_a_range_and_an_earlier_checkpoint(house: House, ada: Member, exports: Exports) -> None:
    records(ada, 21)
    first = exports(ada)
    earlier = member_of(first, CHECKPOINT)
    status, said = by_go(first)
    assert (status, said.splitlines()[-1]) == (0, "INTACT"), said
    assert "CheckRecord: the log of logs has" in said
    records(ada, 30)
    with house.app.db.tenant(ada.tenant_id) as tx:
        since = audit.list_entries(tx, limit=100)[9].at
    wanted = Wanted(since=since, kinds=frozenset({Event.PROFILE_CHANGED}))
    ranged = exports(ada, wanted)
    status, said = by_go(ranged, earlier)
    assert (status, "CheckTree: the log continues the earlier checkpoint" in said) == (0, True), said
    assert "CheckTree: the range [0," not in said

    body = member_of(ranged, EVENTS).splitlines()[3]
    leaf = member_of(ranged, LEAVES).splitlines()[0]
    for name, old, new in (
        (EVENTS, body, body.replace("success", "failure")),
        (LEAVES, leaf, leaf[::-1]),
        (CHECKPOINT, "\n", "x\n"),
        (POSITIONS, "1", "2"),
    ):
        assert by_go(changed(ranged, name, old, new), earlier)[0] == 1, name
    other = earlier.replace(earlier.splitlines()[2], member_of(ranged, CHECKPOINT).splitlines()[2])
    assert by_go(ranged, other)[0] == 1


def test_go_verifies_the_golden_packages() -> None:
    for package in sorted(VECTORS.glob("audit-package-*.zip")):
        done = subprocess.run(
            [str(go_verifier()), str(package), str(package.with_suffix(".note"))], capture_output=True, text=True, check=False
        )  # fmt: skip
        assert done.stdout.endswith("INTACT\n"), done.stdout


def tool(*command: str, content: bytes = b"") -> bytes:
    return subprocess.run(command, input=content, capture_output=True, check=True).stdout


def sha256(content: bytes) -> bytes:
    return bytes.fromhex(tool("sha256sum", content=content).split()[0].decode())


def root_by_hand(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, with sha256sum."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + root_by_hand(leaves[:split]) + root_by_hand(leaves[split:]))


def test_openssl_ssh_keygen_and_sha256sum_alone_lead_from_the_entries_to_the_signed_root(
    ada: Member, exports: Exports, tmp_path: Path
) -> None:
    records(ada, 6)
    package = exports(ada)
    unpacked = tmp_path / "unpacked"
    zipfile.ZipFile(package).extractall(unpacked)
    tool("sh", "-c", f"cd '{unpacked}' && sha256sum --check --strict --quiet {SUMS}")
    tool(
        "ssh-keygen", "-Y", "verify", "-f", str(unpacked / SIGNERS), "-I", "log", "-n", NAMESPACE, "-s", str(unpacked / SUMS_SIGNED),
        content=(unpacked / SUMS).read_bytes(),
    )  # fmt: skip
    leaves = [sha256(b"\x00" + body) for body in (unpacked / EVENTS).read_bytes().splitlines()]
    assert [leaf.hex() for leaf in leaves] == (unpacked / LEAVES).read_text().splitlines()
    text, _, signed = (unpacked / CHECKPOINT).read_text().partition("\n\n")
    assert tool("base64", content=root_by_hand(leaves)).decode().strip() == text.splitlines()[2]
    (tmp_path / "text").write_text(text + "\n")
    (tmp_path / "signature").write_bytes(tool("base64", "--decode", content=signed.split()[2].encode())[4:])
    said = tool(
        "openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(unpacked / PEM), "-rawin", "-in", str(tmp_path / "text"),
        "-sigfile", str(tmp_path / "signature"),
    )  # fmt: skip
    assert b"Verified Successfully" in said
