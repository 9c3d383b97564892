"""The Merkle tree of RFC 6962, section 2.1: leaves SHA-256(0x00 ‖ body), nodes SHA-256(0x01 ‖ left ‖ right).

Whoever has a tree's leaves, or its stored nodes, makes proofs of it with `inclusion_proof` and `consistency_proof`;
whoever has a root checks them with `is_included` and `is_consistent` (RFC 9162, 2.1.3.2 and 2.1.4.2).
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()
HASH_BYTES = 32
_sha256 = hashlib.sha256
Subtree = Callable[[int, int], bytes]
"""Returns the hash over leaves [low, high) of a complete subtree: a power of two of them, from a multiple of it."""


def leaf_hash(body: bytes) -> bytes:
    """Return the hash of one entry."""
    return hashlib.sha256(b"\x00" + body).digest()


def read_hash(written: bytes) -> bytes:
    """Return a hash from its 64 lower-case hexadecimal digits. Raises ValueError for any other spelling."""
    found = bytes.fromhex(written.decode())
    if len(found) != HASH_BYTES or found.hex().encode() != written:
        raise ValueError("a leaf is not a hash of 64 hexadecimal digits")
    return found


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees side by side."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """What must be kept of a tree to go on with it: its size, and the roots of its complete subtrees, largest first."""

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size, self.peaks = size, list(peaks)
        if size < 0 or len(self.peaks) != size.bit_count() or any(len(one) != HASH_BYTES for one in self.peaks):
            raise ValueError("these peaks are not those of a tree of this size")

    @classmethod
    def from_bytes(cls, size: int, peaks: bytes) -> "Frontier":
        """Return the frontier whose peaks stand one behind the other. Raises ValueError."""
        if len(peaks) % HASH_BYTES:
            raise ValueError("cut short")
        return cls(size, (peaks[at : at + HASH_BYTES] for at in range(0, len(peaks), HASH_BYTES)))

    def __bytes__(self) -> bytes:
        return b"".join(self.peaks)

    def append(self, leaf: bytes) -> None:
        """Add a leaf's hash behind the others."""
        for _ in self.grow(leaf):
            pass

    def grow(self, leaf: bytes) -> Iterator[tuple[int, bytes]]:
        """Add a leaf's hash, and yield each subtree that it completes, as (level, hash), from below."""
        node, size, level = leaf, self.size, 0
        while size & 1:
            node = node_hash(self.peaks.pop(), node)
            size >>= 1
            level += 1
            yield level, node
        self.peaks.append(node)
        self.size += 1

    def extend(self, leaves: Sequence[bytes]) -> Iterator[tuple[int, int, list[bytes]]]:
        """Add many leaves' hashes, and yield the subtrees that they complete, level by level: (level, place of the first, hashes).

        The same as `grow` for each; a level at a time costs little more than its hashes. To be read to its end.
        """
        peaks = dict(
            zip((bit for bit in range(self.size.bit_length())[::-1] if self.size >> bit & 1), self.peaks, strict=True)
        )
        first, nodes, level = self.size, list(leaves), 0
        self.size += len(nodes)
        while nodes:
            if first & 1:
                nodes.insert(0, peaks.pop(level))
            if len(nodes) & 1:
                peaks[level] = nodes.pop()
            first, level = first >> 1, level + 1
            pairs = iter(nodes)
            nodes = [_sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
            if nodes:
                yield level, first, nodes
        self.peaks = [peaks[one] for one in sorted(peaks, reverse=True)]

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in self.peaks[-2::-1]:
            root = node_hash(peak, root)
        return root


def root_hash(leaves: Iterable[bytes]) -> bytes:
    """Return the root over leaf hashes in order; O(log n) memory."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def subtrees_of(leaves: Sequence[bytes]) -> Subtree:
    """Return the subtrees of a tree whose leaves are at hand."""
    return lambda low, high: root_hash(leaves[low:high])


def range_root(low: int, high: int, subtree: Subtree) -> bytes:
    """Return the hash over leaves [low, high), of which the lower part is complete."""
    size = high - low
    if size & (size - 1) == 0:
        return subtree(low, high)
    split = _split(size)
    return node_hash(subtree(low, low + split), range_root(low + split, high, subtree))


def frontier_of(size: int, subtree: Subtree) -> Frontier:
    """Return the frontier of the tree's first leaves."""
    peaks, low = [], 0
    for bit in range(size.bit_length() - 1, -1, -1):
        if size >> bit & 1:
            peaks.append(subtree(low, low + (1 << bit)))
            low += 1 << bit
    return Frontier(size, peaks)


def inclusion_proof(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """Return the proof that a leaf stands at this index of the tree of this size."""
    low, high, proof = 0, size, list[bytes]()
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            proof.append(range_root(middle, high, subtree))
            high = middle
        else:
            proof.append(subtree(low, middle))
            low = middle
    return proof[::-1]


def consistency_proof(old: int, new: int, subtree: Subtree) -> list[bytes]:
    """Return the proof that the tree of the old size is the beginning of the new one."""
    if old in {0, new}:
        return []
    low, high, proof = 0, new, list[bytes]()
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            proof.append(range_root(middle, high, subtree))
            high = middle
        else:
            proof.append(subtree(low, middle))
            low = middle
    if low:
        proof.append(range_root(low, high, subtree))
    return proof[::-1]


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Say whether the proof shows the leaf at this index of the tree with this root."""
    if not 0 <= index < size or not _are_hashes(proof):
        return False
    at, last, found = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node_hash(step, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, step)
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def is_consistent(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Say whether the proof shows that the old tree is the beginning of the new one."""
    if old in {0, new}:
        return not proof and (old_root == EMPTY_ROOT if old == 0 else old_root == new_root)
    if not 0 < old < new or not proof or not _are_hashes(proof):
        return False
    steps = list(proof) if old & (old - 1) else [old_root, *proof]
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    left = right = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            left, right = node_hash(step, left), node_hash(step, right)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            right = node_hash(right, step)
        at, last = at >> 1, last >> 1
    return last == 0 and left == old_root and right == new_root


def _are_hashes(proof: Sequence[bytes]) -> bool:
    return all(len(step) == HASH_BYTES for step in proof)


def _split(size: int) -> int:
    """Return the largest power of two below a size of at least 2."""
    return 1 << (size - 1).bit_length() - 1
