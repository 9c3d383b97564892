"""Keys: the root, each organisation's key-encryption key in a file under it, and data keys in Postgres under that.

Trusted: the root and the key files (kept apart from backups of the data), this process. Not trusted: the database and
the disk; who can write them can remove what is sealed, and open none of it there. Who may do what, though, is the
database's word: who writes it and reaches the pages can make themselves an owner. See decision 0016.
"""

from appliance.vault.boot import Opening, check_keys, try_keys
from appliance.vault.claim import claim_database, require_own_database
from appliance.vault.errors import RootKeyForeign, RootKeyUnusable, SchemaOutdated
from appliance.vault.first_format import FirstFormat
from appliance.vault.keyfiles import KekId, KeyFiles
from appliance.vault.roots import RootChoice, Roots, roots_in_use
from appliance.vault.rotation import ROTATE
from appliance.vault.service import Vault
from appliance.vault.shelves import ColumnShelf, FactorShelf, FileShelf, PlatformShelf, Shelf
from appliance.vault.signing import LogSigners, change_log_key
from appliance.vault.values import Key, KeyState, Level, Rotation, RotationState

__all__ = [
    "ROTATE", "ColumnShelf", "FactorShelf", "FileShelf", "FirstFormat", "KekId", "Key", "KeyFiles", "KeyState",
    "Level", "LogSigners", "Opening", "PlatformShelf", "RootChoice", "RootKeyForeign", "RootKeyUnusable", "Roots",
    "Rotation", "RotationState", "SchemaOutdated", "Shelf", "Vault", "change_log_key", "check_keys", "claim_database",
    "require_own_database", "roots_in_use", "try_keys",
]  # fmt: skip
