"""To the provider and back: authorization code with PKCE. Each network call is made with no transaction open."""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlencode

from appliance.identity.sso import queries, ways
from appliance.identity.sso.arriving import Desk, arrive
from appliance.identity.sso.domains import is_verified
from appliance.identity.sso.errors import RuleBroken, SignOnRefused, TransactionClosed
from appliance.identity.sso.noting import note_refusal
from appliance.identity.sso.oidc.claims import are_needed, asserted, merged
from appliance.identity.sso.oidc.line import Credentials, error_code
from appliance.identity.sso.oidc.provider import ALIVE_SECONDS, Provider, Providers
from appliance.identity.sso.oidc.reading import shown, text_of
from appliance.identity.sso.oidc.tokens import Expected, read_id_token, unproven
from appliance.identity.sso.values import (
    Arrival,
    Asserted,
    Connection,
    Departure,
    Return,
    Transaction,
    TransactionPurpose,
    Wish,
)
from appliance.kernel.sealing import content_digest, same

_ONCE = ("code", "state", "iss", "error")
_LONGEST_CODE = 4000
_EVERYBODYS = frozenset({"https://accounts.google.com"})


def leave(desk: Desk, providers: Providers, connection: Connection, wish: Wish) -> Departure:
    """Return where the browser goes, and the token for its cookie. Raises ProviderSilent, RuleBroken."""
    provider = providers.of(connection)
    described = provider.described(within=ALIVE_SECONDS)
    kept = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
    kept["began"] = desk.clock.now().isoformat()
    with desk.db.tenant(connection.tenant_id) as tx:
        token = ways.begin(tx, desk, connection, wish, secrets=kept)
    asked = {
        "response_type": "code", "client_id": provider.settings.client_id, "redirect_uri": desk.callback(connection),
        "scope": " ".join(provider.settings.scopes), "state": kept["state"], "nonce": kept["nonce"],
        "code_challenge": _challenge(kept["verifier"]), "code_challenge_method": "S256",
    }  # fmt: skip
    if wish.purpose is TransactionPurpose.CONFIRM:
        asked |= {"prompt": "login", "max_age": "0"}
    if wish.hint:
        asked["login_hint"] = wish.hint
    mark = "&" if "?" in described.authorization else "?"
    return Departure(f"{described.authorization}{mark}{urlencode(asked)}", token)


def come_back(
    desk: Desk, providers: Providers, connection: Connection, token: str, answer: Mapping[str, Sequence[str]],
    arrival: Arrival,
) -> Return:  # fmt: skip
    """Let in whom the provider's answer names. Raises SignOnRefused, with one entry in the log."""
    received: dict[str, object] = {}
    transaction: Transaction | None = None
    try:
        # Taken, and committed, before anything of the answer is read: whatever comes of it, it was the one try.
        with desk.db.tenant(connection.tenant_id) as tx:
            transaction = ways.take(tx, desk, connection, token)
        ways.require_unchanged(connection, transaction)
        said = _redeemed(desk, providers.of(connection), connection, transaction, answer, received)
    except SignOnRefused as refusal:
        note_refusal(desk.db, connection, refusal, arrival, user_id=transaction.user_id if transaction else None)
        is_test = transaction is not None and transaction.purpose is TransactionPurpose.TEST
        refusal.received = received if is_test else {}
        refusal.purpose = transaction.purpose if transaction else None
        raise
    session = arrive(
        desk.db, connection, said, arrival, lifetime=desk.lifetime, clock=desk.clock,
        purpose=transaction.purpose, user_id=transaction.user_id, factor_id=transaction.factor_id,
    )  # fmt: skip
    return Return(session, transaction.next, transaction.purpose, said, transaction.user_id)


def farewell(desk: Desk, providers: Providers, connection: Connection) -> str | None:
    """Return where somebody signs out at the provider as well, or None where it offers no such place."""
    try:
        provider = providers.of(connection)
        place = provider.described().end_session
    except SignOnRefused:
        return None
    if place is None:
        return None
    asked = {"client_id": provider.settings.client_id, "post_logout_redirect_uri": f"{desk.address}/sign-in"}
    return f"{place}{'&' if '?' in place else '?'}{urlencode(asked)}"


