"""The root in force and, while roots are exchanged, the one that follows: as settings name them.

By default they are two files of the secrets directory, `root.key` and `root.key.next`, looked for at each use: an
exchange of them needs no restart of whoever is running.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from appliance.kernel.blobs import overwrite, write_durably
from appliance.kernel.egress import Egress
from appliance.kernel.sealing import KEY_BYTES, KeyUnavailable
from appliance.vault.base import Root
from appliance.vault.errors import RootKeyUnusable
from appliance.vault.roots.choose import root_of
from appliance.vault.roots.keyfile import KeyFileRoot

KEY, NEXT, OLD = "root.key", "root.key.next", "root.key.old"
Roots = Callable[[], tuple[Root, ...]]


@dataclass(frozen=True)
class RootChoice:
    """What settings say: specs, and the files of what they need to sign in. No spec means the files of the secrets directory."""

    spec: str | None = None
    credentials: Path | None = None
    following: str | None = None
    following_credentials: Path | None = None

    @property
    def is_default(self) -> bool:
        """Whether both roots are files of the secrets directory."""
        return self.spec is None and self.following is None


def roots_in_use(choice: RootChoice, *, secrets: Path, egress: Egress) -> Roots:
    """Return what says which roots there are, the one in force first. Raises RootSpecInvalid, RootKeyUnusable."""
    secrets = secrets.absolute()
    if choice.is_default:
        if not _standing(secrets):
            raise RootKeyUnusable(reason=f"{secrets / KEY} is missing")
        _files(secrets)  # unfit, no start
        return lambda: _at_work(secrets)
    roots = [root_of(choice.spec, secrets=secrets, egress=egress, credentials=choice.credentials)]
    if choice.following is not None:
        credentials = choice.following_credentials or secrets / "root-key-next-credentials"
        roots.append(root_of(choice.following, secrets=secrets, egress=egress, credentials=credentials))
    return lambda: tuple(roots)


def make_next(secrets: Path) -> None:
    """Make the file of the root that follows, unless it is there."""
    if not (secrets / NEXT).exists():
        write_durably(secrets / NEXT, os.urandom(KEY_BYTES), mode=0o400)


def put_next_in_force(secrets: Path) -> None:
    """Put the file of the following root in the place of the old one, which is overwritten. May be done again."""
    if (secrets / NEXT).exists():
        if (secrets / KEY).exists():
            overwrite(secrets / OLD)  # what an earlier exchange left
            (secrets / KEY).rename(secrets / OLD)
        (secrets / NEXT).rename(secrets / KEY)
    overwrite(secrets / OLD)


def old_root(secrets: Path) -> Root | None:
    """Return the root that an exchange left behind when it died before its last step, None if there is none.

    Raises RootKeyUnusable for a file of its name that holds no root.
    """
    is_left = (secrets / OLD).exists() and (secrets / KEY).exists() and not (secrets / NEXT).exists()
    return KeyFileRoot(secrets / OLD, spec=f"file:{secrets / OLD}") if is_left else None


def forget_old(secrets: Path) -> None:
    """Overwrite what `old_root` returned, and remove it."""
    overwrite(secrets / OLD)


def _at_work(secrets: Path) -> tuple[Root, ...]:
    """Return the roots. Where a file became unfit, the log says which; whoever wanted something opened reads no path."""
    try:
        return _files(secrets)
    except RootKeyUnusable as error:
        raise KeyUnavailable(str(error)) from error


def _files(secrets: Path) -> tuple[Root, ...]:
    for _ in range(3):  # between the two names of an exchange there is a moment with one file less
        try:
            found = tuple(KeyFileRoot(path, spec=f"file:{path}") for path in _standing(secrets))
        except RootKeyUnusable:
            if all(path.exists() for path in _standing(secrets)):
                raise
            continue
        if found:
            return found
    raise KeyUnavailable(f"there is no root key in {secrets}")


def _standing(secrets: Path) -> list[Path]:
    return [path for path in (secrets / KEY, secrets / NEXT) if path.exists()]
