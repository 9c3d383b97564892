"""Which address of a provisioned person is taken for the member's: one of a domain that the organisation has verified.

A provider may say any address. Here it would be what colleagues see and mails go to, so one of another domain is kept in the
resource alone, and the member has none. An address that another member has is refused, and with it the request: two people
of one address could not be told apart, and by renaming somebody a provider would put its person in another one's place.
"""

from typing import Final

from scim2_models import UniquenessException

from appliance.identity.scim.provisioned import is_taken
from appliance.identity.scim.resources import AnyUser
from appliance.identity.scim.subjects import addresses_in
from appliance.identity.sso.arriving import accepted_address
from appliance.identity.sso.values import Asserted
from appliance.identity.values import UserId
from appliance.kernel.db import Tx

_TAKEN: Final = (
    "Another member of the organisation has this address. If it is the same person, they link their account to this connection first."
)


def address_for(tx: Tx, said: AnyUser, user_id: UserId, *, is_active: bool) -> str:
    """Return the address of a member, empty where there is none to be taken. Raises UniquenessException."""
    for given in (*addresses_in(said), said.user_name or ""):
        if address := accepted_address(tx, Asserted("", given, is_email_verified=True)):
            if is_active and is_taken(tx, address, user_id):
                raise UniquenessException(detail=_TAKEN)
            return address
    return ""
