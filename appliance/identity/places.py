"""One person in several organisations: where they belong, and going from one to another."""

import secrets
from typing import Final

from sqlalchemy import delete

from appliance import audit, tenancy
from appliance.audit import PLATFORM, Event
from appliance.identity.belonging import tenants_of
from appliance.identity.breakglass import enter_by_password
from appliance.identity.errors import NotSignedIn, PlaceNotFound
from appliance.identity.history import note_sign_in
from appliance.identity.own_account import password_now
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
    PlaceNotFound, SignInThere, what `needs_break_glass` raises, and NotSignedIn where the session ends at this moment.
    """
    require_browser(caller)
    if caller.connection_id is not None:
        raise SignInThere
    if tenant_id not in {place.tenant_id for place in list_places(db, caller.user_id)}:
        raise PlaceNotFound
    with db.tenant(caller.tenant_id) as tx:
        old = tx.get(SessionRow, (tx.tenant_id, digest(token)))
    if old is None:
        raise NotSignedIn
    new = secrets.token_urlsafe(32)
    _open_there(db, caller, tenant_id, old, new, clock)
    # The old one last: whoever ends it meanwhile ends the new one, too, which was opened by it.
    if not _closed(db, caller, token):
        with db.tenant(tenant_id) as tx:
            tx.execute(delete(SessionRow).where(SessionRow.tenant_id == tenant_id, SessionRow.digest == digest(new)))
            audit.record(tx, caller.actor, Event.SESSION_CLOSED, subject=caller.user_id)
        raise NotSignedIn
    return new


def _open_there(db: Database, caller: Caller, tenant_id: TenantId, old: SessionRow, new: str, clock: Clock) -> None:
    with db.tenant(tenant_id) as tx:
        password_now(tx, caller.user_id)  # locks it: whoever sets a new one waits for this session, and ends it with all others
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


def _closed(db: Database, caller: Caller, token: str) -> bool:
    """End the session that somebody leaves; False if it had ended already."""
    with db.tenant(caller.tenant_id) as tx:
        ours = SessionRow.tenant_id == tx.tenant_id, SessionRow.digest == digest(token)
        if tx.execute(delete(SessionRow).where(*ours).returning(SessionRow.digest)).first() is None:
            return False
        end_ways(tx, caller.user_id)  # whoever signs out there ends nothing that is under way here
        audit.record(tx, caller.actor, Event.SESSION_CLOSED, subject=caller.user_id)
    return True
