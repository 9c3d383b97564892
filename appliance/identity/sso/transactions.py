"""Somebody on their way to a provider and back, who showed who they are to begin it: ten minutes, one browser, one use.

Who only wants to sign in is anybody, and has no row: see `ways`. What a SAML provider said lies here, too, until its browser
comes for it. The browser's cookie names the row; its digest alone is stored, and what the protocol keeps secret (state, nonce, verifier,
request id) is sealed. A row is of one connection, so that what another provider sends back finds nothing.
"""

import json
import secrets as randomness
from datetime import timedelta
from typing import Final, cast
from uuid import UUID

from sqlalchemy import delete, text

from appliance.identity.sso.errors import TransactionClosed
from appliance.identity.sso.sealed import place_of_transaction
from appliance.identity.sso.tables import TransactionRow
from appliance.identity.sso.values import ConnectionId, Transaction, TransactionPurpose
from appliance.identity.values import UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.sealing import Sealer, digest

LASTS: Final = timedelta(minutes=10)
_SESSION: Final = text("SELECT user_id FROM resolve_session(:digest)")


def begin(
    tx: Tx, connection_id: UUID, *, purpose: TransactionPurpose, user_id: UserId | None, secrets: dict[str, str],
    target: str, sealer: Sealer, clock: Clock, token: str | None = None, factor_id: UUID | None = None,
    session: bytes | None = None,
) -> str:  # fmt: skip
    """Put somebody on their way, and then to `target`; return the token for their cookie, which is stored nowhere.

    `token` is for a protocol that needs a name of its own beside the cookie's. Whoever never came back is forgotten here.
    """
    token, now = token or randomness.token_urlsafe(32), clock.now()
    tx.execute(delete(TransactionRow).where(TransactionRow.tenant_id == tx.tenant_id, TransactionRow.expires_at <= now))
    name = digest(token)
    content = json.dumps({
        "secrets": secrets, "next": target, "factor": str(factor_id) if factor_id else None, "session": session.hex() if session else None,
    }).encode()  # fmt: skip
    tx.add(
        TransactionRow(
            tenant_id=tx.tenant_id, digest=name, connection_id=connection_id, purpose=purpose.value, user_id=user_id,
            sealed=sealer.seal(tx, content, place_of_transaction(name)), created_at=now, expires_at=now + LASTS,
        )
    )  # fmt: skip
    tx.flush()
    return token


def take(tx: Tx, token: str, connection_id: UUID, *, sealer: Sealer, clock: Clock) -> Transaction:
    """End the way of somebody who came back; of two at once, one goes on. Raises TransactionClosed.

    So it does where a session of another organisation began it, and is over: who sits at that browser now is anybody.
    What is taken counts only once this transaction commits: do not judge what came back in the same one.
    """
    row = tx.get(TransactionRow, (tx.tenant_id, digest(token)), with_for_update=True)
    found = _opened(tx, row, connection_id, sealer, clock)
    if found.session is not None and not is_open(tx, found.session):
        raise TransactionClosed
    tx.delete(row)
    tx.flush()
    return found


def is_open(tx: Tx, session: bytes) -> bool:
    """Say whether nobody ended a session, of whichever organisation."""
    return tx.execute(_SESSION, {"digest": session}).first() is not None


def _opened(tx: Tx, row: TransactionRow | None, connection_id: UUID, sealer: Sealer, clock: Clock) -> Transaction:
    if row is None or row.connection_id != connection_id or row.expires_at <= clock.now():
        raise TransactionClosed
    content = json.loads(sealer.unseal(tx, row.sealed, place_of_transaction(row.digest)))
    return Transaction(
        ConnectionId(row.connection_id), TransactionPurpose(row.purpose), UserId(row.user_id) if row.user_id else None,
        cast("dict[str, str]", content["secrets"]), content["next"],
        UUID(content["factor"]) if content.get("factor") else None,
        bytes.fromhex(content["session"]) if content.get("session") else None,
    )  # fmt: skip
