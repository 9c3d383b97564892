"""The Merkle tree of RFC 6962, section 2.1: leaves SHA-256(0x00 ‖ body), nodes SHA-256(0x01 ‖ left ‖ right)."""

import hashlib
from collections.abc import Iterable

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(body: bytes) -> bytes:
    """Return the hash of one entry."""
    return hashlib.sha256(b"\x00" + body).digest()


def root_hash(leaves: Iterable[bytes]) -> bytes:
    """Return the root over leaf hashes in order; O(log n) memory."""
    peaks: list[bytes] = []
    for count, leaf in enumerate(leaves):
        node, size = leaf, count
        while size & 1:
            node = _node(peaks.pop(), node)
            size >>= 1
        peaks.append(node)
    if not peaks:
        return EMPTY_ROOT
    root = peaks.pop()
    while peaks:
        root = _node(peaks.pop(), root)
    return root


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
