"""Ways to a provider that anybody may begin: what is known of one lies sealed in the browser that begins it, and nowhere here.

So whoever begins them without end fills no table, and pushes nobody else out of one. What is stored is that a way was used,
from its end on: 32 bytes, until it would have expired. A sealed way is a sign-in and nothing else: whom an account is linked
with, who is confirmed and who tests stands in a row, as it takes a proof to begin that.

A way is of the settings that it was begun with: what a provider answers to it is neither redeemed at another one nor judged
by other rules.
"""

import json
import secrets as randomness
from base64 import b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from appliance.identity.own_account import password_now
from appliance.identity.sso import transactions
from appliance.identity.sso.arriving import Desk
from appliance.identity.sso.errors import ConnectionChanged, ConnectionClosed, TransactionClosed
from appliance.identity.sso.tables import SeenRow
from appliance.identity.sso.transactions import LASTS
from appliance.identity.sso.values import Connection, ConnectionId, Transaction, TransactionPurpose, Wish
from appliance.identity.tables import SessionRow
from appliance.kernel.db import Tx
from appliance.kernel.sealing import IntegrityError, content_digest, same, seal, token_for, unseal

_MARK: Final = "way."
_LONGEST: Final = 3_500
"""A browser keeps 4,096 bytes of a cookie with its name. A longer target is not kept: the front page is."""
_REQUEST: Final = "_w"
_SET: Final = "set"
_ID, _AT, _PROOF = 32, 16, 32


def begin(tx: Tx, desk: Desk, connection: Connection, wish: Wish, *, secrets: dict[str, str], token: str | None = None) -> str:
    """Put somebody on their way; return the token for their cookie. `token` is another name for a way that stands in a row.

    Raises TransactionClosed for a link by a password that was changed, or a session that ended.
    """
    if wish.purpose is TransactionPurpose.SIGN_IN:
        return seal_way(desk, connection, secrets=secrets, target=wish.target)
    elsewhere = _require_standing(tx, wish)
    return transactions.begin(
        tx, connection.connection_id, purpose=wish.purpose, user_id=wish.user_id,
        secrets=secrets | settings_of(connection), target=wish.target,
        sealer=desk.sealer, clock=desk.clock, token=token, factor_id=wish.factor_id, session=elsewhere,
    )  # fmt: skip


def take(tx: Tx, desk: Desk, connection: Connection, token: str) -> Transaction:
    """End the way of somebody who came back; of two at once, one goes on. Raises TransactionClosed.

    It counts only once this transaction commits: do not judge what came back in the same one, not even by `require_unchanged`.
    """
    if not token.startswith(_MARK):
        return transactions.take(tx, token, connection.connection_id, sealer=desk.sealer, clock=desk.clock)
    name, found, ends = _opened(desk, connection, token)
    _use(tx, connection, name, ends, desk.clock.now())
    return found


def seal_way(desk: Desk, connection: Connection, *, secrets: dict[str, str], target: str) -> str:
    """Return the token for the cookie of somebody who goes to sign in."""
    ends, secrets = (desk.clock.now() + LASTS).timestamp(), secrets | settings_of(connection)
    content = {"id": randomness.token_hex(16), "ends": ends, "secrets": secrets}
    for place in (target, "/"):
        sealed = seal(desk.way_key, json.dumps(content | {"next": place}).encode(), context=_context(connection))
        token = _MARK + urlsafe_b64encode(sealed).decode()
        if len(token) <= _LONGEST:
            break
    return token


def open_way(desk: Desk, connection: Connection, token: str) -> Transaction:
    """Return who is on their way by a sealed token, and leave them there. Raises TransactionClosed."""
    return _opened(desk, connection, token)[1]


