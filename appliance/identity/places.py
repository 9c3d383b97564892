"""One person in several organisations: where they belong, and going from one to another."""

import secrets
from typing import Final

from appliance import audit, tenancy
from appliance.audit import PLATFORM, Event
from appliance.identity.belonging import tenants_of
from appliance.identity.breakglass import enter_by_password, opens_glass
from appliance.identity.errors import PlaceNotFound
from appliance.identity.history import note_sign_in
from appliance.identity.permissions import require_browser
from appliance.identity.policies import keep_within, policy_of
from appliance.identity.revocation import end_ways
from appliance.identity.sso.errors import SignInThere
from appliance.identity.tables import MembershipRow, SessionRow
from appliance.identity.values import SUPPORT_ROLES, Caller, Place, Role, UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database
from appliance.kernel.ids import TenantId
from appliance.kernel.sealing import digest

SWITCHED: Final = "switched"
"""Among the methods of a sign-in: it was made by going over from another organisation, where these were proved."""


def list_places(db: Database, user_id: UserId) -> list[Place]:
    """Return the open organisations, and the platform, where a person belongs."""
    with db.platform() as tx:
        tenants = tenants_of(tx, user_id)
    places = []
    for tenant_id in tenants:
        with db.tenant(tenant_id) as tx:
            member, organisation = tx.get(MembershipRow, (tenant_id, user_id)), tenancy.get_organisation(tx)
        if member is not None and member.role in SUPPORT_ROLES and PLATFORM not in tenants:
            continue  # let in as an operator, who is none any more
        if member is not None and member.suspended_at is None and organisation.suspended_at is None:
            places.append(Place(tenant_id, organisation.name, Role(member.role)))
    return places


def enter(db: Database, caller: Caller, tenant_id: TenantId, *, token: str, clock: Clock) -> str:
    """Move the caller's session to another of their organisations; return its new token.

    The session keeps its age and its last proof of who they are: going elsewhere is no new sign-in. So it must be good
    there: an identity provider's word is not, nor is a password where the provider alone lets people in. Raises
    PlaceNotFound, SignInThere, and as `opens_glass` does.
    """
    require_browser(caller)
    if caller.connection_id is not None:
        raise SignInThere
    if tenant_id not in {place.tenant_id for place in list_places(db, caller.user_id)}:
        raise PlaceNotFound
    with db.tenant(caller.tenant_id) as tx:
        shown = tx.get_one(SessionRow, (tx.tenant_id, digest(token)))
        methods, factor_id = tuple(shown.methods), shown.factor_id
    with db.tenant(tenant_id) as tx:  # before the session here ends: whoever is not let in there stays
        opens_glass(tx, caller.user_id, methods=methods, factor_id=factor_id)
    with db.tenant(caller.tenant_id) as tx:
        old = tx.get_one(SessionRow, (tx.tenant_id, digest(token)))
        tx.delete(old)
        tx.flush()
        end_ways(tx, caller.user_id)  # whoever signs out there ends nothing that is under way here
        audit.record(tx, caller.actor, Event.SESSION_CLOSED, subject=caller.user_id)
    new = secrets.token_urlsafe(32)
    with db.tenant(tenant_id) as tx:
        enter_by_password(tx, caller.user_id, caller.actor, methods=tuple(old.methods), factor_id=old.factor_id, clock=clock)
        tx.add(
            SessionRow(
                tenant_id=tenant_id, digest=digest(new), user_id=caller.user_id, created_at=old.created_at,
                last_seen_at=old.last_seen_at, expires_at=old.expires_at, address=old.address, agent=old.agent,
                authenticated_at=old.authenticated_at, methods=old.methods, factor_id=old.factor_id,
            )
        )  # fmt: skip
        tx.flush()
        if (most := policy_of(tx).most_sessions) is not None:
            keep_within(tx, most)
        note_sign_in(tx, caller.user_id, methods=(*old.methods, SWITCHED), address=caller.address or old.address,
                     agent=old.agent, at=clock.now())  # fmt: skip
        audit.record(tx, caller.actor, Event.SESSION_OPENED, subject=caller.user_id)
    return new
