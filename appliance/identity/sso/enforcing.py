"""Where an organisation lets people in by its own identity provider only."""

from uuid import UUID

from appliance.identity.sso import queries
from appliance.identity.sso.errors import SignOnEnforced
from appliance.identity.sso.values import TransactionPurpose, Wish
from appliance.identity.values import UserId
from appliance.kernel.db import Database
from appliance.kernel.ids import TenantId


def way_by_provider(
    db: Database, tenant_id: TenantId, user_id: UserId, *, factor_id: UUID | None = None, password_hash: str | None = None,
    session: bytes | None = None,
) -> SignOnEnforced:  # fmt: skip
    """Return the refusal for somebody who proved their password where that is not enough, and the way that is left to them.

    Who does not come by the provider yet may link their account with it: the password is their proof of the one side, and
    the provider's word of the other. `factor_id` is the app or passkey that they showed besides; `password_hash` or `session`
    is what they proved their account by (`Wish`).
    """
    with db.tenant(tenant_id) as tx:
        connection_id = queries.enforced_connection(tx)
        if connection_id is None:
            return SignOnEnforced()
        refusal = SignOnEnforced()
        refusal.connection = queries.connection_of(queries.row_of(tx, connection_id))
        is_linked = queries.is_linked(tx, connection_id, user_id)
    link = Wish(TransactionPurpose.LINK, user_id, factor_id=factor_id, password_hash=password_hash, session=session)
    refusal.wish = Wish() if is_linked else link
    return refusal
