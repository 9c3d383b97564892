"""The way of a sign-in: to the provider, back to the ACS, and by a bounce to the browser's own cookie.

A provider posts from its own site, so the browser sends none of our cookies with it (Lax). The ACS therefore verifies, lays down what
was said under a name that is good once, and sends the browser to a page of ours: there the cookie must be that of whoever began.
The request is looked up by the id that the response names, and taken before anything else is judged: each is answered once.
"""

import json
import secrets as randomness
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from appliance.identity.sso import queries, transactions, ways
from appliance.identity.sso.arriving import Desk, arrive
from appliance.identity.sso.errors import (
    ConnectionClosed,
    ConnectionSettingMalformed,
    RuleBroken,
    SignOnRefused,
    TransactionClosed,
)
from appliance.identity.sso.noting import note_refusal
from appliance.identity.sso.saml.messages import new_request_id, sign_on_request
from appliance.identity.sso.saml.reading import Element, from_post
from appliance.identity.sso.saml.rules import Refused, Rule
from appliance.identity.sso.saml.settings import ours_of, provider_of
from appliance.identity.sso.saml.showing import unproven
from appliance.identity.sso.saml.values import Asked, Ours, Provider, Verified
from appliance.identity.sso.saml.verifying import opened, request_of, verify
from appliance.identity.sso.tables import SeenRow
from appliance.identity.sso.values import (
    Arrival,
    Asserted,
    Connection,
    ConnectionState,
    Departure,
    Return,
    Transaction,
    TransactionPurpose,
    Wish,
)
from appliance.kernel.db import Tx
from appliance.kernel.sealing import digest, same


@dataclass(frozen=True)
class Landed:
    """What was said, laid down. `cookie` is for a browser that nobody had sent: it began at the provider."""

    handle: str = field(repr=False)
    cookie: str | None = field(default=None, repr=False)


@dataclass
class _Coming:
    """Somebody at the ACS: what is known of them, for whoever refuses them."""

    begun: Transaction | None = None
    root: Element | None = None


def leave(desk: Desk, connection: Connection, wish: Wish) -> Departure:
    """Return what a browser takes to the provider, and the token for its cookie. Raises ConnectionClosed."""
    provider, now = provider_at(connection), desk.clock.now()
    is_fresh = wish.purpose is TransactionPurpose.CONFIRM
    with desk.db.tenant(connection.tenant_id) as tx:
        ours = ours_at(tx, desk, connection)
        if wish.purpose is TransactionPurpose.SIGN_IN:
            request_id = ways.new_request(desk, connection)
            cookie = ways.seal_way(desk, connection, secrets={"request": request_id}, target=wish.target)
        else:
            cookie, request_id = randomness.token_urlsafe(32), new_request_id()
            held = {"browser": digest(cookie).hex(), "at": now.isoformat(), "fresh": "1" if is_fresh else ""}
            ways.begin(tx, desk, connection, wish, secrets=held, token=request_id)
    sent = sign_on_request(
        ours, provider.sign_on, request_id=request_id, now=now, is_fresh=is_fresh, is_signed=provider.signs_requests
    )
    return Departure(sent.url, cookie, sent.field, sent.message)


def land(desk: Desk, connection: Connection, arrival: Arrival, *, written: str | None, target: str) -> Landed:
    """Verify a response, and lay down what it says. `target` is where somebody goes who began at the provider.

    Raises SignOnRefused, with one entry in the log.
    """
    coming = _Coming()
    try:
        found = _verified(desk, connection, written, coming)
        return _laid_down(desk, connection, found, coming.begun, target)
    except Refused as refusal:
        raise _refused(desk, connection, RuleBroken(rule=refusal.rule.value), arrival, coming) from refusal
    except SignOnRefused as refusal:
        _refused(desk, connection, refusal, arrival, coming)
        raise


def come_back(desk: Desk, connection: Connection, arrival: Arrival, *, handle: str, cookie: str) -> Return:
    """Let in whom a response named that was laid down: the browser that began, nobody else, and once.

    Raises SignOnRefused, with one entry in the log.
    """
    begun: Transaction | None = None
    try:
        with desk.db.tenant(connection.tenant_id) as tx:
            begun = transactions.take(tx, handle, connection.connection_id, sealer=desk.sealer, clock=desk.clock)
        if "said" not in begun.secrets:
            raise TransactionClosed
        ways.require_unchanged(connection, begun)
        target = _began(desk, connection, begun, cookie)
    except SignOnRefused as refusal:
        note_refusal(desk.db, connection, refusal, arrival, user_id=begun.user_id if begun else None)
        refusal.purpose = begun.purpose if begun else None
        raise
    said, lifetime = _said(begun.secrets["said"]), desk.lifetime
    if begun.secrets["ends"]:
        left = datetime.fromisoformat(begun.secrets["ends"]) - desk.clock.now()
        lifetime = min(lifetime, max(left, timedelta(minutes=1)))  # by a clock that is behind ours it may be over
    session = arrive(
        desk.db, connection, said, arrival, lifetime=lifetime, clock=desk.clock,
        purpose=begun.purpose, user_id=begun.user_id, factor_id=begun.factor_id,
    )  # fmt: skip
    return Return(session, target, begun.purpose, said, begun.user_id)


