"""Values that are sealed and opened for somebody, and keys that are turned and destroyed."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import text

from appliance.kernel.sealing import Place
from appliance.vault.destruction import decide_destruction, request_destruction
from appliance.vault.keyfiles import KekId
from appliance.vault.rotation import begin_rotation, finish_rotations, rotate
from appliance.vault.values import Level
from tests.support.house import Member

PLACE = Place("somewhere", "secret", (UUID(int=7),))


def sealed_by(member: Member, plaintext: bytes, place: Place = PLACE) -> bytes:
    with member.services.db.tenant(member.tenant_id) as tx:
        return member.services.vault.seal(tx, plaintext, place)


def opened_by(member: Member, sealed: bytes, place: Place = PLACE) -> bytes:
    with member.services.db.tenant(member.tenant_id) as tx:
        return member.services.vault.unseal(tx, sealed, place)


def turns(member: Member, level: Level) -> None:
    """Rotate a key to the end, the grace too."""
    with member.services.db.tenant(member.tenant_id) as tx:
        begin_rotation(tx, member.caller, member.services.vault, level)
    sweeps(member)


def sweeps(member: Member) -> None:
    worker = member.house.worker
    rotate(worker.db, worker.vault, worker.shelves, member.tenant_id)
    finish_rotations(worker.db, worker.vault, worker.shelves, member.tenant_id, grace=timedelta(0))


def key_files(member: Member) -> list[Path]:
    return sorted((member.house.settings.secrets / "keys" / str(member.tenant_id)).glob("*.key"))


def destroyed(member: Member, second: Member) -> list[KekId]:
    """Let two owners destroy the keys, as far as the record; return the key files to destroy."""
    with member.services.db.tenant(member.tenant_id) as tx:
        asked = request_destruction(tx, member.caller, reason="The contract ended.", clock=member.house.clock)
        return decide_destruction(tx, second.caller, asked, is_granted=True, files=member.services.vault.files, clock=member.house.clock)


def only_file(member: Member) -> tuple[UUID, Path]:
    document = member.uploads("fire-drill.txt")
    (path,) = (member.house.settings.data_dir / "blobs").glob(f"{member.tenant_id}/??/*")
    return document.file_id, path


def states(member: Member) -> list[str]:
    with member.services.db.tenant(member.tenant_id) as tx:
        return list(tx.scalars(text("SELECT state FROM data_keys ORDER BY version")))
