"""Owners' accounts that still sign in by password while an organisation's sign-on is enforced."""

from datetime import datetime
from uuid import UUID

from appliance.api.framework import Call, operation
from appliance.api.schemas import Output
from appliance.identity import Permission, UserId
from appliance.identity.breakglass import designate, list_break_glass, withdraw
from appliance.identity.entry_errors import BreakGlassFull, BreakGlassUnfit


class BreakGlassOut(Output):
    """`is_ready`: it would open. Once used, only the operator's console opens it again."""

    user_id: UUID
    display_name: str
    made_at: datetime
    used_at: datetime | None
    is_ready: bool


class BreakGlassesOut(Output):
    items: list[BreakGlassOut]


@operation("GET", "/break-glass", permission=Permission.PEOPLE_READ, answer=BreakGlassesOut)
def list_break_glass_accounts(call: Call) -> BreakGlassesOut:
    """Return the organisation's break-glass accounts."""
    with call.tenant() as tx:
        return BreakGlassesOut(items=[BreakGlassOut.model_validate(one) for one in list_break_glass(tx, call.caller)])


@operation(
    "PUT", "/break-glass/{user_id}", permission=Permission.BREAK_GLASS_CHANGE, refusals=(BreakGlassFull, BreakGlassUnfit)
)
def designate_break_glass(call: Call) -> None:
    """Make an owner's account one of them: with a password and a second factor, and unknown to any identity provider."""
    with call.tenant() as tx:
        designate(tx, call.caller, UserId(call.ids["user_id"]), clock=call.services.clock)


@operation("DELETE", "/break-glass/{user_id}", permission=Permission.BREAK_GLASS_CHANGE)
def withdraw_break_glass(call: Call) -> None:
    """Make it an account like any other."""
    with call.tenant() as tx:
        withdraw(tx, call.caller, UserId(call.ids["user_id"]))
