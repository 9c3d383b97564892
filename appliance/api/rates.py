"""How many requests a token makes in a minute, of all processes that serve (`identity.tallies`)."""

from uuid import UUID

from appliance.api.errors import TooManyRequests
from appliance.identity import Caller, Tally
from appliance.identity.tallies import WINDOW_SECONDS


def told(tally: Tally, caller: Caller, limit: int) -> dict[str, str]:
    """Count a request, and return the headers that say how many are left. Raises TooManyRequests."""
    used, seconds = counted(tally, caller.token_id or caller.user_id, limit)
    return {
        "RateLimit-Policy": f'"token";q={limit};w={WINDOW_SECONDS}',
        "RateLimit": f'"token";r={limit - used};t={seconds}',
    }


def counted(tally: Tally, token_id: UUID, limit: int) -> tuple[int, int]:
    """Count a request of a token, and return how many there were in this minute, and its seconds left. Raises TooManyRequests."""
    used, seconds = tally.count(token_id)
    if used > limit:
        raise TooManyRequests(seconds=seconds)
    return used, seconds
