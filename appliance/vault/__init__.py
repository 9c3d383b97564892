"""Keys. Here lives the root key's file, and each organisation's key under it.

Trusted: the root key file (0400, kept apart from backups of the data), this process. Not trusted: the database and
the disk; who can write them can remove what is sealed, never read it.
"""

from appliance.vault.claim import claim_database, require_own_database
from appliance.vault.errors import RootKeyForeign, RootKeyUnusable, SchemaOutdated
from appliance.vault.keyring import Keyring

__all__ = [
    "Keyring", "RootKeyForeign", "RootKeyUnusable", "SchemaOutdated", "claim_database", "require_own_database",
]  # fmt: skip
