"""Signing out, at both ends as far as it goes: a session here always ends, whatever the provider does."""

from typing import Final
from uuid import UUID

from sqlalchemy import delete, or_, select

from appliance import audit
from appliance.audit import Actor, ActorKind, Event
from appliance.identity.revocation import end_ways
from appliance.identity.sso.arriving import Desk
from appliance.identity.sso.errors import RuleBroken, SignOnRefused
from appliance.identity.sso.noting import note_refusal
from appliance.identity.sso.saml.flow import ours_at, provider_at
from appliance.identity.sso.saml.messages import sign_out_answer, sign_out_request
from appliance.identity.sso.saml.rules import Refused
from appliance.identity.sso.saml.signing_out import SignedOut, from_query
from appliance.identity.sso.tables import IdentityRow
from appliance.identity.sso.values import Arrival, Connection
from appliance.identity.tables import SessionRow
from appliance.identity.values import UserId
from appliance.kernel.db import Tx
from appliance.kernel.sealing import digest

_RELAY_STATE: Final = 500


def sign_out(desk: Desk, connection: Connection, user_id: UserId, session: str) -> str | None:
    """Return where a browser goes so that the provider ends its session, too; None where it takes no such request.

    To be asked before the session here ends: it knows by which name the provider calls its own.
    """
    try:
        provider = provider_at(connection)
    except SignOnRefused:
        return None
    if provider.sign_out is None or provider.names.subject:  # then the name that the provider gave is not kept
        return None
    with desk.db.tenant(connection.tenant_id) as tx:
        row = tx.get(SessionRow, (tx.tenant_id, digest(session)))
        if row is None or row.user_id != user_id or row.connection_id != connection.connection_id:
            return None
        name_id = _subject_of(tx, connection.connection_id, user_id)
        if name_id is None:
            return None
        index, _, form = (row.idp_session or "").partition("\n")
        return sign_out_request(
            ours_at(tx, desk, connection), provider.sign_out, name_id=name_id, name_format=form or None,
            session=index or None, now=desk.clock.now(),
        ).url  # fmt: skip


def signed_out_there(
    desk: Desk, connection: Connection, arrival: Arrival, *, query: bytes, relay_state: str | None
) -> str | None:
    """End the sessions of whom the provider says that they signed out; return where the answer goes, if it takes one.

    Raises SignOnRefused for what the provider did not say, with one entry in the log.
    """
    now = desk.clock.now()
    try:
        provider = provider_at(connection)
        with desk.db.tenant(connection.tenant_id) as tx:
            ours = ours_at(tx, desk, connection)
        said = from_query(query, provider, ours, now=now)
    except Refused as refusal:
        broken = RuleBroken(rule=refusal.rule.value)
        note_refusal(desk.db, connection, broken, arrival)
        raise broken from refusal
    except SignOnRefused as refusal:
        note_refusal(desk.db, connection, refusal, arrival)
        raise
    with desk.db.tenant(connection.tenant_id) as tx:
        end_by_provider(tx, connection.connection_id, said, arrival, is_named=not provider.names.subject)
    if provider.sign_out_answers is None:
        return None
    kept = relay_state if relay_state is not None and len(relay_state) <= _RELAY_STATE else None
    return sign_out_answer(ours, provider.sign_out_answers, to=said.request_id, now=now, relay_state=kept).url


def end_by_provider(tx: Tx, connection_id: UUID, said: SignedOut, arrival: Arrival, *, is_named: bool) -> int:
    """End the sessions that a provider named, and no other's; return how many there were.

    Where persons are known by an attribute instead of the name identifier (`is_named` is false), the session alone names them.
    """
    query = delete(SessionRow).where(SessionRow.tenant_id == tx.tenant_id, SessionRow.connection_id == connection_id)
    if is_named:
        whose = select(IdentityRow.user_id).where(
            IdentityRow.tenant_id == tx.tenant_id, IdentityRow.connection_id == connection_id,
            IdentityRow.subject == said.name_id,
        )  # fmt: skip
        query = query.where(SessionRow.user_id.in_(whose))
    elif not said.sessions:
        return 0
    if said.sessions:
        # A session that came without a name of the provider's ends with every one of its person.
        prefixes = [f"{one}\n" for one in (*said.sessions, *([""] if is_named else []))]
        query = query.where(or_(*(SessionRow.idp_session.startswith(one, autoescape=True) for one in prefixes)))
    ended = tx.scalars(query.returning(SessionRow.user_id)).all()
    actor = Actor(ActorKind.SYSTEM, None, arrival.address, arrival.request_id)
    for user_id in dict.fromkeys(ended):
        end_ways(tx, UserId(user_id))  # what they were about to link, as where they sign out here
        audit.record(tx, actor, Event.SESSIONS_CLOSED, subject=user_id, connection=str(connection_id),
                     sessions=ended.count(user_id))  # fmt: skip
    return len(ended)


def _subject_of(tx: Tx, connection_id: UUID, user_id: UserId) -> str | None:
    """Return the one name by which the provider knows a member, or None where it has several for them."""
    query = select(IdentityRow.subject).where(
        IdentityRow.tenant_id == tx.tenant_id, IdentityRow.connection_id == connection_id,
        IdentityRow.user_id == user_id,
    )  # fmt: skip
    found = tx.scalars(query).all()
    return found[0] if len(found) == 1 else None
