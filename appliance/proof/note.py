"""Signed notes and checkpoints as C2SP specifies them (signed-note, tlog-checkpoint, tlog-cosignature), Ed25519 only.

A checkpoint's text is three lines: origin, size, root in base64. A signature line names the key, and holds the first four
bytes of the key's hash before the signature. A cosignature is a witness's, over the time and the text.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from appliance.proof.ed25519 import verify_ed25519
from appliance.proof.tree import HASH_BYTES

ED25519 = 1
COSIGNATURE = 4
_SIZE_DIGITS = 20  # of 2^64
_MOST_SIGNATURES, _MOST_CHARACTERS = 100, 1_000_000  # as golang.org/x/mod/sumdb/note has it: each costs time to check
_DASH = "\u2014 "
_KEY_BYTES, _SIGNATURE_BYTES, _ID_BYTES, _TIME_BYTES = 32, 64, 4, 8
Verifies = Callable[[bytes, bytes, bytes], bool]
"""(public key, message, signature) -> whether it is one."""


class NoteBroken(ValueError):
    """What should be a note, a checkpoint or a key cannot be read as one."""


@dataclass(frozen=True)
class PublicKey:
    """A key that signs notes: the log's under its origin, or a witness's under its own name."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes by which a signature line names the key."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        encoded = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"


@dataclass(frozen=True)
class Checkpoint:
    """How large a log was, and the root over all of it."""

    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True)
class Signature:
    """One signature line: whose, and the bytes behind the key's id."""

    name: str
    key_id: bytes
    content: bytes

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.content).decode()}\n"


@dataclass(frozen=True)
class Note:
    """A text with its signatures."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(map(str, self.signatures))}"


def parse_key(line: str) -> PublicKey:
    """Return the key of a line NAME+ID+BASE64. Raises NoteBroken."""
    name, *rest = line.strip().split("+", 2)
    if len(rest) != 2:  # noqa: PLR2004 - the id and the key
        raise NoteBroken("a key is a line of the form NAME+ID+KEY")
    content = _decoded(rest[1])
    if len(content) != 1 + _KEY_BYTES or content[0] not in {ED25519, COSIGNATURE}:
        raise NoteBroken("not an Ed25519 key")
    key = PublicKey(name, content[0], content[1:])
    if key.key_id.hex() != rest[0]:
        raise NoteBroken("the key's id is not its own")
    return key


def parse_note(written: str) -> Note:
    """Return the text and its signatures. Raises NoteBroken."""
    if len(written) > _MOST_CHARACTERS:
        raise NoteBroken("longer than any note")
    text, gap, lines = written.rpartition("\n\n")
    if lines.count("\n") > _MOST_SIGNATURES:
        raise NoteBroken("more signatures than any note has")
    if not gap or not lines.endswith("\n"):
        raise NoteBroken("a note ends in an empty line and signatures")
    signatures = []
    for line in lines[:-1].split("\n"):
        name, space, encoded = line.removeprefix(_DASH).rpartition(" ")
        content = _decoded(encoded)
        if not line.startswith(_DASH) or not space or not name or len(content) <= _ID_BYTES:
            raise NoteBroken("not a signature line")
        signatures.append(Signature(name, content[:_ID_BYTES], content[_ID_BYTES:]))
    return Note(text + "\n", tuple(signatures))


def parse_checkpoint(text: str) -> Checkpoint:
    """Return the checkpoint of a note's text. Raises NoteBroken."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not lines[0]:  # noqa: PLR2004 - three lines, each ended
        raise NoteBroken("a checkpoint is three lines: origin, size, root")
    root = _decoded(lines[2])
    is_short = len(lines[1]) <= _SIZE_DIGITS  # before int(), which takes long for a long one, or refuses it
    is_number = is_short and lines[1].isascii() and lines[1].isdigit() and str(int(lines[1])) == lines[1]
    if not is_number or len(root) != HASH_BYTES:
        raise NoteBroken("a checkpoint's size or root is odd")
    return Checkpoint(lines[0], int(lines[1]), root)


def sign(text: str, key: PublicKey, signer: Callable[[bytes], bytes]) -> Signature:
    """Return the log's signature line of a text."""
    return Signature(key.name, key.key_id, signer(text.encode()))


def cosign(text: str, key: PublicKey, signer: Callable[[bytes], bytes], *, at: int) -> Signature:
    """Return a witness's signature line: it saw this checkpoint, at this second, to continue what it saw before."""
    return Signature(key.name, key.key_id, at.to_bytes(_TIME_BYTES, "big") + signer(_cosigned(text, at)))


def endorsed(old: bytes, new: bytes) -> bytes:
    """Return what a log's key signs to hand on to the next one."""
    return f"cloister-log-key/1\n{old.hex()}\n{new.hex()}\n".encode()


def signed_by(note: Note, keys: Iterable[PublicKey], *, verifies: Verifies = verify_ed25519) -> PublicKey | None:
    """Return the first of these keys that signed the note, None if none did."""
    for key in keys:
        for one in note.signatures:
            if (one.name, one.key_id) == (key.name, key.key_id) and _holds(note.text, key, one.content, verifies):
                return key
    return None


def cosigned_at(note: Note, key: PublicKey, *, verifies: Verifies = verify_ed25519) -> int | None:
    """Return the second at which a witness first cosigned the note, None if it did not.

    Each line is judged by itself: anybody can write another under the witness's name, with a time that it never signed.
    """
    if key.kind != COSIGNATURE:
        return None
    ours = [one.content for one in note.signatures if (one.name, one.key_id) == (key.name, key.key_id)]
    seen = [one[:_TIME_BYTES] for one in ours if _holds(note.text, key, one, verifies)]
    return min((int.from_bytes(one, "big") for one in seen), default=None)


def _holds(text: str, key: PublicKey, content: bytes, verifies: Verifies) -> bool:
    if key.kind == ED25519:
        return len(content) == _SIGNATURE_BYTES and verifies(key.public, text.encode(), content)
    if len(content) != _TIME_BYTES + _SIGNATURE_BYTES:
        return False
    at = int.from_bytes(content[:_TIME_BYTES], "big")
    return verifies(key.public, _cosigned(text, at), content[_TIME_BYTES:])


def _cosigned(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteBroken("not base64") from error
