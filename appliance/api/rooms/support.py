"""Operators of the platform whom an owner lets in, for hours. Letting one in is an owner's own word, at a browser."""

from datetime import datetime
from uuid import UUID

from appliance.api.framework import Call, operation
from appliance.api.schemas import Output
from appliance.identity import Permission
from appliance.identity.support import SupportLevel, list_grants
from appliance.identity.support import end_support as end_grant


class SupportGrantOut(Output):
    """An operator who was let in; `ended_at` is set where it ended before its time."""

    grant_id: UUID
    user_id: UUID
    operator_name: str
    level: SupportLevel
    reason: str
    granted_by: UUID
    granted_at: datetime
    expires_at: datetime
    ended_at: datetime | None


class SupportGrantsOut(Output):
    items: list[SupportGrantOut]


@operation("GET", "/support-grants", permission=Permission.PEOPLE_READ, answer=SupportGrantsOut)
def list_support(call: Call) -> SupportGrantsOut:
    """Return who was let in lately, the latest first."""
    with call.tenant() as tx:
        return SupportGrantsOut(items=[SupportGrantOut.model_validate(one) for one in list_grants(tx, call.caller)])


@operation("DELETE", "/support-grants/{grant_id}", permission=Permission.PEOPLE_CHANGE)
def end_support(call: Call) -> None:
    """End a grant at once: the operator's next request is refused."""
    with call.tenant() as tx:
        end_grant(tx, call.caller, call.ids["grant_id"], clock=call.services.clock)
