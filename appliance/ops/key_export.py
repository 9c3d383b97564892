"""One tar file of the key files: what a backup needs besides the root key that wraps them. Whole or not at all, 0600.

Members: keys/<organisation>/<key>.key, and .destroyed for those that were ended on purpose.
"""

import os
import tarfile
from pathlib import Path

from appliance.kernel.blobs import sync_directory
from appliance.ops.errors import CannotStart

_KINDS = frozenset({".key", ".destroyed"})


def export_key_files(directory: Path, target: Path) -> int:
    """Write them to a new file; return how many keys there are. Raises CannotStart."""
    if target.exists():
        raise CannotStart(f"{target} is there already, and is not overwritten. Name another file.")
    found = sorted(path for path in directory.glob("*/*") if path.suffix in _KINDS)
    part = target.with_name(f".{target.name}.part")
    try:
        part.unlink(missing_ok=True)
        closed = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(closed, "wb") as file:
            with tarfile.open(fileobj=file, mode="w") as tar:
                for path in found:
                    tar.add(path, f"keys/{path.relative_to(directory)}")
            file.flush()
            os.fsync(file.fileno())
        part.rename(target)
        sync_directory(target.parent)
    except OSError as error:
        raise CannotStart(
            f"The key files cannot be written to {target} ({error.strerror}). Name a file in a folder that exists, that this "
            "user may write to, and that has room."
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return sum(path.suffix == ".key" for path in found)
