"""A process with a cache of its own, as under a remote root: python -m tests.support.opening SECRETS TENANT KEK.

For each line that it hears it opens the key and says what came of it: the digest, whether the root was asked; or the refusal.
"""

import sys
from pathlib import Path
from uuid import UUID

from appliance.kernel.errors import Refusal
from appliance.kernel.ids import TenantId
from appliance.kernel.sealing import content_digest
from appliance.vault.base import Root
from appliance.vault.keyfiles import KekId, KeyFiles
from appliance.vault.roots.keyfile import KeyFileRoot


class RemoteRoot(KeyFileRoot):
    """A root whose unwrapped keys are cached, and that counts how often it is asked."""

    is_remote = True
    asked = 0

    def unwrap(self, wrapped: bytes, *, context: bytes) -> bytearray:
        """Return the key."""
        RemoteRoot.asked += 1
        return super().unwrap(wrapped, context=context)


def remote_roots(secrets: Path) -> tuple[Root, ...]:
    """Return the roots that stand in a directory, as if each call went over a network."""
    found = [secrets / name for name in ("root.key", "root.key.next") if (secrets / name).exists()]
    return tuple(RemoteRoot(path, spec=f"file:{path}") for path in found)


def main(secrets: Path, kek: KekId) -> None:
    """Open it whenever a line comes."""
    files = KeyFiles(secrets / "keys", lambda: remote_roots(secrets))
    for _ in sys.stdin:
        before = RemoteRoot.asked
        try:
            said = content_digest(bytes(files.open(kek))).hex()
        except Refusal as refusal:
            said = refusal.code
        print(said, RemoteRoot.asked - before, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), KekId(TenantId(UUID(sys.argv[2])), UUID(sys.argv[3])))
