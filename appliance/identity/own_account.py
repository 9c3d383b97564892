"""A person's own account on this host, found by who they are and never by an address that an organisation says."""

from dataclasses import dataclass, field

from sqlalchemy import text

from appliance.identity.values import UserId
from appliance.kernel.db import Database, Tx


@dataclass(frozen=True)
class OwnAccount:
    """A person's own address and password on this host. Who came by a provider alone has none: their locks go by their id."""

    email: str
    password_hash: str | None = field(repr=False)


def own_account(db: Database, user_id: UserId) -> OwnAccount:
    """Return a person's own account, found by who they are: the address of a membership is that organisation's word alone."""
    with db.platform() as tx:
        email = tx.scalar(text("SELECT email_of(:id)"), {"id": user_id})
        found = tx.execute(text("SELECT * FROM find_credentials(:email)"), {"email": email}).first() if email else None
    is_own = found is not None and found.user_id == user_id
    return OwnAccount(str(email or user_id), found.password_hash if found is not None and is_own else None)


def password_now(tx: Tx, user_id: UserId) -> str | None:
    """Return the hash of a person's password, and lock it until this transaction ends. None if they have no password.

    Compare it with the hash that was proved. If it differs, the password was changed meanwhile: open nothing. If not, whoever
    changes it next waits for this transaction, and then ends what it opened. Ask before locking anything else.
    """
    found: str | None = tx.scalar(text("SELECT password_now(:id)"), {"id": user_id})
    return found
