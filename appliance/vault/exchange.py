"""The exchange of the root, while everything works: every key file is wrapped anew by the root that follows.

Resumable wherever the process dies: each file says which root wraps it, both roots are open until the end, and the
database knows both fingerprints in the meantime. Afterwards the old root opens nothing.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from sqlalchemy import text

from appliance import audit
from appliance.audit import PLATFORM, Actor, ActorKind, Event
from appliance.kernel.db import Database
from appliance.kernel.ids import TenantId
from appliance.kernel.log import logger
from appliance.vault.errors import FirstFormatRemains, NoFollowingRoot, PlainTextRemains, RootKeyUnusable
from appliance.vault.keyfiles import KeyFiles
from appliance.vault.roots.in_use import NEXT, OLD, forget_old, make_next, old_root, put_next_in_force
from appliance.vault.shelves import Shelf

log = logger("vault")


def exchange_root(
    db: Database, files: KeyFiles, shelves: Sequence[Shelf], tenants: Iterable[TenantId], *, secrets: Path | None
) -> int:
    """Wrap every key file by the following root and put that in force; return how many were wrapped anew.

    `secrets` is where the default root's files are, None for roots that settings name. Such a one must have been announced by
    a worker that was started with it: whoever runs without it would open nothing from now on. Needs the worker's role. Raises
    NoFollowingRoot, FirstFormatRemains, KeyUnavailable, IntegrityError.
    """
    require_data_keys(shelves, tenants)
    with files.exchanging():  # another exchange would take this one's new root for the old one
        return _exchange(db, files, secrets)


def announce_following(db: Database, files: KeyFiles) -> None:
    """Tell the database which root follows, if one does: from then on the running worker opens what that one wraps.

    Needs the worker's role. Raises KeyUnavailable.
    """
    _, *following = files.roots
    for root in following:
        _announce(db, root.fingerprint())


def end_old_root(files: KeyFiles, secrets: Path) -> None:
    """Wipe the root that an exchange left behind when it died before its last step; one that still wraps a key stays.

    Exchanges of the default root's files alone leave one.
    """
    if not (secrets / OLD).exists():
        return
    with files.exchanging():
        try:
            old = old_root(secrets)
        except RootKeyUnusable:  # half overwritten, or with other rights: nobody opens anything by it
            forget_old(secrets)
            return
        if old is None:
            return
        if files.wraps(old):
            log.error("old_root_wraps", file=str(secrets / OLD), remedy=f"rename it to {NEXT}, and rotate the root again")
            return
        forget_old(secrets)
        log.warning("old_root_wiped", file=str(secrets / OLD))


def _exchange(db: Database, files: KeyFiles, secrets: Path | None) -> int:
    if secrets is not None:
        make_next(secrets)
    new = files.roots[-1].fingerprint()
    if secrets is not None:
        _announce(db, new)
    elif len(files.roots) == 1 or not _is_announced(db, new):
        raise NoFollowingRoot
    wrapped = _wrap_all(files)
    files.await_makers()  # of keys that were being made while the following root came
    wrapped += _wrap_all(files)
    with db.tenant(PLATFORM) as tx:
        tx.execute(text("SELECT settle_root_key(:new)"), {"new": new})
        audit.record(tx, Actor(ActorKind.OPERATOR), Event.ROOT_KEY_EXCHANGED, wrapped=wrapped)
    if secrets is not None:
        put_next_in_force(secrets)
    return wrapped


def _announce(db: Database, fingerprint: bytes) -> None:
    with db.platform() as tx:
        tx.execute(text("SELECT announce_root_key(:new)"), {"new": fingerprint})


def _is_announced(db: Database, fingerprint: bytes) -> bool:
    with db.platform() as tx:
        return bool(tx.scalar(text("SELECT root_key_is(:new)"), {"new": fingerprint}))


def _wrap_all(files: KeyFiles) -> int:
    return sum(files.wrap_anew(kek) for kek in files.stored())


def require_data_keys(shelves: Sequence[Shelf], tenants: Iterable[TenantId]) -> None:
    """Raise FirstFormatRemains where values are sealed by the root itself: they go with it, and outlive every other key."""
    for tenant_id in tenants:
        if any(shelf.has_first_format(tenant_id) for shelf in shelves):
            raise FirstFormatRemains(organisation=str(tenant_id))


def require_nothing_plain(shelves: Sequence[Shelf], tenant_id: TenantId) -> None:
    """Raise PlainTextRemains where something was not sealed yet: destroying keys would not end it."""
    if any(shelf.has_plain(tenant_id) for shelf in shelves):
        raise PlainTextRemains
