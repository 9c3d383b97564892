"""Where the secrets of sign-on stand: a connection's own, and those of somebody who is on their way to a provider."""

from typing import Final
from uuid import UUID

from appliance.kernel.sealing import Place, SealedColumn

SECRETS: Final = SealedColumn("sso_connections", "sealed_secret", ("connection_id",), ("uuid",))
TRANSACTIONS: Final = SealedColumn("sso_transactions", "sealed", ("digest",), ("bytea",))
SEALED: Final = (SECRETS, TRANSACTIONS)


def place_of_secret(connection_id: UUID) -> Place:
    """Return where a connection's secret is sealed for."""
    return Place("sso_connections", "sealed_secret", (connection_id,))


def place_of_transaction(name: bytes) -> Place:
    """Return where the secrets of one transaction, by its digest, are sealed for."""
    return Place("sso_transactions", "sealed", (name,))