def new_request(desk: Desk, connection: Connection) -> str:
    """Return an id for a SAML request that its answer proves to be ours, though no row knows of it."""
    name, at, of = randomness.token_hex(_ID // 2), _moment(desk.clock.now()), _moment(connection.changed_at)
    return f"{_REQUEST}{name}{at}{of}{_proof(desk, connection.connection_id, name, at, of)}"


def take_request(tx: Tx, desk: Desk, connection: Connection, request_id: str) -> Transaction:
    """End the way of whom a provider answers, by the id of the request; each is answered once. Raises TransactionClosed."""
    if not request_id.startswith(_REQUEST):
        return transactions.take(tx, request_id, connection.connection_id, sealer=desk.sealer, clock=desk.clock)
    rest = request_id.removeprefix(_REQUEST)
    name, at, of, proof = rest[:_ID], rest[_ID : _ID + _AT], rest[_ID + _AT : _ID + 2 * _AT], rest[_ID + 2 * _AT :]
    if len(rest) != _ID + 2 * _AT + _PROOF or not same(proof, _proof(desk, connection.connection_id, name, at, of)):
        raise TransactionClosed
    asked = datetime.fromtimestamp(int(at, 16) / 1_000_000, UTC)
    if asked + LASTS <= desk.clock.now():
        raise TransactionClosed
    _use(tx, connection, name, asked + LASTS, desk.clock.now())
    held = {"request": request_id, "browser": "", "at": asked.isoformat(), "fresh": "", _SET: of}
    return Transaction(connection.connection_id, TransactionPurpose.SIGN_IN, None, held, "/")


def settings_of(connection: Connection) -> dict[str, str]:
    """Return what a way keeps of the settings that it was begun with."""
    return {_SET: _moment(connection.changed_at)}


def require_unchanged(connection: Connection, found: Transaction) -> None:
    """Raise ConnectionClosed if nobody may go this way any more, and ConnectionChanged if it was begun with other settings."""
    if not connection.takes(found.purpose):
        raise ConnectionClosed
    if found.secrets.get(_SET) != _moment(connection.changed_at):
        raise ConnectionChanged


def _require_standing(tx: Tx, wish: Wish) -> bytes | None:
    """Return the session that must be there still when they come back: one of another organisation, whose end ends no way here.

    Whoever changes a password, or ends a session of this organisation, also ends the ways that it began. This sees to it that none
    begins after that. Raises TransactionClosed if the password or session that begins this way was changed or ended meanwhile.
    """
    if wish.user_id is None or (wish.password_hash is None and wish.session is None):
        return None
    password = password_now(tx, wish.user_id)  # locks it: whoever sets a new one waits for this way, and ends it
    if wish.password_hash is not None and password != wish.password_hash:
        raise TransactionClosed
    ours = select(SessionRow.user_id).where(SessionRow.tenant_id == tx.tenant_id, SessionRow.digest == wish.session)
    if wish.session is None or tx.scalar(ours.with_for_update(read=True)) is not None:  # held, as the password is
        return None
    if not transactions.is_open(tx, wish.session):
        raise TransactionClosed
    return wish.session


def _opened(desk: Desk, connection: Connection, token: str) -> tuple[str, Transaction, datetime]:
    if not token.startswith(_MARK) or len(token) > _LONGEST or not token.isascii():
        raise TransactionClosed
    try:
        sealed = b64decode(token.removeprefix(_MARK), altchars=b"-_", validate=True)
        content = json.loads(unseal(desk.way_key, sealed, context=_context(connection)))
    except (IntegrityError, ValueError) as error:
        raise TransactionClosed from error
    ends = datetime.fromtimestamp(content["ends"], UTC)
    if ends <= desk.clock.now():
        raise TransactionClosed
    # A sign-in, whatever else was sealed: nobody is linked or confirmed by what a browser brings.
    found = Transaction(
        ConnectionId(connection.connection_id), TransactionPurpose.SIGN_IN, None, content["secrets"], content["next"]
    )
    return content["id"], found, ends


def _use(tx: Tx, connection: Connection, name: str, ends: datetime, now: datetime) -> None:
    ours = SeenRow.tenant_id == tx.tenant_id, SeenRow.connection_id == connection.connection_id
    tx.execute(delete(SeenRow).where(*ours, SeenRow.expires_at <= now))
    row = {
        "tenant_id": tx.tenant_id, "connection_id": connection.connection_id, "expires_at": ends,
        "digest": content_digest(b"way " + name.encode()),
    }  # fmt: skip
    if tx.execute(insert(SeenRow).values(row).on_conflict_do_nothing().returning(SeenRow.digest)).first() is None:
        raise TransactionClosed


def _context(connection: Connection) -> bytes:
    return b"cloister-sso-way\0" + connection.tenant_id.bytes + connection.connection_id.bytes


def _moment(moment: datetime) -> str:
    return f"{int(moment.timestamp() * 1_000_000):0{_AT}x}"


def _proof(desk: Desk, connection_id: UUID, name: str, at: str, of: str) -> str:
    return token_for(desk.way_key, f"saml request {connection_id} {name} {at} {of}")[:_PROOF]
