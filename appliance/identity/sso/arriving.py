"""Somebody came back from a provider whose word was checked: who they are here, what they may do, and their session.

A person is found by (connection, subject) and by nothing else. An address is the organisation's word, taken only if its
domain is verified for that organisation; without one, they come in with none. Every refusal is one entry in the log,
written before it is raised.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select, text

from appliance import audit, tenancy
from appliance.audit import Actor, ActorKind, Event
from appliance.identity.breakglass import refuse_break_glass
from appliance.identity.entry_errors import BreakGlassKept, SessionMisplaced
from appliance.identity.errors import EmailMalformed
from appliance.identity.factors import is_factor_of_here
from appliance.identity.naming import NAME_MAX, normal_email, plain_name
from appliance.identity.people import create_account, join
from appliance.identity.revocation import end_sessions_by
from appliance.identity.scim.provisioned import end_tokens_over_owner, is_provisioned
from appliance.identity.sessions import open_session
from appliance.identity.sso import queries
from appliance.identity.sso.domains import is_verified
from appliance.identity.sso.errors import (
    AddressTaken,
    AnotherPerson,
    ConnectionChanged,
    ConnectionClosed,
    IdentityTaken,
    LinkUnproven,
    OrganisationClosed,
    PersonRemoved,
    PersonUnknown,
    ProofTooOld,
    SignOnRefused,
    SubjectMissing,
)
from appliance.identity.sso.following import follow, given_by
from appliance.identity.sso.noting import note_refusal
from appliance.identity.sso.tables import ConnectionRow, IdentityRow
from appliance.identity.sso.values import (
    Arrival,
    Asserted,
    Connection,
    ConnectionId,
    ConnectionState,
    Source,
    TransactionPurpose,
)
from appliance.identity.tables import MembershipRow
from appliance.identity.values import Role, UserId
from appliance.kernel.clock import Clock
from appliance.kernel.db import Database, Tx, in_turn
from appliance.kernel.errors import is_storable
from appliance.kernel.sealing import Sealer, content_digest

_LONGEST_SUBJECT: Final = 1000
_FRESH: Final = timedelta(minutes=5)
_NEVER: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Desk:
    """What whoever lets people in needs: the database, who seals, the time, this site's address, how long sessions last."""

    db: Database
    sealer: Sealer
    clock: Clock
    address: str
    lifetime: timedelta
    way_key: bytes = field(repr=False)
    """Seals the ways that anybody may begin, see `ways`; a sign-in is all that whoever had it could begin, as everybody can."""

    def callback(self, connection: Connection) -> str:
        """Return where a provider sends people back to: each connection's own address."""
        return f"{self.address}/sso/{connection.connection_id}/callback"


@dataclass(frozen=True)
class _Way:
    """One arrival: by which connection, of whom, in which browser, what for."""

    connection: Connection
    said: Asserted
    arrival: Arrival
    purpose: TransactionPurpose
    user_id: UserId | None
    factor_id: UUID | None
    now: datetime

    def actor(self, user_id: UUID | None = None) -> Actor:
        return Actor(ActorKind.USER, user_id, self.arrival.address, self.arrival.request_id)


def arrive(
    db: Database, connection: Connection, said: Asserted, arrival: Arrival, *, lifetime: timedelta,
    clock: Clock, purpose: TransactionPurpose = TransactionPurpose.SIGN_IN, user_id: UserId | None = None,
    factor_id: UUID | None = None,
) -> str:  # fmt: skip
    """Let in whom a provider named; return the session's token, which is empty after a test.

    `user_id` is whose account is linked, or who is confirmed; `factor_id` the app or passkey that they showed to begin it.
    Raises SignOnRefused, SessionMisplaced, BreakGlassKept, each time with its entry in the log.
    """
    way = _Way(connection, said, arrival, purpose, user_id, factor_id, clock.now())
    try:
        with db.tenant(connection.tenant_id) as tx:
            fresh = _open(tx, way)
            if purpose is TransactionPurpose.TEST:
                _note_test(tx, way)
                return ""
            member = _member(tx, fresh, way, clock)
            return _session(tx, member, way, lifetime, clock)
    except (BreakGlassKept, SessionMisplaced, SignOnRefused) as refusal:
        note_refusal(db, connection, refusal, arrival, user_id=user_id)
        raise


def _open(tx: Tx, way: _Way) -> Connection:
    """Return the connection as it is now, and keep it so until the end. Raises ConnectionClosed, ConnectionChanged, OrganisationClosed."""
    # A test writes to the row: of two that had locked it to read, neither could.
    lock = {"read": way.purpose is not TransactionPurpose.TEST}
    row = tx.get(ConnectionRow, (tx.tenant_id, way.connection.connection_id), with_for_update=lock)
    if row is None or not queries.connection_of(row).takes(way.purpose):
        raise ConnectionClosed
    if row.changed_at != way.connection.changed_at:  # what was checked was checked by other settings
        raise ConnectionChanged
    if tenancy.get_organisation(tx).suspended_at is not None:
        raise OrganisationClosed
    if not 0 < len(way.said.subject) <= _LONGEST_SUBJECT or not is_storable(way.said.subject):
        raise SubjectMissing
    return queries.connection_of(row)


