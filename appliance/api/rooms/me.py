"""Who a token is, and what it may do."""

from typing import Annotated
from uuid import UUID

from pydantic import StringConstraints

from appliance import identity
from appliance.api.framework import Call, operation
from appliance.api.schemas import Input, Name, Output
from appliance.identity import Permission, Role, Scope
from appliance.identity.errors import PlaceNotFound, ProfileMalformed
from appliance.identity.permissions import may


class MeOut(Output):
    """The caller: `scopes` is what the token was given, `permissions` what scopes and role allow together."""

    user_id: UUID
    organisation_id: UUID
    organisation: str
    display_name: str
    email: str
    role: Role
    groups: list[UUID]
    language: str | None
    zone: str | None
    scopes: list[Scope]
    permissions: list[Permission]


class ProfileIn(Input):
    """One's own name here, language (ISO 639-1) and time zone (IANA); null: as the browser says."""

    display_name: Name
    language: Annotated[str, StringConstraints(pattern="^[a-z]{2}$")] | None = None
    zone: Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9_+/-]+$")] | None = None


class PlaceOut(Output):
    """An organisation that one belongs to; a token is of one organisation only."""

    tenant_id: UUID
    name: str
    role: Role


class PlacesOut(Output):
    items: list[PlaceOut]


@operation("GET", "/me", permission=None, answer=MeOut)
def get_me(call: Call) -> MeOut:
    """Return who the token acts as, and what it may do."""
    one = call.caller
    return MeOut(
        user_id=one.user_id, organisation_id=one.tenant_id, organisation=one.organisation,
        display_name=one.display_name, email=one.email, role=one.role, groups=sorted(one.groups),
        language=one.language, zone=one.zone, scopes=sorted(one.scopes or frozenset()),
        permissions=[permission for permission in Permission if may(one, permission)],
    )  # fmt: skip


@operation("PUT", "/me/profile", permission=None, body=ProfileIn, refusals=(ProfileMalformed,))
def change_profile(call: Call) -> None:
    """Change one's own name, language and time zone."""
    with call.tenant() as tx:
        identity.change_profile(
            tx, call.caller, display_name=call.body.display_name, language=call.body.language, zone=call.body.zone
        )


@operation("GET", "/me/organisations", permission=None, answer=PlacesOut, refusals=(PlaceNotFound,))
def list_places(call: Call) -> PlacesOut:
    """Return the organisations that one belongs to."""
    places = identity.list_places(call.services.db, call.caller.user_id)
    return PlacesOut(items=[PlaceOut.model_validate(place) for place in places])
