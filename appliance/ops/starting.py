"""What is different since the last start: the version, and the settings by name. It stands in the platform's log.

Values are never recorded, nor a plain hash of one: a port or a host name is guessed in no time. Each setting has a digest under
a key of this house, which tells that it changed, and to whoever holds the key, whether it is as it was.
"""

from collections.abc import Mapping
from typing import Final

from appliance import __version__, audit
from appliance.audit import PLATFORM, Actor, ActorKind, EntryFilter, Event
from appliance.kernel.db import Database, Tx, in_turn
from appliance.kernel.sealing import derive_key, fingerprint

_SYSTEM: Final = Actor(ActorKind.SYSTEM)
_SHORT: Final = 16


def note_start(db: Database, settings: Mapping[str, str], *, key: bytes, version: str = __version__) -> None:
    """Record what changed since the last start; several processes that start at once record it once."""
    own = derive_key(key, purpose="settings-fingerprints/1")
    digests = {name: fingerprint(own, value.encode())[:_SHORT] for name, value in sorted(settings.items())}
    with db.tenant(PLATFORM) as tx:
        in_turn(tx, "start")
        before = _last(tx, Event.VERSION_CHANGED).get("after", "")
        if before != version:
            audit.record(tx, _SYSTEM, Event.VERSION_CHANGED, before=before, after=version)
        said = _last(tx, Event.CONFIGURATION_CHANGED).get("settings")
        known = dict(one.split("=", 1) for one in str(said).split(",")) if said else {}
        changed = sorted(name for name in {*known, *digests} if known.get(name) != digests.get(name))
        if changed:
            listed = ",".join(f"{name}={digest}" for name, digest in digests.items())
            audit.record(
                tx, _SYSTEM, Event.CONFIGURATION_CHANGED, changed=",".join(changed) if known else "", settings=listed
            )


def _last(tx: Tx, event: Event) -> Mapping[str, str | int]:
    found = audit.list_entries(tx, EntryFilter(event), limit=1)
    return found[0].facts if found else {}
