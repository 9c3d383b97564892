"""One log as a round of the sealer makes it grow: from its head as it was signed last, to the next one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from appliance.audit.errors import HeadBroken
from appliance.audit.tables import HeadRow
from appliance.kernel.ids import TenantId
from appliance.kernel.sealing import signature_holds
from appliance.proof.note import (
    ED25519,
    Checkpoint,
    Note,
    NoteBroken,
    PublicKey,
    parse_checkpoint,
    parse_note,
    sign,
    signed_by,
)
from appliance.proof.tree import Frontier, leaf_hash

TILE = 8
"""Of the nodes above the leaves every eighth level is stored: a 255th of the leaves, from which each proof is made."""


class Signer(Protocol):
    """The key that signs checkpoints. Whoever assembles the house hands it to the sealer; this room never sees the key."""

    @property
    def number(self) -> int: ...
    @property
    def public(self) -> bytes: ...
    @property
    def endorsements(self) -> tuple[bytes | None, ...]:
        """For each key of this house in order the signature of the one before, None for the first."""

    @property
    def known(self) -> tuple[bytes, ...]:
        """The public keys of this house in order, this one last. They do not come from where the log is kept."""

    @property
    def installation(self) -> str:
        """What tells this house from others in the name of a log."""

    def sign(self, message: bytes) -> bytes: ...


@dataclass
class Growth:
    """A log's frontier, and what a round adds to it."""

    tenant_id: TenantId
    origin: str
    frontier: Frontier
    began: int
    kept_size: int = 0
    kept_at: datetime | None = None
    leaves: list[tuple[int, UUID, bytes]] = field(default_factory=list)
    nodes: list[tuple[int, int, bytes]] = field(default_factory=list)

    @property
    def size(self) -> int:
        return self.frontier.size

    def add(self, event_id: UUID, body: bytes) -> int:
        """Put an entry at the end; return its position."""
        position, leaf = self.size, leaf_hash(body)
        for level, node in self.frontier.grow(leaf):
            if level % TILE == 0:
                self.nodes.append((level, position >> level, node))
        self.leaves.append((position, event_id, leaf))
        return position

    def add_all(self, leaves: Sequence[bytes]) -> int:
        """Put entries at the end by their leaves; return the position of the first. Who calls keeps the leaves."""
        first = self.size
        for level, place, nodes in self.frontier.extend(leaves):
            if level % TILE == 0:
                self.nodes += [(level, at, node) for at, node in enumerate(nodes, place)]
        return first

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.origin, self.size, self.frontier.root())

    def note(self, signer: Signer) -> str:
        """Return the signed checkpoint of the log as it is now."""
        text = str(self.checkpoint())
        return str(Note(text, (sign(text, log_key(self.origin, signer.public), signer.sign),)))


def log_key(origin: str, public: bytes) -> PublicKey:
    """Return a public key of the installation as the key of one of its logs."""
    return PublicKey(origin, ED25519, public)


def origin_of(installation: str, tenant_id: TenantId, epoch: int = 1) -> str:
    """Return the name of an organisation's log in this installation; a later epoch says its number."""
    return f"cloister/{installation}{'' if epoch == 1 else f'.{epoch}'}/{tenant_id}"


def growth_of(head: HeadRow, keys: Iterable[bytes]) -> Growth:
    """Return a log to go on with. Raises HeadBroken where its head is not what one of the keys signed."""
    try:
        note = parse_note(head.note)
        said = parse_checkpoint(note.text)
        frontier = Frontier.from_bytes(head.size, head.peaks)
    except (NoteBroken, ValueError) as error:
        raise HeadBroken("the head cannot be read") from error
    if said != Checkpoint(head.origin, head.size, frontier.root()):
        raise HeadBroken("the head is not the one that its note says")
    if signed_by(note, [log_key(head.origin, one) for one in keys], verifies=signature_holds) is None:
        raise HeadBroken("the head's note is not signed by this log's keys")
    return Growth(TenantId(head.tenant_id), head.origin, frontier, head.size, head.kept_size, head.kept_at)
