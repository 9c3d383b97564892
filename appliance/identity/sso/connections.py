"""An organisation's connections to its identity providers: made, changed, tested, opened, enforced, turned off.

Whoever holds a connection holds everybody who comes by it. So one that an owner comes by is changed by an owner alone, and
whom another issuer names is nobody who was linked before.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from appliance import audit
from appliance.audit import Event
from appliance.identity.errors import Forbidden, RoleMisplaced
from appliance.identity.granting import is_granted
from appliance.identity.permissions import Permission, require, require_browser, require_granted
from appliance.identity.scim.provisioned import forget_provisioned
from appliance.identity.sso import queries
from appliance.identity.sso.errors import (
    ConnectionInUse,
    ConnectionNameMalformed,
    ConnectionNotYours,
    ConnectionTestedByLink,
    ConnectionTwice,
    ConnectionUntested,
)
from appliance.identity.sso.kinds import checked_settings, good_until, is_another_issuer, made_secret, takes_secret
from appliance.identity.sso.sealed import place_of_secret
from appliance.identity.sso.tables import ConnectionRow, IdentityRow, LinkRow
from appliance.identity.sso.values import OPEN_STATES, Connection, ConnectionKind, ConnectionState
from appliance.identity.tables import GroupMemberRow, MembershipRow, SessionRow
from appliance.identity.values import Caller, Role
from appliance.kernel.clock import Clock
from appliance.kernel.db import Tx
from appliance.kernel.ids import new_id
from appliance.kernel.sealing import Sealer

_LONGEST_NAME = 120
_GIVABLE = (Role.ADMIN, Role.AUDITOR, Role.MEMBER)


@dataclass(frozen=True)
class ConnectionForm:
    """A new connection. `secret` is what its provider gave us for itself; it goes in and never comes out."""

    name: str
    kind: ConnectionKind
    settings: Mapping[str, object]
    secret: str | None = field(default=None, repr=False)
    provisions: bool = True
    default_role: Role = Role.MEMBER


@dataclass(frozen=True)
class ConnectionChange:
    """What becomes of a connection; None leaves it as it is."""

    name: str | None = None
    settings: Mapping[str, object] | None = None
    secret: str | None = field(default=None, repr=False)
    provisions: bool | None = None
    default_role: Role | None = None


def add_connection(tx: Tx, caller: Caller, form: ConnectionForm, *, sealer: Sealer, clock: Clock) -> Connection:
    """Begin a connection, which lets nobody in yet. Raises ConnectionTwice, and as a form is checked."""
    require(caller, Permission.SIGN_ON_CHANGE)
    now = clock.now()
    row = ConnectionRow(
        tenant_id=tx.tenant_id, connection_id=new_id(), kind=form.kind.value, name=_named(form.name),
        state=ConnectionState.DRAFT.value, settings=checked_settings(form.kind, form.settings),
        provisions=form.provisions, default_role=_role(form.default_role), created_by=caller.user_id, created_at=now,
        changed_at=now,
    )  # fmt: skip
    row.good_until = good_until(form.kind, row.settings)
    secret = made_secret(form.kind, row.connection_id, now=now) or form.secret
    if secret:
        row.sealed_secret = sealer.seal(tx, secret.encode(), place_of_secret(row.connection_id))
    tx.add(row)
    _write(tx)
    audit.record(tx, caller.actor, Event.CONNECTION_CREATED, subject=row.connection_id, kind=row.kind)
    return queries.connection_of(row)


def change_connection(
    tx: Tx, caller: Caller, connection_id: UUID, change: ConnectionChange, *, sealer: Sealer, clock: Clock
) -> Connection:
    """Change a connection. With another issuer, or another name for persons, all who were linked are let go.

    Raises ConnectionNotFound, Forbidden where an owner comes by it and the caller is none, and as a form is checked.
    """
    require(caller, Permission.SIGN_ON_CHANGE)
    row = queries.row_of(tx, connection_id, is_locked=True)
    require_hold(tx, caller, row)
    return apply(tx, caller.actor, row, change, sealer=sealer, clock=clock)


def apply(
    tx: Tx,
    actor: audit.Actor,
    row: ConnectionRow,
    change: ConnectionChange,
    *,
    sealer: Sealer,
    clock: Clock,
    link: str = "",
) -> Connection:
    """Write a change, whoever asks: `change_connection` for people, `links.change_by_link` for whoever holds one."""
    facts = dict[str, str | int]()
    if change.name is not None and _named(change.name) != row.name:
        facts["name"], row.name = 1, _named(change.name)
    if change.provisions is not None and change.provisions != row.provisions:
        facts["provisions"], row.provisions = int(change.provisions), change.provisions
    if change.default_role is not None and _role(change.default_role) != row.default_role:
        facts["default_role"], row.default_role = change.default_role.value, _role(change.default_role)
    if change.settings is not None:
        facts |= _set(tx, actor, row, checked_settings(ConnectionKind(row.kind), change.settings))
    if change.secret and takes_secret(ConnectionKind(row.kind)):
        facts["secret"] = 1
        row.sealed_secret = sealer.seal(tx, change.secret.encode(), place_of_secret(row.connection_id))
    if facts:
        if facts.keys() - {"name", "provisions", "default_role"}:
            row.changed_at = clock.now()
        _write(tx)
        facts |= {"link": link} if link else {}
        audit.record_all(tx, [audit.NewEntry(actor, Event.CONNECTION_CHANGED, row.connection_id, facts=facts)])
    return queries.connection_of(row)


def activate(tx: Tx, caller: Caller, connection_id: UUID) -> Connection:
    """Let people in by a connection that was tested as it is set now, by somebody who may change it.

    The test of whoever holds a set-up link does not count: they chose the provider, and alone saw what it says. Raises
    ConnectionNotFound, ConnectionUntested, ConnectionTestedByLink.
    """
    require(caller, Permission.SIGN_ON_CHANGE)
    row = queries.row_of(tx, connection_id, is_locked=True)
    require_hold(tx, caller, row)
    if not _is_tested(row):
        raise ConnectionUntested
    if not _is_tested_by_us(tx, row):
        raise ConnectionTestedByLink
    _to(tx, row, ConnectionState.ACTIVE)
    close_links(tx, caller.actor, row.connection_id)
    audit.record(tx, caller.actor, Event.CONNECTION_ACTIVATED, subject=row.connection_id)
    return queries.connection_of(row)


def enforce(tx: Tx, caller: Caller, connection_id: UUID) -> Connection:
    """Let people in by providers alone: sessions that came by a password end, this one too.

    Only an owner may, who has tested it as it is set now and comes in by it. Raises ConnectionNotYours.
    """
    require(caller, Permission.SIGN_ON_CHANGE)
    require_browser(caller)
    if caller.role is not Role.OWNER:
        raise Forbidden
    row = queries.row_of(tx, connection_id, is_locked=True)
    is_linked = queries.is_linked(tx, row.connection_id, caller.user_id)
    if row.state not in OPEN_STATES or not _is_tested(row) or row.tested_by != caller.user_id or not is_linked:
        raise ConnectionNotYours
    _to(tx, row, ConnectionState.ENFORCED)
    tx.execute(delete(SessionRow).where(SessionRow.tenant_id == tx.tenant_id, SessionRow.connection_id.is_(None)))
    audit.record(tx, caller.actor, Event.CONNECTION_ENFORCED, subject=row.connection_id)
    return queries.connection_of(row)


def relax(tx: Tx, caller: Caller, connection_id: UUID) -> Connection:
    """Let people in by their passwords again, beside the connection."""
    require(caller, Permission.SIGN_ON_CHANGE)
    row = queries.row_of(tx, connection_id, is_locked=True)
    if caller.role is not Role.OWNER:
        raise Forbidden
    if row.state == ConnectionState.ENFORCED:
        _to(tx, row, ConnectionState.ACTIVE)
        audit.record(tx, caller.actor, Event.CONNECTION_STOPPED, subject=row.connection_id, state=row.state)
    return queries.connection_of(row)


def relax_at_console(tx: Tx, actor: audit.Actor) -> int:
    """Let people in by their passwords again, on the word of whoever runs the host; return how many connections it changed."""
    rows = tx.scalars(
        select(ConnectionRow)
        .where(ConnectionRow.tenant_id == tx.tenant_id, ConnectionRow.state == ConnectionState.ENFORCED.value)
        .with_for_update()
    ).all()
    for row in rows:
        _to(tx, row, ConnectionState.ACTIVE)
        audit.record(tx, actor, Event.CONNECTION_STOPPED, subject=row.connection_id, state=row.state)
    return len(rows)


def turn_off(tx: Tx, caller: Caller, connection_id: UUID) -> Connection:
    """Let nobody in by a connection any more; the sessions that came by it end. Raises ConnectionNotFound."""
    require(caller, Permission.SIGN_ON_CHANGE)
    row = queries.row_of(tx, connection_id, is_locked=True)
    require_hold(tx, caller, row)
    if row.state == ConnectionState.ENFORCED and caller.role is not Role.OWNER:
        raise Forbidden
    _to(tx, row, ConnectionState.OFF)
    end_sessions_by(tx, row.connection_id)
    audit.record(tx, caller.actor, Event.CONNECTION_STOPPED, subject=row.connection_id, state=row.state)
    return queries.connection_of(row)


def remove_connection(tx: Tx, caller: Caller, connection_id: UUID) -> None:
    """Forget a connection that nobody comes by, with all who were linked; they stay members. Raises ConnectionInUse."""
    require(caller, Permission.SIGN_ON_CHANGE)
    row = queries.row_of(tx, connection_id, is_locked=True)
    require_hold(tx, caller, row)
    if row.state in OPEN_STATES:
        raise ConnectionInUse
    let_go(tx, caller.actor, row.connection_id)
    tx.execute(
        update(MembershipRow)
        .where(MembershipRow.tenant_id == tx.tenant_id, MembershipRow.connection_id == row.connection_id)
        .values(connection_id=None, role_source="manual")
    )
    tx.delete(row)
    tx.flush()
    audit.record(tx, caller.actor, Event.CONNECTION_REMOVED, subject=connection_id, kind=row.kind)


def get_connection(tx: Tx, caller: Caller, connection_id: UUID) -> Connection:
    """Return a connection, without its secret. Raises ConnectionNotFound."""
    require_granted(caller, Permission.SIGN_ON_CHANGE)
    return queries.connection_of(queries.row_of(tx, connection_id))


def list_connections(tx: Tx, caller: Caller) -> list[Connection]:
    """Return the connections by name, without their secrets."""
    require_granted(caller, Permission.SIGN_ON_CHANGE)
    rows = tx.scalars(
        select(ConnectionRow).where(ConnectionRow.tenant_id == tx.tenant_id).order_by(func.lower(ConnectionRow.name))
    )
    return [queries.connection_of(row) for row in rows]


def require_hold(tx: Tx, caller: Caller, row: ConnectionRow) -> None:
    """Raise Forbidden for who is no owner where an owner comes by the connection, a group of its provider makes owners, or it is enforced.

    Whoever chose the provider then could come in as that owner, or as one; and with another provider nothing would be enforced.
    """
    if caller.role is Role.OWNER:
        return
    owner = (
        select(IdentityRow.user_id)
        .join(
            MembershipRow,
            (MembershipRow.tenant_id == IdentityRow.tenant_id) & (MembershipRow.user_id == IdentityRow.user_id),
        )
        .where(IdentityRow.tenant_id == tx.tenant_id, IdentityRow.connection_id == row.connection_id)
        .where(MembershipRow.role == Role.OWNER.value)
    )
    if row.state == ConnectionState.ENFORCED or queries.maps_to_owner(tx, row.connection_id):
        raise Forbidden
    if tx.scalar(owner.limit(1)) is not None:
        raise Forbidden


def let_go(tx: Tx, actor: audit.Actor, connection_id: UUID) -> int:
    """End the sessions, and forget the persons, of a connection, with the groups that it gave; return how many persons."""
    end_sessions_by(tx, connection_id)
    forget_provisioned(tx, connection_id)
    tx.execute(
        delete(GroupMemberRow).where(
            GroupMemberRow.tenant_id == tx.tenant_id, GroupMemberRow.connection_id == connection_id
        )
    )
    ours = IdentityRow.tenant_id == tx.tenant_id, IdentityRow.connection_id == connection_id
    count = len(tx.scalars(delete(IdentityRow).where(*ours).returning(IdentityRow.user_id)).all())
    if count:
        audit.record(tx, actor, Event.IDENTITY_UNLINKED, subject=connection_id, persons=count)
    return count


def end_sessions_by(tx: Tx, connection_id: UUID) -> None:
    """End the sessions that came by a connection."""
    tx.execute(
        delete(SessionRow).where(SessionRow.tenant_id == tx.tenant_id, SessionRow.connection_id == connection_id)
    )


def close_links(tx: Tx, actor: audit.Actor, connection_id: UUID) -> int:
    """Close the links by which somebody else sets a connection up; return how many there were."""
    ours = LinkRow.tenant_id == tx.tenant_id, LinkRow.connection_id == connection_id
    closed = len(tx.scalars(delete(LinkRow).where(*ours).returning(LinkRow.link_id)).all())
    if closed:
        audit.record(tx, actor, Event.CONNECTION_LINK_CLOSED, subject=connection_id, links=closed)
    return closed


def _set(tx: Tx, actor: audit.Actor, row: ConnectionRow, settings: dict[str, object]) -> dict[str, str | int]:
    before = row.settings
    changed = sorted(name for name in before.keys() | settings.keys() if before.get(name) != settings.get(name))
    if not changed:
        return {}
    facts: dict[str, str | int] = {"settings": " ".join(changed)}
    if is_another_issuer(ConnectionKind(row.kind), before, settings):
        facts["unlinked"] = let_go(tx, actor, row.connection_id)
        row.state, row.tested_by, row.tested_at = ConnectionState.DRAFT.value, None, None
    row.settings, row.good_until = settings, good_until(ConnectionKind(row.kind), settings)
    return facts


def _is_tested(row: ConnectionRow) -> bool:
    return row.tested_at is not None and row.tested_at >= row.changed_at


def _is_tested_by_us(tx: Tx, row: ConnectionRow) -> bool:
    who = MembershipRow.tenant_id == tx.tenant_id, MembershipRow.user_id == row.tested_by
    may = is_granted(tx, Permission.SIGN_ON_CHANGE)
    query = select(MembershipRow.user_id).where(*who, MembershipRow.suspended_at.is_(None), may)
    return row.tested_by is not None and tx.scalar(query) is not None


def _to(tx: Tx, row: ConnectionRow, state: ConnectionState) -> None:
    row.state = state.value
    tx.flush()


def _named(name: str) -> str:
    name = name.strip()
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise ConnectionNameMalformed
    return name


def _role(role: Role) -> str:
    if role not in _GIVABLE:
        raise RoleMisplaced
    return role.value


def _write(tx: Tx) -> None:
    try:
        with tx.begin_nested():
            tx.flush()
    except IntegrityError as error:
        raise ConnectionTwice from error