def _note_test(tx: Tx, way: _Way) -> None:
    row = queries.row_of(tx, way.connection.connection_id, is_locked=True)
    is_seen = row.tested_by is not None and row.tested_at is not None and row.tested_at >= row.changed_at
    if way.user_id is not None or not is_seen:  # the holder of a set-up link undoes no test of an administrator
        row.tested_by, row.tested_at = way.user_id, way.now
    if row.state == ConnectionState.DRAFT.value:
        row.state = ConnectionState.TESTED.value
    tx.flush()
    audit.record(tx, way.actor(way.user_id), Event.CONNECTION_TESTED, subject=row.connection_id)


def _member(tx: Tx, connection: Connection, way: _Way, clock: Clock) -> MembershipRow:
    identity = _known(tx, connection, way)
    if identity is None:  # of two browsers of somebody new, the second one finds who the first one made
        in_turn(tx, f"sign-on {connection.connection_id} {content_digest(way.said.subject.encode()).hex()}")
        identity = _known(tx, connection, way)
    if way.purpose is TransactionPurpose.CONFIRM:
        _check_proof(identity, connection, way)
    if way.purpose is TransactionPurpose.LINK:
        identity = _link(tx, identity, connection, way)
    if identity is None:
        return _provision(tx, connection, way, clock)
    identity.last_at = way.now
    row = _membership(tx, identity.user_id, way.now)
    if not is_provisioned(tx, connection.connection_id, row.user_id):  # then its provider says it there, and both ways
        _follow_address(tx, connection, row, way)
        follow(tx, way.actor(row.user_id), connection, row, way.said.groups)
    return row


def _known(tx: Tx, connection: Connection, way: _Way) -> IdentityRow | None:
    return tx.get(IdentityRow, (tx.tenant_id, connection.connection_id, way.said.subject), with_for_update=True)


def _check_proof(identity: IdentityRow | None, connection: Connection, way: _Way) -> None:
    if identity is None or way.user_id is None or identity.user_id != way.user_id:
        raise AnotherPerson
    proven = way.said.authenticated_at
    if proven is None or way.now - proven > _FRESH + skew_of(connection):
        raise ProofTooOld


def _link(tx: Tx, identity: IdentityRow | None, connection: Connection, way: _Way) -> IdentityRow:
    if identity is not None and identity.user_id != way.user_id:
        raise IdentityTaken
    if identity is not None:
        return identity
    if way.user_id is None:
        raise PersonUnknown
    member = _membership(tx, way.user_id, way.now)
    refuse_break_glass(tx, UserId(way.user_id))
    _require_second_proof(tx, UserId(way.user_id), way)
    _let_go_of_former(tx, UserId(way.user_id), connection, way)
    identity = _identity(tx, way.user_id, connection, way)
    if member.role == Role.OWNER:
        end_tokens_over_owner(tx, way.actor(way.user_id), way.user_id)
    audit.record(tx, way.actor(way.user_id), Event.IDENTITY_LINKED, subject=way.user_id,
                 connection=str(connection.connection_id))  # fmt: skip
    return identity


def _let_go_of_former(tx: Tx, user_id: UserId, connection: Connection, way: _Way) -> None:
    """Unlink whoever at the provider was linked with this account before, and end their sessions by it: an account is one person's there.

    Otherwise somebody who once had the password, and linked the account with themselves, could come in beside its owner for
    ever, unseen. Raises AnotherPerson where provisioning says whose account it is.
    """
    ours = IdentityRow.tenant_id == tx.tenant_id, IdentityRow.connection_id == connection.connection_id
    former = tx.scalars(select(IdentityRow).where(*ours, IdentityRow.user_id == user_id).with_for_update()).all()
    if not former:
        return
    if is_provisioned(tx, connection.connection_id, user_id):
        raise AnotherPerson
    for one in former:
        tx.delete(one)
    tx.flush()
    end_sessions_by(tx, user_id, connection.connection_id)
    audit.record(tx, way.actor(user_id), Event.IDENTITY_UNLINKED, subject=connection.connection_id, persons=len(former))


def _require_second_proof(tx: Tx, user_id: UserId, way: _Way) -> None:
    """Raise LinkUnproven where a password would be all that says whose account it is, and passwords let nobody in any more.

    What counts is the factor that was shown, and that only if it was added in this organisation: by the password alone somebody may
    have come in at another one, and added one there, whatever the account's owner has here. Else the provider must say the
    account's own address: an insider with a colleague's password has an account there, too, but not theirs.
    """
    if queries.enforced_connection(tx) is None or is_factor_of_here(tx, user_id, way.factor_id):
        return
    own = tx.scalar(text("SELECT email_of(:id)"), {"id": user_id})
    if own is None or accepted_address(tx, way.said) != own:
        raise LinkUnproven


