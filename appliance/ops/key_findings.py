"""What `appliance doctor` says of keys: the root, the secrets' files, and whether what is sealed opens.

A key that is away, one that was destroyed on purpose, and one that was altered are three findings with three remedies.
"""

import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from appliance.audit import PLATFORM
from appliance.kernel.db import Database, DatabaseUnavailable
from appliance.kernel.errors import Refusal
from appliance.kernel.sealing import IntegrityError, KeyDestroyed, KeyUnavailable
from appliance.ops.preflight import Finding, Level
from appliance.vault import KeyFiles, Opening, RootKeyUnusable, Roots, try_keys

_OPEN_TO_OTHERS = 0o077
_ELSEWHERE = "If your house stands elsewhere, name its folder in APPLIANCE_DATA_DIR."
_ROOT_REMEDY = "See deploy/docs/root-key.md."

_FOREIGN_REMEDY = "Put the root key of their backup there, or name it in APPLIANCE_ROOT_KEY. Key files and root key belong together."


def check_secrets(secrets: Path) -> Finding:
    """Judge whether the secrets are there, and nobody else's to read."""
    if not secrets.is_dir():
        return Finding("secrets", Level.FAIL, f"{secrets} is missing", _ELSEWHERE)
    loose = [path for path in (secrets, *sorted(secrets.iterdir())) if path.stat().st_mode & _OPEN_TO_OTHERS]
    if not loose:
        return Finding("secrets", Level.OK, str(secrets))
    closing = "; ".join(f"chmod {'0700' if stat.S_ISDIR(path.stat().st_mode) else '0400'} {path}" for path in loose)
    detail = f"others may read {', '.join(path.name for path in loose)}"
    return Finding("secrets", Level.FAIL, detail, f"Run: {closing}")


def check_root(roots: Callable[[], Roots], secrets: Path) -> Finding:
    """Judge whether the root key, and the one that follows it, wrap and unwrap now, and whether all key files are theirs."""
    try:
        choice = roots()
        for root in choice():
            try:
                root.ping()
            except KeyUnavailable as fault:
                return Finding("root key", Level.FAIL, f"{root.spec}: {fault.reason}", _ROOT_REMEDY)
        files = KeyFiles(secrets / "keys", choice)
        stored = list(files.stored())
        foreign = sum(files.is_foreign(kek.name) for kek in stored)
    except Refusal as refusal:
        elsewhere = f"{_ELSEWHERE} " if isinstance(refusal, RootKeyUnusable) else ""
        return Finding("root key", Level.FAIL, _why(refusal), elsewhere + _ROOT_REMEDY)
    names = " and ".join(root.spec for root in choice())
    if foreign:
        detail = f"{foreign} of {len(stored)} key files are wrapped by another root key than {names}"
        return Finding("root key", Level.FAIL, detail, _FOREIGN_REMEDY)
    return Finding("root key", Level.OK, names)


def check_keys_open(url: Callable[[], str], secrets: Path, roots: Callable[[], Roots]) -> list[Finding]:
    """Open every organisation's data key once. `url` is the worker's; it and the root are known to be well."""
    db = Database(url(), pool_size=1, application="cloister-doctor")
    files = KeyFiles(secrets / "keys", roots())
    try:
        found = try_keys(db, files)
    except DatabaseUnavailable:
        return [Finding("keys", Level.SKIPPED, "the database does not answer")]
    finally:
        db.close()
    well = sum(one.fault is None for one in found)
    away = [one for one in found if isinstance(one.fault, KeyUnavailable)]
    broken = [one for one in found if isinstance(one.fault, IntegrityError)]
    ended = sum(isinstance(one.fault, KeyDestroyed) for one in found)
    findings = [Finding("keys", Level.OK, f"{well} open" + (f", {ended} destroyed on purpose" if ended else ""))]
    findings += _faults(away, "key_unavailable", f"Put the file back in {files.directory}; a key is never made anew.")
    findings += _faults(
        broken, "seal_broken",
        f"An alarm: find out who altered or moved it. Put {files.directory} and the database back from a backup.",
    )  # fmt: skip
    return findings


def _faults(found: Sequence[Opening], code: str, remedy: str) -> list[Finding]:
    return [Finding("keys", Level.FAIL, f"{code}, {_whose(one)}: {_why(one.fault)}", remedy) for one in found]


def _whose(opening: Opening) -> str:
    return "the platform" if opening.tenant_id == PLATFORM else f"organisation {opening.tenant_id}"


def _why(refusal: Refusal | None) -> str:
    return str(getattr(refusal, "reason", "") or refusal)
