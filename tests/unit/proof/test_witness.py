"""The witness, as a process of its own from its one file: what it co-signs, and what it never does."""

import base64
import http.client
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from appliance.kernel.sealing import SigningKey
from appliance.proof.note import (
    ED25519,
    Checkpoint,
    Note,
    PublicKey,
    Signature,
    cosigned_at,
    endorsed,
    parse_key,
    parse_note,
    sign,
)
from appliance.proof.tree import EMPTY_ROOT, consistency_proof, leaf_hash, root_hash, subtrees_of
from tests.support.anchoring import Witness, made_witness, started, witnessing

LEAVES = [leaf_hash(bytes([one])) for one in range(40)]


class Log:
    """A log and its key, in the hands of who may be anybody."""

    def __init__(self, origin: str, key: SigningKey | None = None) -> None:
        self.origin, self.signing = origin, key or SigningKey.make()
        self.key = PublicKey(origin, ED25519, self.signing.public)

    def note(self, size: int, leaves: list[bytes] = LEAVES) -> str:
        text = str(Checkpoint(self.origin, size, root_hash(leaves[:size])))
        return str(Note(text, (sign(text, self.key, self.signing.sign),)))

    def shows(self, old: int, size: int, leaves: list[bytes] = LEAVES, *, proof: list[bytes] | None = None) -> str:
        steps = consistency_proof(old, size, subtrees_of(leaves)) if proof is None else proof
        lines = "".join(f"{base64.b64encode(one).decode()}\n" for one in steps)
        return f"old {old}\n{lines}\n{self.note(size, leaves)}"


def asks(peer: Witness, path: str, body: str | None) -> tuple[int, str, str]:
    link = http.client.HTTPConnection(urlsplit(peer.address).netloc, timeout=20)
    try:
        link.request("GET" if body is None else "POST", path, body=None if body is None else body.encode())
        answer = link.getresponse()
        return answer.status, answer.read().decode(), answer.headers["Content-Type"]
    finally:
        link.close()


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Witness]:
    with witnessing(tmp_path_factory.mktemp("witness")) as peer:
        yield peer


@pytest.fixture
def log(peer: Witness, request: pytest.FixtureRequest) -> Log:
    log = Log(f"example/{request.node.name}")
    assert asks(peer, "/add-log", f"{log.key}\n")[0] == 200
    return log


def test_it_cosigns_what_continues_and_remembers_the_last(peer: Witness, log: Log) -> None:
    for old, new in ((0, 0), (0, 5), (5, 5), (5, 8), (8, 33)):
        status, line, _ = asks(peer, "/add-checkpoint", log.shows(old, new))
        assert status == 200, line
        note = parse_note(log.note(new) + line)
        at = cosigned_at(note, parse_key(peer.key))
        assert at is not None
        assert at > 1_700_000_000
    assert asks(peer, f"/checkpoint?origin={quote(log.origin)}", None)[:2] == (200, log.note(33) + line)
    assert asks(peer, "/", None)[1] == f"{peer.key}\n"


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [(4, 9, 409), (0, 9, 409), (9, 8, 400), (8, 4, 400), (4, 4, 409)],
)
def test_it_refuses_a_size_that_is_not_the_one_it_saw_and_says_which_that_is(
    peer: Witness, log: Log, old: int, new: int, status: int
) -> None:
    assert asks(peer, "/add-checkpoint", log.shows(0, 8))[0] == 200
    answer = asks(peer, "/add-checkpoint", log.shows(old, new, proof=[]))
    assert answer[0] == status
    if status == 409:
        assert answer[1:] == ("8\n", "text/x.tlog.size")


def test_it_refuses_a_fork_of_any_kind(peer: Witness, log: Log) -> None:
    assert asks(peer, "/add-checkpoint", log.shows(0, 8))[0] == 200
    other = [*LEAVES[:7], LEAVES[20], *LEAVES[8:]]
    assert asks(peer, "/add-checkpoint", log.shows(8, 12, other))[0] == 422
    assert asks(peer, "/add-checkpoint", log.shows(8, 12, proof=[]))[0] == 422
    assert asks(peer, "/add-checkpoint", log.shows(8, 8, other))[0] == 409
    assert asks(peer, "/add-checkpoint", log.shows(8, 12))[0] == 200, "the honest one goes on"


