"""Back-channel logout: the provider says that somebody's session there is over, and so it is here."""

from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from appliance import audit
from appliance.audit import Actor, ActorKind, Event
from appliance.identity.revocation import end_ways
from appliance.identity.sso.arriving import Desk
from appliance.identity.sso.errors import RuleBroken, SignOnRefused
from appliance.identity.sso.noting import note_refusal
from appliance.identity.sso.oidc.provider import Providers
from appliance.identity.sso.oidc.tokens import Expected, read_logout_token
from appliance.identity.sso.tables import IdentityRow, SeenRow
from appliance.identity.sso.values import Arrival, Connection
from appliance.identity.tables import SessionRow
from appliance.identity.values import UserId
from appliance.kernel.db import Tx
from appliance.kernel.sealing import content_digest

_KEPT = timedelta(minutes=30)


def log_out(desk: Desk, providers: Providers, connection: Connection, token: str, arrival: Arrival) -> int:
    """End the sessions that a logout token names; return how many. Raises SignOnRefused, with one entry in the log."""
    provider = providers.of(connection)
    expected = Expected(
        provider.settings.issuer, provider.settings.client_id, desk.clock.now(), provider.settings.skew_seconds
    )
    try:
        claims = read_logout_token(token, expected, partial(provider.key, is_brought=True))
        with desk.db.tenant(connection.tenant_id) as tx:
            _note_seen(tx, connection, str(claims["jti"]), desk.clock.now())
            ended = _end(tx, connection, claims, provider.settings.subject_claim == "sub")
            actor = Actor(ActorKind.SYSTEM, None, arrival.address, arrival.request_id)
            for user_id in {row.user_id for row in ended}:
                end_ways(tx, UserId(user_id))  # what they were about to link, as where they sign out here
                audit.record(
                    tx, actor, Event.SESSIONS_CLOSED, subject=user_id, connection=str(connection.connection_id)
                )
    except SignOnRefused as refusal:
        note_refusal(desk.db, connection, refusal, arrival)
        raise
    return len(ended)


def _note_seen(tx: Tx, connection: Connection, name: str, now: datetime) -> None:
    """Keep that a token was shown, so that it is not shown again. Raises RuleBroken if it was."""
    ours = SeenRow.tenant_id == tx.tenant_id, SeenRow.connection_id == connection.connection_id
    tx.execute(delete(SeenRow).where(*ours, SeenRow.expires_at <= now))
    row = SeenRow(
        tenant_id=tx.tenant_id, connection_id=connection.connection_id, digest=content_digest(f"jti {name}".encode()),
        expires_at=now + _KEPT,
    )  # fmt: skip
    try:
        with tx.begin_nested():
            tx.add(row)
            tx.flush()
    except IntegrityError:
        raise RuleBroken(rule="the logout token was shown before") from None


def _end(tx: Tx, connection: Connection, claims: dict[str, object], is_by_sub: bool) -> list[SessionRow]:
    ours = SessionRow.tenant_id == tx.tenant_id, SessionRow.connection_id == connection.connection_id
    query = select(SessionRow).where(*ours)
    if sid := claims.get("sid"):
        query = query.where(SessionRow.idp_session == str(sid))
    if sub := claims.get("sub"):
        if not (is_by_sub or sid):
            raise RuleBroken(rule="the logout token names a sub, and persons here have another name")
        user = select(IdentityRow.user_id).where(
            IdentityRow.tenant_id == tx.tenant_id, IdentityRow.connection_id == connection.connection_id,
            IdentityRow.subject == str(sub),
        )  # fmt: skip
        if is_by_sub:
            query = query.where(SessionRow.user_id.in_(user))
    ended = list(tx.scalars(query))
    for row in ended:
        tx.delete(row)
    tx.flush()
    return ended

