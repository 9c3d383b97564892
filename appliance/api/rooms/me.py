"""Who a token is, and what it may do; the sessions and second factors of its person.

A token with the scope for tokens may see in which browsers its person is signed in, and end that. It changes neither
password nor factors: whoever copied a token must not become its person.
"""

from typing import Annotated
from uuid import UUID

from pydantic import StringConstraints

from appliance import identity
from appliance.api.framework import Call, operation
from appliance.api.rooms.people import FactorOut, FactorsOut, SessionOut
from appliance.api.schemas import Input, Name, Output
from appliance.identity import Permission, Role, Scope, Session
from appliance.identity.errors import PlaceNotFound, ProfileMalformed, SessionNotFound
from appliance.identity.factors import count_recovery_codes
from appliance.identity.permissions import may, require_granted
from appliance.kernel.db import Tx


class MeOut(Output):
    """The caller: `scopes` is what the token was given, `permissions` what scopes and role allow together."""

    user_id: UUID
    organisation_id: UUID
    organisation: str
    display_name: str
    email: str
    role: Role
    role_title: str
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


class OwnSessionOut(SessionOut):
    session_id: UUID


class OwnSessionsOut(Output):
    items: list[OwnSessionOut]


class OwnFactorsOut(FactorsOut):
    """`recovery_codes`: how many are left."""

    recovery_codes: int


@operation("GET", "/me", permission=None, answer=MeOut)
def get_me(call: Call) -> MeOut:
    """Return who the token acts as, and what it may do."""
    one = call.caller
    return MeOut(
        user_id=one.user_id, organisation_id=one.tenant_id, organisation=one.organisation,
        display_name=one.display_name, email=one.email, role=one.role, role_title=one.role_title, groups=sorted(one.groups),
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


@operation("GET", "/me/sessions", permission=Permission.TOKEN_CREATE, answer=OwnSessionsOut)
def list_own_sessions(call: Call) -> OwnSessionsOut:
    """Return in which browsers one is signed in here, the latest first."""
    with call.tenant() as tx:
        found = _sessions(call, tx)
    return OwnSessionsOut(
        items=[
            OwnSessionOut(session_id=key, **SessionOut.model_validate(one).model_dump()) for key, one in found.items()
        ]
    )


@operation("DELETE", "/me/sessions/{session_id}", permission=Permission.TOKEN_CREATE)
def close_own_session(call: Call) -> None:
    """Sign oneself out in a browser."""
    with call.tenant() as tx:
        session = _sessions(call, tx).get(call.ids["session_id"])
        if session is None:
            raise SessionNotFound
        identity.close_session(tx, call.caller, session=session.digest)


@operation("GET", "/me/factors", permission=Permission.TOKEN_CREATE, answer=OwnFactorsOut)
def list_own_factors(call: Call) -> OwnFactorsOut:
    """Return one's own second factors. They are added and removed at a browser."""
    require_granted(call.caller, Permission.TOKEN_CREATE)
    with call.tenant() as tx:
        found = identity.list_factors(tx, call.caller.user_id)
        left = count_recovery_codes(tx, call.caller.user_id)
    return OwnFactorsOut(items=[FactorOut.model_validate(one) for one in found], recovery_codes=left)


def _sessions(call: Call, tx: Tx) -> dict[UUID, Session]:
    """Return one's own sessions by ids of 128 of their digest's bits, which open nothing."""
    require_granted(call.caller, Permission.TOKEN_CREATE)
    return {UUID(bytes=one.digest[:16]): one for one in identity.list_sessions(tx, call.caller)}
