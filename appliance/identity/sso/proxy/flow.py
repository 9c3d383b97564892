"""Through the proxy and back: a path of this house, which the proxy lets through with its headers."""

from collections.abc import Mapping
from typing import Final

from appliance.identity.limits import is_from
from appliance.identity.sso import queries, ways
from appliance.identity.sso.arriving import Desk, arrive
from appliance.identity.sso.errors import RuleBroken, SignOnRefused
from appliance.identity.sso.noting import note_refusal
from appliance.identity.sso.proxy.settings import ProxySettings, read
from appliance.identity.sso.values import Arrival, Asserted, Connection, Departure, Return, Transaction, Wish
from appliance.kernel.sealing import same

SHORTEST_SECRET: Final = 24
_VERIFIED: Final = "SUCCESS"
_LONGEST: Final = 1000
_MOST_GROUPS: Final = 500


def leave(desk: Desk, connection: Connection, wish: Wish) -> Departure:
    """Return the path that the proxy lets through, and the token for the browser's cookie."""
    with desk.db.tenant(connection.tenant_id) as tx:
        token = ways.begin(tx, desk, connection, wish, secrets={})
    return Departure(f"/sso/{connection.connection_id}/proxied", token)


def come_back(
    desk: Desk, connection: Connection, token: str, headers: Mapping[str, str], peer: str, arrival: Arrival
) -> Return:
    """Let in whom the proxy names. `peer` is the address that the request itself came from, whatever it forwards.

    Raises SignOnRefused, with one entry in the log.
    """
    transaction: Transaction | None = None
    try:
        with desk.db.tenant(connection.tenant_id) as tx:
            transaction = ways.take(tx, desk, connection, token)
        ways.require_unchanged(connection, transaction)
        with desk.db.tenant(connection.tenant_id) as tx:
            secret = queries.secret_as_set(tx, connection, sealer=desk.sealer)
        said = vouched(read(connection.settings), secret, headers, peer)
    except SignOnRefused as refusal:
        note_refusal(desk.db, connection, refusal, arrival, user_id=transaction.user_id if transaction else None)
        refusal.purpose = transaction.purpose if transaction else None
        raise
    session = arrive(
        desk.db, connection, said, arrival, lifetime=desk.lifetime, clock=desk.clock,
        purpose=transaction.purpose, user_id=transaction.user_id, factor_id=transaction.factor_id,
    )  # fmt: skip
    return Return(session, transaction.next, transaction.purpose, said, transaction.user_id)


def vouched(settings: ProxySettings, secret: str, headers: Mapping[str, str], peer: str) -> Asserted:
    """Return whom the proxy names; names of headers are in small letters. Raises RuleBroken unless it is the proxy that says so."""
    if not is_from(settings.networks, peer):
        raise RuleBroken(rule="the request came from another address than the proxy's")
    if len(secret) < SHORTEST_SECRET:
        raise RuleBroken(rule="the connection has no secret of at least 24 characters")
    if not same(headers.get(settings.secret_header.lower(), ""), secret):
        raise RuleBroken(rule="the proxy's secret is missing or another one")
    if settings.verified_header and headers.get(settings.verified_header.lower(), "") != _VERIFIED:
        raise RuleBroken(rule="the proxy did not verify the client certificate")
    subject = _plain(headers, settings.user_header)
    # Two headers of one name come as one with a comma between them; a certificate's subject has commas of its own.
    if not subject or ("," in subject and not settings.verified_header):
        raise RuleBroken(rule="the proxy names nobody, or more than one")
    email = _plain(headers, settings.email_header)
    return Asserted(
        subject, email or None, display_name=_plain(headers, settings.name_header), groups=_groups(settings, headers),
        methods=("certificate" if settings.verified_header else "proxy",),
        shown={"user": subject, "email": email, "groups": " ".join(_groups(settings, headers) or ())},
    )  # fmt: skip


def _groups(settings: ProxySettings, headers: Mapping[str, str]) -> tuple[str, ...] | None:
    if not settings.groups_header:
        return None
    named = (one.strip() for one in headers.get(settings.groups_header.lower(), "").split(","))
    return tuple(dict.fromkeys(one for one in named if one))[:_MOST_GROUPS]


def _plain(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name.lower(), "").strip() if name else ""
    if len(value) > _LONGEST or not value.isprintable():
        raise RuleBroken(rule="a header of the proxy is too long, or no plain text")
    return value