def _provision(tx: Tx, connection: Connection, way: _Way, clock: Clock) -> MembershipRow:
    """Make a person of this organisation alone: `users` has no address of theirs, so that it links them with nobody."""
    if not connection.provisions:
        raise PersonUnknown
    said, email = way.said, accepted_address(tx, way.said)
    if email and _holder(tx, email) is not None:
        raise AddressTaken
    given = given_by(queries.mappings_of(tx, connection.connection_id), said.groups or ())
    role = given.role_or(connection.default_role)
    user_id = create_account(tx, email=None, password_hash=None, clock=clock)
    name = plain_name(said.display_name)[:NAME_MAX] or (email or said.subject)[:NAME_MAX]
    join(tx, way.actor(user_id), user_id, email=email, display_name=name, role=role.role, clock=clock,
         custom_role_id=role.custom_role_id)  # fmt: skip
    row = tx.get_one(MembershipRow, (tx.tenant_id, user_id))
    row.role_source, row.connection_id = Source.IDP.value, connection.connection_id
    tx.flush()
    _identity(tx, user_id, connection, way)
    follow(tx, way.actor(user_id), connection, row, said.groups)
    return row


def _identity(tx: Tx, user_id: UUID, connection: Connection, way: _Way) -> IdentityRow:
    identity = IdentityRow(
        tenant_id=tx.tenant_id, connection_id=connection.connection_id, subject=way.said.subject, user_id=user_id,
        created_at=way.now, last_at=way.now,
    )  # fmt: skip
    tx.add(identity)
    tx.flush()
    return identity


def _membership(tx: Tx, user_id: UUID, now: datetime) -> MembershipRow:
    row = tx.get(MembershipRow, (tx.tenant_id, user_id), with_for_update=True)
    is_over = row is not None and row.access_until is not None and row.access_until <= now
    if row is None or row.suspended_at is not None or is_over:
        raise PersonRemoved
    return row


def accepted_address(tx: Tx, said: Asserted) -> str:
    """Return the address that a provider says, in the form it is stored in; empty unless its domain is this organisation's.

    A provider that says of an address that it is not verified is believed. One that says nothing is, too: it is the
    organisation's own provider, speaking of the organisation's own domain, and an address opens nothing here.
    """
    if not said.email or said.is_email_verified is False:
        return ""
    try:
        email = normal_email(said.email)
    except EmailMalformed:
        return ""
    return email if is_verified(tx, email.rpartition("@")[2]) else ""


def _follow_address(tx: Tx, connection: Connection, row: MembershipRow, way: _Way) -> None:
    """Keep the address of somebody whom this connection brought as their provider says it. Others have their own."""
    if row.connection_id != connection.connection_id or _has_account(tx, row.user_id):
        return
    email = accepted_address(tx, way.said)
    if email and email != row.email and _holder(tx, email) is None:
        row.email = email
        tx.flush()


def _holder(tx: Tx, email: str) -> UUID | None:
    return tx.scalar(
        select(MembershipRow.user_id)
        .where(MembershipRow.tenant_id == tx.tenant_id, MembershipRow.email == email)
        .where(MembershipRow.suspended_at.is_(None))
        .limit(1)
    )


def _has_account(tx: Tx, user_id: UUID) -> bool:
    return tx.scalar(text("SELECT email_of(:id)"), {"id": user_id}) is not None


def _session(tx: Tx, row: MembershipRow, way: _Way, lifetime: timedelta, clock: Clock) -> str:
    """Open the session. When they proved who they are is what the provider says; if it says nothing, not lately."""
    proven = way.said.authenticated_at
    authenticated = min(proven, way.now) if proven else _NEVER
    if way.purpose is TransactionPurpose.CONFIRM:
        audit.record(tx, way.actor(row.user_id), Event.IDENTITY_CONFIRMED, subject=row.user_id, method=Source.IDP.value)
    return open_session(
        tx, UserId(row.user_id), address=way.arrival.address, agent=way.arrival.agent,
        request_id=way.arrival.request_id, lifetime=lifetime, clock=clock, methods=way.said.methods or (Source.IDP.value,),
        connection_id=ConnectionId(way.connection.connection_id), idp_session=way.said.session,
        authenticated_at=authenticated,
    )  # fmt: skip


def skew_of(connection: Connection) -> timedelta:
    """Return how far the provider's clock may be from ours."""
    seconds = connection.settings.get("skew_seconds", 60)
    return timedelta(seconds=seconds if isinstance(seconds, int) else 60)
