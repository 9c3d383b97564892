"""What `appliance doctor` says of the keys: away, altered, or ended on purpose are three things, with three remedies."""

from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from appliance.kernel.db import Database
from appliance.kernel.errors import Refusal
from appliance.kernel.sealing import IntegrityError, KeyDestroyed, KeyUnavailable
from appliance.ops.errors import CannotStart
from appliance.ops.preflight import Finding, Level
from appliance.vault import KeyFiles, Roots, judge_keys

_ROOT = "If your house stands elsewhere, name its folder in APPLIANCE_DATA_DIR. Otherwise restore the key, or see that its service answers; it is never made anew."
_AWAY = "Put the key files back from the backup of the secrets, or see that the root key's service answers. A missing key is never made anew."
_UNSEEN = Finding("keys", Level.SKIPPED, "not looked at: the database does not say which there are", "See what is said of the database.")
_ALTERED = "An alarm: somebody wrote there, or a disk fails. Restore the key file or the database of before, and find out who."


def judge(secrets: Path, *, roots: Callable[[], Roots], url: Callable[[], str]) -> list[Finding]:
    """Return what is to be said of the root key and of everybody's keys under it."""
    try:
        ours = roots()
        for root in ours():
            root.ping()
    except Refusal as refusal:
        return [Finding("root key", Level.FAIL, getattr(refusal, "reason", "") or str(refusal), _ROOT)]
    named = Finding("root key", Level.OK, " and ".join(root.spec for root in ours()))
    return [named, *_under(KeyFiles(secrets.absolute() / "keys", ours), url)]


def _under(files: KeyFiles, url: Callable[[], str]) -> list[Finding]:
    try:
        db = Database(url(), pool_size=1, application="cloister-doctor")
    except CannotStart:
        return [_UNSEEN]
    try:
        judged = list(judge_keys(db, files))
    except (DBAPIError, Refusal):
        return [_UNSEEN]
    finally:
        db.close()
    found = [
        Finding("keys", Level.FAIL, f"of organisation {tenant_id} {said}: {refusal.reason or refusal}", remedy)
        for tenant_id, refusal in judged
        for kind, said, remedy in ((KeyUnavailable, "not available", _AWAY), (IntegrityError, "altered", _ALTERED))
        if isinstance(refusal, kind)
    ]
    ended = sum(isinstance(refusal, KeyDestroyed) for _, refusal in judged)
    opened = sum(refusal is None for _, refusal in judged)
    detail = f"{opened} open" + (f", {ended} destroyed on purpose" if ended else "")
    return found or [Finding("keys", Level.OK, detail)]