def _began(desk: Desk, connection: Connection, landed: Transaction, cookie: str) -> str:
    """Return where the browser goes that began this, if it is the one with this cookie. Raises TransactionClosed."""
    request_id = landed.secrets["request"]
    if not request_id:
        if not same(landed.secrets["browser"], digest(cookie).hex()):
            raise TransactionClosed
        return landed.next
    begun = ways.open_way(desk, connection, cookie)
    if not same(begun.secrets.get("request", ""), request_id):
        raise TransactionClosed
    return begun.next


def provider_at(connection: Connection) -> Provider:
    """Return who is at the other end. Raises ConnectionClosed where nobody was entered yet."""
    try:
        return provider_of(connection.settings)
    except ConnectionSettingMalformed as error:
        raise ConnectionClosed from error


def ours_at(tx: Tx, desk: Desk, connection: Connection) -> Ours:
    """Return who we are to them."""
    secret = queries.secret_of(tx, connection.connection_id, sealer=desk.sealer)
    return ours_of(desk.address, connection.connection_id, secret)


def _verified(desk: Desk, connection: Connection, written: str | None, coming: _Coming) -> Verified:
    if connection.state is ConnectionState.OFF:
        raise ConnectionClosed
    coming.root = opened(from_post(written))
    request_id, provider, asked = request_of(coming.root), provider_at(connection), None
    try:
        # The request that it answers is taken, and that committed, before anything else is judged: it was the one answer.
        with desk.db.tenant(connection.tenant_id) as tx:
            ours = ours_at(tx, desk, connection)
            if request_id is not None:
                coming.begun = ways.take_request(tx, desk, connection, request_id)
    except TransactionClosed as error:
        raise Refused(Rule.IN_RESPONSE_TO) from error
    if request_id is not None and coming.begun is not None:
        ways.require_unchanged(connection, coming.begun)
        held = coming.begun.secrets
        if "said" in held:
            raise Refused(Rule.IN_RESPONSE_TO)  # the name of something that was laid down, and no request's
        asked = Asked(request_id, datetime.fromisoformat(held["at"]), is_fresh=bool(held["fresh"]))
    return verify(coming.root, provider, ours, asked, now=desk.clock.now())


def _laid_down(
    desk: Desk, connection: Connection, found: Verified, begun: Transaction | None, target: str
) -> Landed:
    handle, cookie = randomness.token_urlsafe(32), None if begun else randomness.token_urlsafe(32)
    held = {
        "browser": begun.secrets["browser"] if begun else digest(cookie or "").hex(),
        "request": begun.secrets.get("request", "") if begun else "",
        "said": json.dumps(asdict(found.asserted), default=datetime.isoformat),
        **ways.settings_of(connection),
        "ends": found.session_ends.isoformat() if found.session_ends else "",
    }
    with desk.db.tenant(connection.tenant_id) as tx:
        _require_new(tx, connection, found, desk.clock.now())
        transactions.begin(
            tx, connection.connection_id, purpose=begun.purpose if begun else TransactionPurpose.SIGN_IN,
            user_id=begun.user_id if begun else None, secrets=held, target=begun.next if begun else target,
            sealer=desk.sealer, clock=desk.clock, token=handle,
            factor_id=begun.factor_id if begun else None, session=begun.session if begun else None,
        )  # fmt: skip
    return Landed(handle, cookie)


def _require_new(tx: Tx, connection: Connection, found: Verified, now: datetime) -> None:
    """Keep an assertion until it expires. Raises Refused where it was used before; of two at once one goes on."""
    ours = SeenRow.tenant_id == tx.tenant_id, SeenRow.connection_id == connection.connection_id
    tx.execute(delete(SeenRow).where(*ours, SeenRow.expires_at <= now))
    row = {
        "tenant_id": tx.tenant_id, "connection_id": connection.connection_id, "digest": found.assertion,
        "expires_at": found.until,
    }  # fmt: skip
    kept = tx.execute(insert(SeenRow).values(row).on_conflict_do_nothing().returning(SeenRow.digest)).first()
    if kept is None:
        raise Refused(Rule.REPLAYED)


def _said(written: str) -> Asserted:
    held = json.loads(written)
    at, groups = held["authenticated_at"], held["groups"]
    return Asserted(
        held["subject"],
        email=held["email"],
        display_name=held["display_name"],
        groups=None if groups is None else tuple(groups),
        authenticated_at=datetime.fromisoformat(at) if at else None,
        methods=tuple(held["methods"]),
        session=held["session"],
        shown=held["shown"],
    )


def _refused(
    desk: Desk, connection: Connection, refusal: SignOnRefused, arrival: Arrival, coming: _Coming
) -> SignOnRefused:
    begun = coming.begun
    note_refusal(desk.db, connection, refusal, arrival, user_id=begun.user_id if begun else None)
    refusal.purpose = begun.purpose if begun else None
    if begun is not None and begun.purpose is TransactionPurpose.TEST and coming.root is not None:
        refusal.received = unproven(coming.root)
    return refusal
