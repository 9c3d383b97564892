"""Lists of exact values, written: a digest for each takes a second for the most that there may be, and no transaction waits for it."""

from dataclasses import replace

from appliance import identity
from appliance.dlp.own.exact_values import Values
from appliance.dlp.own.service import Named, OwnList, own_key, set_exact
from appliance.dlp.own.words import digest
from appliance.identity import Caller, Permission
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database


def write_exact(db: Database, caller: Caller, named: Named, values: Values, *, clock: Clock) -> OwnList:
    """Keep the digests of values, in place of the list of this name. Raises OwnListMalformed, TooManyOwnRules."""
    if values.values:
        with db.tenant(caller.tenant_id) as tx:
            identity.require(caller, Permission.SETTINGS_CHANGE)
            key = own_key(tx)
        values = digested(values, key)
    with db.tenant(caller.tenant_id) as tx:
        return set_exact(tx, caller, named, values, clock=clock)


def digested(values: Values, key: bytes) -> Values:
    """Return values as their digests under the organisation's key."""
    return replace(values, values=(), digests=tuple(digest(key, one) for one in values.values))
