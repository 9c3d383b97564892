import hashlib
import subprocess
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from appliance.kernel.sealing import SigningKey
from appliance.proof.disclosures import commitment
from appliance.proof.ed25519 import verify_ed25519
from appliance.proof.export import lines, verify
from appliance.proof.note import (
    COSIGNATURE,
    ED25519,
    Checkpoint,
    Note,
    NoteBroken,
    PublicKey,
    cosign,
    cosigned_at,
    parse_checkpoint,
    parse_key,
    parse_note,
    sign,
    signed_by,
)
from appliance.proof.package import FORMATS
from appliance.proof.rows import csv_line
from appliance.proof.tree import (
    Frontier,
    consistency_proof,
    frontier_of,
    inclusion_proof,
    is_consistent,
    is_included,
    leaf_hash,
    root_hash,
    subtrees_of,
)
from appliance.proof.verify import INCOMPLETE, INTACT, Known, verify_package
from tests.support.product import ROOT

ORDER = 2**252 + 27742317777372353535851937790883648493


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + by_definition(leaves[:split]) + by_definition(leaves[split:])).digest()


@given(some.lists(some.binary(max_size=8), max_size=40))
def test_it_computes_the_tree_of_rfc_6962(bodies: list[bytes]) -> None:
    leaves = [leaf_hash(body) for body in bodies]

    assert root_hash(leaves) == by_definition(leaves)


@given(some.integers(0, 40), some.integers(0, 40))
def test_many_leaves_at_once_grow_the_same_tree(before: int, more: int) -> None:
    leaves = [leaf_hash(bytes([at])) for at in range(before + more)]
    one, other = Frontier(), Frontier()
    for leaf in leaves[:before]:
        one.append(leaf)
        other.append(leaf)
    grown = {
        (level, at >> level, node) for at, leaf in enumerate(leaves[before:], before) for level, node in one.grow(leaf)
    }
    extended = {
        (level, at, node)
        for level, first, nodes in other.extend(leaves[before:])
        for at, node in enumerate(nodes, first)
    }
    assert extended == grown
    assert (other.size, other.peaks, other.root()) == (one.size, one.peaks, one.root())


def test_it_finds_every_tampering() -> None:
    export = list(lines((body, ()) for body in (b'{"a":1}', b'{"a":2}', b'{"a":3}')))

    assert verify(export).fault is None
    for tampered in (
        export[:-1],
        export[1:],
        [export[1], export[0], *export[2:]],
        [export[0].replace("1", "7"), *export[1:]],
        [export[0], export[0], *export[1:]],
        [],
    ):
        assert verify(tampered).fault is not None


@given(some.integers(1, 70), some.data())
def test_each_proof_of_a_tree_holds_and_of_no_other(size: int, data: some.DataObject) -> None:
    leaves = [leaf_hash(bytes([at])) for at in range(size)]
    subtree, root = subtrees_of(leaves), root_hash(leaves)
    index, old = data.draw(some.integers(0, size - 1)), data.draw(some.integers(0, size))
    included, consistent = inclusion_proof(index, size, subtree), consistency_proof(old, size, subtree)
    assert is_included(leaves[index], index, size, included, root)
    assert is_consistent(old, size, root_hash(leaves[:old]), root, consistent)
    assert frontier_of(size, subtree).root() == root

    assert not is_included(leaves[index], index + 1, size, included, root)
    assert not is_included(leaf_hash(b"another"), index, size, included, root)
    assert not is_included(leaves[index], index, size, [*included, root], root)
    assert not is_consistent(old, size, leaf_hash(b"another"), root, consistent)
    assert old in {0, size} or not is_consistent(old, size, root_hash(leaves[:old]), root, consistent[:-1])


RFC_8032 = [  # section 7.1: public key, message, signature
    ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
    ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
    ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
]  # fmt: skip


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032)
def test_it_verifies_the_signatures_of_rfc_8032(public: str, message: str, signature: str) -> None:
    key, said, made = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)
    assert verify_ed25519(key, said, made)
    assert not verify_ed25519(key, said + b"x", made)
    assert not verify_ed25519(key, said, bytes([made[0] ^ 1]) + made[1:])
    assert not verify_ed25519(
        key, said, made[:32] + (int.from_bytes(made[32:], "little") + ORDER).to_bytes(32, "little")
    )
    assert not verify_ed25519(key, said, made[:-1])


def test_a_key_that_every_signature_would_fit_is_none() -> None:
    neutral = (1).to_bytes(32, "little")
    assert not verify_ed25519(neutral, b"anything", neutral + bytes(32))


def test_a_note_is_signed_and_cosigned_as_c2sp_writes_it() -> None:
    own, witness = SigningKey.make(), SigningKey.make()
    text = str(Checkpoint("example.com/log", 7, root_hash([])))
    log, other = (
        PublicKey("example.com/log", ED25519, own.public),
        PublicKey("witness.example", COSIGNATURE, witness.public),
    )
    note = Note(text, (sign(text, log, own.sign), cosign(text, other, witness.sign, at=1_700_000_000)))
    read = parse_note(str(note))
    assert read == note
    assert parse_checkpoint(read.text) == Checkpoint("example.com/log", 7, root_hash([]))
    assert signed_by(read, [log]) == log
    assert cosigned_at(read, other) == 1_700_000_000
    assert parse_key(str(log)) == log
    altered = parse_note(str(note).replace("\n7\n", "\n8\n"))
    assert signed_by(altered, [log]) is None
    assert cosigned_at(altered, other) is None
    for odd in ("", "x\n", str(note)[:-1], str(note).replace("\u2014 ", "- "), str(note).replace("\n\n", "\n")):
        with pytest.raises(NoteBroken):
            parse_note(odd)
    for odd in (
        "log\n07\nAAAA\n",
        "log\n7\n\n",
        "\n7\n" + text.split("\n")[2] + "\n",
        text + "more\n",
        text.replace("7", "٧"),
        text.replace("\n7\n", f"\n{10**20}\n"),
        text.replace("\n7\n", "\n" + "7" * 5000 + "\n"),
    ):
        with pytest.raises(NoteBroken):
            parse_checkpoint(odd)
    assert parse_checkpoint(text.replace("\n7\n", f"\n{10**20 - 1}\n")).size == 10**20 - 1


