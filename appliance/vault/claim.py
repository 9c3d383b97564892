"""Which root key a database belongs to.

The first start writes the key's fingerprint into the database. With any other key nothing starts: it would seal new
files with a key that the backup of the old one does not hold, and leave the old files shut.
"""

from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from appliance.kernel.db import Database
from appliance.vault.errors import RootKeyForeign, SchemaOutdated
from appliance.vault.keyring import Keyring


def claim_database(db: Database, keyring: Keyring) -> None:
    """Make this key the database's, unless it has one. Needs the worker's role. Raises RootKeyForeign."""
    _ask(db, "SELECT claim_root_key(:fingerprint)", keyring)


def require_own_database(db: Database, keyring: Keyring) -> None:
    """Raise RootKeyForeign unless the database was claimed by this key; SchemaOutdated before the migrations."""
    _ask(db, "SELECT root_key_is(:fingerprint)", keyring)


def _ask(db: Database, question: str, keyring: Keyring) -> None:
    try:
        with db.platform() as tx:
            is_ours = tx.scalar(text(question), {"fingerprint": keyring.fingerprint()})
    except ProgrammingError as error:
        raise SchemaOutdated from error
    if not is_ours:
        raise RootKeyForeign(path=str(keyring.path))