def _redeemed(
    desk: Desk, provider: Provider, connection: Connection, transaction: Transaction,
    answer: Mapping[str, Sequence[str]], received: dict[str, object],
) -> Asserted:  # fmt: skip
    code = _code(provider, transaction, answer)
    described, settings = provider.described(), provider.settings
    with desk.db.tenant(connection.tenant_id) as tx:
        credentials = Credentials(settings, queries.secret_as_set(tx, connection, sealer=desk.sealer))
    fields = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": desk.callback(connection),
        "code_verifier": transaction.secrets["verifier"],
    }  # fmt: skip
    granted = provider.line.redeem(described.token, fields, credentials)
    what = "the token endpoint's answer"
    id_token, access = text_of(granted, "id_token", what), granted.get("access_token")
    if str(granted.get("token_type", "")).lower() != "bearer":
        raise RuleBroken(rule="the access token is of another type")
    received |= shown(unproven(id_token))
    expected = _expected(desk, provider, transaction, code, access if isinstance(access, str) else None)
    signed = read_id_token(id_token, expected, provider.key)
    _require_workspace(desk, connection, settings.issuer, signed)
    claims = signed
    if described.userinfo and expected.access_token and are_needed(signed, settings):
        claims = merged(signed, provider.line.get(described.userinfo, "the userinfo", bearer=expected.access_token))
        received |= shown(claims)
    return asserted(claims, signed, settings)


def _require_workspace(desk: Desk, connection: Connection, issuer: str, claims: Mapping[str, object]) -> None:
    """Raise RuleBroken where the issuer is Google and does not say that they belong to a Workspace whose domain is verified here.

    Anybody can have an account at Google. Their address would prove nothing: whoever reads an address' mail can make a private
    account with it.
    """
    if issuer.rstrip("/") not in _EVERYBODYS:
        return
    home = claims.get("hd")
    with desk.db.tenant(connection.tenant_id) as tx:
        if not isinstance(home, str) or not is_verified(tx, home.lower()):
            raise RuleBroken(rule="the hd is no domain that this organisation has verified")


def _code(provider: Provider, transaction: Transaction, answer: Mapping[str, Sequence[str]]) -> str:
    """Return the code that came back with our own state, from the issuer that was asked. Raises TransactionClosed, RuleBroken."""
    if any(len(answer.get(name, ())) > 1 for name in _ONCE):
        raise RuleBroken(rule="the answer says something twice")
    one = {name: answer[name][0] for name in _ONCE if answer.get(name)}
    if not same(one.get("state", ""), transaction.secrets["state"]):
        raise TransactionClosed
    issuer = one.get("iss")
    if (issuer is None and provider.described().says_issuer) or (issuer is not None and issuer != provider.settings.issuer):
        raise RuleBroken(rule="the answer's iss is another one")  # RFC 9207
    if "error" in one:
        raise RuleBroken(rule=f"the provider says {error_code(one['error'])}")
    code = one.get("code", "")
    if not 0 < len(code) <= _LONGEST_CODE:
        raise RuleBroken(rule="the answer has no code")
    return code


def _expected(
    desk: Desk, provider: Provider, transaction: Transaction, code: str, access_token: str | None
) -> Expected:
    now, settings = desk.clock.now(), provider.settings
    expected = Expected(
        settings.issuer, settings.client_id, now, settings.skew_seconds, transaction.secrets["nonce"],
        access_token=access_token, code=code,
    )  # fmt: skip
    if transaction.purpose is not TransactionPurpose.CONFIRM:
        return expected
    began = datetime.fromisoformat(transaction.secrets["began"])
    return replace(expected, max_age=int((now - began) / timedelta(seconds=1)))


def _challenge(verifier: str) -> str:
    return urlsafe_b64encode(content_digest(verifier.encode())).decode().rstrip("=")
