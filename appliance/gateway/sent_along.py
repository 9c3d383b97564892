"""The files of one request, and what is found in them.

A program sends a conversation's whole history with every call, documents included. So what was found in a document that was
read as a whole is remembered for an hour, for the same caller, and not looked for again.
"""

import hashlib
import secrets
import struct
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from appliance.dlp import Finding, OwnRules
from appliance.dlp.values import UNREADABLE_PART
from appliance.gateway.inspecting import Inspector, Need
from appliance.gateway.parts import parts_in
from appliance.gateway.reading import Reading, read_all
from appliance.kernel.computing import native_lock

_MOST: Final = 65_536
_SECONDS: Final = 3_600.0


class Remembered:
    """What was found in documents that were read whole. Thread-safe.

    It is kept for an hour in this process's memory alone, at most 65,536 documents and findings together; whichever was asked for
    longest ago goes first. Categories, rules and places are kept, never a text. A document is known by a keyed digest over the
    caller (person and token), how deep it was looked into, the version of the organisation's own rules, and the document: so
    nobody learns, by how long a call takes, what another person or token sent.
    """

    def __init__(self, *, most: int = _MOST, now: Callable[[], float] = time.monotonic) -> None:
        self._most, self._now = most, now
        self._key = secrets.token_bytes(32)
        self._kept = OrderedDict[bytes, tuple[float, tuple[Finding, ...]]]()
        self._size = 0
        self._lock = native_lock()

    def digest(self, whose: bytes, need: Need, own: OwnRules, document: bytes) -> bytes:
        """Return the digest by which a document is known; `document` is its own SHA-256."""
        digest = hashlib.blake2b(struct.pack(">QIdQ", len(whose), need.depth, need.least, own.version), key=self._key, digest_size=32)
        digest.update(whose)
        digest.update(document)
        return digest.digest()

    def find(self, digest: bytes) -> tuple[Finding, ...] | None:
        """Return what was found in a document within the last hour; None if it was not looked into since."""
        with self._lock:
            since, found = self._kept.get(digest, (0.0, None))
            if found is None or self._now() - since > _SECONDS:
                return None
            self._kept.move_to_end(digest)
            return found

    def keep(self, digest: bytes, found: Sequence[Finding]) -> None:
        """Remember what was found in a document."""
        with self._lock:
            self._drop(digest)
            self._kept[digest] = self._now(), tuple(found)
            self._size += 1 + len(found)
            while self._size > self._most:
                self._drop(next(iter(self._kept)))

    def _drop(self, digest: bytes) -> None:
        gone = self._kept.pop(digest, None)
        if gone is not None:
            self._size -= 1 + len(gone[1])


class SentAlong:
    """The parts of one request that are no texts. Used by one thread."""

    def __init__(self, body: Mapping[str, Any], remembered: Remembered, *, tenant_id: UUID, whose: bytes) -> None:
        self._body, self._remembered, self._tenant_id, self._whose = body, remembered, tenant_id, whose
        self._read: dict[bytes, Reading] = {}

    def look(self, inspector: Inspector, need: Need, own: OwnRules) -> list[Finding]:
        """Return what is found in the files, and one finding for each that could not be read as a whole.

        A document that is there twice counts once. May be called again to look deeper: nothing is read a second time. Raises
        ModelMissing.
        """
        parts = list(parts_in(self._body))
        documents = {hashlib.sha256(one.document).digest(): one for one in parts if one.document is not None}
        digests = {one: self._remembered.digest(self._whose, need, own, one) for one in documents}
        known = {one: found for one, digest in digests.items() if (found := self._remembered.find(digest)) is not None}
        fresh = [one for one in documents if one not in known]
        unread = [one for one in fresh if one not in self._read]
        self._read |= zip(unread, read_all([documents[one] for one in unread], inspector.read_file, self._tenant_id), strict=True)
        for one in fresh:  # each by itself: what stands in another one would speak for it, or hide it, for as long as it is remembered
            known[one] = tuple(inspector.find_all([self._read[one].text], need, own, self._whose)[0])
            if self._read[one].is_whole:
                self._remembered.keep(digests[one], known[one])
        unreadable = sum(one.document is None for one in parts) + sum(not self._read[one].is_whole for one in fresh)
        return [one for each in documents for one in known[each]] + [UNREADABLE_PART] * unreadable
