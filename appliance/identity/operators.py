"""The platform's operators: they run the box and see organisations in numbers, and read nobody's content.

An operator is a member of the platform, which is a tenant of its own; row-level security shows an operator's
transaction the platform's rows and no organisation's. What they may know of organisations is what the door function
platform_overview returns: names, dates, counts.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text

from appliance import audit
from appliance.audit import PLATFORM, Actor, ActorKind, Event
from appliance.identity.errors import OrganisationNotFound
from appliance.identity.invitations import InvitationForm, Invited, offer
from appliance.identity.people import join
from appliance.identity.permissions import Permission, require
from appliance.identity.tables import MembershipRow
from appliance.identity.values import Caller, Role, UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx
from appliance.kernel.ids import TenantId


@dataclass(frozen=True)
class OrganisationCounts:
    """An organisation in numbers; `stored_bytes` is the size of its documents as they were uploaded."""

    tenant_id: TenantId
    name: str
    created_at: datetime
    suspended_at: datetime | None
    people: int
    documents: int
    stored_bytes: int
    questions: int


def list_organisations(tx: Tx, caller: Caller) -> list[OrganisationCounts]:
    """Return every organisation of this host in numbers, the oldest first."""
    require(caller, Permission.PLATFORM_READ)
    return [
        OrganisationCounts(TenantId(row.tenant_id), row.name, row.created_at, row.suspended_at, row.people,
                           row.documents, int(row.bytes), row.questions)
        for row in tx.execute(text("SELECT * FROM platform_overview()"))
    ]  # fmt: skip


def set_suspended(tx: Tx, caller: Caller, tenant_id: TenantId, *, is_suspended: bool, clock: Clock) -> None:
    """Close an organisation, whose sessions end and whose tokens are refused, or open it again. Nothing is deleted."""
    require(caller, Permission.PLATFORM_CHANGE)
    at = clock.now() if is_suspended else None
    if not tx.scalar(text("SELECT suspend_organisation(:id, :at)"), {"id": tenant_id, "at": at}):
        raise OrganisationNotFound
    event = Event.ORGANISATION_SUSPENDED if is_suspended else Event.ORGANISATION_RESUMED
    audit.record(tx, caller.actor, event, subject=tenant_id)


def invite_operator(db: Database, email: str, *, clock: Clock) -> Invited:
    """Make the link by which somebody becomes an operator. The console only: whoever runs it holds the host."""
    with db.tenant(PLATFORM) as tx:
        return offer(tx, Actor(ActorKind.OPERATOR), InvitationForm(email, Role.OPERATOR), clock=clock)


def add_founding_operator(db: Database, user_id: UserId, actor: Actor, *, clock: Clock) -> None:
    """Make whoever sets the house up its operator too, while there is none. A second membership, not a wider one."""
    with db.platform() as tx:
        email = str(tx.scalar(text("SELECT email_of(:id)"), {"id": user_id}))
    with db.tenant(PLATFORM) as tx:
        join(tx, actor, user_id, email=email, display_name=email.split("@", 1)[0], role=Role.OPERATOR, clock=clock)


def count_operators(db: Database) -> int:
    """Return how many operators there are."""
    query = select(func.count()).where(MembershipRow.tenant_id == PLATFORM, MembershipRow.suspended_at.is_(None))
    with db.tenant(PLATFORM) as tx:
        return int(tx.scalar(query) or 0)
