"""Which root key a database belongs to.

The first start writes the key's fingerprint into the database. With any other key nothing starts: it would seal new
files with a key that the backup of the old one does not hold, and leave the old files shut.
"""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from appliance.kernel.db import Database
from appliance.vault.base import Root
from appliance.vault.errors import RootKeyForeign, SchemaOutdated


def claim_database(db: Database, roots: Sequence[Root]) -> None:
    """Make the first of these the database's, unless it has one. Needs the worker's role. Raises RootKeyForeign."""
    _ask(db, "SELECT claim_root_key(:fingerprint)", roots)


def require_own_database(db: Database, roots: Sequence[Root]) -> None:
    """Raise RootKeyForeign unless the database was claimed by one of these; SchemaOutdated before the migrations."""
    _ask(db, "SELECT root_key_is(:fingerprint)", roots)


def _ask(db: Database, question: str, roots: Sequence[Root]) -> None:
    try:
        with db.platform() as tx:
            is_ours = any(tx.scalar(text(question), {"fingerprint": root.fingerprint()}) for root in roots)
    except ProgrammingError as error:
        raise SchemaOutdated from error
    if not is_ours:
        raise RootKeyForeign(path=" or ".join(root.spec for root in roots))
