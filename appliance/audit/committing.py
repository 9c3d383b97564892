"""What of an entry is personal, and how it is recorded: in the entry a commitment, beside it the value, sealed.

So the log can be kept for ever and handed out while a person's values end with the key to them. What stays is a pseudonym:
the ids of who did something and to whom, which lead to a person only where the people's table still does.
"""

import os
from collections.abc import Mapping
from typing import Final, Self
from uuid import UUID

from appliance.audit.events import Event
from appliance.audit.subject_keys import SubjectKey, keys_of
from appliance.audit.values import STRANGERS
from appliance.kernel.db import Tx
from appliance.kernel.ids import TenantId
from appliance.kernel.sealing import seal_at, wipe
from appliance.proof.disclosures import committed, spelled

ADDRESS: Final = "actor.address"
PERSONAL_FACTS: Final[Mapping[Event, frozenset[str]]] = {Event.TOKEN_CREATED: frozenset({"networks"})}
"""Facts that say where a person is. Their subject is the actor, as the address's is."""
VERSION: Final = 1
"""Of a subject's key: each is one of its own, so there is no second version of any."""
_SALT: Final = 32
_PIECE: Final = 64
_PURPOSE: Final = b"cloister-disclosures-1"


def personal_values(event: Event, address: str | None, facts: Mapping[str, str | int]) -> dict[str, str | int]:
    """Return what of an entry is personal, by name."""
    found: dict[str, str | int] = {ADDRESS: address} if address else {}
    if event in PERSONAL_FACTS:
        found |= {fact(name): facts[name] for name in PERSONAL_FACTS[event] & facts.keys() if facts[name] != ""}
    return found


def fact(name: str) -> str:
    """Return what a fact is called among an entry's personal values."""
    return f"facts.{name}"


def context_of(tenant_id: TenantId, event_id: UUID, key_id: UUID) -> bytes:
    """Return what the sealed values of an entry are bound to. All parts are of one length."""
    return _PURPOSE + tenant_id.bytes + event_id.bytes + key_id.bytes


def padded(plaintext: bytes) -> bytes:
    """Return JSON with spaces behind it: what is sealed is as long for every address, also when it is erased."""
    return plaintext.ljust(-(-len(plaintext) // _PIECE) * _PIECE)


class Committing:
    """Commits to the personal values of entries that are recorded together; each subject's key is borrowed once, and wiped at the end."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._keys: dict[UUID, SubjectKey | None] = {}
        self.rows: list[tuple[UUID, UUID, bytes]] = []
        """What is to be stored: entry, key, sealed values."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._keys.values():
            if one is not None:
                wipe(one.key)

    def commit(self, event_id: UUID, subject_id: UUID | None, personal: Mapping[str, str | int]) -> dict[str, str]:
        """Return the commitments. Where there is no key to be had nothing is kept that opens them."""
        key, disclosures, found = self._key(subject_id or STRANGERS), list[bytes](), dict[str, str]()
        salts = os.urandom(_SALT * len(personal)).hex()
        for number, (name, value) in enumerate(personal.items()):
            salt = salts[2 * _SALT * number : 2 * _SALT * (number + 1)]
            disclosures.append(spelled(salt, name, value))
            found[name] = committed(disclosures[-1])
        if key is not None:
            context = context_of(self._tx.tenant_id, event_id, key.key_id)
            plaintext = padded(b"[" + b",".join(disclosures) + b"]")
            self.rows.append((event_id, key.key_id, seal_at(key.key, VERSION, plaintext, context=context)))
        return found

    def _key(self, subject_id: UUID) -> SubjectKey | None:
        if subject_id not in self._keys:
            self._keys[subject_id] = keys_of(self._tx).in_force(self._tx, subject_id)
        return self._keys[subject_id]