def test_it_takes_nothing_that_the_logs_key_did_not_sign(peer: Witness, log: Log) -> None:
    stranger = Log(log.origin)
    assert asks(peer, "/add-log", f"{stranger.key}\n")[0] == 403
    assert asks(peer, "/add-checkpoint", stranger.shows(0, 3))[0] == 403
    assert asks(peer, "/add-checkpoint", Log("example/unknown").shows(0, 3))[0] == 404
    forged = str(Note(str(Checkpoint(log.origin, 0, EMPTY_ROOT)), (Signature(log.origin, log.key.key_id, bytes(64)),)))
    assert asks(peer, "/add-checkpoint", f"old 0\n\n{forged}")[0] == 403


@pytest.mark.parametrize(
    "body",
    ["", "old", "old x\n\n", "old 1\nzz\n\nnote", "old -1\n\nx", "old 1", "old " + "9" * 30 + "\n\nx", "\n\n", "old 0\n\nno\nnote\n\n"],
)
def test_it_reads_nothing_odd(peer: Witness, log: Log, body: str) -> None:
    assert asks(peer, "/add-checkpoint", body)[0] == 400
    assert asks(peer, "/add-log", body)[0] == 400
    assert asks(peer, "/add-key", body)[0] == 400
    assert asks(peer, "/elsewhere", body)[0] == 404


def test_it_reads_nothing_large(peer: Witness) -> None:
    assert asks(peer, "/add-checkpoint", "x" * 70_000)[0] == 413


def test_a_key_is_handed_on_by_the_one_before(peer: Witness, log: Log) -> None:
    assert asks(peer, "/add-checkpoint", log.shows(0, 3))[0] == 200
    new = Log(log.origin)
    assert asks(peer, "/add-checkpoint", new.shows(3, 5))[0] == 403
    old_key, new_key = log.key.public, new.key.public
    for signer, status in ((new.signing, 403), (log.signing, 200)):
        endorsement = signer.sign(endorsed(old_key, new_key)).hex()
        body = f"{log.origin}\n{old_key.hex()}\n{new_key.hex()}\n{endorsement}\n"
        assert asks(peer, "/add-key", body)[0] == status
    assert asks(peer, "/add-checkpoint", new.shows(3, 5))[0] == 200
    assert asks(peer, "/add-checkpoint", log.shows(5, 6))[0] == 403, "the former key signs no more"


def test_with_pins_it_takes_up_no_other_installation(tmp_path: Path) -> None:
    own, foreign = Log("cloister/a/1"), Log("cloister/b/1")
    with witnessing(tmp_path, pins=(str(own.key),)) as peer:
        assert asks(peer, "/add-log", f"{foreign.key}\n")[0] == 403
        assert asks(peer, "/add-log", f"{own.key}\n")[0] == 200
        another = Log("cloister/a/2", own.signing)
        assert asks(peer, "/add-log", f"{another.key}\n")[0] == 200


def test_killed_at_once_after_an_answer_it_still_knows(tmp_path: Path) -> None:
    log = Log("example/killed")
    _, key = made_witness(tmp_path)
    old = 0
    for size in (3, 9, 20):
        peer = started(tmp_path, key)
        if not old:
            asks(peer, "/add-log", f"{log.key}\n")
        assert asks(peer, "/add-checkpoint", log.shows(old, size))[0] == 200
        peer.kill()
        old = size
    peer = started(tmp_path, key)
    assert asks(peer, "/add-checkpoint", log.shows(9, 20))[:2] == (409, "20\n")
    busy = subprocess.run(peer.process.args, capture_output=True, text=True, check=False, timeout=20)
    assert "Another witness works" in busy.stderr
    peer.stop()
    (tmp_path / "state" / "witness.pem").unlink()
    gone = subprocess.run(peer.process.args, capture_output=True, text=True, check=False, timeout=20)
    assert "has no witness's key" in gone.stderr, "it makes no other one by itself"


def test_what_it_saw_is_on_the_disk_before_it_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from appliance.proof import witness

    log = Log("example/order")
    made_witness(tmp_path)
    memory = witness.Memory(tmp_path / "state")
    memory.add_log(str(log.key))

    def fails(_message: bytes) -> bytes:
        raise OSError("openssl is gone")

    monkeypatch.setattr(memory, "_sign", fails)
    with pytest.raises(OSError, match="gone"):
        memory.add_checkpoint(0, [], log.note(6))
    kept = next((tmp_path / "state" / "logs").glob("*.json"))
    assert json.loads(kept.read_text())["note"] == log.note(6)
    monkeypatch.undo()
    with pytest.raises(witness.NotWitnessed) as refused:
        memory.add_checkpoint(0, [], log.note(5))
    assert (refused.value.status, refused.value.words) == (409, "6\n")
    assert memory.add_checkpoint(6, [], log.note(6)), "and it signs it when it is asked again"
    memory.close()
    assert oct((tmp_path / "state" / "witness.pem").stat().st_mode)[-3:] == "400"
