from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

RotationId = NewType("RotationId", UUID)
DestructionId = NewType("DestructionId", UUID)


class Level(StrEnum):
    """Which keys of an organisation: its key-encryption key, or its data key."""

    KEK = "kek"
    DEK = "dek"


class KeyState(StrEnum):
    """`retiring` opens what is still under it, and seals nothing."""

    ACTIVE = "active"
    RETIRING = "retiring"
    DESTROYED = "destroyed"


@dataclass(frozen=True)
class Key:
    """A key as the inventory shows it: everything but the key. `number` counts the keys of its level by age.

    `key_id` names the key-encryption key: itself, or the one that wraps this data key.
    """

    level: Level
    key_id: UUID
    number: int
    state: KeyState
    created_at: datetime
    retired_at: datetime | None
    destroyed_at: datetime | None


class End(StrEnum):
    """What ended a key: a rotation replaced it, or its owners destroyed all of the organisation's keys."""

    REPLACED = "replaced"
    ALL = "all"


class RotationState(StrEnum):
    """`waiting`: all is sealed anew; the old key stays until nobody can be reading by it any more."""

    SWEEPING = "sweeping"
    WAITING = "waiting"
    DONE = "done"


@dataclass(frozen=True)
class Rotation:
    """How far a rotation is: `done` of `total` values were looked at.

    `damaged` ones do not open and stay as they are, and with them the old key: nothing is destroyed that may be repaired.
    """

    rotation_id: RotationId
    level: Level
    state: RotationState
    done: int
    total: int
    damaged: int
    began_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class Destruction:
    """An owner's request to destroy the organisation's keys, and what a second owner said."""

    request_id: DestructionId
    requested_by: UUID
    requested_by_name: str
    reason: str
    requested_at: datetime
    decided_by_name: str | None
    is_granted: bool | None
    is_open: bool
    is_taken_back: bool
