"""The keys that what is stored is sealed under. No key is in any answer.

Destroying them is asked for and decided at a browser only: a token, or a name given at the console, could be the same
owner twice.
"""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Output
from appliance.identity import Permission
from appliance.kernel.sealing import IntegrityError, KeyDestroyed, KeyUnavailable
from appliance.vault import KeyState, Level, RotationState, inventory, rotation
from appliance.vault import destruction as destructions
from appliance.vault.errors import RotationRunning


class KeyOut(Output):
    """A data key (`dek`) seals what is stored; a key-encryption key (`kek`) wraps data keys. `number` counts each by age.

    `key_id` names the key-encryption key: itself, or the one that wraps this data key. `retiring` opens what is still
    under it, and seals nothing.
    """

    level: Level
    number: int
    key_id: UUID
    state: KeyState
    created_at: datetime
    retired_at: datetime | None
    destroyed_at: datetime | None


class KeysOut(Output):
    items: list[KeyOut]


class RotateIn(Input):
    """Which key: `dek` seals everything anew in the background, `kek` wraps the data keys anew at once."""

    level: Level = Field(examples=[Level.DEK])


class RotationOut(Output):
    """How far it is: `done` of `total` values were sealed anew. `waiting`: the old key is destroyed after a while.

    `damaged` values do not open and stay as they are; while there are any, the old key stays, too.
    """

    rotation_id: UUID
    level: Level
    state: RotationState
    done: int
    total: int
    damaged: int
    began_at: datetime
    ended_at: datetime | None


class LatestRotationOut(Output):
    """`rotation` is null where no key was rotated yet."""

    rotation: RotationOut | None


class DestructionOut(Output):
    """An owner's request to destroy the keys, and what a second owner said. `is_open`: it can be decided."""

    request_id: UUID
    requested_by: UUID
    requested_by_name: str
    reason: str
    requested_at: datetime
    decided_by_name: str | None
    is_granted: bool | None
    is_open: bool
    is_taken_back: bool


class DestructionsOut(Output):
    items: list[DestructionOut]


@operation("GET", "/keys", permission=Permission.KEY_READ, answer=KeysOut)
def list_keys(call: Call) -> KeysOut:
    """Return the keys there are and were, those in force first. Looking is an event in the log."""
    with call.tenant() as tx:
        found = inventory.list_keys(tx, call.caller)
    return KeysOut(items=[KeyOut.model_validate(one) for one in found])


@operation("GET", "/keys/rotation", permission=Permission.KEY_READ, answer=LatestRotationOut)
def get_rotation(call: Call) -> LatestRotationOut:
    """Return how far the latest rotation is."""
    return LatestRotationOut(rotation=_latest(call))


@operation(
    "POST", "/keys/rotations", permission=Permission.KEY_ROTATE, body=RotateIn, answer=RotationOut, status=202,
    refusals=(RotationRunning, KeyDestroyed, KeyUnavailable, IntegrityError),
)  # fmt: skip
def rotate_key(call: Call) -> RotationOut:
    """Put a new key in force; the rest goes on in the background, and nothing is interrupted.

    Backups made before a new key-encryption key open nothing once the old one is destroyed, ten minutes later: make one afterwards.
    """
    with call.tenant() as tx:
        rotation.begin_rotation(tx, call.caller, call.services.vault, call.body.level)
        return RotationOut.model_validate(rotation.get_rotation(tx, call.caller))


@operation("GET", "/keys/destructions", permission=Permission.KEY_READ, answer=DestructionsOut)
def list_destructions(call: Call) -> DestructionsOut:
    """Return the latest requests to destroy the keys. They are made and decided by owners, at a browser."""
    with call.tenant() as tx:
        found = destructions.list_destructions(tx, call.caller, clock=call.services.clock)
    return DestructionsOut(items=[DestructionOut.model_validate(one) for one in found])


def _latest(call: Call) -> RotationOut | None:
    with call.tenant() as tx:
        found = rotation.get_rotation(tx, call.caller)
    return RotationOut.model_validate(found) if found else None