def test_a_cell_of_the_table_is_no_formula() -> None:
    body = {
        "actor": {"address": "=1+1", "id": None, "kind": "@user"}, "at": "+1", "event": "-2", "event_id": "x", "facts": {},
        "outcome": "\tsuccess", "request_id": "'quoted", "subject": 'a "b", c',
    }  # fmt: skip
    line = csv_line(3, body)
    assert line == "3,'+1,'-2,'\tsuccess,'@user,,'=1+1,\"a \"\"b\"\", c\",''quoted,x,{}\n"


VECTORS = ROOT / "tests" / "vectors"


@pytest.mark.parametrize("package", sorted(VECTORS.glob("audit-package-[1245].zip")), ids=lambda path: path.stem)
def test_packages_of_each_format_verify_for_ever(package: Path) -> None:
    """The one that was written when the format was made, and a checkpoint that was taken away before it."""
    known = Known(package.with_suffix(".note").read_text(), package.with_suffix(".key").read_text())
    report = verify_package(str(package), known)
    assert (report.status, report.fault) == (INTACT, None)
    assert any("continues your earlier checkpoint" in one for one in report.proven)


def test_there_is_a_package_of_each_format() -> None:
    assert [f"cloister-audit-package/{path.stem[-1]}" for path in sorted(VECTORS.glob("audit-package-*.zip"))] == list(
        FORMATS
    )


def test_a_plain_export_of_many_entries_takes_no_more_memory_than_one_of_few() -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        assert verify(lines((b'{"a":%d}' % at, ()) for at in range(count))).fault is None
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(6_000) < peak(600) + 4_000


@pytest.mark.parametrize("anchor", ["witness", "authority"])
def test_who_knows_nothing_but_an_anchor_is_told_of_an_epoch_too(anchor: str) -> None:
    """Else who holds the log's key could begin one, make the log anew behind it, and have the witness sign that as another log."""
    outsider = Known(certificates=str(VECTORS / "audit-package-3.pem"))
    if anchor == "witness":
        outsider = Known(witnesses=((VECTORS / "audit-package-3.witness").read_text(),))
    report = verify_package(str(VECTORS / "audit-package-3.zip"), outsider)
    assert (report.status, "--epoch 2" in str(report.fault)) == (INCOMPLETE, True)
    assert verify_package(str(VECTORS / "audit-package-3.zip"), replace(outsider, epoch=2)).status == INTACT
    assert verify_package(str(VECTORS / "audit-package-3.zip")).status == INTACT  # knows of nobody, and is shown it as unproven


def test_the_shell_says_that_a_log_is_of_a_later_epoch(tmp_path: Path) -> None:
    for number, is_later in ((2, False), (3, True)):
        unpacked = tmp_path / str(number)
        zipfile.ZipFile(VECTORS / f"audit-package-{number}.zip").extractall(unpacked)
        done = subprocess.run(
            ["/bin/sh", str(ROOT / "appliance" / "proof" / "verify.sh"), str(unpacked)], capture_output=True, text=True, check=False
        )
        assert done.returncode == INTACT, done.stdout
        assert ("before epoch 2 of the log began" in done.stdout) is is_later


def test_packages_of_the_third_format_verify_for_ever_with_their_anchors() -> None:
    vectors = ROOT / "tests" / "vectors"
    known = Known(
        earlier=(vectors / "audit-package-3.note").read_text(), key=(vectors / "audit-package-3.key").read_text(), epoch=2,
        witnesses=((vectors / "audit-package-3.witness").read_text(),), certificates=str(vectors / "audit-package-3.pem"),
        stamp=str(vectors / "audit-package-3.tsr"),
    )  # fmt: skip
    report = verify_package(str(vectors / "audit-package-3.zip"), known)
    assert (report.status, report.fault) == (INTACT, None)
    said = "\n".join(report.proven)
    for one in ("witness.example.org/test saw this checkpoint", "authority saw this checkpoint", "epoch 2 began", "your earlier checkpoint"):
        assert one in said
    untold = verify_package(str(vectors / "audit-package-3.zip"), replace(known, epoch=None))
    assert (untold.status, "--epoch 2" in str(untold.fault)) == (INCOMPLETE, True)


@pytest.mark.parametrize("number", [4, 5])
def test_packages_from_the_fourth_format_on_disclose_what_was_not_erased(number: int) -> None:
    report = verify_package(str(VECTORS / f"audit-package-{number}.zip"))
    assert any("personal values are those that the entries were sealed with" in one for one in report.proven)
    assert any("they were erased" in one for one in report.unproven)


def test_a_commitment_is_the_digest_that_the_specification_says() -> None:
    """By other means: `printf 'cloister-disclosure/1\\n%s' "$DISCLOSURE" | sha256sum`."""
    disclosure = '["' + "0" * 64 + '","actor.address","203.0.113.7"]'
    written = subprocess.run(
        ["/bin/sh", "-c", f"printf 'cloister-disclosure/1\\n%s' '{disclosure}' | sha256sum"], capture_output=True, text=True, check=True
    )  # fmt: skip
    assert written.stdout.split()[0] == commitment("0" * 64, "actor.address", "203.0.113.7")
